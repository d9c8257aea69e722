//! Rows of the journal: the reports of one commit with their readings, as they came.
//!
//! A row is entries one after the other, each in postcard's coding. A report stands before its readings, and a
//! checksum behind all. Readings of one series that came together are one entry where they are numbers of one form, and
//! were measured about when they arrived, as most are: a temperature takes about three bytes. Those that are not stand
//! one by one.

use iot_core::{UnixMillis, view::ReadingView};
use iot_proto::OwnedValue;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::{
    checksum,
    fault::Fault,
    form::{self, Form, to_number, to_value},
    value::Kept,
};

/// The most bytes that a report takes, or the head of a run.
const SHORT: usize = 48;

/// One entry. Variants are only ever added at the end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Entry<'a> {
    Report(Report),
    #[serde(borrow)]
    Reading(Reading<'a>),
    #[serde(borrow)]
    Near(Near<'a>),
    Run(Run),
}

/// A report; the readings behind it are its own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Number of the node.
    pub(crate) source: i64,
    pub(crate) boot: u32,
    pub(crate) sequence: u32,
    /// Reports before this one that never came.
    pub(crate) gap: u32,
    pub(crate) arrived: i64,
}

/// A reading of the report before it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Reading<'a> {
    /// Number of the series.
    pub(crate) series: i64,
    pub(crate) measured: i64,
    #[serde(borrow)]
    pub(crate) value: Kept<'a>,
}

/// A reading in its short form, since schema 12.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Near<'a> {
    series: u32,
    /// How much later than its report arrived it was measured, in milliseconds.
    later: i32,
    #[serde(borrow)]
    value: Kept<'a>,
}

/// Readings of the report before it that are numbers of one form, since schema 13.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Run {
    /// Number of the series.
    series: u32,
    form: Form,
    per: i64,
    /// So many [`Step`]s stand behind it.
    readings: usize,
}

/// From one reading of a run to the next, the first one from zero: how much later than its report arrived it was
/// measured, in milliseconds, and the number that stands for its value. Differences wrap around.
#[derive(Deserialize)]
struct Step(i32, i64);

impl Reading<'_> {
    /// The reading as the hub knows it.
    pub(crate) fn restore(self, arrived: i64) -> Result<ReadingView, Fault> {
        let (measured, arrived) = (UnixMillis(self.measured), UnixMillis(arrived));
        Ok(ReadingView { value: self.value.restore()?, measured, arrived })
    }
}

/// A row that is being written.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    entries: Vec<u8>,
    /// Reports and readings.
    items: usize,
    /// When the last report arrived.
    arrived: i64,
    /// First and last measurement.
    span: Option<(i64, i64)>,
}

