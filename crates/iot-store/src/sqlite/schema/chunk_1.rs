//! Chunks as schema 1 had them, for files that come from there.
//!
//! The first byte says which layout follows. Few readings, texts and mixed types stand one after the other in
//! postcard's coding, times as differences. Many of one type are three columns packed by `pco`, each behind
//! its length: measured, how much later they arrived, values.

use iot_core::{UnixMillis, view::ReadingView};
use iot_proto::OwnedValue;
use pco::{data_types::Number, standalone::simple_decompress};
use serde::{Deserialize, Serialize};

use crate::sqlite::{
    fault::Fault,
    value::{Kept, finite},
};

/// The layouts, by their first byte.
const PLAIN: u8 = 0;
const BOOLS: u8 = 1;
const INTS: u8 = 2;
const FLOATS: u8 = 3;

/// A reading in the plain layout.
#[derive(Serialize, Deserialize)]
struct Plain<'a> {
    /// Milliseconds since the reading before.
    after: i64,
    /// Milliseconds from measurement to arrival.
    delay: i64,
    #[serde(borrow)]
    value: Kept<'a>,
}

/// The packed columns.
#[derive(Serialize, Deserialize)]
struct Columns<'a> {
    measured: &'a [u8],
    delay: &'a [u8],
    values: &'a [u8],
}

/// Unpacks readings.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<ReadingView>, Fault> {
    let (layout, bytes) = bytes.split_first().ok_or_else(|| damaged(&"it is empty"))?;
    match *layout {
        PLAIN => decode_plain(bytes),
        BOOLS => decode_columns(bytes, |value: i64| Ok(OwnedValue::Bool(value != 0))),
        INTS => decode_columns(bytes, |value: i64| Ok(OwnedValue::Int(value))),
        FLOATS => decode_columns(bytes, |value: f64| Ok(OwnedValue::Float(finite(value)?))),
        layout => Err(damaged(&format!("its layout {layout} is not known"))),
    }
}

fn damaged(why: &impl ToString) -> Fault {
    Fault::unreadable("a chunk of readings", why)
}

fn decode_plain(mut bytes: &[u8]) -> Result<Vec<ReadingView>, Fault> {
    let mut readings = Vec::new();
    let mut measured = 0_i64;
    while !bytes.is_empty() {
        let (plain, rest) = postcard::take_from_bytes::<Plain<'_>>(bytes).map_err(|why| damaged(&why))?;
        bytes = rest;
        measured = measured.wrapping_add(plain.after);
        readings.push(view(measured, plain.delay, plain.value.restore()?));
    }
    Ok(readings)
}

fn decode_columns<T: Number>(
    bytes: &[u8],
    restore: impl Fn(T) -> Result<OwnedValue, Fault>,
) -> Result<Vec<ReadingView>, Fault> {
    let columns: Columns<'_> = postcard::from_bytes(bytes).map_err(|why| damaged(&why))?;
    let times = |bytes| simple_decompress::<i64>(bytes).map_err(|why| damaged(&why));
    let (measured, delays) = (times(columns.measured)?, times(columns.delay)?);
    let values = simple_decompress::<T>(columns.values).map_err(|why| damaged(&why))?;
    if measured.len() != delays.len() || measured.len() != values.len() {
        return Err(damaged(&"its columns differ in length"));
    }
    let rows = measured.into_iter().zip(delays).zip(values);
    rows.map(|((measured, delay), value)| Ok(view(measured, delay, restore(value)?))).collect()
}

fn view(measured: i64, delay: i64, value: OwnedValue) -> ReadingView {
    ReadingView { value, measured: UnixMillis(measured), arrived: UnixMillis(measured.wrapping_add(delay)) }
}

/// Packs readings as schema 1 did, for a file to be brought to the newest.
#[cfg(test)]
pub(super) fn encode(readings: &[ReadingView]) -> Vec<u8> {
    use pco::{ChunkConfig, standalone::simple_compress};

    fn pack<T: Number>(numbers: impl Iterator<Item = T>) -> Vec<u8> {
        simple_compress(&numbers.collect::<Vec<_>>(), &ChunkConfig::default()).unwrap()
    }
    let delay = |reading: &ReadingView| reading.arrived.0 - reading.measured.0;
    let values = || readings.iter().map(|reading| &reading.value);
    let floats = values().filter_map(|value| match value {
        OwnedValue::Float(value) => Some(value.get()),
        OwnedValue::Bool(_) | OwnedValue::Int(_) | OwnedValue::Text(_) => None,
    });
    let ints = values().filter_map(|value| match value {
        OwnedValue::Int(value) => Some(*value),
        OwnedValue::Bool(_) | OwnedValue::Float(_) | OwnedValue::Text(_) => None,
    });
    let bools = values().filter_map(|value| match value {
        OwnedValue::Bool(value) => Some(i64::from(*value)),
        OwnedValue::Int(_) | OwnedValue::Float(_) | OwnedValue::Text(_) => None,
    });
    let packed = [
        (FLOATS, pack(floats.clone()), floats.count()),
        (INTS, pack(ints.clone()), ints.count()),
        (BOOLS, pack(bools.clone()), bools.count()),
    ];
    let of_one_type = packed.iter().find(|(_, _, count)| *count == readings.len() && *count >= 64);
    if let Some((layout, values, _)) = of_one_type {
        let measured = pack(readings.iter().map(|reading| reading.measured.0));
        let delays = pack(readings.iter().map(delay));
        let columns = Columns { measured: &measured, delay: &delays, values };
        return postcard::to_extend(&columns, vec![*layout]).unwrap();
    }
    let mut before = 0;
    readings.iter().fold(vec![PLAIN], |bytes, reading| {
        let after = reading.measured.0 - before;
        before = reading.measured.0;
        let plain = Plain { after, delay: delay(reading), value: Kept::from(&reading.value) };
        postcard::to_extend(&plain, bytes).unwrap()
    })
}
