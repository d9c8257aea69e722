//! [`Source`]: a node that has reported: its number, those of its series, and what of it waits to be folded.

use iot_core::{NodeId, UnixMillis, view::ReadingView};
use iot_proto::{BootId, OwnedValue};
use rusqlite::{Connection, params};
use smallvec::SmallVec;

use super::{fault::Fault, journal::Report, waiting::Waiting};

/// A node that has reported.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Its id; `None` once it is gone.
    pub(crate) node: Option<NodeId>,
    /// Its number.
    pub(crate) number: i64,
    /// They are few, so that looking is faster than hashing.
    series: SmallVec<[Series; 1]>,
    reports: Reports,
}

/// Readings of one property.
#[derive(Debug, Default)]
pub(crate) struct Series {
    module: u8,
    channel: u8,
    pub(crate) number: i64,
    /// The row of the first reading that waits.
    since: i64,
    waiting: Waiting,
}

/// What the reports say that wait to be folded.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// The row of the first of them; `None` where there is none.
    since: Option<i64>,
    /// The highest report of each stretch of one run.
    pub(crate) runs: SmallVec<[(BootId, u32); 1]>,
    /// Those before which some are missing.
    pub(crate) gaps: Vec<Report>,
}

impl Source {
    /// A node that has no series yet.
    pub(crate) fn new(node: NodeId, number: i64) -> Self {
        Self { node: Some(node), number, ..Self::default() }
    }

    /// Whether this is its id, the same one in memory.
    pub(crate) fn is_of(&self, node: &NodeId) -> bool {
        self.node.as_ref().is_some_and(|own| own.is_same(node))
    }

    /// Adds a series that has a number.
    pub(crate) fn add(&mut self, module: u8, channel: u8, number: i64) {
        self.series.push(Series { module, channel, number, ..Series::default() });
    }

    /// Module, channel and number of each series.
    pub(crate) fn series(&self) -> impl Iterator<Item = (u8, u8, i64)> {
        self.series.iter().map(|series| (series.module, series.channel, series.number))
    }

    /// A series; one that has no number yet is given one.
    pub(crate) fn series_at(
        &mut self,
        db: &Connection,
        module: u8,
        channel: u8,
    ) -> Result<&mut Series, Fault> {
        let known =
            self.series.iter().position(|series| (series.module, series.channel) == (module, channel));
        let place = known.unwrap_or(self.series.len());
        if known.is_none() {
            db.prepare_cached("INSERT INTO series (source, module, channel) VALUES (?, ?, ?)")?
                .execute(params![self.number, module, channel])?;
            self.add(module, channel, db.last_insert_rowid());
        }
        let no_place = || Fault::Unreadable(format!("module {module} has no series {channel}"));
        self.series.get_mut(place).ok_or_else(no_place)
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
    pub(crate) fn read(&mut self, row: i64, number: i64, reading: &ReadingView) -> Result<(), Fault> {
        let series = self.series.iter_mut().find(|series| series.number == number);
        let reading = (&reading.value, reading.measured, reading.arrived);
        series.map_or(Ok(()), |series| series.read(row, [reading].into_iter()))
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
                series.waiting = Waiting::default();
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
    pub(crate) fn next_series(&mut self) -> Option<(i64, &mut Waiting)> {
        let series = self.series.iter_mut().find(|series| !series.waiting.is_empty())?;
        Some((series.number, &mut series.waiting))
    }
}

impl Series {
    /// A row of the journal has these readings of it: value, when measured, when arrived.
    pub(crate) fn read<'a>(
        &mut self,
        row: i64,
        readings: impl Iterator<Item = (&'a OwnedValue, UnixMillis, UnixMillis)>,
    ) -> Result<(), Fault> {
        if self.waiting.is_empty() {
            self.since = row;
        }
        self.waiting.extend(readings)
    }
}

/// A series on its way from one node to another.
#[derive(Debug)]
pub(crate) struct Given(Series);
