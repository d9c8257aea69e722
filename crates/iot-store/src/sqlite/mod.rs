//! [`SqliteStore`]: everything in one SQLite file, one synced transaction for each commit.
//!
//! | file | what it owns |
//! |---|---|
//! | `open.rs` | one process at a time, the settings of the file, and which files are refused |
//! | `log.rs` | whether the write-ahead log lost commits that were synced |
//! | `integrity.rs`, `inspect.rs`, `verify.rs` | what must hold: at an opening, bit by bit, all at once |
//! | `backup.rs`, `difference.rs`, `restore.rs` | a copy of the file while it is in use, what the way back would change, and the way back |
//! | `arrival.rs`, `older.rs` | a backup that comes from elsewhere, and one that an older hub made |
//! | `sealed.rs`, `readmitted.rs` | the hub's key in a copy, and whom the way back lets in |
//! | `schema.rs` | the tables, and how an older file becomes a newer one |
//! | `transaction.rs` | what one commit writes |
//! | `nodes.rs`, `commands.rs`, `cause.rs`, `audit.rs` | what is kept in plain columns |
//! | `people.rs` | users, logins and tokens, written on a connection of its own |
//! | `replace.rs` | what moves when new hardware takes a node's place |
//! | `journal.rs`, `folded.rs` | reports as they came: a row for each commit, and up to where they are in chunks |
//! | `chunk.rs`, `rollup.rs` | readings of one series, and what they come to, packed |
//! | `column.rs`, `form.rs` | how numbers are packed, and floats as numbers |
//! | `upkeep/` | what is done behind commits: from the journal into chunks |
//! | `snapshot.rs`, `history.rs`, `recent.rs`, `chronicle.rs` | what is read: at the start, and by pages |
//! | `numbers.rs`, `source.rs`, `waiting.rs` | numbers for nodes and series, and what waits to be folded |
//! | `value.rs`, `fault.rs` | values on disk, what went wrong |
//! | `checksum.rs`, `rows.rs` | checksums, and how each row in plain columns gets one |

mod arrival;
mod audit;
mod backup;
mod cause;
mod checksum;
mod chronicle;
mod chunk;
mod column;
mod commands;
mod difference;
mod fault;
mod folded;
mod form;
mod history;
mod inspect;
mod integrity;
mod journal;
mod log;
mod nodes;
mod numbers;
mod older;
mod open;
mod people;
mod readmitted;
mod recent;
mod replace;
mod restore;
mod rollup;
mod rows;
mod schema;
mod sealed;
mod snapshot;
mod source;
mod terms;
mod transaction;
mod upkeep;
mod value;
mod verify;
mod waiting;

use std::{fs::File, path::Path, time::Duration};

use iot_core::store::{Batch, Record, Snapshot, Store, StoreError, StoredReading, Upkeep};
use rusqlite::Connection;
use tracing::{info, warn};

pub use self::{
    arrival::{Arrival, ArrivalError, Arrived},
    backup::{BackupError, Existing, back_up},
    chronicle::SqliteChronicle,
    difference::compare,
    history::SqliteHistory,
    inspect::{Inspection, Progress},
    integrity::Contents,
    open::{OpenError, SqliteDisk, is_in_use},
    people::SqlitePeople,
    readmitted::{Readmitted, ReadmittedNode},
    restore::{Prepared, RestoreError, Restored, prepare, put_back, restore},
    sealed::{SealedKey, sealed_key},
    verify::{VerifyError, verify},
};
use self::{
    fault::Fault,
    journal::{Draft, Report},
    numbers::Numbers,
    transaction::Transaction,
    upkeep::Work,
};
use crate::{RetentionPolicy, batch::check};

/// How much a [`SqliteStore`] keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteLimits {
    /// How long readings and roll-ups are kept.
    pub retention: RetentionPolicy,
    /// Commands kept that have ended, the last ones; those under way are always kept.
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
            retention: RetentionPolicy::default(),
            ended_commands: 100_000,
            journal: 262_144,
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
    disk: SqliteDisk,
    limits: SqliteLimits,
    db: Connection,
    /// What is known in memory of the file; `None` after a failure, when it is read anew.
    known: Option<Known>,
    /// The number of the journal's last row. None is used twice while the process runs.
    row: i64,
    draft: Draft,
    /// Whether the log was made as long as it gets.
    has_room: bool,
    /// Held until the file is closed.
    _lock: Option<File>,
}

