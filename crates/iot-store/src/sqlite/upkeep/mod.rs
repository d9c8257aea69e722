//! [`Work`]: what is done behind commits, a unit at a time: the journal is folded into chunks,
//! roll-ups of days that are over are packed, and what is too old or belongs to nobody is deleted.
//!
//! A unit is a few rows, a step as many units as fit its time, in one transaction. What they change nobody
//! sees: readers find the same readings before and after each.

mod age;
pub(crate) mod fold;
pub(crate) mod merge;
mod sweep;

use std::time::Instant;

use iot_core::{
    UnixMillis,
    store::{Resolution, Upkeep},
};
use rusqlite::Connection;

use self::{
    age::Age,
    fold::Fold,
    sweep::{Sweep, Swept},
};
use super::{SqliteLimits, fault::Fault, journal, numbers::Numbers};

/// How long a report waits at most, by the arrival of later ones, before it is folded: 15 minutes. Programs
/// that look into the file find it from then on.
const WAIT_MS: i64 = 15 * 60 * 1_000;

/// How long after its end a day counts as over: an hour, in which readings may still come.
const LATE_MS: i64 = 3_600_000;

/// With this part of a journal's items a step goes along with a commit: under load that costs less than transactions
/// and syncs of its own, and many units in one transaction less than one in each.
const PARTS: usize = 32;

/// What remains to be done.
#[derive(Debug)]
pub(crate) struct Work {
    /// Items in the journal, and those that have come since the last step.
    journal: usize,
    since_step: usize,
    /// When the first report that stands in the journal arrived, and the last one of all.
    oldest: Option<i64>,
    last: Option<i64>,
    /// What is being folded.
    fold: Option<Fold>,
    /// Whether there may be something of nodes that are gone.
    forgotten: Upkeep,
    /// The series are being looked after.
    sweep: Option<Sweep>,
    /// Days that ended before this were packed.
    swept: Option<i64>,
    /// The present, for what is deleted.
    age: Age,
}

impl Work {
    /// What remains to be done of a file as it is.
    pub(crate) fn load(db: &Connection) -> Result<Self, Fault> {
        let journal = journal::length(db)?;
        let present = db.query_row("SELECT present FROM state", [], |row| row.get(0))?;
        Ok(Self {
            journal,
            since_step: 0,
            // How long the journal has waited is not known: it is folded with the next report.
            oldest: (journal > 0).then_some(i64::MIN),
            last: None,
            fold: None,
            forgotten: Upkeep::Due,
            sweep: None,
            swept: None,
            age: Age::new(present, Instant::now()),
        })
    }

    /// A commit has added so many items to the journal, the last of which arrived then.
    pub(crate) fn grew(&mut self, items: usize, arrived: Option<i64>) {
        self.journal += items;
        self.since_step += items;
        if let Some(arrived) = arrived {
            self.last = Some(arrived);
            self.oldest.get_or_insert(arrived);
            self.age.arrived(arrived, Instant::now());
        }
    }

    /// A node is gone: what it has measured has to go.
    pub(crate) fn forget(&mut self) {
        self.forgotten = Upkeep::Due;
    }

    /// Whether the journal has become so long that commits have to wait for it.
    pub(crate) fn is_behind(&self, limits: &SqliteLimits) -> bool {
        self.journal > limits.journal.saturating_mul(4)
    }

    /// Does units until the time of a step is over, or nothing is due. `row` is the last row of the journal.
    pub(crate) fn step(
        &mut self,
        db: &mut Connection,
        (numbers, row): (&mut Numbers, i64),
        limits: &SqliteLimits,
    ) -> Result<Upkeep, Fault> {
        self.begin_fold(row, limits);
        self.begin_sweep();
        if !self.is_due() {
            return Ok(Upkeep::Done);
        }
        let db = db.transaction()?;
        let due = self.along(&db, (numbers, row), limits)?;
        db.commit()?;
        Ok(due)
    }

    /// Whether a step goes along with the next commit. `row` is the last row of the journal.
    pub(crate) fn goes_along(&mut self, row: i64, limits: &SqliteLimits) -> bool {
        self.begin_fold(row, limits);
        self.fold.is_some() && self.since_step >= limits.journal / PARTS
    }

