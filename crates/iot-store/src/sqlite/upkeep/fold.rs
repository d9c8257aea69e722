//! [`Fold`]: moves what stands in the journal into chunks, one series after the other.
//!
//! With its chunk a series is given the number of the last row that was folded, in the same transaction:
//! rows up to there no longer count for it. So what is folded by half is told once, whoever reads it and
//! wherever the process ends; the rows are deleted when they count for nobody any more. What they hold is
//! known in memory, so that they are not read.

use iot_core::{store::Upkeep, view::ReadingView};
use rusqlite::{Connection, params};

use crate::{
    batch::note_run,
    sqlite::{
        fault::Fault, journal::Report, numbers::Numbers, rollup, snapshot::runs_of, source::Reports,
        upkeep::merge, value::to_columns,
    },
};

/// Deletes a few rows.
const DELETE: &str =
    "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE id <= ? ORDER BY id LIMIT 16)";

/// What is being folded.
#[derive(Debug)]
pub(crate) struct Fold {
    /// The last row to be deleted.
    last: i64,
    /// Items in the rows up to there.
    items: usize,
    /// Where something waits, as far as it is known.
    todo: Vec<usize>,
    /// Whether nothing waits any more.
    is_folded: bool,
}

impl Fold {
    /// Begins to fold all rows that are there now, the last one of which is `last`, and all of their items.
    pub(crate) fn begin(last: i64, items: usize) -> Self {
        Self { last, items, todo: Vec::new(), is_folded: false }
    }

    /// Items in the rows that it deletes.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// Writes what waits of one node or series, or deletes a few rows. `row` is the last row that was committed.
    pub(crate) fn unit(&mut self, db: &Connection, numbers: &mut Numbers, row: i64) -> Result<Upkeep, Fault> {
        if self.todo.is_empty() && !self.is_folded {
            // Anew until nothing is left, because new hardware may have taken something over meanwhile.
            self.todo = numbers.waiting(self.last);
            self.is_folded = self.todo.is_empty();
        }
        let Some(source) = self.todo.last().and_then(|place| numbers.at(*place)) else {
            let deleted = db.prepare_cached(DELETE)?.execute([self.last])?;
            return Ok(if deleted == 0 { Upkeep::Done } else { Upkeep::Due });
        };
        if let Some(reports) = source.take_reports() {
            note_reports(db, source.number, &reports, row)?;
        } else if let Some((series, waiting)) = source.next_series() {
            add_readings(db, series, waiting.take()?, row)?;
        } else {
            self.todo.pop();
        }
        Ok(Upkeep::Due)
    }
}

/// Notes a node's runs and what is missing between its reports.
fn note_reports(db: &Connection, source: i64, reports: &Reports, row: i64) -> Result<(), Fault> {
    db.prepare_cached("UPDATE source SET folded = ? WHERE number = ?")?.execute([row, source])?;
    let mut insert_gap = db.prepare_cached(
        "INSERT OR IGNORE INTO gap (source, boot, before, missing, arrived) VALUES (?, ?, ?, ?, ?)",
    )?;
    for Report { source, boot, sequence, gap, arrived } in &reports.gaps {
        insert_gap.execute(params![source, boot, sequence, gap, arrived])?;
    }
    let mut runs = runs_of(db, source)?;
    let before = runs.clone();
    reports.runs.iter().for_each(|(boot, sequence)| note_run(&mut runs, *boot, *sequence));
    if runs == before {
        return Ok(());
    }
    db.prepare_cached("DELETE FROM run WHERE source = ?")?.execute([source])?;
    let mut insert =
        db.prepare_cached("INSERT INTO run (source, position, boot, highest) VALUES (?, ?, ?, ?)")?;
    for (position, (boot, highest)) in (0_i64..).zip(runs) {
        insert.execute(params![source, position, boot.0, highest])?;
    }
    Ok(())
}

/// Moves readings, in the order of their commits, to their series.
fn add_readings(db: &Connection, series: i64, mut readings: Vec<ReadingView>, row: i64) -> Result<(), Fault> {
    db.prepare_cached("UPDATE series SET folded = ? WHERE number = ?")?.execute([row, series])?;
    readings.sort_by_key(|reading| reading.measured);
    let Some(latest) = readings.last() else { return Ok(()) };
    let (value_type, value) = to_columns(&latest.value);
    db.prepare_cached(
        "INSERT INTO latest (series, value_type, value, measured, arrived) VALUES (?, ?, ?, ?, ?) ON CONFLICT (series) DO UPDATE SET
         value_type = excluded.value_type, value = excluded.value,
         measured = excluded.measured, arrived = excluded.arrived
         WHERE excluded.measured >= latest.measured",
    )?
    .execute(params![series, value_type, value, latest.measured.0, latest.arrived.0])?;
    rollup::add(db, series, &readings)?;
    merge::add(db, series, readings)
}