#[derive(Debug)]
struct Known {
    numbers: Numbers,
    work: Work,
    /// Commands that are kept and have ended.
    ended: usize,
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
        Self::open_on(SqliteDisk::default(), path, limits)
    }

    /// As [`open_with`](Self::open_with), on this disk.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open_on(
        disk: SqliteDisk,
        path: &Path,
        limits: SqliteLimits,
    ) -> Result<(Self, SqliteHistory), OpenError> {
        let opened = open::open(path, disk)?;
        let unusable = |fault: Fault| OpenError::Unusable { why: fault.explain(path).why };
        let known = Known::load(&opened.writer).map_err(unusable)?;
        let row = journal::last_row(&opened.writer).map_err(unusable)?;
        let history = SqliteHistory::new(path, opened.reader);
        let store = Self {
            path: path.into(),
            disk,
            limits,
            db: opened.writer,
            known: Some(known),
            row,
            draft: Draft::default(),
            has_room: false,
            _lock: opened.lock,
        };
        Ok((store, history))
    }

    /// What reads commands and changes beside the store.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn chronicle(&self) -> Result<SqliteChronicle, OpenError> {
        let reader = open::open_reader(&self.path, self.disk);
        let reader = reader.map_err(|fault| OpenError::Unusable { why: fault.explain(&self.path).why })?;
        Ok(SqliteChronicle::new(&self.path, reader))
    }

    /// What keeps users, logins and tokens beside the store.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn people(&self) -> Result<SqlitePeople, OpenError> {
        SqlitePeople::beside(&self.path, self.disk)
    }

    /// Writes the batch in one transaction, some upkeep along with it where `takes_work`, and gives what is known
    /// afterwards.
    fn write(&mut self, batch: &Batch, takes_work: bool) -> Result<Known, Fault> {
        let mut known = if let Some(known) = self.known.take() { known } else { Known::load(&self.db)? };
        let db = Transaction::begin(&self.db)?;
        self.draft.clear();
        let mut readings = batch.readings.as_slice();
        let (mut last_arrived, mut items, mut row) = (None, 0, self.row);
        for record in &batch.records {
            match record {
                Record::Node(node) => nodes::put(&db, node)?,
                Record::Command(command) => {
                    commands::put(&db, command, &mut known.ended, self.limits.ended_commands)?;
                }
                Record::Audit(record) => audit::put(&db, record, (audit::KEPT, audit::KEPT_FOR))?,
                Record::Replaced { old, new, modules } => {
                    let parts = (&mut known.numbers, &mut self.draft, &mut row);
                    items += replace::replace(&db, parts, (old, new), modules)?;
                    known.work.forget();
                }
                Record::Gone(node) => {
                    nodes::forget(&db, node)?;
                    known.ended = commands::count_ended(&db)?;
                    known.numbers.forget(node);
                    known.work.forget();
                }
                Record::Report { node, boot, sequence, gap, arrived, readings: count, .. } => {
                    let source = known.numbers.source(&db, node)?;
                    let (boot, sequence, gap) = (boot.0, *sequence, *gap);
                    let report = Report { source: source.number, boot, sequence, gap, arrived: arrived.0 };
                    self.draft.report(report)?;
                    source.reported(row + 1, report);
                    last_arrived = Some(arrived.0);
                    let (own, later) = readings.split_at_checked(*count).unwrap_or((readings, &[]));
                    readings = later;
                    let is_same =
                        |a: &StoredReading, b: &StoredReading| (a.module, a.channel) == (b.module, b.channel);
                    for run in own.chunk_by(is_same) {
                        let Some(first) = run.first() else { continue };
                        let series = source.series_at(&db, first.module, first.channel)?;
                        let journal = run.iter().map(|reading| (reading.measured.0, &reading.value));
                        self.draft.readings(series.number, journal)?;
                        series.read(
                            row + 1,
                            run.iter().map(|reading| (&reading.value, reading.measured, *arrived)),
                        )?;
                    }
                }
            }
        }
        row += 1;
        items += self.draft.insert(&db, row)?;
        if takes_work {
            let numbers = &mut known.numbers;
            known.work.along(&db, (numbers, row), &self.limits)?;
        }
        db.commit()?;
        self.row = row;
        known.work.grew(items, last_arrived);
        Ok(known)
    }
}

impl Known {
    fn load(db: &Connection) -> Result<Self, Fault> {
        let (numbers, work) = (Numbers::load(db)?, Work::load(db)?);
        Ok(Self { numbers, work, ended: commands::count_ended(db)? })
    }
}

impl Store for SqliteStore {
    fn load(&mut self) -> Result<Snapshot, StoreError> {
        let snapshot = self.db.transaction().map_err(Fault::from).and_then(|db| snapshot::load(&db));
        snapshot.map_err(|fault| fault.explain(&self.path))
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        check(batch)?;
        // Before the batch: whatever becomes of this, a batch that was refused is not on disk.
        if self.known.as_ref().is_some_and(|known| known.work.is_behind(&self.limits))
            && let Err(why) = self.upkeep()
        {
            warn!("could not pack what is stored: {why}");
        }
        let known = self.known.as_mut();
        let takes_work = known.is_some_and(|known| known.work.goes_along(self.row, &self.limits));
        let written = match self.write(batch, takes_work) {
            // A batch does not fail for what goes along with it.
            Err(fault) if takes_work => {
                warn!("could not pack what is stored: {}", fault.explain(&self.path));
                self.write(batch, false)
            }
            written => written,
        };
        self.known = Some(written.map_err(|fault| fault.explain(&self.path))?);
        Ok(())
    }

    fn upkeep(&mut self) -> Result<Upkeep, StoreError> {
        if !self.has_room {
            match open::make_room(&mut self.db, &self.path, self.disk) {
                Ok(false) => return Ok(Upkeep::Due),
                Ok(true) => {}
                Err(why) => {
                    warn!(%why, "could not make room in the log: commits take longer until it has grown by itself");
                }
            }
            self.has_room = true;
        }
        // What is known is put back where the step succeeds; where it does not, the file is read anew.
        let Some(mut known) = self.known.take() else { return Ok(Upkeep::Done) };
        let step = known.work.step(&mut self.db, (&mut known.numbers, self.row), &self.limits);
        let due = step.map_err(|fault| fault.explain(&self.path))?;
        self.known = Some(known);
        Ok(due)
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
mod tests;
