//! Rows of the journal: the reports of one commit with their readings, as they came.
//!
//! A row is entries one after the other, each in postcard's coding. A report stands before its readings, and a
//! checksum behind all. Most readings were measured about when they arrived and have a short form, which says when by
//! how much later that is.

use std::collections::HashMap;

use iot_core::{UnixMillis, view::ReadingView};
use iot_proto::OwnedValue;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::{checksum, fault::Fault, value::Kept};

/// One entry. Variants are only ever added at the end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Entry<'a> {
    Report(Report),
    #[serde(borrow)]
    Reading(Reading<'a>),
    #[serde(borrow)]
    Near(Near<'a>),
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
        self.push(&Entry::Report(report))
    }

    /// Adds a reading of the last report: the number of its series, when it was measured, its value.
    pub(crate) fn reading(&mut self, series: i64, measured: i64, value: &OwnedValue) -> Result<(), Fault> {
        let (first, last) = self.span.unwrap_or((measured, measured));
        self.span = Some((first.min(measured), last.max(measured)));
        let later = measured.checked_sub(self.arrived).map(i32::try_from);
        match (u32::try_from(series), later) {
            (Ok(series), Some(Ok(later))) => {
                self.push(&Entry::Near(Near { series, later, value: Kept::from(value) }))
            }
            _ => self.push(&Entry::Reading(Reading { series, measured, value: Kept::from(value) })),
        }
    }

    fn push(&mut self, entry: &Entry<'_>) -> Result<(), Fault> {
        self.items += 1;
        postcard::serialize_with_flavor(entry, Appending(&mut self.entries))
            .map_err(|why| Fault::unreadable("a report", &why))
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

/// Lets postcard append to a row that it does not own.
struct Appending<'d>(&'d mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Appending<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        // Nearly all are numbers: floats, and others of few bytes, which are faster copied one by one.
        match (<[u8; 8]>::try_from(bytes), bytes.len()) {
            (Ok(float), _) => self.0.extend_from_slice(&float),
            (_, ..=10) => bytes.iter().for_each(|byte| self.0.push(*byte)),
            _ => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
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
        let (entry, rest) =
            postcard::take_from_bytes(entries).map_err(|why| Fault::unreadable("the journal", &why))?;
        entries = rest;
        match (entry, of) {
            (Entry::Report(report), _) => {
                of = Some(report);
                each(report, None)?;
            }
            (Entry::Reading(reading), Some(report)) => each(report, Some(reading))?,
            (Entry::Near(Near { series, later, value }), Some(report)) => {
                let measured = report.arrived.wrapping_add(later.into());
                each(report, Some(Reading { series: series.into(), measured, value }))?;
            }
            (Entry::Reading(_) | Entry::Near(_), None) => {
                return Err(Fault::Unreadable("the journal has a reading without a report".into()));
            }
        }
    }
    Ok(())
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

/// Up to which row the journal has been folded, for nodes and series that are ahead of its first row.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    sources: HashMap<i64, i64>,
    series: HashMap<i64, i64>,
}

impl Folded {
    /// Reads what the file says.
    pub(crate) fn load(db: &Connection) -> Result<Self, Fault> {
        let read = |table: &str| -> Result<HashMap<i64, i64>, Fault> {
            let ahead = "folded >= (SELECT min(id) FROM journal)";
            let mut select =
                db.prepare_cached(&format!("SELECT number, folded FROM {table} WHERE {ahead}"))?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        Ok(Self { sources: read("source")?, series: read("series")? })
    }

    /// Whether a row still counts for a node.
    pub(crate) fn counts_for_source(&self, row: i64, source: i64) -> bool {
        self.sources.get(&source).is_none_or(|folded| row > *folded)
    }

    /// Whether a row still counts for a series.
    pub(crate) fn counts_for_series(&self, row: i64, series: i64) -> bool {
        self.series.get(&series).is_none_or(|folded| row > *folded)
    }
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

    proptest! {
        #[test]
        fn what_is_written_is_read(
            arrived in any::<i64>(),
            readings in vec((prop_oneof![1..99_i64, any::<i64>()], times(), values()), 0..30)
        ) {
            let mut draft = Draft::default();
            draft.report(Report { source: 7, boot: 1, sequence: 9, gap: 0, arrived }).unwrap();
            let mut written = Vec::new();
            for (series, later, value) in readings {
                let measured = arrived.wrapping_add(later);
                draft.reading(series, measured, &value).unwrap();
                written.push((series, ReadingView { value, measured: UnixMillis(measured), arrived: UnixMillis(arrived) }));
            }
            let mut back = Vec::new();
            read(&checksum::close(draft.entries), |report, reading| {
                back.extend(reading.map(|reading| Ok((reading.series, reading.restore(report.arrived)?))));
                Ok(())
            })
            .unwrap();
            prop_assert_eq!(back.into_iter().collect::<Result<Vec<_>, Fault>>().unwrap(), written);
        }
    }

    #[test]
    fn a_temperature_that_was_measured_just_now_takes_fourteen_bytes() {
        let mut draft = Draft::default();
        draft.report(Report { source: 7, boot: 1, sequence: 9, gap: 0, arrived: 1_767_225_600_000 }).unwrap();
        let report = draft.entries.len();
        let value = OwnedValue::Float(Finite::new(21.4).unwrap());
        draft.reading(300, 1_767_225_599_500, &value).unwrap();
        assert_eq!(draft.entries.len() - report, 14);
    }
}
