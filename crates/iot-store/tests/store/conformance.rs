//! The rules of the port, held against each store, and against each other under random batches.

use std::time::Duration;

use iot_core::{
    CommandState, Series, UnixMillis,
    store::{Batch, History, ReadingQuery, Record, Snapshot, Store, Upkeep},
    view::Wanted,
};
use iot_proto::BootId;
use iot_store::{MemoryLimits, MemoryStore, SqliteHistory, SqliteLimits, SqliteStore};
use proptest::{collection::vec, prelude::*};
use tempfile::TempDir;

use crate::given::{NODES, all_readings, batch, batches, command, node, report};

/// Ended commands that the stores here keep.
const ENDED: usize = 5;

/// A store that can be closed and opened again.
trait Subject {
    fn store(&mut self) -> &mut dyn Store;
    fn history(&self) -> &dyn History;
    fn restart(&mut self);

    /// Does what is due behind commits, but at most so many steps of it.
    fn upkeep(&mut self, steps: usize) {
        for _ in 0..steps {
            if self.store().upkeep() == Upkeep::Done {
                return;
            }
        }
    }
}

struct InMemory(MemoryStore);

impl Subject for InMemory {
    fn store(&mut self) -> &mut dyn Store {
        &mut self.0
    }

    fn history(&self) -> &dyn History {
        &self.0
    }

    fn restart(&mut self) {
        self.0 = self.0.clone();
    }
}

struct OnDisk {
    /// Items in the journal before it is folded.
    journal: usize,
    open: Option<(SqliteStore, SqliteHistory)>,
    directory: TempDir,
}

impl OnDisk {
    fn new(journal: usize) -> Self {
        let mut new = Self { journal, open: None, directory: tempfile::tempdir().unwrap() };
        new.restart();
        new
    }
}

impl Subject for OnDisk {
    fn store(&mut self) -> &mut dyn Store {
        &mut self.open.as_mut().unwrap().0
    }

    fn history(&self) -> &dyn History {
        &self.open.as_ref().unwrap().1
    }

    fn restart(&mut self) {
        self.open = None;
        // A step is one unit, so that a test can stop between any two.
        let (journal, step) = (self.journal, Duration::ZERO);
        let limits = SqliteLimits { readings_for: None, ended_commands: ENDED, journal, step };
        self.open = Some(SqliteStore::open_with(&self.directory.path().join("hub.db"), limits).unwrap());
    }
}

fn memory() -> InMemory {
    InMemory(MemoryStore::with_limits(MemoryLimits { readings: usize::MAX, ended_commands: ENDED }))
}

fn subjects() -> [Box<dyn Subject>; 2] {
    [Box::new(memory()), Box::new(OnDisk::new(500))]
}

fn measured(subject: &dyn Subject, from: i64, to: i64, limit: usize) -> Vec<i64> {
    let series = Series { node: node("a"), module: 0, channel: 1 };
    let query = ReadingQuery { series, from: UnixMillis(from), to: UnixMillis(to), limit };
    let readings = subject.history().readings(&query).unwrap();
    readings.into_iter().map(|reading| reading.measured.0).collect()
}

#[test]
fn late_readings_land_where_they_were_measured() {
    for mut subject in subjects() {
        subject.store().commit(&report("a", 1, &[30, 10])).unwrap();
        subject.store().commit(&report("a", 2, &[20, 30])).unwrap();
        assert_eq!(measured(&*subject, 0, 100, 10), [10, 20, 30, 30]);
        subject.restart();
        assert_eq!(measured(&*subject, 0, 100, 10), [10, 20, 30, 30]);
        let latest = subject.store().load().unwrap().latest;
        assert_eq!(latest[0].1.measured, UnixMillis(30));
        assert_eq!(latest[0].1.arrived, UnixMillis(1_002), "of two with one time, the one that came last");
    }
}

#[test]
fn a_range_has_its_begin_but_not_its_end_and_the_newest_of_it() {
    for mut subject in subjects() {
        subject.store().commit(&report("a", 1, &[10, 20, 30, 40])).unwrap();
        assert_eq!(measured(&*subject, 20, 40, 10), [20, 30]);
        assert_eq!(measured(&*subject, 0, 100, 2), [30, 40]);
        assert!(measured(&*subject, 0, 100, 0).is_empty());
        assert!(measured(&*subject, 50, 10, 2).is_empty(), "a range that is upside down is empty");
    }
}

