//! [`MemoryStore`]: everything in memory, bounded. Clones share it, so that a hub which is started anew
//! on a clone finds what the one before it stored. Commands and changes are kept by [`Ledger`].

mod ledger;

mod people;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use iot_core::{
    NodeId, Series, UnixMillis,
    audit::{AuditEntry, AuditQuery},
    store::{
        Batch, Bucket, Chronicle, CommandRecord, GapQuery, GapView, History, NodeRecord, ReadingQuery,
        Record, RollupQuery, Snapshot, Store, StoreError, StoredReading,
    },
    view::{CommandFilter, ReadingView},
};
use iot_proto::{BootId, CommandId};

use self::ledger::Ledger;
use crate::{
    batch::{check, note_run},
    buckets::Buckets,
    ring::Ring,
};

/// How much a [`MemoryStore`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Readings kept of each series, and gaps of each node. 240 fill a chart; a thousand nodes with three properties each then
    /// need less than 20 MB.
    pub readings: usize,
    /// Commands kept that have ended, the last ones; those under way are always kept.
    pub ended_commands: usize,
    /// Changes that people made, the last ones.
    pub audit: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self { readings: 240, ended_commands: 1_000, audit: 10_000 }
    }
}

/// Keeps everything in memory. What it keeps ends with the process: an acknowledgement then means "taken".
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    limits: MemoryLimits,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    nodes: BTreeMap<NodeId, NodeRecord>,
    /// The last runs of each node with their highest sequences, the latest last.
    sequences: BTreeMap<NodeId, Vec<(BootId, u32)>>,
    series: BTreeMap<Series, Ring>,
    /// What is missing between the reports of each node, by run and the number of the report behind it.
    gaps: BTreeMap<NodeId, BTreeMap<(BootId, u32), GapView>>,
    ledger: Ledger,
    people: people::Kept,
}

impl MemoryStore {
    /// An empty store with the default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store with these limits.
    pub fn with_limits(limits: MemoryLimits) -> Self {
        Self { limits, kept: Arc::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // No code that holds the lock can leave the maps half changed in a way that reading would notice.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Snapshot, StoreError> {
        let kept = self.kept();
        let runs = kept.sequences.iter();
        let latest = kept.series.iter();
        Ok(Snapshot {
            nodes: kept.nodes.values().cloned().collect(),
            sequences: runs
                .flat_map(|(node, runs)| runs.iter().map(|(boot, sequence)| (node.clone(), *boot, *sequence)))
                .collect(),
            latest: latest.filter_map(|(series, ring)| Some((series.clone(), ring.latest()?))).collect(),
            commands: kept.ledger.recalled(),
        })
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        check(batch)?;
        let limits = self.limits;
        let mut kept = self.kept();
        let mut readings = batch.readings.as_slice();
        for record in &batch.records {
            match record {
                Record::Node(node) => drop(kept.nodes.insert(node.id.clone(), (**node).clone())),
                Record::Gone(node) => kept.forget(node),
                Record::Report { node, boot, sequence, gap, arrived, readings: count, .. } => {
                    kept.keep_sequence(node, *boot, *sequence);
                    if *gap > 0 {
                        let (arrived, boot, before, missing) = (*arrived, *boot, *sequence, *gap);
                        kept.keep_gap(node, GapView { arrived, boot, before, missing }, limits.readings);
                    }
                    let (own, later) = readings.split_at_checked(*count).unwrap_or((readings, &[]));
                    readings = later;
                    for reading in own {
                        kept.keep_reading(node, *arrived, reading, limits.readings);
                    }
                }
                Record::Command(command) => kept.ledger.keep_command(command, limits.ended_commands),
                Record::Replaced { old, new, modules } => kept.replace((old, new), modules, limits.readings),
                Record::Audit(record) => kept.ledger.keep_change(record, limits.audit),
            }
        }
        Ok(())
    }
}

impl History for MemoryStore {
    fn series(&self) -> Result<Vec<Series>, StoreError> {
        Ok(self.kept().series.keys().cloned().collect())
    }

    fn readings(&self, query: &ReadingQuery) -> Result<Vec<ReadingView>, StoreError> {
        let kept = self.kept();
        let ring = kept.series.get(&query.series);
        Ok(ring.map(|ring| ring.range(query.from, Some(query.to), query.limit)).unwrap_or_default())
    }

    fn oldest(&self, query: &ReadingQuery) -> Result<Vec<ReadingView>, StoreError> {
        let mut readings = self.readings(&ReadingQuery { limit: usize::MAX, ..query.clone() })?;
        readings.truncate(query.limit);
        Ok(readings)
    }

