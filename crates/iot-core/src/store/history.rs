//! What is read of the past: readings one by one, roll-ups of many, and the gaps between reports.
//!
//! Adapters of [`History`] live in `iot-store`. What is kept stands in [`store`](super).

use alloc::vec::Vec;

use iot_proto::{BootId, OwnedValue, UnixMillis};

use super::StoreError;
use crate::{NodeId, Series, view::ReadingView};

/// Reads what was stored, beside the writer and from any thread.
pub trait History: Send + Sync {
    /// Every series that has ever had a reading and whose node has not been forgotten, in order.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    fn series(&self) -> Result<Vec<Series>, StoreError>;

    /// The newest readings of one series in a range of time, oldest measurement first.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    fn readings(&self, query: &ReadingQuery) -> Result<Vec<ReadingView>, StoreError>;

    /// As [`readings`](Self::readings), but where there are more than the limit, the oldest. [`Pages`] goes
    /// through a range of any length with it.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    fn oldest(&self, query: &ReadingQuery) -> Result<Vec<ReadingView>, StoreError>;

    /// The buckets of one series in a range of time, the oldest first. Time without readings has none.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    fn rollup(&self, query: &RollupQuery) -> Result<Vec<Bucket>, StoreError>;

    /// What is missing between the reports of a node, in the order in which the reports behind arrived.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    fn gaps(&self, query: &GapQuery) -> Result<Vec<GapView>, StoreError>;
}

/// Which readings are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingQuery {
    /// Whose.
    pub series: Series,
    /// Measured at this instant or later.
    pub from: UnixMillis,
    /// Measured before this instant.
    pub to: UnixMillis,
    /// At most so many: the newest of the range.
    pub limit: usize,
}

/// Which buckets are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupQuery {
    /// Whose.
    pub series: Series,
    /// How long a bucket is.
    pub resolution: Resolution,
    /// The first bucket is the one that has this instant.
    pub from: UnixMillis,
    /// Buckets begin before this instant.
    pub to: UnixMillis,
}

/// Which gaps are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapQuery {
    /// Whose.
    pub node: NodeId,
    /// The report behind it arrived at this instant or later.
    pub from: UnixMillis,
    /// It arrived before this instant.
    pub to: UnixMillis,
}

/// How long the buckets of a roll-up are. They begin at whole multiples of that since 1970, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// 5 minutes.
    FiveMinutes,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Resolution {
    /// Each of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::FiveMinutes, Self::Hour, Self::Day];

    /// How long a bucket is, in milliseconds.
    pub fn millis(self) -> i64 {
        match self {
            Self::FiveMinutes => 300_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// When the bucket that has this instant begins.
    pub fn start_of(self, instant: UnixMillis) -> UnixMillis {
        UnixMillis(instant.0.saturating_sub(instant.0.rem_euclid(self.millis())))
    }
}

/// The readings of one series in one span of time, in numbers. True counts as 1 and false as 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// When it begins.
    pub start: UnixMillis,
    /// How many readings it has; never 0.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// All of them together, to twelve digits of the largest; one that is too large for a float stays at the largest.
    pub sum: f64,
}

impl Bucket {
    /// The bucket of one reading; `None` for a text.
    pub fn of(start: UnixMillis, value: &OwnedValue) -> Option<Self> {
        // A negative zero counts as zero.
        let number = number(value)? + 0.0;
        Some(Self { start, count: 1, min: number, max: number, sum: number })
    }

    /// Adds the readings of another one of the same span.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum = (self.sum + other.sum).clamp(f64::MIN, f64::MAX);
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.sum / float(i64::try_from(self.count).unwrap_or(i64::MAX))
    }
}

/// A value as a number; `None` for a text.
fn number(value: &OwnedValue) -> Option<f64> {
    match value {
        OwnedValue::Bool(value) => Some(f64::from(u8::from(*value))),
        OwnedValue::Int(value) => Some(float(*value)),
        OwnedValue::Float(value) => Some(value.get()),
        OwnedValue::Text(_) => None,
    }
}

/// The float that is nearest.
fn float(number: i64) -> f64 {
    // Both halves are exact, so that there is one rounding, that of the sum.
    let high = i32::try_from(number >> 32).unwrap_or(0);
    let low = u32::try_from(number & 0xFFFF_FFFF).unwrap_or(0);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

/// Reports of a node that provably never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GapView {
    /// When the report behind them arrived.
    pub arrived: UnixMillis,
    /// The run in which they were made.
    pub boot: BootId,
    /// The number of the report that came instead.
    pub before: u32,
    /// How many are missing before it.
    pub missing: u32,
}

/// Goes through the readings of a range, however many, a page at a time and the oldest first.
///
/// What is stored meanwhile is among them where it lies behind the page.
#[derive(Debug)]
pub struct Pages<'a, H: ?Sized> {
    history: &'a H,
    place: Place,
}

impl<'a, H: History + ?Sized> Pages<'a, H> {
    /// Pages of at most `query.limit` readings.
    pub fn new(history: &'a H, query: ReadingQuery) -> Self {
        Self { history, place: Place::new(query) }
    }
}

impl<H: History + ?Sized> Iterator for Pages<'_, H> {
    type Item = Result<Vec<ReadingView>, StoreError>;

    /// The next page; `None` behind the last one.
    fn next(&mut self) -> Option<Self::Item> {
        self.place.next(self.history).transpose()
    }
}

/// How far somebody is with [`Pages`] who lets go of the history in between.
#[derive(Clone, Debug)]
pub struct Place {
    /// What is left; its limit is the size of a page.
    query: ReadingQuery,
    /// Readings at the begin of it that were given already.
    given: usize,
}

impl Place {
    /// Before the first page of at most `query.limit` readings.
    pub fn new(query: ReadingQuery) -> Self {
        Self { query, given: 0 }
    }

    /// The next page; `None` behind the last one.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read; the place is then the same.
    pub fn next<H: History + ?Sized>(&mut self, history: &H) -> Result<Option<Vec<ReadingView>>, StoreError> {
        // Of readings with one time those at the end of a page are read again with the next one.
        let limit = self.query.limit.saturating_add(self.given);
        let mut page = history.oldest(&ReadingQuery { limit, ..self.query.clone() })?;
        let Some(last) = page.last().map(|last| last.measured) else { return Ok(None) };
        let given = page.iter().rev().take_while(|reading| reading.measured == last).count();
        page.drain(..self.given.min(page.len()));
        self.query.from = last;
        self.given = given;
        Ok(Some(page).filter(|page| !page.is_empty()))
    }
}
