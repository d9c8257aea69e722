//! [`Upkeep`]: what is done behind commits, in bounded steps: the journal is folded into chunks, small
//! chunks are merged, and what is too old or belongs to nobody is deleted.
//!
//! Each step is a transaction of its own. What it changes nobody sees: readers find the same readings
//! before and after it.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use iot_core::view::ReadingView;
use iot_proto::BootId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    chunk,
    fault::Fault,
    journal::{self, Report},
    snapshot::runs_of,
    value::to_columns,
};
use crate::batch::note_run;

/// The journal is folded when it has more items than these.
const JOURNAL: usize = 16_384;

/// Items that one step folds; the row that reaches it is folded whole.
const FOLD: i64 = 8_192;

/// A chunk with so many readings is full.
const FULL: i64 = 1_000;

/// So many chunks of a series that are not full are merged.
const MERGE: i64 = 32;

/// Series that one step looks at, and those that it merges at most.
const LOOK: usize = 256;
const MERGE_AT_ONCE: usize = 8;

/// Chunks that one step deletes at most.
const DELETE: i64 = 256;

/// What remains to be done.
#[derive(Debug)]
pub(crate) struct Upkeep {
    /// Items in the journal.
    journal: usize,
    /// Series that were given chunks lately.
    grown: VecDeque<i64>,
    /// When the last report arrived.
    now: i64,
    /// Whether there may be chunks to delete.
    sweep: Sweep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sweep {
    Due,
    Done,
}

/// What was read from the journal to be folded.
#[derive(Default)]
struct Folded {
    items: i64,
    last_row: i64,
    reports: BTreeMap<i64, Vec<Report>>,
    readings: BTreeMap<i64, Vec<ReadingView>>,
}

impl Upkeep {
    /// What remains to be done of a file as it is.
    pub(crate) fn load(db: &Connection) -> Result<Self, Fault> {
        let journal = journal::length(db)?;
        let mut open =
            db.prepare("SELECT DISTINCT series FROM chunk INDEXED BY chunk_open WHERE sealed = 0")?;
        let grown = open.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Self { journal, grown, now: i64::MIN, sweep: Sweep::Due })
    }

    /// A commit has added so many items to the journal, the last of which arrived then.
    pub(crate) fn grew(&mut self, items: usize, arrived: Option<i64>) {
        self.journal += items;
        self.now = arrived.unwrap_or(self.now);
    }

    /// A node is gone: its chunks have to go.
    pub(crate) fn sweep(&mut self) {
        self.sweep = Sweep::Due;
    }

    /// Does one step of each thing that is due.
    pub(crate) fn step(&mut self, db: &mut Connection, keep_for: Option<Duration>) -> Result<(), Fault> {
        if self.journal > JOURNAL {
            self.fold(db)?;
            self.sweep = Sweep::Due;
        }
        self.merge(db)?;
        if self.sweep == Sweep::Due {
            let keep_for = keep_for.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
            self.sweep = delete(db, keep_for.map(|age| self.now.saturating_sub(age)))?;
        }
        Ok(())
    }

    /// Moves the oldest rows of the journal into chunks.
    fn fold(&mut self, db: &mut Connection) -> Result<(), Fault> {
        let db = db.transaction()?;
        let folded = read_journal(&db)?;
        for (source, reports) in &folded.reports {
            note_reports(&db, *source, reports)?;
        }
        let mut grown = Vec::new();
        for (series, readings) in folded.readings {
            add_readings(&db, series, readings)?;
            grown.push(series);
        }
        db.prepare_cached("DELETE FROM journal WHERE id <= ?")?.execute([folded.last_row])?;
        db.commit()?;
        self.journal = self.journal.saturating_sub(usize::try_from(folded.items).unwrap_or(0));
        self.grown.extend(grown);
        Ok(())
    }

