//! [`Book`]: the model that knows what must hold, kept apart from everything that it judges.
//!
//! It notes what each device made, dropped, ran and was told, and what the disk was given; and it says when the two
//! do not fit. Of the hub it uses nothing but the plain data that went to the store, and its views. What is known
//! of commands lies in [`Ledger`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use iot_core::{
    NodeId, Series, UnixMillis,
    store::{Batch, NodeRecord, Record, Snapshot, StoredReading},
    view::{PresenceState, ReadingView, View},
};
use iot_node::proto::{BootId, CommandId, OwnedValue, Taken};

use super::{
    course::Course,
    device::{CHANNEL, NAMES},
    ledger::Ledger,
    weather::DAWN,
};

/// Runs of a node whose gaps the hub can prove.
const RUNS: usize = 4;

/// Longest silence in milliseconds after which a node may still be called online: 1.5 times its keepalive.
const ONLINE: u64 = 30_000;

/// Times of a node's clock before this are no times: the first of January 2020.
const CLOCKS_BEGIN: i64 = 1_577_836_800_000;

/// A report that a device made.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) sequence: u32,
    /// When it was measured, in the world's time.
    pub(super) measured: u64,
    /// What the device says of that.
    pub(super) taken: Taken,
    /// Module and value of each reading.
    pub(super) values: Vec<(u8, OwnedValue)>,
}

/// One run of a device.
#[derive(Debug, Default)]
struct Run {
    made: BTreeMap<u32, Made>,
    /// What it still has to bring to the hub, oldest first.
    waiting: VecDeque<u32>,
    /// What was ever on disk.
    ever: BTreeSet<u32>,
}

/// A report that was given to the disk.
#[derive(Debug)]
struct Single<'b> {
    node: &'b NodeId,
    boot: BootId,
    sequence: u32,
    gap: u32,
    arrived: UnixMillis,
    readings: &'b [StoredReading],
}

/// What is on disk of a node at present.
#[derive(Debug, Default)]
struct OnDisk {
    record: Option<NodeRecord>,
    /// The last runs with their highest sequence, the latest run last.
    runs: Vec<(BootId, u32)>,
    readings: BTreeMap<(u8, u8), Vec<ReadingView>>,
}

/// What must hold.
#[derive(Debug, Default)]
pub(super) struct Book {
    runs: BTreeMap<(usize, BootId), Run>,
    on_disk: BTreeMap<NodeId, OnDisk>,
    pub(super) ledger: Ledger,
    /// When the hub last heard a frame of a node.
    heard: BTreeMap<NodeId, u64>,
    /// What devices said of their relays, beside reports.
    said: BTreeSet<(usize, bool)>,
    /// No reports are made any more.
    ends: bool,
    /// Reports that a device was told to be on disk.
    pub(super) acknowledged: u64,
    /// Readings on disk, forgotten ones included.
    pub(super) stored: u64,
}

impl Book {
    /// The id of a node.
    pub(super) fn id(name: usize) -> Option<NodeId> {
        NodeId::parse(&format!("plain:{}", NAMES.get(name)?))
    }

    /// The time that a right clock shows, in milliseconds since 1970.
    pub(super) fn right_clock(at: u64) -> i64 {
        DAWN + i64::try_from(at).unwrap_or(i64::MAX)
    }

    /// Whether devices still make reports.
    pub(super) fn takes_reports(&self) -> bool {
        !self.ends
    }

    /// From now on no reports are made.
    pub(super) fn end_reports(&mut self) {
        self.ends = true;
    }

    /// A device made a report.
    pub(super) fn made(&mut self, course: &mut Course, name: usize, boot: BootId, made: Made) {
        let (sequence, node) = (made.sequence, name);
        course.note((name, boot, sequence), || format!("{node} makes report {sequence} of {boot:?}"));
        for (_, value) in &made.values {
            if let OwnedValue::Bool(value) = value {
                self.ledger.reports(course.now, name, *value);
            }
        }
        let run = self.runs.entry((name, boot)).or_default();
        run.waiting.push_back(sequence);
        run.made.insert(sequence, made);
    }

    /// A device gave up so many of its oldest reports, because its memory was full.
    pub(super) fn dropped(&mut self, name: usize, boot: BootId, count: u32) {
        let waiting = &mut self.runs.entry((name, boot)).or_default().waiting;
        waiting.drain(..usize::try_from(count).unwrap_or(usize::MAX).min(waiting.len()));
    }

    /// A device told what its relay is, beside a report.
    pub(super) fn said_value(&mut self, course: &Course, name: usize, value: bool) {
        self.said.insert((name, value));
        self.ledger.reports(course.now, name, value);
    }

