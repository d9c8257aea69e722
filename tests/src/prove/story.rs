//! [`Story`]: what a store is given in a proof, batch after batch, and what must be found in it afterwards.
//!
//! The batches are drawn from a seed: nodes with modules, reports of many and of few readings, late ones,
//! commands from the first state to the last, nodes that are forgotten and come back. What must be found is what
//! a [`MemoryStore`] holds that was given the same. Values are numbered, so that each can be told from all others.

use std::{net::IpAddr, time::Duration};

use iot_core::{
    AdmissionState, CommandState, IotError, NodeId, Series, UnixMillis,
    store::{
        Batch, CommandRecord, Decision, History, ModuleRecord, NodeRecord, Record, Snapshot, Store,
        StoredReading, Stranger, Terms,
    },
    view::{ReadingView, Step, Wanted},
};
use iot_proto::{BootId, Capabilities, CommandId, Finite, NodeKey, OwnedValue};
use iot_store::{MemoryLimits, MemoryStore, Retention, RetentionPolicy, SqliteLimits};

use super::chance::Chance;

const NODES: [&str; 3] = ["plain:attic", "plain:barn", "plain:cellar"];

/// Modules of a node and channels of a module that report.
const MODULES: u8 = 2;
const CHANNELS: u8 = 2;

/// Commands that ended and are kept.
const ENDED: usize = 4;

/// When it begins, and how long passes between two batches, in milliseconds.
const BEGIN: i64 = 1_750_000_000_000;
const PACE: i64 = 1_000;

/// What is given, and what is then to be found.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) batches: Vec<Batch>,
    pub(crate) limits: SqliteLimits,
    /// After so many batches.
    states: Vec<State>,
}

/// What is to be found.
#[derive(Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) snapshot: Snapshot,
    /// Of each series.
    pub(crate) readings: Vec<Vec<ReadingView>>,
    /// Readings that were measured before may have gone.
    keeps_from: UnixMillis,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// What is there after so many batches.
    After(usize),
    /// Something that was promised is not there.
    Lost,
    /// Something is there that was never given, or twice.
    Phantom,
    /// A batch is there in part.
    Partial,
}

impl Story {
    /// A story of so many batches.
    pub(crate) fn new(chance: &mut Chance, batches: usize) -> Self {
        let readings_for = chance.one_in(2).then_some(Duration::from_secs(20));
        Self::keeping(readings_for, chance, batches)
    }

    /// A story in which readings are kept so long.
    pub(crate) fn keeping(readings_for: Option<Duration>, chance: &mut Chance, batches: usize) -> Self {
        let all = Retention { readings: readings_for, ..Retention::default() };
        let retention = RetentionPolicy { all, ..RetentionPolicy::default() };
        let limits =
            SqliteLimits { retention, ended_commands: ENDED, journal: 40, step: Duration::from_mins(1) };
        let mut teller = Teller::default();
        let batches = (0..batches).map(|at| teller.next(at, chance)).collect();
        Self::of(batches, limits)
    }

