//! The store beside what most would write instead: a SQLite table with a row and an index entry for each
//! reading, one transaction for each commit, synced as often as ours.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use iot_core::{
    NodeId, UnixMillis,
    store::{Batch, Record, Store as _, StoredReading},
};
use iot_proto::{BootId, Finite, Name, OwnedValue};
use iot_store::SqliteStore;
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::figure::Figure;
use crate::out;

/// Nodes with one temperature each that report in turn.
const NODES: u32 = 1_000;

/// The table of the peer, as recorders have it: found by series and time.
const TABLE: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE reading (
        id INTEGER PRIMARY KEY, series INTEGER NOT NULL, measured INTEGER NOT NULL, value REAL NOT NULL
    ) STRICT;
    CREATE INDEX reading_by_series ON reading (series, measured);";

/// Measures both with commits of 100 and of 1,000 readings.
///
/// # Errors
/// When one of them fails.
pub fn run(repetitions: usize, time: Duration) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for size in [100, 1_000] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for repetition in 1..=repetitions {
            let directory = TempDir::new()?;
            let (hub, rows) = (chunks(directory.path(), size, time)?, rows(directory.path(), size, time)?);
            out::progress(&format!(
                "store, {size} in a commit, {repetition} of {repetitions}: {hub:.0} and {rows:.0} a second"
            ));
            ours.push(hub);
            theirs.push(rows);
        }
        let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        figures.push(Figure::median(format!("store, {size} in a commit: readings"), ours, "a second"));
        let name = format!("store, {size} in a commit: a row for each");
        figures.push(Figure::median(name, theirs, "a second"));
        figures.push(Figure::median(
            format!("store, {size} in a commit: hub / a row for each"),
            ratios,
            "times",
        ));
    }
    Ok(figures)
}

/// Readings a second of the hub's store.
fn chunks(directory: &Path, size: u32, time: Duration) -> Result<f64> {
    let (mut store, _history) = SqliteStore::open(&directory.join("hub.db"))?;
    let name = |number| Ok(NodeId::plain(Name::new(&format!("node-{number}"))?));
    let nodes = (0..NODES).map(name).collect::<Result<Vec<_>>>()?;
    let mut batch = Batch::default();
    committed(size, time, |readings| {
        batch.clear();
        for Taken { series, sequence, measured, value } in readings {
            let node = nodes.get(usize::try_from(series)?).context("a node")?.clone();
            let (boot, arrived, gap) = (BootId(1), UnixMillis(measured), 0);
            batch.records.push(Record::Report {
                node,
                boot,
                sequence,
                reports: 1,
                gap,
                arrived,
                readings: 1,
            });
            let (measured, value) = (UnixMillis(measured), OwnedValue::Float(Finite::new(value)?));
            batch.readings.push(StoredReading { module: 0, channel: 1, measured, value });
        }
        Ok(store.commit(&batch)?)
    })
}

/// Readings a second of a row for each.
fn rows(directory: &Path, size: u32, time: Duration) -> Result<f64> {
    let mut db = Connection::open(directory.join("rows.db"))?;
    db.execute_batch(TABLE)?;
    committed(size, time, |readings| {
        let db = db.transaction()?;
        let mut insert =
            db.prepare_cached("INSERT INTO reading (series, measured, value) VALUES (?, ?, ?)")?;
        for reading in readings {
            insert.execute(params![reading.series, reading.measured, reading.value])?;
        }
        drop(insert);
        Ok(db.commit()?)
    })
}

/// One reading of one series.
struct Taken {
    series: u32,
    sequence: u32,
    measured: i64,
    value: f64,
}

/// Commits readings for a time, and gives how many there were in a second.
fn committed(
    size: u32,
    time: Duration,
    mut commit: impl FnMut(&mut dyn Iterator<Item = Taken>) -> Result<()>,
) -> Result<f64> {
    let (started, mut count) = (Instant::now(), 0);
    while started.elapsed() < time {
        let reading = |number: u32| {
            let (series, round) = (number % NODES, number / NODES);
            // It changes by a tenth of a degree now and then.
            let value = 20.0 + f64::from((series + round / 4) % 50) / 10.0;
            let measured = 1_767_225_600_000 + i64::from(round) * 1_000 + i64::from(series);
            Taken { series, sequence: round + 1, measured, value }
        };
        commit(&mut (count..count + size).map(reading))?;
        count += size;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}
