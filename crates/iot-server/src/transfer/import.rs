//! [`import`]: readings of a file into a store. Those that are there already are left alone, so that the same
//! file may be imported again.

use std::{
    collections::{BTreeMap, HashMap},
    io::BufRead,
};

use iot_core::{
    Series, UnixMillis,
    store::{Batch, History, Pages, ReadingQuery, Record, Store, StoreError, StoredReading, Upkeep},
    view::ReadingView,
};
use iot_proto::{BootId, OwnedValue};
use iot_web::rows::{Row, RowError, RowReader};
use thiserror::Error;

use super::PAGE;

/// What became of the readings of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Readings that were added.
    pub added: u64,
    /// Readings that were there already.
    pub present: u64,
}

/// Why a file was not imported whole. What was added before stays; importing again adds the rest.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file cannot be read, or a line of it is no reading.
    #[error(transparent)]
    Read(#[from] RowError),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds the readings that are not in the store. `history` reads the same store. `watch` is told now and then
/// what became of them so far.
///
/// # Errors
/// [`ImportError`].
pub fn import<R: BufRead>(
    store: &mut dyn Store,
    history: &dyn History,
    rows: &mut RowReader<R>,
    watch: &mut dyn FnMut(Imported),
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    let mut taken: Vec<Row> = Vec::new();
    loop {
        // What was read before a line that is no reading is added first.
        let next = rows.read();
        let next_row = next.as_ref().ok().and_then(Option::as_ref).map(|(_, row)| row);
        // Equal readings are counted, so those of one instant stay together.
        let belongs = |last: &Row, next: &Row| {
            last.series == next.series && last.reading.measured == next.reading.measured
        };
        let is_whole = match (taken.last(), next_row) {
            (Some(last), Some(next)) => taken.len() >= PAGE && !belongs(last, next),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if is_whole {
            add(store, history, &mut taken, &mut imported)?;
            watch(imported);
        }
        match next? {
            Some((_, row)) => taken.push(row),
            None => return Ok(imported),
        }
    }
}

/// Adds what is new of the rows, and takes them.
fn add(
    store: &mut dyn Store,
    history: &dyn History,
    rows: &mut Vec<Row>,
    imported: &mut Imported,
) -> Result<(), StoreError> {
    let mut present = present(history, rows)?;
    let mut batch = Batch::default();
    for row in rows.drain(..) {
        let left = present.get_mut(&row.series).and_then(|known| known.get_mut(&Identity::of(&row.reading)));
        match left {
            Some(left) if *left > 0 => {
                *left -= 1;
                imported.present += 1;
            }
            Some(_) | None => {
                push(&mut batch, row);
                imported.added += 1;
            }
        }
    }
    if !batch.is_empty() {
        store.commit(&batch)?;
        while store.upkeep()? == Upkeep::Due {}
    }
    Ok(())
}

/// A reading is told from others by all that it is, to the last bit.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Identity {
    measured: UnixMillis,
    arrived: UnixMillis,
    value: Bits,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Bits {
    Bool(bool),
    Int(i64),
    Float(u64),
    Text(Box<str>),
}

impl Identity {
    fn of(reading: &ReadingView) -> Self {
        let value = match &reading.value {
            OwnedValue::Bool(value) => Bits::Bool(*value),
            OwnedValue::Int(value) => Bits::Int(*value),
            OwnedValue::Float(value) => Bits::Float(value.get().to_bits()),
            OwnedValue::Text(value) => Bits::Text(value.clone()),
        };
        Self { measured: reading.measured, arrived: reading.arrived, value }
    }
}

/// How often each of the rows is in the store.
fn present(
    history: &dyn History,
    rows: &[Row],
) -> Result<BTreeMap<Series, HashMap<Identity, u64>>, StoreError> {
    let mut present: BTreeMap<Series, HashMap<Identity, u64>> = BTreeMap::new();
    let mut spans: BTreeMap<&Series, (UnixMillis, UnixMillis)> = BTreeMap::new();
    for Row { series, reading } in rows {
        present.entry(series.clone()).or_default().insert(Identity::of(reading), 0);
        let (first, last) = spans.entry(series).or_insert((reading.measured, reading.measured));
        *first = (*first).min(reading.measured);
        *last = (*last).max(reading.measured);
    }
    for (series, (from, last)) in spans {
        let to = UnixMillis(last.0.saturating_add(1));
        for page in Pages::new(history, ReadingQuery { series: series.clone(), from, to, limit: PAGE }) {
            for reading in page? {
                let known = present.get_mut(series);
                if let Some(count) = known.and_then(|known| known.get_mut(&Identity::of(&reading))) {
                    *count += 1;
                }
            }
        }
    }
    Ok(present)
}

/// Adds a row to the batch: to its last report where it arrived with that, and else to a report of its own,
/// which counts nothing in its node's numbers.
fn push(batch: &mut Batch, row: Row) {
    let Row { series: Series { node, module, channel }, reading } = row;
    match batch.records.last_mut() {
        Some(Record::Report { node: of, arrived, readings, .. })
            if *of == node && *arrived == reading.arrived =>
        {
            *readings += 1;
        }
        Some(_) | None => batch.records.push(Record::Report {
            node,
            boot: BootId(0),
            sequence: 0,
            reports: 1,
            gap: 0,
            arrived: reading.arrived,
            readings: 1,
        }),
    }
    let ReadingView { value, measured, .. } = reading;
    batch.readings.push(StoredReading { module, channel, measured, value });
}