impl Draft {
    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        let entries = core::mem::take(&mut self.entries);
        *self = Self { entries, ..Self::default() };
        self.entries.clear();
    }

    /// Adds a report.
    pub(crate) fn report(&mut self, report: Report) -> Result<(), Fault> {
        self.arrived = report.arrived;
        self.items += 1;
        self.push_short(&Entry::Report(report))
    }

    /// Adds readings of the last report that are of one series: its number, and of each when it was measured, and its value.
    pub(crate) fn readings<'v>(
        &mut self,
        series: i64,
        readings: impl ExactSizeIterator<Item = (i64, &'v OwnedValue)> + Clone,
    ) -> Result<(), Fault> {
        let mut are_near = true;
        for (measured, _) in readings.clone() {
            let (first, last) = self.span.unwrap_or((measured, measured));
            self.span = Some((first.min(measured), last.max(measured)));
            are_near &= later(self.arrived, measured).is_some();
        }
        self.items += readings.len();
        let form = form::of(&readings.clone().map(|(_, value)| value));
        let form = form.filter(|(form, _)| are_near && *form != Form::Binary);
        match form.zip(u32::try_from(series).ok()) {
            Some(((form, per), series)) => {
                let run = Run { series, form, per, readings: readings.len() };
                self.push_run(run, readings)
            }
            None => {
                readings.into_iter().try_for_each(|(measured, value)| self.push_one(series, measured, value))
            }
        }
    }

    fn push_run<'v>(
        &mut self,
        run: Run,
        readings: impl Iterator<Item = (i64, &'v OwnedValue)>,
    ) -> Result<(), Fault> {
        self.push_short(&Entry::Run(run))?;
        let mut last = (0_i32, 0_i64);
        for (measured, value) in readings {
            let next = (later(self.arrived, measured).unwrap_or(0), to_number(run.form, run.per, value));
            self.push_number(next.0.wrapping_sub(last.0).into());
            self.push_number(next.1.wrapping_sub(last.1));
            last = next;
        }
        Ok(())
    }

    fn push_one(&mut self, series: i64, measured: i64, value: &OwnedValue) -> Result<(), Fault> {
        let value = Kept::from(value);
        let entry = match (u32::try_from(series), later(self.arrived, measured)) {
            (Ok(series), Some(later)) => Entry::Near(Near { series, later, value }),
            _ => Entry::Reading(Reading { series, measured, value }),
        };
        let entries = postcard::to_extend(&entry, core::mem::take(&mut self.entries));
        self.entries = entries.map_err(|why| unwritable(&why))?;
        Ok(())
    }

    /// Appends an entry of no more than [`SHORT`] bytes. To make room once is faster than to look for it at each byte.
    fn push_short(&mut self, entry: &Entry<'_>) -> Result<(), Fault> {
        let start = self.entries.len();
        self.entries.resize(start + SHORT, 0);
        let room = self.entries.get_mut(start..).unwrap_or_default();
        let length = postcard::to_slice(entry, room).map_err(|why| unwritable(&why))?.len();
        self.entries.truncate(start + length);
        Ok(())
    }

    /// Appends a number as postcard does, which takes more than twice as long for it: its sign as the lowest bit, seven bits a
    /// byte, the lowest first, and the highest bit set in all but the last.
    fn push_number(&mut self, number: i64) {
        let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
        while rest > 127 {
            let [low, ..] = rest.to_le_bytes();
            self.entries.push(low | 128);
            rest >>= 7;
        }
        let [last, ..] = rest.to_le_bytes();
        self.entries.push(last);
    }

    /// Writes the row under its number, if there is anything in it, and forgets it. Gives how many items it has.
    pub(crate) fn insert(&mut self, db: &Connection, id: i64) -> Result<usize, Fault> {
        if self.items == 0 {
            return Ok(0);
        }
        let items = i64::try_from(self.items).unwrap_or(i64::MAX);
        let (earliest, latest) = self.span.unzip();
        let entries = checksum::close(core::mem::take(&mut self.entries));
        db.prepare_cached(
            "INSERT INTO journal (id, items, earliest, latest, entries) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![id, items, earliest, latest, entries])?;
        self.entries = entries;
        let items = self.items;
        self.clear();
        Ok(items)
    }
}

/// How much later than it arrived something was measured, where that has a short form.
fn later(arrived: i64, measured: i64) -> Option<i32> {
    i32::try_from(measured.checked_sub(arrived)?).ok()
}

fn unwritable(why: &postcard::Error) -> Fault {
    Fault::unreadable("a report", why)
}

/// Reads a row: `each` is given every entry with the report that it belongs to.
pub(crate) fn read<'a>(
    row: &'a [u8],
    mut each: impl FnMut(Report, Option<Reading<'a>>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut entries = checksum::open(row)
        .ok_or_else(|| Fault::Unreadable("a row of the journal has another checksum".into()))?;
    let mut of = None;
    while !entries.is_empty() {
        match (take(&mut entries)?, of) {
            (Entry::Report(report), _) => {
                of = Some(report);
                each(report, None)?;
            }
            (Entry::Reading(reading), Some(report)) => each(report, Some(reading))?,
            (Entry::Near(Near { series, later, value }), Some(report)) => {
                let measured = report.arrived.wrapping_add(later.into());
                each(report, Some(Reading { series: series.into(), measured, value }))?;
            }
            (Entry::Run(Run { series, form, per, readings }), Some(report)) => {
                let mut last = (0_i32, 0_i64);
                for _ in 0..readings {
                    let Step(later, number) = take(&mut entries)?;
                    last = (last.0.wrapping_add(later), last.1.wrapping_add(number));
                    let measured = report.arrived.wrapping_add(last.0.into());
                    let value = to_value(form, per, last.1);
                    each(report, Some(Reading { series: series.into(), measured, value }))?;
                }
            }
            (Entry::Reading(_) | Entry::Near(_) | Entry::Run(_), None) => {
                return Err(Fault::Unreadable("the journal has a reading without a report".into()));
            }
        }
    }
    Ok(())
}

/// Takes a part of a row from its front.
fn take<'a, T: Deserialize<'a>>(entries: &mut &'a [u8]) -> Result<T, Fault> {
    let (part, rest) =
        postcard::take_from_bytes(entries).map_err(|why| Fault::unreadable("the journal", &why))?;
    *entries = rest;
    Ok(part)
}