    /// Does units within the transaction of a commit until the time of a step is over. `row` is its row.
    pub(crate) fn along(
        &mut self,
        db: &Connection,
        (numbers, row): (&mut Numbers, i64),
        limits: &SqliteLimits,
    ) -> Result<Upkeep, Fault> {
        let begun = Instant::now();
        self.since_step = 0;
        let mut due = self.unit(db, (&mut *numbers, row), limits)?;
        while due == Upkeep::Due && begun.elapsed() < limits.step {
            due = self.unit(db, (&mut *numbers, row), limits)?;
        }
        Ok(due)
    }

    /// Whether there is anything to do: behind most commits there is not, and a transaction is not free.
    fn is_due(&self) -> bool {
        self.fold.is_some() || self.forgotten == Upkeep::Due || self.sweep.is_some()
    }

    /// Does one unit of what is due first.
    fn unit(
        &mut self,
        db: &Connection,
        (numbers, row): (&mut Numbers, i64),
        limits: &SqliteLimits,
    ) -> Result<Upkeep, Fault> {
        if let Some(fold) = &mut self.fold {
            if fold.unit(db, numbers, row)? == Upkeep::Done {
                self.journal = self.journal.saturating_sub(fold.items());
                self.fold = None;
            }
        } else if self.forgotten == Upkeep::Due {
            if sweep::forget(db)? == Swept::All {
                self.forgotten = Upkeep::Done;
            }
        } else if let Some(sweep) = &mut self.sweep {
            if sweep.unit(db, &self.age, &limits.retention)? == Swept::All {
                self.sweep = None;
            }
        } else {
            return Ok(Upkeep::Done);
        }
        Ok(Upkeep::Due)
    }

    /// Begins to fold where the journal is long or has waited long enough.
    fn begin_fold(&mut self, row: i64, limits: &SqliteLimits) {
        let last = self.last.unwrap_or(i64::MIN);
        let has_waited = self.oldest.is_some_and(|oldest| last.saturating_sub(oldest) > WAIT_MS);
        if self.fold.is_none() && (self.journal > limits.journal || has_waited) {
            self.fold = Some(Fold::begin(row, self.journal));
            self.oldest = None;
        }
    }