#[test]
fn the_oldest_commands_that_ended_make_room_and_those_under_way_stay() {
    for mut subject in subjects() {
        for id in 0..20 {
            let state = if id == 3 { CommandState::Accepted } else { CommandState::Done };
            let record = command(id, "a", Wanted::Restart, &[(CommandState::Sent, None), (state, None)]);
            subject.store().commit(&batch(record)).unwrap();
        }
        subject.restart();
        let kept = subject.store().load().unwrap().commands;
        let ids: Vec<_> = kept.iter().map(|command| command.id.0[0]).collect();
        assert_eq!(ids, [3, 15, 16, 17, 18, 19]);
    }
}

#[test]
fn a_batch_that_does_not_fit_itself_is_refused_whole() {
    for mut subject in subjects() {
        let mut bad = report("a", 1, &[10]);
        bad.readings.clear();
        assert!(subject.store().commit(&bad).is_err());
        assert_eq!(subject.store().load().unwrap(), Snapshot::default());
    }
}

#[test]
fn a_node_that_is_gone_and_comes_back_has_no_past() {
    for mut subject in subjects() {
        subject.store().commit(&report("a", 1, &[10])).unwrap();
        subject.store().commit(&batch(Record::Gone(node("a")))).unwrap();
        subject.store().commit(&report("a", 2, &[20])).unwrap();
        subject.restart();
        assert_eq!(measured(&*subject, 0, 100, 10), [20]);
        assert_eq!(subject.store().load().unwrap().sequences, [(node("a"), BootId(1), 2)]);
    }
}

/// Many small commits, so that the journal is folded and chunks are merged, packed and filled.
#[test]
fn what_is_folded_is_found_once_and_in_order() {
    let mut subjects = subjects();
    let mut at = 0;
    for sequence in 1..=600 {
        let batch = report_of_all(sequence, &mut at);
        for subject in &mut subjects {
            subject.store().commit(&batch).unwrap();
            subject.upkeep(20);
        }
        if sequence % 150 == 0 {
            for subject in &mut subjects {
                subject.restart();
            }
            let [memory, disk] = &mut subjects;
            assert_eq!(disk.store().load().unwrap(), memory.store().load().unwrap());
            assert!(all_readings(disk.history()) == all_readings(memory.history()));
            for (from, to, limit) in [(0, at, 7), (at / 3, at / 2, 1_000), (at / 2, at, 2_000)] {
                let wanted = measured(&**memory, from, to, limit);
                assert_eq!(measured(&**disk, from, to, limit), wanted);
            }
        }
    }
}

/// A report of each node with readings of which many share a time with others, and some come late.
fn report_of_all(sequence: u32, at: &mut i64) -> Batch {
    let batches = NODES.iter().map(|name| {
        let measured: Vec<_> = (0..20)
            .map(|number| {
                *at += 7;
                if (*at + number) % 11 == 0 { *at - 5_000 } else { *at / 9_000 * 4_000 }
            })
            .collect();
        report(name, sequence, &measured)
    });
    crate::given::join(batches.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_file_tells_what_memory_tells_whatever_is_stored_and_whenever_it_starts_anew(
        commits in vec((batches(), 0..30_usize, any::<bool>()), 1..30),
        journal in proptest::sample::select(vec![0, 1, 20, 1_000]),
    ) {
        let (mut memory, mut disk) = (memory(), OnDisk::new(journal));
        for (batch, steps, restarts) in commits {
            memory.store().commit(&batch).unwrap();
            disk.store().commit(&batch).unwrap();
            disk.upkeep(steps);
            if restarts {
                disk.restart();
            }
            prop_assert_eq!(disk.store().load().unwrap(), memory.store().load().unwrap());
            // As text, because there a negative zero is not the same as zero.
            let of = |subject: &dyn Subject| format!("{:?}", all_readings(subject.history()));
            prop_assert_eq!(of(&disk), of(&memory));
        }
    }
}
