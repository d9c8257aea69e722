//! [`SqliteStore`]: everything in one SQLite file, one synced transaction for each commit.
//!
//! | file | what it owns |
//! |---|---|
//! | `open.rs` | one process at a time, the settings of the file, and which files are refused |
//! | `integrity.rs`, `inspect.rs`, `verify.rs` | what must hold: at an opening, bit by bit, all at once |
//! | `backup.rs`, `restore.rs` | a copy of the file while it is in use, and the way back |
//! | `schema.rs` | the tables, and how an older file becomes a newer one |
//! | `nodes.rs`, `commands.rs`, `cause.rs` | what is kept in plain columns |
//! | `journal.rs` | reports as they came: a row for each commit |
//! | `chunk.rs` | readings of one series, packed |
//! | `upkeep/` | what is done behind commits: from the journal into chunks |
//! | `snapshot.rs`, `history.rs` | what is read: at the start, and by pages |
//! | `numbers.rs`, `value.rs`, `fault.rs` | numbers for series, values on disk, what went wrong |

mod backup;
mod cause;
mod chunk;
mod commands;
mod fault;
mod history;
mod inspect;
mod integrity;
mod journal;
mod nodes;
mod numbers;
mod open;
mod restore;
mod schema;
mod snapshot;
mod upkeep;
mod value;
mod verify;

use std::{fs::File, path::Path, time::Duration};

use iot_core::store::{Batch, Record, Snapshot, Store, StoreError, Upkeep};
use rusqlite::Connection;
use tracing::{info, warn};

pub use self::{
    backup::{BackupError, Existing, back_up},
    history::SqliteHistory,
    inspect::{Inspection, Progress},
    integrity::Contents,
    open::OpenError,
    restore::{RestoreError, Restored, restore},
    verify::{VerifyError, verify},
};
use self::{
    fault::Fault,
    journal::{Draft, Entry, Reading, Report},
    numbers::Numbers,
    upkeep::Work,
    value::Kept,
};
use crate::batch::check;

/// How much a [`SqliteStore`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteLimits {
    /// How long readings are kept, counted from the last report's arrival; `None` for ever. They go in
    /// whole chunks, a chunk when its last reading is too old.
    pub readings_for: Option<Duration>,
    /// Commands kept that have ended; those under way are always kept.
    pub ended_commands: usize,
    /// Reports and readings that may stand in the journal before they are folded into chunks. More make
    /// upkeep cheaper, and reading and starting slower.
    pub journal: usize,
    /// How long a step of upkeep works before it lets a commit in. It is made longer by one sync, and by what
    /// it has begun: less than a millisecond more.
    pub step: Duration,
}

impl Default for SqliteLimits {
    fn default() -> Self {
        Self {
            readings_for: Some(Duration::from_hours(400 * 24)),
            ended_commands: 1_000,
            journal: 32_768,
            step: Duration::from_millis(1),
        }
    }
}

/// Keeps everything in one SQLite file. A commit that has returned is on disk.
///
/// Dropping it closes the file in good order; a process that is killed loses nothing that was committed.
#[derive(Debug)]
pub struct SqliteStore {
    path: Box<Path>,
    limits: SqliteLimits,
    db: Connection,
    /// What is known in memory of the file; `None` after a failure, when it is read anew.
    known: Option<Known>,
    /// The number of the journal's last row. None is used twice while the process runs.
    row: i64,
    draft: Draft,
    /// Held until the file is closed.
    _lock: File,
}

#[derive(Debug)]
struct Known {
    numbers: Numbers,
    work: Work,
}