    /// A device was told that everything up to a report is on disk.
    pub(super) fn told_stored(&mut self, course: &mut Course, name: usize, boot: BootId, stored: u32) {
        course.note((name, boot, stored), || format!("{name} is told that {stored} of {boot:?} is stored"));
        let run = self.runs.entry((name, boot)).or_default();
        while let Some(first) = run.waiting.front().copied().filter(|first| *first <= stored) {
            run.waiting.pop_front();
            self.acknowledged += 1;
            if !run.ever.contains(&first) {
                course.breach(|| format!("{name} is told that {first} of {boot:?} is stored, and it is not"));
            }
        }
    }

    /// A device runs a command.
    pub(super) fn ran(&mut self, course: &mut Course, name: usize, boot: BootId, id: CommandId) {
        course.note(id, || format!("{name} runs {id}"));
        self.ledger.ran(course, Self::id(name).as_ref(), boot, id);
    }

    /// The hub heard a frame of a node.
    pub(super) fn heard(&mut self, course: &Course, name: usize) {
        if let Some(id) = Self::id(name) {
            self.heard.insert(id, course.now);
        }
    }

    /// The hub made records of what it just learned: when does it say that readings were measured?
    /// `known` is how many readings it had before.
    pub(super) fn recorded(&mut self, course: &mut Course, batch: &Batch, known: usize) {
        let mut readings = batch.readings.as_slice();
        let reports: Vec<_> =
            batch.records.iter().flat_map(|record| self.reports(record, &mut readings)).collect();
        let mut before = 0;
        for Single { node, boot, sequence, arrived, readings, .. } in reports {
            before += readings.len();
            let made = name_of(node).and_then(|name| self.runs.get(&(name, boot))?.made.get(&sequence));
            let (Some(made), Some(reading), true) = (made, readings.first(), before > known) else {
                continue;
            };
            let label = reading.measured.0;
            let is_right = match made.taken {
                Taken::At(at) if at.0 < CLOCKS_BEGIN || at.0 > arrived.0 => label == arrived.0,
                Taken::At(at) => label == at.0,
                Taken::Age(_) => {
                    let age = i64::try_from(course.now - made.measured).unwrap_or(i64::MAX);
                    (arrived.0 - age..=arrived.0).contains(&label)
                }
            };
            if !is_right {
                let (taken, now) = (made.taken, course.now);
                course.breach(|| format!("report {sequence} of {node}, {taken:?}, arrived {arrived:?} at {now} and is kept as measured at {label}"));
            }
        }
    }

    /// A batch is on disk.
    pub(super) fn committed(&mut self, course: &mut Course, batch: &Batch) {
        let mut readings = batch.readings.as_slice();
        for record in &batch.records {
            match record {
                Record::Node(node) => {
                    self.on_disk.entry(node.id.clone()).or_default().record = Some((**node).clone());
                }
                Record::Gone(node) => {
                    course.note(node.as_str(), || format!("{node} is forgotten"));
                    self.on_disk.remove(node);
                    self.ledger.forget(node);
                }
                Record::Audit(change) => course.note(change.at.0, || format!("on disk: {change:?}")),
                Record::Replaced { old, new, .. } => {
                    course.breach(|| format!("nobody has asked to replace {old} by {new}"));
                }
                Record::Command(command) => self.ledger.committed(course, command),
                Record::Report { .. } => {
                    for report in self.reports(record, &mut readings) {
                        course.note((report.boot, report.sequence, report.gap), || {
                            format!("on disk: {report:?}")
                        });
                        self.judge(course, &report);
                        self.keep(course.now, report.node, report.arrived, report.readings);
                    }
                }
            }
        }
    }

    /// The reports that a record is, each with the readings that it was made with; the last one with all that are left.
    fn reports<'b>(&self, record: &'b Record, readings: &mut &'b [StoredReading]) -> Vec<Single<'b>> {
        let Record::Report { node, boot, sequence, reports, gap, arrived, readings: count } = record else {
            return Vec::new();
        };
        let (mut own, later) = readings.split_at_checked(*count).unwrap_or((readings, &[]));
        *readings = later;
        let run = name_of(node).and_then(|name| self.runs.get(&(name, *boot)));
        let single = |before: u32| {
            let sequence = sequence.saturating_sub(before);
            let made = run.and_then(|run| run.made.get(&sequence)).map_or(0, |made| made.values.len());
            let made = if before == 0 { own.len() } else { made.min(own.len()) };
            let (readings, later) = own.split_at(made);
            own = later;
            Single { node, boot: *boot, sequence, gap: *gap, arrived: *arrived, readings }
        };
        (0..*reports).rev().map(single).collect()
    }

