//! [`Recent`]: what stands in the journal, by series, for those who read.
//!
//! A row of the journal has reports of many nodes, and a chart needs one series: each row is decoded once,
//! by the first who reads after its commit.

use std::collections::HashMap;

use iot_core::{UnixMillis, store::GapView, view::ReadingView};
use iot_proto::BootId;
use rusqlite::Connection;

use super::{fault::Fault, journal};

/// The readings and gaps of the journal, each with its row.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Rows below this one are not here, and those above `last` not yet.
    first: i64,
    last: i64,
    readings: HashMap<i64, Vec<(i64, ReadingView)>>,
    gaps: HashMap<i64, Vec<(i64, GapView)>>,
}

impl Recent {
    /// Takes in what was committed since, and drops what was deleted.
    pub(crate) fn refresh(&mut self, db: &Connection) -> Result<(), Fault> {
        let first = "SELECT coalesce((SELECT min(id) FROM journal), ?)";
        let first: i64 =
            db.prepare_cached(first)?.query_row([self.last.saturating_add(1)], |row| row.get(0))?;
        if first > self.first {
            self.first = first;
            self.readings.retain(|_, readings| keep(readings, first));
            self.gaps.retain(|_, gaps| keep(gaps, first));
        }
        let mut select = db.prepare_cached("SELECT id, entries FROM journal WHERE id > ? ORDER BY id")?;
        let mut rows = select.query([self.last])?;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            let entries = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            self.take_in(id, entries)?;
            self.last = id;
        }
        Ok(())
    }

    fn take_in(&mut self, id: i64, entries: &[u8]) -> Result<(), Fault> {
        journal::read(entries, |report, reading| {
            if let Some(reading) = reading {
                let readings = self.readings.entry(reading.series).or_default();
                readings.push((id, reading.restore(report.arrived)?));
            } else if report.gap > 0 {
                self.gaps.entry(report.source).or_default().push((
                    id,
                    GapView {
                        arrived: UnixMillis(report.arrived),
                        boot: BootId(report.boot),
                        before: report.sequence,
                        missing: report.gap,
                    },
                ));
            }
            Ok(())
        })
    }

    /// The readings of a series behind the last row that was folded, in the order of their commits.
    pub(crate) fn of_series(&self, series: i64, folded: i64) -> impl Iterator<Item = &ReadingView> {
        behind(self.readings.get(&series), folded)
    }

    /// The gaps of a node behind the last row that was folded, in the order of their commits.
    pub(crate) fn of_source(&self, source: i64, folded: i64) -> impl Iterator<Item = &GapView> {
        behind(self.gaps.get(&source), folded)
    }
}

fn behind<T>(all: Option<&Vec<(i64, T)>>, folded: i64) -> impl Iterator<Item = &T> {
    let all = all.map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(move |(row, _)| *row > folded).map(|(_, item)| item)
}

/// Drops what stands in rows below the first. Tells whether anything is left.
fn keep<T>(items: &mut Vec<(i64, T)>, first: i64) -> bool {
    items.retain(|(row, _)| *row >= first);
    !items.is_empty()
}
