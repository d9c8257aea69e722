//! Chunks: readings of one series as columns, ordered by when they were measured.
//!
//! Three columns lie one after the other in `bits`, each from a whole byte on: when the readings were
//! measured, how much later they arrived, and their values. `columns` says how they are packed. Texts and
//! values of several types are written as JSON instead. Both give back every bit, and plain SQL reads both:
//! the view `reading` of `schema/2.sql`.
//!
//! A chunk that is full fills one page of the file, or a month.

use std::borrow::Cow;

use iot_core::{UnixMillis, view::ReadingView};
use iot_proto::OwnedValue;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::{
    checksum,
    column::{Column, Fitted},
    fault::Fault,
    form::{self, Form, to_value},
    value::Typed,
};

/// Bytes of one chunk that share a page of 4,096 with what stands beside them in its row.
pub(crate) const PAGE: usize = 4_000;

/// A chunk of more bytes is full: to fill its page up would take longer than the rest of it is worth.
const FULL: usize = PAGE - PAGE / 16;

/// What a page is guessed to take: a few bytes less than fit, since no two readings are quite alike.
const GUESSED: usize = PAGE - 32;

/// How often the readings of a page are guessed before they are searched for.
const GUESSES: usize = 3;

/// The most readings of a chunk; the table `position` has a row for each.
const MOST: usize = 4_096;

/// The longest time from the first to the last reading of a chunk: 32 days. Chunks are deleted as a whole,
/// and readings of which there are few would stay for years.
const LONGEST_MS: i64 = 32 * 86_400_000;

/// Readings, packed or ready to be.
#[derive(Debug)]
pub(crate) struct Chunk {
    columns: String,
    bits: Bits,
}

#[derive(Debug)]
enum Bits {
    /// When they were measured, how much later they arrived, and their values.
    Columns([Fitted; 3]),
    Json(Vec<u8>),
}

/// How readings are packed.
#[derive(Serialize, Deserialize)]
struct Columns {
    form: Form,
    /// Parts of one, in which decimals are counted.
    per: i64,
    measured: Column,
    delay: Column,
    value: Column,
}

/// What is said of readings in JSON: measured, arrived, value.
type Mixed = (i64, i64, Typed);
const MIXED: &str = r#"{"form":"mixed"}"#;

/// Where a chunk goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// In place of this one, or behind all others.
    pub(crate) id: Option<i64>,
    pub(crate) series: i64,
    /// Whether it is full, and never written again.
    pub(crate) sealed: bool,
}

/// Writes these readings, packed, as one row; of no readings nothing.
pub(crate) fn write(
    db: &Connection,
    place: Place,
    readings: &[ReadingView],
    chunk: &Chunk,
) -> Result<(), Fault> {
    let (Some(first), Some(last)) = (readings.first(), readings.last()) else { return Ok(()) };
    let Place { id, series, sealed } = place;
    let (first, last, count) = (first.measured.0, last.measured.0, count(readings));
    let (columns, bits) = (&chunk.columns, chunk.bits());
    let checksum = checksum::of(&[series, first, last, count], columns, &bits);
    db.prepare_cached("INSERT OR REPLACE INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![id, series, first, last, count, sealed, columns, &*bits, checksum])?;
    Ok(())
}

/// About as many of the first readings as fit a page; at least one, where there are any. `likely` so many.
pub(crate) fn fill_page(readings: &[ReadingView], likely: usize) -> Result<(&[ReadingView], Chunk), Fault> {
    let take = |count: usize| readings.get(..count).unwrap_or(readings);
    let month = readings.first().map(|first| UnixMillis(first.measured.0.saturating_add(LONGEST_MS)));
    let all = readings.partition_point(|reading| Some(reading.measured) < month).clamp(1, MOST);
    // It fits up to `fits` and does not from `most` on.
    let (mut fits, mut most, mut tried) = (0, all + 1, likely.clamp(1, all));
    let mut fitting = None;
    for guess in 0.. {
        let chunk = encode(take(tried))?;
        let even = likely_of(tried, chunk.size() - chunk.columns.len(), chunk.columns.len());
        if chunk.size() > PAGE {
            most = tried;
        } else {
            let is_done = chunk.is_full() || tried == all;
            (fits, fitting) = (tried, Some(chunk));
            if is_done {
                break;
            }
        }
        // As near as that is near enough.
        if most - fits <= 1 + fits / 32 {
            break;
        }
        // Where readings do not take as many bits as others of their series, halving ends it.
        let next = even.filter(|_| guess < GUESSES).unwrap_or_else(|| fits.midpoint(most));
        tried = next.clamp(fits + 1, most - 1);
    }
    match fitting {
        Some(chunk) => Ok((take(fits), chunk)),
        // It takes more than a page by itself.
        None => Ok((take(1), encode(take(1))?)),
    }
}

/// How many readings fill a page where so many take so many bytes, and what is said of a chunk takes `columns`: most of a
/// series take about as many bits as the others.
pub(crate) fn likely_of(readings: usize, bytes: usize, columns: usize) -> Option<usize> {
    (readings * GUESSED.saturating_sub(columns)).checked_div(bytes)
}

/// How many readings there are, as it stands in the file.
pub(crate) fn count(readings: &[ReadingView]) -> i64 {
    i64::try_from(readings.len()).unwrap_or(i64::MAX)
}

impl Chunk {
    /// Bytes that it takes.
    pub(crate) fn size(&self) -> usize {
        let bits = match &self.bits {
            Bits::Columns(columns) => columns.iter().map(Fitted::size).sum(),
            Bits::Json(json) => json.len(),
        };
        self.columns.len().saturating_add(bits)
    }

    /// Whether nothing more is put into it.
    pub(crate) fn is_full(&self) -> bool {
        self.size() > FULL
    }

    fn bits(&self) -> Cow<'_, [u8]> {
        match &self.bits {
            Bits::Columns(columns) => {
                let mut bits = Vec::with_capacity(PAGE);
                for column in columns {
                    column.pack(&mut bits);
                }
                bits.into()
            }
            Bits::Json(json) => json.into(),
        }
    }
}