/// Reads all rows in their order: `each` is given every entry with its row and the report that it belongs to.
pub(crate) fn read_all(
    db: &Connection,
    mut each: impl FnMut(i64, Report, Option<Reading<'_>>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut select = db.prepare("SELECT id, entries FROM journal ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let entries = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        read(entries, |report, reading| each(id, report, reading))?;
    }
    Ok(())
}

/// The number of the last row that ever was, as far as anything depends on it.
pub(crate) fn last_row(db: &Connection) -> Result<i64, Fault> {
    let last = "SELECT max(coalesce((SELECT max(id) FROM journal), 0),
                           coalesce((SELECT max(folded) FROM series), 0),
                           coalesce((SELECT max(folded) FROM source), 0))";
    Ok(db.query_row(last, [], |row| row.get(0))?)
}

/// How many items the journal has.
pub(crate) fn length(db: &Connection) -> Result<usize, Fault> {
    let items: i64 = db.query_row("SELECT coalesce(sum(items), 0) FROM journal", [], |row| row.get(0))?;
    Ok(usize::try_from(items).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use iot_proto::Finite;
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::sqlite::value::drawn::values;

    /// Near the arrival as most are, and any.
    fn times() -> impl Strategy<Value = i64> {
        prop_oneof![5 => -60_000..0_i64, 1 => any::<i64>()]
    }

    /// Values that came together: most are of one type.
    fn together() -> impl Strategy<Value = Vec<OwnedValue>> {
        let tenths = |tenths: i32| Finite::new(f64::from(tenths) / 10.0).ok().map(OwnedValue::Float);
        prop_oneof![
            vec(any::<i32>().prop_filter_map("finite", tenths), 1..20),
            vec(any::<i64>().prop_map(OwnedValue::Int), 1..20),
            vec(any::<bool>().prop_map(OwnedValue::Bool), 1..20),
            vec(values(), 1..4),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            arrived in any::<i64>(),
            runs in vec((prop_oneof![1..99_i64, any::<i64>()], vec(times(), 20), together()), 0..9)
        ) {
            let mut draft = Draft::default();
            draft.report(Report { source: 7, boot: 1, sequence: 9, gap: 0, arrived }).unwrap();
            let mut written = Vec::new();
            for (series, later, values) in runs {
                let readings: Vec<_> = later.into_iter().map(|later| arrived.wrapping_add(later)).zip(values).collect();
                draft.readings(series, readings.iter().map(|(measured, value)| (*measured, value))).unwrap();
                let arrived = UnixMillis(arrived);
                written.extend(readings.into_iter().map(|(measured, value)| {
                    (series, ReadingView { value, measured: UnixMillis(measured), arrived })
                }));
            }
            prop_assert_eq!(draft.items, written.len() + 1);
            let mut back = Vec::new();
            read(&checksum::close(draft.entries), |report, reading| {
                back.extend(reading.map(|reading| Ok((reading.series, reading.restore(report.arrived)?))));
                Ok(())
            })
            .unwrap();
            prop_assert_eq!(back.into_iter().collect::<Result<Vec<_>, Fault>>().unwrap(), written);
        }

        #[test]
        fn what_is_no_row_is_refused_or_read_but_never_a_panic(bytes in vec(any::<u8>(), 0..200)) {
            // Whether it can be read does not matter here.
            let _ = read(&checksum::close(bytes), |report, reading| {
                reading.map_or(Ok(()), |reading| reading.restore(report.arrived).map(drop))
            });
        }
    }

    #[test]
    fn a_temperature_takes_ten_bytes_alone_and_three_among_others() {
        let bytes = |count: usize| {
            let mut draft = Draft::default();
            let arrived = 1_767_225_600_000;
            draft.report(Report { source: 7, boot: 1, sequence: 9, gap: 0, arrived }).unwrap();
            let report = draft.entries.len();
            let tenths =
                (0..100).map(|at| OwnedValue::Float(Finite::new(f64::from(214 + at % 5) / 10.0).unwrap()));
            let readings: Vec<_> = (0..).map(|at| arrived - 500 + at).zip(tenths).take(count).collect();
            draft.readings(300, readings.iter().map(|(measured, value)| (*measured, value))).unwrap();
            draft.entries.len() - report
        };
        assert_eq!((bytes(1), bytes(16), bytes(100)), (10, 40, 208));
    }
}
