//! Chunks: readings of one series as columns, ordered by when they were measured.
//!
//! The first byte says which layout follows. Few readings, texts and mixed types stand one after the
//! other in postcard's coding, times as differences. Many of one type are three columns packed by `pco`,
//! each behind its length: measured, how much later they arrived, values. Both give back every bit.

use iot_core::{UnixMillis, view::ReadingView};
use iot_proto::OwnedValue;
use pco::{
    ChunkConfig,
    data_types::Number,
    standalone::{simple_compress, simple_decompress},
};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    value::{Kept, finite},
};

/// Fewer readings than these are not worth packing.
const WORTH_PACKING: usize = 64;

/// How hard `pco` tries; its own default is 8, and 12 the most.
const EFFORT: usize = 6;

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

/// Adds readings that are ordered by when they were measured, as a chunk that is not full.
pub(crate) fn insert(db: &Connection, series: i64, readings: &[ReadingView]) -> Result<(), Fault> {
    let (Some(first), Some(last)) = (readings.first(), readings.last()) else { return Ok(()) };
    db.prepare_cached(
        "INSERT INTO chunk (series, earliest, latest, readings, sealed, columns) VALUES (?, ?, ?, ?, 0, ?)",
    )?
    .execute(params![series, first.measured.0, last.measured.0, count(readings), encode(readings)?])?;
    Ok(())
}

/// How many readings there are, as it stands in the file.
pub(crate) fn count(readings: &[ReadingView]) -> i64 {
    i64::try_from(readings.len()).unwrap_or(i64::MAX)
}

/// Packs readings that are ordered by when they were measured.
pub(crate) fn encode(readings: &[ReadingView]) -> Result<Vec<u8>, Fault> {
    let packed = if readings.len() < WORTH_PACKING { None } else { pack_values(readings)? };
    match packed {
        Some((layout, values)) => encode_columns(readings, layout, &values),
        None => encode_plain(readings),
    }
}

/// Unpacks `count` readings.
pub(crate) fn decode(bytes: &[u8], count: usize) -> Result<Vec<ReadingView>, Fault> {
    let (layout, bytes) = bytes.split_first().ok_or_else(|| damaged(&"it is empty"))?;
    let readings = match *layout {
        PLAIN => decode_plain(bytes)?,
        BOOLS => decode_columns(bytes, |value: i64| Ok(OwnedValue::Bool(value != 0)))?,
        INTS => decode_columns(bytes, |value: i64| Ok(OwnedValue::Int(value)))?,
        FLOATS => decode_columns(bytes, |value: f64| Ok(OwnedValue::Float(finite(value)?)))?,
        layout => return Err(damaged(&format!("its layout {layout} is not known"))),
    };
    if readings.len() == count {
        Ok(readings)
    } else {
        Err(damaged(&format!("it has {} readings instead of {count}", readings.len())))
    }
}

fn damaged(why: &impl ToString) -> Fault {
    Fault::unreadable("a chunk of readings", why)
}

fn delay(reading: &ReadingView) -> i64 {
    reading.arrived.0.wrapping_sub(reading.measured.0)
}

fn encode_plain(readings: &[ReadingView]) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![PLAIN];
    let mut before = 0;
    for reading in readings {
        let after = reading.measured.0.wrapping_sub(before);
        let plain = Plain { after, delay: delay(reading), value: Kept::from(&reading.value) };
        bytes = postcard::to_extend(&plain, bytes).map_err(|why| damaged(&why))?;
        before = reading.measured.0;
    }
    Ok(bytes)
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

fn view(measured: i64, delay: i64, value: OwnedValue) -> ReadingView {
    ReadingView { value, measured: UnixMillis(measured), arrived: UnixMillis(measured.wrapping_add(delay)) }
}

/// The values packed, with the layout that says how, where all are of one type that can be packed.
fn pack_values(readings: &[ReadingView]) -> Result<Option<(u8, Vec<u8>)>, Fault> {
    let mut ints = Vec::new();
    let mut floats = Vec::new();
    let mut bools = 0_usize;
    for reading in readings {
        match &reading.value {
            OwnedValue::Bool(value) => {
                ints.push(i64::from(*value));
                bools += 1;
            }
            OwnedValue::Int(value) => ints.push(*value),
            OwnedValue::Float(value) => floats.push(value.get()),
            OwnedValue::Text(_) => return Ok(None),
        }
    }
    let all = readings.len();
    Ok(if floats.len() == all {
        Some((FLOATS, pack(&floats)?))
    } else if bools == all {
        Some((BOOLS, pack(&ints)?))
    } else if ints.len() == all && bools == 0 {
        Some((INTS, pack(&ints)?))
    } else {
        None
    })
}

fn pack<T: Number>(values: &[T]) -> Result<Vec<u8>, Fault> {
    let config = ChunkConfig::default().with_compression_level(EFFORT);
    simple_compress(values, &config).map_err(|why| damaged(&why))
}

fn encode_columns(readings: &[ReadingView], layout: u8, values: &[u8]) -> Result<Vec<u8>, Fault> {
    let measured: Vec<_> = readings.iter().map(|reading| reading.measured.0).collect();
    let delays: Vec<_> = readings.iter().map(delay).collect();
    let (measured, delays) = (pack(&measured)?, pack(&delays)?);
    let columns = Columns { measured: &measured, delay: &delays, values };
    postcard::to_extend(&columns, vec![layout]).map_err(|why| damaged(&why))
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

#[cfg(test)]
mod tests {
    use iot_proto::Finite;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn values() -> impl Strategy<Value = OwnedValue> {
        prop_oneof![
            any::<bool>().prop_map(OwnedValue::Bool),
            any::<i64>().prop_map(OwnedValue::Int),
            any::<f64>().prop_filter_map("finite", |value| Finite::new(value).ok().map(OwnedValue::Float)),
            "[a-zü]{0,9}".prop_map(|text| OwnedValue::Text(text.into())),
        ]
    }

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
            let back = decode(&encode(&readings).unwrap(), readings.len()).unwrap();
            prop_assert!(readings.iter().map(bits).eq(back.iter().map(bits)));
        }

        #[test]
        fn what_is_no_chunk_is_refused_or_read_but_never_a_panic(bytes in vec(any::<u8>(), 0..200)) {
            // Whether it can be read does not matter here.
            let _ = decode(&bytes, 3);
        }
    }

    #[test]
    fn a_zero_keeps_its_sign_in_both_layouts() {
        for count in [1, 100] {
            let value = OwnedValue::Float(Finite::new(-0.0).unwrap());
            let readings = vec![view(1, 2, value); count];
            let back = decode(&encode(&readings).unwrap(), count).unwrap();
            assert!(readings.iter().map(bits).eq(back.iter().map(bits)));
        }
    }
}