    /// What is to be found after each of these batches.
    fn of(batches: Vec<Batch>, limits: SqliteLimits) -> Self {
        let mut model = MemoryStore::with_limits(MemoryLimits {
            readings: usize::MAX,
            ended_commands: ENDED,
            audit: 1_000,
        });
        let mut now = i64::MIN;
        let history = model.clone();
        let mut states = vec![State::read(&mut model, &history, UnixMillis(now))];
        for batch in &batches {
            for record in &batch.records {
                if let Record::Report { arrived, .. } = record {
                    now = arrived.0;
                }
            }
            let keeps_for = limits
                .retention
                .all
                .readings
                .map_or(i64::MAX, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
            // A memory store takes every batch that fits itself, as these do.
            let _ = model.commit(batch);
            states.push(State::read(&mut model, &history, UnixMillis(now.saturating_sub(keeps_for))));
        }
        Self { batches, limits, states: states.into_iter().flatten().collect() }
    }

    /// Compares what a store holds with what is to be found when all of the first `promised` batches are there,
    /// and the rest up to `offered` wholly or not at all.
    pub(crate) fn judge(&self, found: &State, promised: usize, offered: usize) -> Finding {
        let among = promised..=offered.min(self.batches.len());
        if let Some(after) = among.clone().find(|after| self.states[*after].is(found)) {
            return Finding::After(after);
        }
        let (least, most) = (&self.states[promised], &self.states[*among.end()]);
        let all = |series: &[Vec<ReadingView>]| series.iter().map(Vec::len).sum::<usize>();
        let kept = least.readings.iter().zip(&found.readings);
        if kept.clone().any(|(wanted, found)| !holds(found, wanted, most.keeps_from))
            || found.snapshot.nodes.len() < least.snapshot.nodes.len().min(most.snapshot.nodes.len())
            || found.snapshot.sequences < least.snapshot.sequences
        {
            Finding::Lost
        } else if most
            .readings
            .iter()
            .zip(&found.readings)
            .any(|(given, found)| !holds(given, found, UnixMillis(i64::MIN)))
            || all(&found.readings) > all(&most.readings)
        {
            Finding::Phantom
        } else {
            Finding::Partial
        }
    }
}

impl State {
    /// Everything that a store holds; `None` where it cannot be read.
    pub(crate) fn read(store: &mut dyn Store, history: &dyn History, keeps_from: UnixMillis) -> Option<Self> {
        let snapshot = store.load().ok()?;
        let readings = all_series().map(|series| {
            let (from, to) = (UnixMillis(i64::MIN), UnixMillis(i64::MAX));
            let query = iot_core::store::ReadingQuery { series, from, to, limit: usize::MAX };
            history.readings(&query).ok()
        });
        Some(Self { snapshot, readings: readings.collect::<Option<_>>()?, keeps_from })
    }

    /// Whether what was found is this, but for readings that may have gone.
    fn is(&self, found: &Self) -> bool {
        self.snapshot == found.snapshot
            && self.readings.iter().zip(&found.readings).all(|(wanted, found)| {
                holds(found, wanted, self.keeps_from) && holds(wanted, found, UnixMillis(i64::MIN))
            })
    }
}

/// Whether all of `wanted` that were measured at `from` or later are in `found`, each as often and in their order.
fn holds(found: &[ReadingView], wanted: &[ReadingView], from: UnixMillis) -> bool {
    let mut found = found.iter();
    wanted.iter().filter(|wanted| wanted.measured >= from).all(|wanted| found.any(|found| found == wanted))
}

fn all_series() -> impl Iterator<Item = Series> {
    let modules = |node: &'static str| (0..MODULES).map(move |module| (node, module));
    let channels = |(node, module)| (0..CHANNELS).map(move |channel| (node, module, channel));
    let ids = NODES.into_iter().flat_map(modules).flat_map(channels);
    ids.filter_map(|(node, module, channel)| Some(Series { node: NodeId::parse(node)?, module, channel }))
}

/// Tells a story.
#[derive(Debug, Default)]
struct Teller {
    /// Of each node.
    sequences: [u32; NODES.len()],
    /// Readings so far.
    readings: i64,
    /// Commands that have not ended.
    commands: Vec<CommandRecord>,
    /// Commands so far.
    commanded: u8,
}

impl Teller {
    fn next(&mut self, at: usize, chance: &mut Chance) -> Batch {
        let now = BEGIN + PACE * i64::try_from(at).unwrap_or(0);
        let mut batch = Batch::default();
        for _ in 0..=chance.below(3) {
            let which = usize::try_from(chance.below(3)).unwrap_or(0);
            let Some(node) = NodeId::parse(NODES[which]) else { continue };
            match chance.below(20) {
                0..=10 => self.report(which, node, now, chance, &mut batch),
                11..=13 => batch.records.push(Record::Node(Box::new(node_record(node, at, now)))),
                14..=18 => batch.records.push(self.command(node, now, chance)),
                _ => {
                    self.commands.retain(|command| command.node != node);
                    batch.records.push(Record::Gone(node));
                }
            }
        }
        batch
    }

