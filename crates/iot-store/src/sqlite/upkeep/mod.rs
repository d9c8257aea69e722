//! [`Work`]: what is done behind commits, a unit at a time: the journal is folded into chunks, small chunks
//! are merged, and what is too old or belongs to nobody is deleted.
//!
//! A unit is a few rows, a step as many units as fit its time, in one transaction. What they change nobody
//! sees: readers find the same readings before and after each.

mod fold;
mod merge;
mod sweep;

use std::{collections::VecDeque, time::Instant};

use iot_core::store::Upkeep;
use rusqlite::Connection;

use self::fold::Fold;
use super::{SqliteLimits, fault::Fault, journal};

/// How long a report waits at most, by the arrival of later ones, before it is folded: 15 minutes. Programs
/// that look into the file find it from then on.
const WAIT_MS: i64 = 15 * 60 * 1_000;

/// What remains to be done.
#[derive(Debug)]
pub(crate) struct Work {
    /// Items in the journal.
    journal: usize,
    /// When the first report that stands in the journal arrived, and the last one of all.
    oldest: Option<i64>,
    now: i64,
    /// What is being folded.
    fold: Option<Fold>,
    /// Series that were given chunks lately.
    grown: VecDeque<i64>,
    /// Whether there may be chunks to delete.
    sweep: Upkeep,
}

impl Work {
    /// What remains to be done of a file as it is.
    pub(crate) fn load(db: &Connection) -> Result<Self, Fault> {
        let journal = journal::length(db)?;
        let grown = merge::open_series(db)?;
        // How long the journal has waited is not known: it is folded with the next report.
        let oldest = (journal > 0).then_some(i64::MIN);
        Ok(Self { journal, oldest, now: i64::MIN, fold: None, grown, sweep: Upkeep::Due })
    }

    /// A commit has added so many items to the journal, the last of which arrived then.
    pub(crate) fn grew(&mut self, items: usize, arrived: Option<i64>) {
        self.journal += items;
        if let Some(arrived) = arrived {
            self.now = arrived;
            self.oldest.get_or_insert(arrived);
        }
    }

    /// A node is gone: its chunks have to go.
    pub(crate) fn sweep(&mut self) {
        self.sweep = Upkeep::Due;
    }

    /// Whether the journal has become so long that commits have to wait for it.
    pub(crate) fn is_behind(&self, limits: &SqliteLimits) -> bool {
        self.journal > limits.journal.saturating_mul(4)
    }

    /// Does units until the time of a step is over, or nothing is due.
    pub(crate) fn step(&mut self, db: &mut Connection, limits: &SqliteLimits) -> Result<Upkeep, Fault> {
        let begun = Instant::now();
        let db = db.transaction()?;
        let mut due = self.unit(&db, limits)?;
        while due == Upkeep::Due && begun.elapsed() < limits.step {
            due = self.unit(&db, limits)?;
        }
        db.commit()?;
        Ok(due)
    }

    /// Does one unit of what is due first.
    fn unit(&mut self, db: &Connection, limits: &SqliteLimits) -> Result<Upkeep, Fault> {
        let waited = self.oldest.is_some_and(|oldest| self.now.saturating_sub(oldest) > WAIT_MS);
        if self.fold.is_none() && (self.journal > limits.journal || waited) {
            self.fold = Some(Fold::begin(db)?);
            self.oldest = None;
        }
        if let Some(fold) = &mut self.fold {
            if fold.unit(db, &mut self.grown)? == Upkeep::Done {
                self.journal = self.journal.saturating_sub(fold.items());
                self.fold = None;
                self.sweep = Upkeep::Due;
            }
            return Ok(Upkeep::Due);
        }
        if let Some(series) = self.grown.pop_front() {
            merge::unit(db, series)?;
            return Ok(Upkeep::Due);
        }
        if self.sweep == Upkeep::Due {
            let keep_for = limits.readings_for.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
            self.sweep = sweep::unit(db, keep_for.map(|age| self.now.saturating_sub(age)))?;
        }
        Ok(self.sweep)
    }
}
