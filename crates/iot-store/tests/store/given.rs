//! Batches to store: by hand, and drawn at random.

use iot_core::{
    AdmissionState, CommandState, IotError, NodeId, Series, UnixMillis,
    store::{
        Batch, CommandRecord, Disabling, History, ModuleRecord, NodeRecord, ReadingQuery, Record,
        StoredReading,
    },
    view::{ReadingView, Step, Wanted},
};
use iot_proto::{BootId, Capabilities, CommandId, Finite, Name, NodeKey, OwnedValue};
use proptest::{collection::vec, prelude::*};

/// Nodes that the random batches are about.
pub(crate) const NODES: [&str; 3] = ["a", "b", "c"];

pub(crate) fn node(name: &str) -> NodeId {
    NodeId::plain(Name::new(name).unwrap())
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
    Batch { records: vec![Record::Report { node, boot, sequence, gap, arrived, readings: count }], readings }
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
        steps: states.iter().map(step).collect(),
        expires: UnixMillis(99),
        attempts: u32::from(id),
    }))
}

/// Every reading of every series that the random batches can have, as a store gives it.
pub(crate) fn all_readings(history: &dyn History) -> Vec<Vec<ReadingView>> {
    let mut all = Vec::new();
    for name in NODES {
        for module in 0..2 {
            for channel in 0..2 {
                let series = Series { node: node(name), module, channel };
                let (from, to) = (UnixMillis(i64::MIN), UnixMillis(i64::MAX));
                all.push(history.readings(&ReadingQuery { series, from, to, limit: usize::MAX }).unwrap());
            }
        }
    }
    all
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
    let parts = (0..2_u8, 0..2_u8, 0..50_i64, values());
    let reading = parts.prop_map(|(module, channel, at, value)| reading(module, channel, at, value));
    (names(), 0..7_u32, 0..9_u32, 0..100_i64, vec(reading, 0..12)).prop_map(
        |(name, boot, sequence, arrived, readings)| {
            report_of(name, BootId(boot), sequence, arrived, readings)
        },
    )
}

fn node_records() -> impl Strategy<Value = Batch> {
    let admission = proptest::sample::select(vec![AdmissionState::Admitted, AdmissionState::Revoked]);
    (names(), "[a-zü ]{1,9}", admission, any::<u16>(), any::<bool>(), 0..4_u8).prop_map(
        |(name, title, admission, bits, is_off, modules)| {
            let module = |index: u8| ModuleRecord {
                index,
                title: format!("{title} {index}").into(),
                given: (index % 2 == 1).then(|| format!("{title}, given").into()),
                kind: "relay".into(),
                kind_version: bits,
            };
            let disabling = Disabling { by: "Ada".into(), why: "".into(), at: UnixMillis(-5) };
            batch(Record::Node(Box::new(NodeRecord {
                id: node(name),
                key: is_off.then_some(NodeKey([modules; 32])),
                title: title.as_str().into(),
                place: title.as_str().get(1..).unwrap_or_default().into(),
                admission,
                disabled: is_off.then_some(disabling),
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

/// One commit: several records of all sorts.
pub(crate) fn batches() -> impl Strategy<Value = Batch> {
    let gone = names().prop_map(|name| batch(Record::Gone(node(name))));
    let one = prop_oneof![8 => reports(), 2 => node_records(), 2 => commands(), 1 => gone];
    vec(one, 1..6).prop_map(join)
}