    fn report(&mut self, which: usize, node: NodeId, now: i64, chance: &mut Chance, batch: &mut Batch) {
        self.sequences[which] += 1;
        let (sequence, count) = (self.sequences[which], if chance.one_in(6) { 60 } else { chance.below(6) });
        for _ in 0..count {
            self.readings += 1;
            let late = if chance.one_in(9) { 15_000 } else { 0 };
            let measured = UnixMillis(now - late - i64::try_from(chance.below(900)).unwrap_or(0));
            let [module, channel] =
                [MODULES, CHANNELS].map(|end| u8::try_from(chance.below(end.into())).unwrap_or(0));
            let value = value(self.readings, module, channel);
            batch.readings.push(StoredReading { module, channel, measured, value });
        }
        let (boot, gap) = (BootId(sequence / 16), u32::from(chance.one_in(5)));
        let (arrived, readings) = (UnixMillis(now), usize::try_from(count).unwrap_or(0));
        batch.records.push(Record::Report { node, boot, sequence, reports: 1, gap, arrived, readings });
    }

    fn command(&mut self, node: NodeId, now: i64, chance: &mut Chance) -> Record {
        if self.commands.is_empty() || chance.one_in(3) {
            self.commanded = self.commanded.wrapping_add(1);
            let value = OwnedValue::Int(i64::from(self.commanded));
            self.commands.push(CommandRecord {
                id: CommandId([self.commanded; 16]),
                node,
                wanted: Wanted::Set { module: 0, channel: 1, value },
                author: "Ada".into(),
                why: "it is cold".into(),
                steps: vec![Step { state: CommandState::Queued, at: UnixMillis(now), cause: None }],
                expires: UnixMillis(now + 60_000),
                attempts: 0,
            });
        }
        let which = usize::try_from(chance.below(self.commands.len().try_into().unwrap_or(1))).unwrap_or(0);
        let command = &mut self.commands[which];
        let (state, cause) = match chance.below(4) {
            0 => (CommandState::Done, None),
            1 => (CommandState::Failed, Some(IotError::NoAnswer { limit_s: 5 })),
            _ => (CommandState::Sent, None),
        };
        command.attempts += 1;
        command.steps.push(Step { state, at: UnixMillis(now), cause });
        let record = Record::Command(Box::new(command.clone()));
        self.commands.retain(|command| command.state().is_under_way());
        record
    }
}

fn value(number: i64, module: u8, channel: u8) -> OwnedValue {
    let as_float = || Finite::new(f64::from(i32::try_from(number).unwrap_or(0)) / 16.0).ok();
    match (module, channel) {
        (0, 0) => as_float().map_or(OwnedValue::Int(number), OwnedValue::Float),
        (0, _) => OwnedValue::Int(number),
        (_, 0) => OwnedValue::Text(format!("reading {number}").into()),
        (_, _) => OwnedValue::Int(-number),
    }
}

/// Terms of every second node.
fn terms(at: usize, now: i64) -> Terms {
    if at.is_multiple_of(2) {
        return Terms::default();
    }
    let (home, now) = (IpAddr::from([192, 168, 137, 20]), UnixMillis(now));
    Terms {
        home: Some(home),
        unverified: at.is_multiple_of(3).then(|| Decision {
            by: "ann".into(),
            why: "no display".into(),
            at: now,
        }),
        commands: Some(Decision { by: "ann".into(), why: "it only waters".into(), at: now }),
        stranger: Some(Stranger { address: IpAddr::from([192, 168, 137, 66]), at: now, noted: now }),
    }
}

fn node_record(id: NodeId, at: usize, now: i64) -> NodeRecord {
    let module = |index| ModuleRecord {
        index,
        title: format!("module {index} of {at}").into(),
        given: (index == 1).then(|| "window".into()),
        kind: "thermometer".into(),
        kind_version: 1,
        registered_with: Some(1),
    };
    NodeRecord {
        id,
        keys: Vec::new(),
        hub_key: None,
        key: at.is_multiple_of(2).then(|| NodeKey([u8::try_from(at % 256).unwrap_or(0); 32])),
        title: format!("node {at}").into(),
        place: "north".into(),
        tags: vec!["outdoors".into()],
        admission: AdmissionState::Admitted,
        disabled: None,
        terms: terms(at, now),
        sleep: None,
        address: "192.168.137.20:40000".parse().ok(),
        capabilities: Capabilities(3),
        keepalive_s: 30,
        board: "ESP32".into(),
        firmware: "proof 1.0".into(),
        first_seen: UnixMillis(now),
        modules: (0..MODULES).map(module).collect(),
    }
}
