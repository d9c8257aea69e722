//! [`Source`]: a node that has reported: its number, those of its series, and what of it waits to be folded.

use iot_core::view::ReadingView;
use iot_proto::BootId;
use rusqlite::{Connection, params};

use super::{fault::Fault, journal::Report};

/// A node that has reported.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Its number.
    pub(crate) number: i64,
    /// They are few, so that looking is faster than hashing.
    series: Vec<Series>,
    reports: Reports,
}

/// Readings of one property.
#[derive(Debug, Default)]
struct Series {
    module: u8,
    channel: u8,
    number: i64,
    /// The row of the first reading that waits.
    since: i64,
    /// In the order of their commits.
    waiting: Vec<ReadingView>,
}

/// What the reports say that wait to be folded.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// The row of the first of them; `None` where there is none.
    since: Option<i64>,
    /// The highest report of each stretch of one run.
    pub(crate) runs: Vec<(BootId, u32)>,
    /// Those before which some are missing.
    pub(crate) gaps: Vec<Report>,
}

impl Source {
    /// A node that has no series yet.
    pub(crate) fn new(number: i64) -> Self {
        Self { number, ..Self::default() }
    }

    /// Adds a series that has a number.
    pub(crate) fn add(&mut self, module: u8, channel: u8, number: i64) {
        self.series.push(Series { module, channel, number, ..Series::default() });
    }

    /// Module, channel and number of each series.
    pub(crate) fn series(&self) -> impl Iterator<Item = (u8, u8, i64)> {
        self.series.iter().map(|series| (series.module, series.channel, series.number))
    }

    /// The number of a series; one that has none yet is given one.
    pub(crate) fn number_of(&mut self, db: &Connection, module: u8, channel: u8) -> Result<i64, Fault> {
        let known = self.series().find(|(m, c, _)| (*m, *c) == (module, channel));
        if let Some((_, _, number)) = known {
            return Ok(number);
        }
        db.prepare_cached("INSERT INTO series (source, module, channel) VALUES (?, ?, ?)")?
            .execute(params![self.number, module, channel])?;
        let number = db.last_insert_rowid();
        self.add(module, channel, number);
        Ok(number)
    }

    /// A row of the journal has a report.
    pub(crate) fn reported(&mut self, row: i64, report: Report) {
        let Report { boot, sequence, gap, .. } = report;
        self.reports.since.get_or_insert(row);
        match self.reports.runs.last_mut() {
            Some((last, highest)) if last.0 == boot => *highest = sequence.max(*highest),
            _ => self.reports.runs.push((BootId(boot), sequence)),
        }
        if gap > 0 {
            self.reports.gaps.push(report);
        }
    }

    /// A row of the journal has a reading of a series.
    pub(crate) fn read(&mut self, row: i64, number: i64, reading: ReadingView) {
        if let Some(series) = self.series.iter_mut().find(|series| series.number == number) {
            if series.waiting.is_empty() {
                series.since = row;
            }
            series.waiting.push(reading);
        }
    }

    /// Gives a series to another node.
    pub(crate) fn give_away(&mut self, number: i64) -> Option<Given> {
        let at = self.series.iter().position(|series| series.number == number)?;
        Some(Given(self.series.swap_remove(at)))
    }

    /// Takes a series of another node, in place of the one that it had there itself. Gives the number of that.
    pub(crate) fn take_over(&mut self, module: u8, channel: u8, given: Option<Given>) -> Option<i64> {
        let at = self.series.iter().position(|series| (series.module, series.channel) == (module, channel));
        let before = at.map(|at| self.series.swap_remove(at).number);
        self.series.extend(given.map(|Given(series)| series));
        before
    }

    /// Whether something has waited since this row or one before. Memory of series for which nothing waits is freed.
    pub(crate) fn has_waited(&mut self, until: i64) -> bool {
        let mut has_waited = self.reports.since.is_some_and(|since| since <= until);
        for series in &mut self.series {
            if series.waiting.is_empty() {
                series.waiting = Vec::new();
            } else {
                has_waited |= series.since <= until;
            }
        }
        has_waited
    }

    /// The reports that wait, if there are any; they wait no longer.
    pub(crate) fn take_reports(&mut self) -> Option<Reports> {
        self.reports.since.is_some().then(|| core::mem::take(&mut self.reports))
    }

    /// A series for which readings wait, with its number. Whoever folds them takes them out.
    pub(crate) fn next_series(&mut self) -> Option<(i64, &mut Vec<ReadingView>)> {
        let series = self.series.iter_mut().find(|series| !series.waiting.is_empty())?;
        Some((series.number, &mut series.waiting))
    }
}

/// A series on its way from one node to another.
#[derive(Debug)]
pub(crate) struct Given(Series);
