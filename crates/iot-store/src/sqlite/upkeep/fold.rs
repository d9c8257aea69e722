//! [`Fold`]: moves what stands in the journal into chunks, one series after the other.
//!
//! With its chunk a series is given the number of the last row that was folded, in the same transaction:
//! rows up to there no longer count for it. So what is folded by half is told once, whoever reads it and
//! wherever the process ends; the rows are deleted when they count for nobody any more.

use std::collections::{BTreeMap, VecDeque};

use iot_core::{store::Upkeep, view::ReadingView};
use iot_proto::BootId;
use rusqlite::{Connection, params};

use crate::{
    batch::note_run,
    sqlite::{
        chunk,
        fault::Fault,
        journal::{self, Folded, Report},
        rollup,
        snapshot::runs_of,
        value::to_columns,
    },
};

/// Rows of the journal that one unit deletes at most.
const DELETE: i64 = 16;

/// What is being folded.
#[derive(Debug)]
pub(crate) struct Fold {
    /// The last row that was read, and the last one to be folded.
    at: i64,
    last: i64,
    /// Items in the rows that were read.
    items: usize,
    folded: Folded,
    reports: BTreeMap<i64, Vec<Report>>,
    readings: BTreeMap<i64, Vec<ReadingView>>,
}

impl Fold {
    /// Begins with the rows that are there now.
    pub(crate) fn begin(db: &Connection) -> Result<Self, Fault> {
        let last = db.query_row("SELECT coalesce(max(id), 0) FROM journal", [], |row| row.get(0))?;
        Ok(Self {
            at: 0,
            last,
            items: 0,
            folded: Folded::load(db)?,
            reports: BTreeMap::new(),
            readings: BTreeMap::new(),
        })
    }

    /// Items in the rows that have been read.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// Reads one row, or writes what is known of one node or series, or deletes a few rows. Series that were
    /// given chunks are added to `grown`.
    pub(crate) fn unit(&mut self, db: &Connection, grown: &mut VecDeque<i64>) -> Result<Upkeep, Fault> {
        if self.at < self.last {
            self.read(db)?;
        } else if let Some((source, reports)) = self.reports.pop_first() {
            note_reports(db, source, &reports, self.last)?;
        } else if let Some((series, readings)) = self.readings.pop_first() {
            if add_readings(db, series, readings, self.last)?.is_some() {
                grown.push_back(series);
            }
        } else {
            let rows = "SELECT id FROM journal WHERE id <= ? ORDER BY id LIMIT ?";
            let delete = format!("DELETE FROM journal WHERE id IN ({rows})");
            let deleted = db.prepare_cached(&delete)?.execute([self.last, DELETE])?;
            return Ok(if deleted == 0 { Upkeep::Done } else { Upkeep::Due });
        }
        Ok(Upkeep::Due)
    }

    fn read(&mut self, db: &Connection) -> Result<(), Fault> {
        let next = "SELECT id, items, entries FROM journal WHERE id > ? AND id <= ? ORDER BY id LIMIT 1";
        let mut select = db.prepare_cached(next)?;
        let mut rows = select.query([self.at, self.last])?;
        let Some(row) = rows.next()? else {
            self.at = self.last;
            return Ok(());
        };
        self.at = row.get(0)?;
        self.items += usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        let entries = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        journal::read(entries, |report, reading| {
            match reading {
                Some(reading) if self.folded.counts_for_series(self.at, reading.series) => {
                    let readings = self.readings.entry(reading.series).or_default();
                    readings.push(reading.restore(report.arrived)?);
                }
                None if self.folded.counts_for_source(self.at, report.source) => {
                    self.reports.entry(report.source).or_default().push(report);
                }
                Some(_) | None => {}
            }
            Ok(())
        })
    }
}

/// Notes a node's runs and what is missing between its reports, unless the node is gone.
fn note_reports(db: &Connection, source: i64, reports: &[Report], last: i64) -> Result<(), Fault> {
    let fold = "UPDATE source SET folded = ? WHERE number = ?";
    if db.prepare_cached(fold)?.execute([last, source])? == 0 {
        return Ok(());
    }
    let mut runs = runs_of(db, source)?;
    let mut insert_gap = db.prepare_cached(
        "INSERT OR IGNORE INTO gap (source, boot, before, missing, arrived) VALUES (?, ?, ?, ?, ?)",
    )?;
    for report in reports {
        note_run(&mut runs, BootId(report.boot), report.sequence);
        if report.gap > 0 {
            let Report { source, boot, sequence, gap, arrived } = report;
            insert_gap.execute(params![source, boot, sequence, gap, arrived])?;
        }
    }
    db.prepare_cached("DELETE FROM run WHERE source = ?")?.execute([source])?;
    let mut insert =
        db.prepare_cached("INSERT INTO run (source, position, boot, highest) VALUES (?, ?, ?, ?)")?;
    for (position, (boot, highest)) in (0_i64..).zip(runs) {
        insert.execute(params![source, position, boot.0, highest])?;
    }
    Ok(())
}

/// Adds readings, in the order of their commits, to their series as a chunk; `None` where their node is gone.
fn add_readings(
    db: &Connection,
    series: i64,
    mut readings: Vec<ReadingView>,
    last: i64,
) -> Result<Option<()>, Fault> {
    let fold = "UPDATE series SET folded = ? WHERE number = ?";
    if db.prepare_cached(fold)?.execute([last, series])? == 0 {
        return Ok(None);
    }
    readings.sort_by_key(|reading| reading.measured);
    let Some(latest) = readings.last() else { return Ok(None) };
    let (value_type, value) = to_columns(&latest.value);
    db.prepare_cached(
        "INSERT INTO latest (series, value_type, value, measured, arrived) VALUES (?, ?, ?, ?, ?) ON CONFLICT (series) DO UPDATE SET
         value_type = excluded.value_type, value = excluded.value,
         measured = excluded.measured, arrived = excluded.arrived
         WHERE excluded.measured >= latest.measured",
    )?
    .execute(params![series, value_type, value, latest.measured.0, latest.arrived.0])?;
    chunk::insert(db, series, &readings)?;
    rollup::add(db, series, &readings)?;
    Ok(Some(()))
}