impl SqliteStore {
    /// Opens the file at `path`, or makes it with its directory, and gives the store and what reads it.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open(path: &Path) -> Result<(Self, SqliteHistory), OpenError> {
        Self::open_with(path, SqliteLimits::default())
    }

    /// As [`open`](Self::open), with these limits.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open_with(path: &Path, limits: SqliteLimits) -> Result<(Self, SqliteHistory), OpenError> {
        let opened = open::open(path)?;
        let unusable = |fault: Fault| OpenError::Unusable { why: fault.explain(path).why };
        let known = Known::load(&opened.writer).map_err(unusable)?;
        let row = journal::last_row(&opened.writer).map_err(unusable)?;
        let history = SqliteHistory::new(path, opened.reader);
        let store = Self {
            path: path.into(),
            limits,
            db: opened.writer,
            known: Some(known),
            row,
            draft: Draft::default(),
            _lock: opened.lock,
        };
        Ok((store, history))
    }

    /// Writes the batch in one transaction, and gives what is known afterwards.
    fn write(&mut self, batch: &Batch) -> Result<Known, Fault> {
        let mut known = match self.known.take() {
            Some(known) => known,
            None => Known::load(&self.db)?,
        };
        let db = self.db.transaction()?;
        self.draft.clear();
        let mut readings = batch.readings.iter();
        let mut last_arrived = None;
        for record in &batch.records {
            match record {
                Record::Node(node) => nodes::put(&db, node)?,
                Record::Command(command) => commands::put(&db, command, self.limits.ended_commands)?,
                Record::Gone(node) => {
                    nodes::forget(&db, node)?;
                    known.numbers.forget(node);
                    known.work.sweep();
                }
                Record::Report { node, boot, sequence, gap, arrived, readings: count } => {
                    let source = known.numbers.source(&db, node)?;
                    let (boot, sequence, gap, arrived) = (boot.0, *sequence, *gap, arrived.0);
                    let report = Report { source: source.number, boot, sequence, gap, arrived };
                    self.draft.push(&Entry::Report(report))?;
                    last_arrived = Some(arrived);
                    for reading in readings.by_ref().take(*count) {
                        let series = source.series(&db, reading.module, reading.channel)?;
                        let (measured, value) = (reading.measured.0, Kept::from(&reading.value));
                        self.draft.push(&Entry::Reading(Reading { series, measured, value }))?;
                    }
                }
            }
        }
        let row = self.row + 1;
        let items = self.draft.insert(&db, row)?;
        db.commit()?;
        self.row = row;
        known.work.grew(items, last_arrived);
        Ok(known)
    }
}

impl Known {
    fn load(db: &Connection) -> Result<Self, Fault> {
        Ok(Self { numbers: Numbers::load(db)?, work: Work::load(db)? })
    }
}

impl Store for SqliteStore {
    fn load(&mut self) -> Result<Snapshot, StoreError> {
        let snapshot = self.db.transaction().map_err(Fault::from).and_then(|db| snapshot::load(&db));
        snapshot.map_err(|fault| fault.explain(&self.path))
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        check(batch)?;
        let known = self.write(batch).map_err(|fault| fault.explain(&self.path))?;
        let is_behind = known.work.is_behind(&self.limits);
        self.known = Some(known);
        if is_behind {
            self.upkeep();
        }
        Ok(())
    }