    fn rollup(&self, query: &RollupQuery) -> Result<Vec<Bucket>, StoreError> {
        let mut buckets = Buckets::new(query.resolution);
        if query.from < query.to {
            let from = query.resolution.start_of(query.from);
            let last = query.resolution.start_of(UnixMillis(query.to.0.saturating_sub(1)));
            let to = UnixMillis(last.0.saturating_add(query.resolution.millis()));
            let kept = self.kept();
            let ring = kept.series.get(&query.series);
            let readings = ring.map(|ring| ring.range(from, Some(to), usize::MAX)).unwrap_or_default();
            for reading in &readings {
                buckets.add(reading);
            }
        }
        Ok(buckets.into_vec())
    }

    fn gaps(&self, query: &GapQuery) -> Result<Vec<GapView>, StoreError> {
        let kept = self.kept();
        let gaps = kept.gaps.get(&query.node).into_iter().flat_map(BTreeMap::values);
        let mut gaps: Vec<_> =
            gaps.filter(|gap| (query.from..query.to).contains(&gap.arrived)).copied().collect();
        gaps.sort_unstable();
        Ok(gaps)
    }
}

impl Chronicle for MemoryStore {
    fn commands(&self, filter: &CommandFilter) -> Result<Vec<CommandRecord>, StoreError> {
        Ok(self.kept().ledger.commands(filter))
    }

    fn command(&self, id: CommandId) -> Result<Option<CommandRecord>, StoreError> {
        Ok(self.kept().ledger.command(id))
    }

    fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        Ok(self.kept().ledger.audit(query))
    }
}

impl Kept {
    fn replace(&mut self, (old, new): (&NodeId, &NodeId), modules: &[u8], limit: usize) {
        let moving: Vec<_> = self
            .series
            .keys()
            .filter(|series| series.node == *old && modules.contains(&series.module))
            .cloned()
            .collect();
        for series in moving {
            let Some(mut ring) = self.series.remove(&series) else { continue };
            let series = Series { node: new.clone(), ..series };
            let own = self.series.remove(&series);
            let own = own.map(|own| own.range(UnixMillis(i64::MIN), None, usize::MAX)).unwrap_or_default();
            for reading in own {
                ring.insert(reading, limit);
            }
            self.series.insert(series, ring);
        }
        self.ledger.give((old, new), modules);
    }

    fn forget(&mut self, node: &NodeId) {
        self.nodes.remove(node);
        self.sequences.remove(node);
        self.gaps.remove(node);
        self.series.retain(|series, _| series.node != *node);
        self.ledger.forget(node);
    }

    fn keep_sequence(&mut self, node: &NodeId, boot: BootId, sequence: u32) {
        if sequence == 0 {
            return;
        }
        let runs = match self.sequences.get_mut(node) {
            Some(runs) => runs,
            None => self.sequences.entry(node.clone()).or_default(),
        };
        note_run(runs, boot, sequence);
    }

    fn keep_gap(&mut self, node: &NodeId, gap: GapView, limit: usize) {
        let gaps = self.gaps.entry(node.clone()).or_default();
        gaps.entry((gap.boot, gap.before)).or_insert(gap);
        if gaps.len() > limit {
            gaps.pop_first();
        }
    }

    fn keep_reading(&mut self, node: &NodeId, arrived: UnixMillis, reading: &StoredReading, limit: usize) {
        let StoredReading { module, channel, measured, value } = reading;
        let series = Series { node: node.clone(), module: *module, channel: *channel };
        let ring = self.series.entry(series).or_insert_with(|| Ring::like(value));
        ring.insert(ReadingView { value: value.clone(), measured: *measured, arrived }, limit);
    }
}

#[cfg(test)]
mod tests {
    use iot_core::{
        CommandState,
        view::{Step, Wanted},
    };
    use iot_proto::{Name, OwnedValue};

    use super::*;

    #[test]
    fn late_readings_land_where_they_were_measured() {
        let mut store = MemoryStore::new();
        store.commit(&report("a", 1, &[30, 10])).unwrap();
        store.commit(&report("a", 2, &[20, 30])).unwrap();
        assert_eq!(measured(&store, 0, 100, 10), [10, 20, 30, 30]);
        let latest = store.load().unwrap().latest;
        assert_eq!(latest[0].1.measured, UnixMillis(30));
        assert_eq!(latest[0].1.arrived, UnixMillis(1_002), "of two with one time, the one that came last");
    }