    /// Whether a report that is on disk now was made so, belongs there, and is there for the first time.
    fn judge(&mut self, course: &mut Course, report: &Single<'_>) {
        let Single { node, boot, sequence, gap, readings, .. } = *report;
        let Some(name) = name_of(node) else { return course.breach(|| format!("nobody is called {node}")) };
        if sequence == 0 {
            let was_said = |reading: &StoredReading| matches!(&reading.value, OwnedValue::Bool(value) if self.said.contains(&(name, *value)));
            if !readings.iter().all(was_said) {
                course.breach(|| format!("{node} never said {readings:?}"));
            }
            return;
        }
        let Some(run) = self.runs.get_mut(&(name, boot)) else {
            return course.breach(|| format!("{node} never had the run {boot:?}"));
        };
        let made = run.made.get(&sequence).map(|made| made.values.as_slice()).unwrap_or_default();
        let same = |(made, kept): (&(u8, OwnedValue), &StoredReading)| {
            made.0 == kept.module && kept.channel == CHANNEL && made.1 == kept.value
        };
        if made.len() != readings.len() || !made.iter().zip(readings).all(same) {
            course.breach(|| {
                format!("{node} made report {sequence} with {made:?}, and {readings:?} is on disk")
            });
        }
        let on_disk = self.on_disk.entry(node.clone()).or_default();
        let known = on_disk.runs.iter().position(|(known, _)| *known == boot);
        let highest = known.and_then(|at| on_disk.runs.get(at)).map_or(0, |(_, highest)| *highest);
        let proven = if known.is_some() { sequence.saturating_sub(highest + 1) } else { 0 };
        if sequence <= highest || gap != proven {
            course.breach(|| {
                format!("report {sequence} of {node} {boot:?} with a gap of {gap} comes after {highest}")
            });
        }
        if let Some(missed) = run.waiting.iter().find(|waits| **waits < sequence && !run.ever.contains(waits))
        {
            course.breach(|| format!("{node} still has report {missed}, and {sequence} is on disk"));
        }
        run.ever.insert(sequence);
        if let Some((_, highest)) = known.and_then(|at| on_disk.runs.get_mut(at)) {
            *highest = sequence;
        } else {
            if on_disk.runs.len() == RUNS {
                on_disk.runs.remove(0);
            }
            on_disk.runs.push((boot, sequence));
        }
    }

    fn keep(&mut self, now: u64, node: &NodeId, arrived: UnixMillis, readings: &[StoredReading]) {
        let on_disk = self.on_disk.entry(node.clone()).or_default();
        for StoredReading { module, channel, measured, value } in readings {
            // Ages count from the sending of a frame, so the hub cannot tell a value that was on its way when a
            // command was taken from one that was measured since.
            if let (OwnedValue::Bool(value), Some(name)) = (value, name_of(node)) {
                self.ledger.reports(now, name, *value);
            }
            let reading = ReadingView { value: value.clone(), measured: *measured, arrived };
            on_disk.readings.entry((*module, *channel)).or_default().push(reading);
            self.stored += 1;
        }
    }

    /// Looks at what a store gives back: it must be what it was given, no more and no less.
    pub(super) fn verify(
        &self,
        course: &mut Course,
        snapshot: &Snapshot,
        mut read: impl FnMut(Series) -> Vec<ReadingView>,
    ) {
        let records: BTreeMap<_, _> = snapshot.nodes.iter().map(|node| (&node.id, node)).collect();
        let known = self.on_disk.iter().filter_map(|(id, node)| Some((id, node.record.as_ref()?)));
        if !records.into_iter().eq(known) {
            course.breach(|| {
                format!("the store gives back other nodes than it was given: {:?}", snapshot.nodes)
            });
        }
        for (id, node) in &self.on_disk {
            let mut sequences: Vec<_> = snapshot.sequences.iter().filter(|(known, ..)| known == id).collect();
            sequences.sort_by_key(|(_, boot, _)| *boot);
            let mut runs = node.runs.clone();
            runs.sort_unstable();
            if !sequences.iter().map(|(_, boot, highest)| (*boot, *highest)).eq(runs) {
                course.breach(|| format!("the store gives back other runs of {id}: {sequences:?}"));
            }
            for ((module, channel), kept) in &node.readings {
                let series = Series { node: id.clone(), module: *module, channel: *channel };
                let key = |reading: &ReadingView| {
                    (reading.measured, reading.arrived, format!("{:?}", reading.value))
                };
                let (mut given, mut found) = (kept.clone(), read(series));
                given.sort_by_cached_key(key);
                found.sort_by_cached_key(key);
                if given != found {
                    let (given, found) = (given.len(), found.len());
                    course.breach(|| format!("{id} {module}: {given} readings were given to the disk, {found} are found, or others"));
                }
            }
        }
        self.ledger.verify(course, &snapshot.commands);
    }

    /// Looks at the hub as people do.
    pub(super) fn look(&self, course: &mut Course, view: &View<'_>) {
        for node in view.nodes() {
            let silent = course.now - self.heard.get(&node.id).copied().unwrap_or(0);
            if node.presence.state == PresenceState::Online && silent > ONLINE {
                course.breach(|| format!("{} is called online after {silent} ms of silence", node.id));
            }
        }
    }
}

/// Whose id it is.
fn name_of(node: &NodeId) -> Option<usize> {
    NAMES.iter().position(|name| node.as_str().strip_prefix("plain:") == Some(name))
}
