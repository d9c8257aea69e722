//! What holds where an index was damaged while nobody looked: its rows are right in themselves, and the wrong ones.

use std::{
    fs,
    path::{Path, PathBuf},
};

use iot_core::{
    Series, UnixMillis,
    store::{History as _, ReadingQuery, Record, Store as _, StoreError, Upkeep},
    view::ReadingView,
};
use iot_store::{SqliteHistory, SqliteLimits, SqliteStore};
use tempfile::TempDir;

use crate::given::{NODES, batch, node, report};

fn limits() -> SqliteLimits {
    SqliteLimits { journal: 1, ..SqliteLimits::default() }
}

fn work(store: &mut SqliteStore) {
    while store.upkeep().unwrap() == Upkeep::Due {}
}

/// A closed file with a chunk of each node, in which the index entry of the last one leads to the one before.
fn misled() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hub.db");
    let (mut store, history) = SqliteStore::open_with(&path, limits()).unwrap();
    for (name, at) in NODES.iter().zip(1..) {
        store.commit(&report(name, 1, &[at * 1_000, at * 1_000 + 1])).unwrap();
        work(&mut store);
    }
    drop((store, history));
    mislead(&path, 3, 2);
    (directory, path)
}

/// Changes the number of the row in the one entry of `chunk_by_series` that leads to this chunk.
fn mislead(path: &Path, chunk: i64, to: i64) {
    let db = rusqlite::Connection::open(path).unwrap();
    let find = "SELECT series, latest, earliest FROM chunk WHERE id = ?";
    let [series, latest, earliest]: [i64; 3] =
        db.query_row(find, [chunk], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).unwrap();
    drop(db);
    let entry = |id| record(&[series, latest, earliest, id]);
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<_> =
        bytes.windows(entry(chunk).len()).enumerate().filter(|(_, window)| *window == entry(chunk)).collect();
    let [(place, _)] = places[..] else { panic!("{} entries", places.len()) };
    bytes[place..][..entry(to).len()].copy_from_slice(&entry(to));
    fs::write(path, bytes).unwrap();
}

/// Numbers from 2 to 32,767 as SQLite writes them: how long each is, and then each with its big end first.
fn record(numbers: &[i64]) -> Vec<u8> {
    let numbers: Vec<_> =
        numbers.iter().map(|number| i16::try_from(*number).unwrap().to_be_bytes()).collect();
    let mut head = vec![u8::try_from(numbers.len() + 1).unwrap()];
    let mut body = Vec::new();
    for [high, low] in numbers {
        head.push(if high == 0 && low < 128 { 1 } else { 2 });
        body.extend(if high == 0 && low < 128 { vec![low] } else { vec![high, low] });
    }
    [head, body].concat()
}

fn readings(history: &SqliteHistory, name: &str) -> Result<Vec<ReadingView>, StoreError> {
    let series = Series { node: node(name), module: 0, channel: 1 };
    let (from, to) = (UnixMillis(i64::MIN), UnixMillis(i64::MAX));
    history.readings(&ReadingQuery { series, from, to, limit: usize::MAX })
}

#[test]
fn readings_of_another_series_to_which_an_index_leads_are_refused() {
    let (_directory, path) = misled();
    let (_store, history) = SqliteStore::open_with(&path, limits()).unwrap();
    for name in ["a", "b"] {
        assert_eq!(readings(&history, name).unwrap().len(), 2);
    }
    let refused = readings(&history, "c").unwrap_err().to_string();
    assert!(refused.contains("index") && refused.contains("backup"), "{refused}");
}

#[test]
fn readings_of_another_series_to_which_an_index_leads_are_not_deleted() {
    let (_directory, path) = misled();
    let (mut store, history) = SqliteStore::open_with(&path, limits()).unwrap();
    store.commit(&batch(Record::Gone(node("c")))).unwrap();
    work(&mut store);
    assert!(readings(&history, "c").unwrap().is_empty(), "it is gone");
    assert_eq!(readings(&history, "b").unwrap().len(), 2);
}