/// Makes readings ready to be packed that are ordered by when they were measured.
fn encode(readings: &[ReadingView]) -> Result<Chunk, Fault> {
    let Some((form, per, values)) = form::numbers(readings.iter().map(|reading| &reading.value)) else {
        let mixed: Vec<Mixed> = readings
            .iter()
            .map(|reading| (reading.measured.0, reading.arrived.0, Typed::from(&reading.value)))
            .collect();
        let json = serde_json::to_vec(&mixed).map_err(|why| damaged(&why))?;
        return Ok(Chunk { columns: MIXED.into(), bits: Bits::Json(json) });
    };
    let measured: Vec<_> = readings.iter().map(|reading| reading.measured.0).collect();
    let delays: Vec<_> =
        readings.iter().map(|reading| reading.arrived.0.wrapping_sub(reading.measured.0)).collect();
    let (measured, delay, value) = (Fitted::sloped(measured), Fitted::level(delays), Fitted::level(values));
    let columns = Columns { form, per, measured: measured.column, delay: delay.column, value: value.column };
    let columns = serde_json::to_string(&columns).map_err(|why| damaged(&why))?;
    Ok(Chunk { columns, bits: Bits::Columns([measured, delay, value]) })
}

/// Unpacks the chunk of a row that has all of its columns but `id` and `sealed`, if its checksum is right.
pub(crate) fn read(row: &Row<'_>) -> Result<Vec<ReadingView>, Fault> {
    let count: i64 = row.get("readings")?;
    let columns = row.get_ref("columns")?.as_str().map_err(rusqlite::Error::from)?;
    let bits = row.get_ref("bits")?.as_blob().map_err(rusqlite::Error::from)?;
    let numbers = [row.get("series")?, row.get("earliest")?, row.get("latest")?, count];
    if checksum::of(&numbers, columns, bits) != row.get::<_, u32>("checksum")? {
        return Err(damaged(&"its checksum is another"));
    }
    decode(columns, bits, usize::try_from(count).unwrap_or(usize::MAX))
}

/// The same for a row that an index led to, which says of it: series, first and last measurement. A bit that turns over
/// there leads to another row, which is right in itself.
pub(crate) fn read_found(row: &Row<'_>, said: [i64; 3]) -> Result<Vec<ReadingView>, Fault> {
    let is: [i64; 3] = [row.get("series")?, row.get("earliest")?, row.get("latest")?];
    if is == said {
        return read(row);
    }
    Err(damaged(&"the index by which it is found says something else of it"))
}