    /// Begins to look after the series when another day is over.
    fn begin_sweep(&mut self) {
        let Some(last) = self.last else { return };
        let until = Resolution::Day.start_of(UnixMillis(last.saturating_sub(LATE_MS))).0;
        if self.swept != Some(until) {
            self.swept = Some(until);
            self.sweep = Some(Sweep::begin(until));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use iot_core::{
        NodeId, Series,
        store::{Batch, History as _, ReadingQuery, Record, RollupQuery, Store as _, StoredReading},
    };
    use iot_proto::{BootId, Name, OwnedValue};

    use super::*;
    use crate::{Retention, RetentionPolicy, SqliteHistory, SqliteStore};

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;
    const SERIES: [u8; 2] = [0, 1];

    fn node() -> NodeId {
        NodeId::plain(Name::new("a").unwrap())
    }

    /// Hours of which one report has the readings.
    const HOURS: i64 = 12;

    /// A reading of each of two modules and of each hour.
    fn report(at: i64) -> Batch {
        let reading = |module, hour| {
            let (measured, value) = (UnixMillis(at + hour * HOUR), OwnedValue::Int(hour));
            StoredReading { module, channel: 1, measured, value }
        };
        let readings: Vec<_> =
            SERIES.into_iter().flat_map(|module| (0..HOURS).map(move |hour| reading(module, hour))).collect();
        let sequence = u32::try_from(at / HOUR).unwrap() + 1;
        let (boot, arrived, count) = (BootId(1), UnixMillis(at + HOURS * HOUR - 1), readings.len());
        let record =
            Record::Report { node: node(), boot, sequence, reports: 1, gap: 0, arrived, readings: count };
        Batch { records: vec![record], readings }
    }

    /// As [`report`], by a clock that is believed.
    fn store_in_time(store: &mut SqliteStore, at: i64) {
        store.commit(&report(at)).unwrap();
        store.known.as_mut().unwrap().work.age = Age::new(Some(at), Instant::now());
        while store.upkeep().unwrap() == Upkeep::Due {}
    }

    fn readings(history: &SqliteHistory, module: u8) -> usize {
        let series = Series { node: node(), module, channel: 1 };
        let (from, to) = (UnixMillis(0), UnixMillis(i64::MAX));
        history.readings(&ReadingQuery { series, from, to, limit: usize::MAX }).unwrap().len()
    }

    fn buckets(history: &SqliteHistory, module: u8) -> [usize; 3] {
        let (from, to) = (UnixMillis(0), UnixMillis(i64::MAX));
        Resolution::ALL.map(|resolution| {
            let series = Series { node: node(), module, channel: 1 };
            history.rollup(&RollupQuery { series, resolution, from, to }).unwrap().len()
        })
    }

    fn limits(all: Retention, second: Retention) -> SqliteLimits {
        let modules = [((node(), 1), second)].into();
        let retention = RetentionPolicy { all, modules, ..RetentionPolicy::default() };
        // Chunks are small, so that they go one by one.
        SqliteLimits { retention, journal: 20, ..SqliteLimits::default() }
    }

    fn days(days: u64) -> Duration {
        Duration::from_hours(24 * days)
    }

    #[test]
    fn each_tier_of_each_module_goes_when_it_is_too_old_and_takes_no_other_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let all = Retention {
            readings: Some(days(40)),
            five_minutes: Some(days(60)),
            hours: Some(days(80)),
            days: None,
        };
        let second = Retention { readings: None, five_minutes: Some(days(10)), hours: None, days: None };
        let path = directory.path().join("hub.db");
        let (mut store, history) = SqliteStore::open_with(&path, limits(all, second)).unwrap();
        for report in 0..120 * 2 {
            store_in_time(&mut store, report * HOURS * HOUR);
        }
        // What goes by the chunk, by the day and by 16 days stays up to so much longer.
        let hours = |kept: usize, longer: usize| kept * 24..=(kept + longer) * 24;
        assert!(hours(39, 34).contains(&readings(&history, 0)), "{}", readings(&history, 0));
        let [five_minutes, by_hour, by_day] = buckets(&history, 0);
        assert!(hours(59, 3).contains(&five_minutes), "{five_minutes}");
        assert!(hours(79, 18).contains(&by_hour), "{by_hour}");
        assert_eq!(by_day, 120);
        assert_eq!(readings(&history, 1), 120 * 24, "for ever");
        let [five_minutes, by_hour, by_day] = buckets(&history, 1);
        assert!(hours(9, 3).contains(&five_minutes), "{five_minutes}");
        assert_eq!((by_hour, by_day), (120 * 24, 120));
    }

    #[test]
    fn a_clock_that_leaps_ten_years_ahead_deletes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hub.db");
        let keep = Retention {
            readings: Some(days(2)),
            five_minutes: Some(days(2)),
            hours: Some(days(2)),
            days: Some(days(2)),
        };
        let (mut store, history) = SqliteStore::open_with(&path, limits(keep, keep)).unwrap();
        for report in 0..4 {
            store_in_time(&mut store, report * HOURS * HOUR);
        }
        for later in 0..4 {
            store.commit(&report(3_650 * DAY + later * HOURS * HOUR)).unwrap();
            while store.upkeep().unwrap() == Upkeep::Due {}
        }
        assert_eq!(readings(&history, 0), 96);
        // The file knows which present was believed, so that a start does not believe the leap either.
        drop((store, history));
        let (mut store, history) = SqliteStore::open_with(&path, limits(keep, keep)).unwrap();
        store.commit(&report(3_653 * DAY)).unwrap();
        while store.upkeep().unwrap() == Upkeep::Due {}
        assert_eq!((readings(&history, 0), buckets(&history, 0)[0]), (108, 108));
    }

    #[test]
    fn what_new_hardware_takes_over_while_the_journal_is_folded_is_folded_once() {
        let all = Retention { readings: None, five_minutes: None, hours: None, days: None };
        for units in 0..12 {
            let directory = tempfile::tempdir().unwrap();
            let limits = SqliteLimits { step: Duration::ZERO, ..limits(all, all) };
            let path = directory.path().join("hub.db");
            let (mut store, history) = SqliteStore::open_with(&path, limits).unwrap();
            let old = NodeId::plain(Name::new("b").unwrap());
            for (half_day, id) in (0..).zip([old.clone(), node(), old.clone(), node()]) {
                let mut batch = report(half_day * HOURS * HOUR);
                if let Some(Record::Report { node, .. }) = batch.records.first_mut() {
                    *node = id;
                }
                store.commit(&batch).unwrap();
            }
            for _ in 0..units {
                store.upkeep().unwrap();
            }
            let replaced = Record::Replaced { old, new: node(), modules: SERIES.to_vec() };
            store.commit(&Batch { records: vec![replaced], readings: Vec::new() }).unwrap();
            while store.upkeep().unwrap() == Upkeep::Due {
                let found = SERIES.map(|module| readings(&history, module));
                assert_eq!(found, [48, 48], "the file has all of them, {units} units after it began");
            }
        }
    }
}