    #[test]
    fn a_range_has_its_begin_but_not_its_end_and_the_newest_of_it() {
        let mut store = MemoryStore::new();
        store.commit(&report("a", 1, &[10, 20, 30, 40])).unwrap();
        assert_eq!(measured(&store, 20, 40, 10), [20, 30]);
        assert_eq!(measured(&store, 0, 100, 2), [30, 40]);
        assert!(measured(&store, 50, 10, 2).is_empty(), "a range that is upside down is empty");
    }

    #[test]
    fn the_oldest_readings_and_ended_commands_make_room() {
        let mut store = MemoryStore::with_limits(MemoryLimits {
            readings: 3,
            ended_commands: 2,
            ..MemoryLimits::default()
        });
        store.commit(&report("a", 1, &[10, 20, 30, 40, 5])).unwrap();
        assert_eq!(measured(&store, 0, 100, 10), [20, 30, 40]);

        let states = [CommandState::Sent, CommandState::Done, CommandState::Failed, CommandState::Done];
        for (id, state) in (0..).zip(states) {
            store.commit(&batch(Record::Command(Box::new(command(id, state))))).unwrap();
        }
        let kept: Vec<_> = store.load().unwrap().commands.iter().map(|command| command.id.0[0]).collect();
        assert_eq!(kept, [0, 2, 3], "one under way, and the last two that ended");
    }

    #[test]
    fn a_hub_that_starts_anew_finds_what_was_stored() {
        let mut store = MemoryStore::new();
        store.commit(&report("a", 7, &[10])).unwrap();
        store.commit(&report("a", 6, &[10])).unwrap();
        store.commit(&report("a", 0, &[11])).unwrap();
        let snapshot = store.clone().load().unwrap();
        assert_eq!(snapshot.sequences, [(node("a"), BootId(1), 7)], "the highest of the run");
        assert_eq!(snapshot.latest.len(), 1);
    }

    #[test]
    fn a_node_that_is_gone_leaves_nothing_behind() {
        let mut store = MemoryStore::new();
        store.commit(&report("a", 1, &[10])).unwrap();
        store.commit(&report("b", 1, &[10])).unwrap();
        store.commit(&batch(Record::Command(Box::new(command(1, CommandState::Done))))).unwrap();
        store.commit(&batch(Record::Gone(node("a")))).unwrap();
        let snapshot = store.load().unwrap();
        assert_eq!(snapshot.sequences, [(node("b"), BootId(1), 1)]);
        assert_eq!((snapshot.latest.len(), snapshot.commands.len()), (1, 0));
    }

    #[test]
    fn a_batch_that_does_not_fit_itself_is_refused_whole() {
        let mut store = MemoryStore::new();
        let mut bad = report("a", 1, &[10]);
        bad.readings.clear();
        assert!(store.commit(&bad).is_err());
        assert_eq!(store.load().unwrap(), Snapshot::default());
    }

    fn node(name: &str) -> NodeId {
        NodeId::plain(Name::new(name).unwrap())
    }

    fn batch(record: Record) -> Batch {
        Batch { records: vec![record], readings: Vec::new() }
    }

    fn report(name: &str, sequence: u32, measured: &[i64]) -> Batch {
        let (node, boot, arrived) = (node(name), BootId(1), UnixMillis(1_000 + i64::from(sequence)));
        let reading = |at: &i64| StoredReading {
            module: 0,
            channel: 1,
            measured: UnixMillis(*at),
            value: OwnedValue::Int(*at),
        };
        let readings = measured.len();
        Batch {
            records: vec![Record::Report { node, boot, sequence, reports: 1, gap: 0, arrived, readings }],
            readings: measured.iter().map(reading).collect(),
        }
    }

    fn command(id: u8, state: CommandState) -> CommandRecord {
        CommandRecord {
            id: CommandId([id; 16]),
            node: node("a"),
            wanted: Wanted::Restart,
            author: "test".into(),
            why: "".into(),
            steps: vec![Step { state, at: UnixMillis(0), cause: None }],
            expires: UnixMillis(0),
            attempts: 1,
        }
    }

    fn measured(store: &MemoryStore, from: i64, to: i64, limit: usize) -> Vec<i64> {
        let series = Series { node: node("a"), module: 0, channel: 1 };
        let query = ReadingQuery { series, from: UnixMillis(from), to: UnixMillis(to), limit };
        store.readings(&query).unwrap().into_iter().map(|reading| reading.measured.0).collect()
    }
}