    /// Merges chunks of series that have many small ones.
    fn merge(&mut self, db: &mut Connection) -> Result<(), Fault> {
        let mut due = Vec::new();
        for _ in 0..LOOK {
            let Some(series) = self.grown.pop_front() else { break };
            let open = "SELECT count(*), coalesce(sum(readings), 0) FROM chunk INDEXED BY chunk_open
                        WHERE series = ? AND sealed = 0";
            let (chunks, readings): (i64, i64) =
                db.prepare_cached(open)?.query_row([series], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if chunks >= MERGE || readings >= FULL {
                due.push(series);
            }
            if due.len() == MERGE_AT_ONCE {
                break;
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let db = db.transaction()?;
        for series in due {
            merge_series(&db, series)?;
        }
        Ok(db.commit()?)
    }
}

fn read_journal(db: &Connection) -> Result<Folded, Fault> {
    let mut folded = Folded::default();
    let mut select = db.prepare_cached("SELECT id, items, entries FROM journal ORDER BY id")?;
    let mut rows = select.query([])?;
    while folded.items < FOLD
        && let Some(row) = rows.next()?
    {
        folded.last_row = row.get(0)?;
        folded.items += row.get::<_, i64>(1)?;
        let entries = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        journal::read(entries, |report, reading| {
            match reading {
                Some(reading) => {
                    let readings = folded.readings.entry(reading.series).or_default();
                    readings.push(reading.restore(report.arrived)?);
                }
                None => folded.reports.entry(report.source).or_default().push(report),
            }
            Ok(())
        })?;
    }
    Ok(folded)
}

/// Notes a node's runs and what is missing between its reports, unless the node is gone.
fn note_reports(db: &Connection, source: i64, reports: &[Report]) -> Result<(), Fault> {
    let mut find = db.prepare_cached("SELECT 1 FROM source WHERE number = ?")?;
    if !find.exists([source])? {
        return Ok(());
    }
    let mut runs = runs_of(db, source)?;
    let mut insert_gap = db.prepare_cached("INSERT OR IGNORE INTO gap VALUES (?, ?, ?, ?, ?)")?;
    for report in reports {
        note_run(&mut runs, BootId(report.boot), report.sequence);
        if report.gap > 0 {
            let Report { source, boot, sequence, gap, arrived } = report;
            insert_gap.execute(params![source, boot, sequence, gap, arrived])?;
        }
    }
    db.prepare_cached("DELETE FROM run WHERE source = ?")?.execute([source])?;
    let mut insert = db.prepare_cached("INSERT INTO run VALUES (?, ?, ?, ?)")?;
    for (place, (boot, highest)) in (0_i64..).zip(runs) {
        insert.execute(params![source, place, boot.0, highest])?;
    }
    Ok(())
}

/// Adds readings, in the order of their commits, to their series as a chunk, unless their node is gone.
fn add_readings(db: &Connection, series: i64, mut readings: Vec<ReadingView>) -> Result<(), Fault> {
    let known: Option<i64> = db
        .prepare_cached("SELECT number FROM series WHERE number = ?")?
        .query_row([series], |row| row.get(0))
        .optional()?;
    readings.sort_by_key(|reading| reading.measured);
    let (Some(_), Some(first), Some(last)) = (known, readings.first(), readings.last()) else {
        return Ok(());
    };
    let (value_type, value) = to_columns(&last.value);
    db.prepare_cached(
        "INSERT INTO latest VALUES (?, ?, ?, ?, ?) ON CONFLICT (series) DO UPDATE SET
         value_type = excluded.value_type, value = excluded.value,
         measured = excluded.measured, arrived = excluded.arrived
         WHERE excluded.measured >= latest.measured",
    )?
    .execute(params![series, value_type, value, last.measured.0, last.arrived.0])?;
    let count = count(&readings);
    db.prepare_cached(
        "INSERT INTO chunk (series, earliest, latest, readings, sealed, columns) VALUES (?, ?, ?, ?, 0, ?)",
    )?
    .execute(params![series, first.measured.0, last.measured.0, count, chunk::encode(&readings)?])?;
    Ok(())
}

fn count(readings: &[ReadingView]) -> i64 {
    i64::try_from(readings.len()).unwrap_or(i64::MAX)
}

/// Makes one chunk of all of a series that are not full. It takes the place of the oldest.
fn merge_series(db: &Connection, series: i64) -> Result<(), Fault> {
    let mut readings = Vec::new();
    let mut ids: Vec<i64> = Vec::new();
    let mut select = db.prepare_cached(
        "SELECT id, readings, columns FROM chunk WHERE series = ? AND sealed = 0 ORDER BY id",
    )?;
    let mut rows = select.query([series])?;
    while let Some(row) = rows.next()? {
        ids.push(row.get(0)?);
        let count = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        readings.extend(chunk::decode(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?, count)?);
    }
    readings.sort_by_key(|reading| reading.measured);
    let (Some((oldest, others)), Some(first), Some(last)) =
        (ids.split_first(), readings.first(), readings.last())
    else {
        return Ok(());
    };
    let mut remove = db.prepare_cached("DELETE FROM chunk WHERE id = ?")?;
    for id in others {
        remove.execute([id])?;
    }
    let count = count(&readings);
    db.prepare_cached(
        "UPDATE chunk SET earliest = ?, latest = ?, readings = ?, sealed = ?, columns = ? WHERE id = ?",
    )?
    .execute(params![
        first.measured.0,
        last.measured.0,
        count,
        count >= FULL,
        chunk::encode(&readings)?,
        oldest
    ])?;
    Ok(())
}

/// Deletes chunks of nodes that are gone, and those of which every reading was measured before `until`.
fn delete(db: &mut Connection, until: Option<i64>) -> Result<Sweep, Fault> {
    let forgotten: Option<i64> = db
        .prepare_cached("SELECT series FROM forgotten LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if let Some(series) = forgotten {
        let db = db.transaction()?;
        let deleted = db
            .prepare_cached("DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE series = ? LIMIT ?)")?
            .execute([series, DELETE])?;
        if deleted == 0 {
            db.prepare_cached("DELETE FROM forgotten WHERE series = ?")?.execute([series])?;
        }
        db.commit()?;
        return Ok(Sweep::Due);
    }
    let Some(until) = until else { return Ok(Sweep::Done) };
    let deleted = db
        .prepare_cached(
            "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk INDEXED BY chunk_by_age WHERE latest < ? LIMIT ?)",
        )?
        .execute([until, DELETE])?;
    Ok(if deleted == 0 { Sweep::Done } else { Sweep::Due })
}