/// Unpacks `count` readings.
fn decode(columns: &str, mut bits: &[u8], count: usize) -> Result<Vec<ReadingView>, Fault> {
    if count > MOST {
        return Err(damaged(&format!("it has {count} readings, and {MOST} are the most")));
    }
    if columns == MIXED {
        let mixed: Vec<Mixed> = serde_json::from_slice(bits).map_err(|why| damaged(&why))?;
        let readings = mixed.into_iter();
        return readings
            .map(|(measured, arrived, value)| Ok(view(measured, arrived, value.restore()?)))
            .collect();
    }
    let columns: Columns = serde_json::from_str(columns).map_err(|why| damaged(&why))?;
    let measured = columns.measured.unpack(&mut bits, count)?;
    let delays = columns.delay.unpack(&mut bits, count)?;
    let values = columns.value.unpack(&mut bits, count)?;
    let Columns { form, per, .. } = columns;
    let times = measured.into_iter().zip(delays);
    let mut readings = Vec::with_capacity(count);
    for ((measured, delay), value) in times.zip(values) {
        let value = to_value(form, per, value).restore()?;
        readings.push(view(measured, measured.wrapping_add(delay), value));
    }
    Ok(readings)
}

fn view(measured: i64, arrived: i64, value: OwnedValue) -> ReadingView {
    ReadingView { value, measured: UnixMillis(measured), arrived: UnixMillis(arrived) }
}

fn damaged(why: &impl ToString) -> Fault {
    Fault::unreadable("a chunk of readings", why)
}

#[cfg(test)]
mod tests {
    use iot_proto::Finite;
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::sqlite::value::drawn::values;

    /// Series of one type, as most are, and of mixed ones.
    fn series() -> impl Strategy<Value = Vec<(i64, i64, OwnedValue)>> {
        let of_type = |value: OwnedValue| match value {
            OwnedValue::Bool(_) => any::<bool>().prop_map(OwnedValue::Bool).boxed(),
            OwnedValue::Int(_) => any::<i64>().prop_map(OwnedValue::Int).boxed(),
            OwnedValue::Float(_) => {
                let float = any::<i32>().prop_map(|tenths| f64::from(tenths) / 10.0);
                float
                    .prop_filter_map("finite", |value| Finite::new(value).ok().map(OwnedValue::Float))
                    .boxed()
            }
            OwnedValue::Text(_) => values().boxed(),
        };
        values().prop_flat_map(move |value| vec((any::<i64>(), any::<i64>(), of_type(value)), 0..200))
    }

    fn bits(reading: &ReadingView) -> (i64, i64, String, u64) {
        let float = match &reading.value {
            OwnedValue::Float(value) => value.get().to_bits(),
            OwnedValue::Bool(_) | OwnedValue::Int(_) | OwnedValue::Text(_) => 0,
        };
        (reading.measured.0, reading.arrived.0, format!("{:?}", reading.value), float)
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back_bit_for_bit(series in series()) {
            let readings: Vec<_> = series
                .into_iter()
                .map(|(measured, arrived, value)| ReadingView {
                    value,
                    measured: UnixMillis(measured),
                    arrived: UnixMillis(arrived),
                })
                .collect();
            let chunk = encode(&readings).unwrap();
            let back = decode(&chunk.columns, &chunk.bits(), readings.len()).unwrap();
            prop_assert!(readings.iter().map(bits).eq(back.iter().map(bits)));
        }

        #[test]
        fn what_is_no_chunk_is_refused_or_read_but_never_a_panic(bytes in vec(any::<u8>(), 0..200)) {
            // Whether it can be read does not matter here.
            for columns in ["", MIXED, r#"{"form":"int","per":0,"measured":[1,2,0,3],"delay":[0,0,1,60],"value":[0,0,1,64]}"#] {
                let _ = decode(columns, &bytes, 3);
            }
        }
    }

    #[test]
    fn a_page_is_filled_and_no_reading_falls_between_two() {
        [1, 900, usize::MAX].into_iter().for_each(fills_pages);
    }

    fn fills_pages(likely: usize) {
        let value = |at: i64| OwnedValue::Int(at * at % 1_000);
        let readings: Vec<_> =
            (0..9_000).map(|at| view(at * 1_000 + at % 7, at * 1_000 + 9, value(at))).collect();
        let mut rest = readings.as_slice();
        let mut sizes = Vec::new();
        while !rest.is_empty() {
            let (page, chunk) = fill_page(rest, likely).unwrap();
            sizes.push(chunk.size());
            let back = decode(&chunk.columns, &chunk.bits(), page.len()).unwrap();
            assert_eq!(back, page);
            rest = &rest[page.len()..];
        }
        assert!(sizes.len() > 2 && sizes.iter().all(|size| *size <= PAGE), "{sizes:?}");
        assert!(sizes.iter().rev().skip(1).all(|size| *size > PAGE - 400), "{sizes:?}");
    }
}