    fn upkeep(&mut self) -> Upkeep {
        // What is known is put back where the step succeeds; where it does not, the file is read anew.
        let Some(mut known) = self.known.take() else { return Upkeep::Done };
        match known.work.step(&mut self.db, &self.limits) {
            Ok(due) => {
                self.known = Some(known);
                due
            }
            Err(fault) => {
                warn!("could not pack what is stored: {}", fault.explain(&self.path));
                Upkeep::Done
            }
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        let closed = self.db.execute_batch("UPDATE state SET clean = 1; PRAGMA wal_checkpoint(TRUNCATE);");
        match closed {
            Ok(()) => info!(path = %self.path.display(), "the store is closed"),
            Err(error) => warn!("{}", Fault::from(error).explain(&self.path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use iot_core::{
        NodeId, Series, UnixMillis,
        store::{History as _, ReadingQuery, StoredReading},
    };
    use iot_proto::{BootId, Name, OwnedValue};

    use super::*;

    fn report(sequence: u32, count: i64) -> Batch {
        let node = NodeId::plain(Name::new("a").unwrap());
        let arrived = UnixMillis(i64::from(sequence));
        let reading = |at| StoredReading {
            module: 0,
            channel: 1,
            measured: UnixMillis(i64::from(sequence) * count + at),
            value: OwnedValue::Text(format!("{at:0>100}").into()),
        };
        let readings: Vec<_> = (0..count).map(reading).collect();
        let (boot, count) = (BootId(1), readings.len());
        Batch {
            records: vec![Record::Report { node, boot, sequence, gap: 0, arrived, readings: count }],
            readings,
        }
    }

    fn stored(history: &SqliteHistory) -> usize {
        let series = Series { node: NodeId::plain(Name::new("a").unwrap()), module: 0, channel: 1 };
        let (from, to) = (UnixMillis(i64::MIN), UnixMillis(i64::MAX));
        history.readings(&ReadingQuery { series, from, to, limit: usize::MAX }).unwrap().len()
    }

    #[test]
    fn a_full_disk_refuses_with_advice_and_commits_work_again_once_there_is_room() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, history) = SqliteStore::open(&directory.path().join("hub.db")).unwrap();
        store.commit(&report(1, 10)).unwrap();
        let pages: u32 = store.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        store.db.pragma_update_and_check(None, "max_page_count", pages + 10, |_| Ok(())).unwrap();
        let mut batch = report(2, 1_000);
        batch.records.insert(0, Record::Gone(NodeId::plain(Name::new("b").unwrap())));
        for _ in 0..2 {
            let refused = store.commit(&batch).unwrap_err().to_string();
            assert!(refused.contains("full") && refused.contains("make room"), "{refused}");
            assert_eq!(stored(&history), 10, "nothing of it");
        }
        store.db.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
        store.commit(&batch).unwrap();
        assert_eq!(stored(&history), 1_010);
    }

    #[test]
    fn readings_that_are_too_old_go_and_those_that_are_not_stay() {
        let directory = tempfile::tempdir().unwrap();
        let readings_for = Some(Duration::from_secs(20));
        let limits = SqliteLimits { readings_for, journal: 8_192, ..SqliteLimits::default() };
        let (mut store, history) = SqliteStore::open_with(&directory.path().join("hub.db"), limits).unwrap();
        for sequence in 1..=60 {
            store.commit(&report(sequence, 1_000)).unwrap();
            while store.upkeep() == Upkeep::Due {}
        }
        let before = stored(&history);
        let mut later = report(61, 1_000);
        for record in &mut later.records {
            if let Record::Report { arrived, .. } = record {
                *arrived = UnixMillis(60_000);
            }
        }
        for _ in 0..12 {
            store.commit(&later).unwrap();
            while store.upkeep() == Upkeep::Due {}
        }
        let after = stored(&history);
        // Measured from 1,000 to 61,999; of those before 40,000 some share a chunk with later ones.
        assert!(before == 60_000 && (33_000..=40_000).contains(&after), "{before} {after}");
    }

    #[test]
    fn the_chunks_of_a_node_that_is_gone_are_deleted_step_by_step() {
        let directory = tempfile::tempdir().unwrap();
        let limits = SqliteLimits { journal: 4_000, ..SqliteLimits::default() };
        let (mut store, history) = SqliteStore::open_with(&directory.path().join("hub.db"), limits).unwrap();
        for sequence in 1..=20 {
            store.commit(&report(sequence, 1_000)).unwrap();
        }
        while store.upkeep() == Upkeep::Due {}
        let chunks = |store: &SqliteStore| -> i64 {
            store.db.query_row("SELECT count(*) FROM chunk", [], |row| row.get(0)).unwrap()
        };
        assert!(chunks(&store) > 0);
        let node = NodeId::plain(Name::new("a").unwrap());
        let gone = Batch { records: vec![Record::Gone(node)], readings: Vec::new() };
        store.commit(&gone).unwrap();
        assert_eq!(stored(&history), 0);
        while store.upkeep() == Upkeep::Due {}
        assert_eq!(chunks(&store), 0);
    }
}
