//! Batches to store: by hand, and drawn at random.

use std::net::IpAddr;

use iot_core::{
    AdmissionState, CommandState, IotError, NodeId, Series, UnixMillis,
    audit::{AuditRecord, Deed, Target},
    people::By,
    store::{
        Batch, Bucket, CommandRecord, Decision, GapQuery, GapView, History, KeyRecord, KeyState,
        ModuleRecord, NodeRecord, ReadingQuery, Record, Resolution, RollupQuery, SleepRecord, StoredReading,
        Stranger, Terms,
    },
    view::{ReadingView, Step, Wanted},
};
use iot_proto::{BootId, Capabilities, CommandId, Finite, Name, NodeKey, OwnedValue};
use proptest::{collection::vec, option, prelude::*};

/// Nodes that the random batches are about.
pub(crate) const NODES: [&str; 3] = ["a", "b", "c"];

pub(crate) fn node(name: &str) -> NodeId {
    NodeId::plain(Name::new(name).unwrap())
}

/// Ada asks for something.
pub(crate) fn by(at: i64) -> By<'static> {
    By { at: UnixMillis(at), who: "ada", why: "" }
}

pub(crate) fn batch(record: Record) -> Batch {
    Batch { records: vec![record], readings: Vec::new() }
}

/// A report of integer readings of module 0, channel 1, each the time at which it was measured.
pub(crate) fn report(name: &str, sequence: u32, measured: &[i64]) -> Batch {
    let reading = |at: &i64| reading(0, 1, *at, OwnedValue::Int(*at));
    report_of(name, BootId(1), sequence, 1_000 + i64::from(sequence), measured.iter().map(reading).collect())
}

pub(crate) fn report_of(
    name: &str,
    boot: BootId,
    sequence: u32,
    arrived: i64,
    readings: Vec<StoredReading>,
) -> Batch {
    let (node, arrived, gap, count) = (node(name), UnixMillis(arrived), sequence % 3, readings.len());
    Batch {
        records: vec![Record::Report { node, boot, sequence, reports: 1, gap, arrived, readings: count }],
        readings,
    }
}

pub(crate) fn reading(module: u8, channel: u8, measured: i64, value: OwnedValue) -> StoredReading {
    StoredReading { module, channel, measured: UnixMillis(measured), value }
}

/// Appends what is stored with one commit.
pub(crate) fn join(batches: Vec<Batch>) -> Batch {
    let mut all = Batch::default();
    for batch in batches {
        all.records.extend(batch.records);
        all.readings.extend(batch.readings);
    }
    all
}

pub(crate) fn command(
    id: u8,
    of: &str,
    wanted: Wanted,
    states: &[(CommandState, Option<IotError>)],
) -> Record {
    let step = |(state, cause): &(CommandState, Option<IotError>)| Step {
        state: *state,
        at: UnixMillis(i64::from(id)),
        cause: cause.clone(),
    };
    Record::Command(Box::new(CommandRecord {
        id: CommandId([id; 16]),
        node: node(of),
        wanted,
        author: "Ada".into(),
        why: if id.is_multiple_of(2) { "frost".into() } else { "".into() },
        steps: states.iter().map(step).collect(),
        expires: UnixMillis(99),
        attempts: u32::from(id),
    }))
}

/// Every series that the random batches can have.
fn all_series() -> impl Iterator<Item = Series> {
    let series = |name| (0..4).map(move |at| Series { node: node(name), module: at / 2, channel: at % 2 });
    NODES.into_iter().flat_map(series)
}

const EVER: (UnixMillis, UnixMillis) = (UnixMillis(i64::MIN), UnixMillis(i64::MAX));

/// Every reading of each series, as a store gives it.
pub(crate) fn all_readings(history: &dyn History) -> Vec<Vec<ReadingView>> {
    let query = |series| ReadingQuery { series, from: EVER.0, to: EVER.1, limit: usize::MAX };
    all_series().map(|series| history.readings(&query(series)).unwrap()).collect()
}

/// Every bucket of each series and resolution, as a store gives it.
pub(crate) fn all_buckets(history: &dyn History) -> Vec<Vec<Bucket>> {
    let all = all_series().flat_map(|series| Resolution::ALL.map(|resolution| (series.clone(), resolution)));
    let query = |(series, resolution)| RollupQuery { series, resolution, from: EVER.0, to: EVER.1 };
    all.map(|which| history.rollup(&query(which)).unwrap()).collect()
}

/// Every gap of each node, as a store gives it.
pub(crate) fn all_gaps(history: &dyn History) -> Vec<Vec<GapView>> {
    let query = |name| GapQuery { node: node(name), from: EVER.0, to: EVER.1 };
    NODES.into_iter().map(|name| history.gaps(&query(name)).unwrap()).collect()
}

pub(crate) fn values() -> impl Strategy<Value = OwnedValue> {
    prop_oneof![
        any::<bool>().prop_map(OwnedValue::Bool),
        any::<i64>().prop_map(OwnedValue::Int),
        any::<f64>().prop_filter_map("finite", |value| Finite::new(value).ok().map(OwnedValue::Float)),
        Just(OwnedValue::Float(Finite::new(-0.0).unwrap())),
        "[a-zü#]{0,9}".prop_map(|text| OwnedValue::Text(text.into())),
    ]
}

fn names() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(NODES.to_vec())
}

fn reports() -> impl Strategy<Value = Batch> {
    // Times of three days, some of them the same.
    let parts = (0..2_u8, 0..2_u8, 0..50_i64, values());
    let reading =
        parts.prop_map(|(module, channel, at, value)| reading(module, channel, at * 5_000_000, value));
    (names(), 0..7_u32, 0..9_u32, 0..400_000_000_i64, vec(reading, 0..12)).prop_map(
        |(name, boot, sequence, arrived, readings)| {
            report_of(name, BootId(boot), sequence, arrived, readings)
        },
    )
}

fn node_records() -> impl Strategy<Value = Batch> {
    let admission = proptest::sample::select(vec![
        AdmissionState::Admitted,
        AdmissionState::Revoked,
        AdmissionState::Archived,
    ]);
    (names(), "[a-zü \"]{1,9}", admission, any::<u16>(), any::<bool>(), 0..4_u8).prop_map(
        |(name, title, admission, bits, is_off, modules)| {
            let module = |index: u8| ModuleRecord {
                index,
                title: format!("{title} {index}").into(),
                given: (index % 2 == 1).then(|| format!("{title}, given").into()),
                kind: "relay".into(),
                kind_version: bits,
                registered_with: (bits % 2 == 0).then_some(bits / 2),
            };
            let decision = Decision { by: "Ada".into(), why: "".into(), at: UnixMillis(-5) };
            batch(Record::Node(Box::new(NodeRecord {
                id: node(name),
                key: is_off.then_some(NodeKey([modules; 32])),
                keys: (0..modules).map(|number| key_record(name, number)).collect(),
                hub_key: is_off.then_some(modules + 1),
                title: title.as_str().into(),
                place: title.as_str().get(1..).unwrap_or_default().into(),
                admission,
                tags: (0..modules).map(|tag| format!("{title}{tag}").into()).collect(),
                disabled: is_off.then_some(decision.clone()),
                terms: terms(bits, decision),
                sleep: is_off.then_some(SleepRecord { since: UnixMillis(bits.into()), for_s: bits.into() }),
                address: (!is_off).then(|| "[fe80::1%3]:5070".parse().unwrap()),
                capabilities: Capabilities(bits),
                keepalive_s: u32::from(bits),
                board: "ESP32".into(),
                firmware: "kitchen 1.0".into(),
                first_seen: UnixMillis(7),
                modules: (0..modules).map(module).collect(),
            })))
        },
    )
}

/// Terms of all sorts, none among them.
fn terms(bits: u16, decision: Decision) -> Terms {
    let address = |last| IpAddr::from([10, 0, 0, last]);
    let at = UnixMillis(bits.into());
    Terms {
        home: (bits % 4 > 1).then(|| if bits % 8 > 4 { address(5) } else { "fe80::1".parse().unwrap() }),
        unverified: (bits % 3 > 1).then(|| decision.clone()),
        commands: (bits % 5 > 2).then_some(decision),
        stranger: (bits % 7 > 4).then(|| Stranger { address: address(7), at, noted: UnixMillis(-1) }),
    }
}

/// A key that no other node has, of the one of this name.
fn key_record(name: &str, number: u8) -> KeyRecord {
    let mut key = [number; 32];
    key.iter_mut().zip(name.bytes().chain([0])).for_each(|(to, from)| *to = from);
    let state = if number == 0 { KeyState::Next } else { KeyState::Former };
    KeyRecord { key: NodeKey(key), state, at: UnixMillis(i64::from(number) - 2) }
}

fn commands() -> impl Strategy<Value = Batch> {
    let wanted = (0..5_u8, values(), any::<u16>()).prop_map(|(which, value, for_s)| match which {
        0 => Wanted::Set { module: 1, channel: 255, value },
        1 => Wanted::Get { module: 0, channel: 2 },
        2 => Wanted::Invoke { module: 3, channel: 4, argument: (for_s % 2 == 0).then_some(value) },
        3 => Wanted::Identify { for_s },
        _ => Wanted::Restart,
    });
    let causes = prop_oneof![
        Just(None),
        Just(Some(IotError::Cut)),
        Just(Some(IotError::NoAnswer { limit_s: 3 })),
        Just(Some(IotError::Cancelled { by: "Ada".into() })),
    ];
    let states = proptest::sample::select(vec![CommandState::Sent, CommandState::Done, CommandState::Failed]);
    (any::<u8>(), names(), wanted, vec((states, causes), 0..4))
        .prop_map(|(id, of, wanted, steps)| batch(command(id, of, wanted, &steps)))
}

fn replaced() -> impl Strategy<Value = Batch> {
    (names(), names(), vec(0..4_u8, 0..3)).prop_filter_map("another node", |(old, new, modules)| {
        let (old, new) = (node(old), node(new));
        (old != new).then(|| batch(Record::Replaced { old, new, modules }))
    })
}

fn changes() -> impl Strategy<Value = Batch> {
    let deeds = proptest::sample::select(Deed::ALL.to_vec());
    (names(), deeds, "[a-zü\"]{0,5}", option::of(any::<u8>()), -9..99_i64)
        .prop_map(|(name, deed, words, number, at)| batch(change(name, deed, at, &words, number)))
}

/// Someone changed something.
pub(crate) fn change(name: &str, deed: Deed, at: i64, words: &str, number: Option<u8>) -> Record {
    Record::Audit(Box::new(AuditRecord {
        at: UnixMillis(at),
        by: format!("Ada {words}").into(),
        deed,
        target: Target {
            node: Some(node(name)),
            title: words.into(),
            module: number,
            command: number.map(|id| CommandId([id; 16])),
        },
        before: words.into(),
        after: "".into(),
        why: words.into(),
    }))
}

/// One commit: several records of all sorts.
pub(crate) fn batches() -> impl Strategy<Value = Batch> {
    let gone = names().prop_map(|name| batch(Record::Gone(node(name))));
    let one = prop_oneof![8 => reports(), 2 => node_records(), 2 => commands(), 1 => gone, 1 => replaced(), 1 => changes()];
    vec(one, 1..6).prop_map(join)
}
