//! The store as a whole, where its connection has to be reached.

use std::io::ErrorKind;

use iot_core::{
    NodeId, Series, UnixMillis,
    store::{History as _, ReadingQuery},
};
use iot_proto::{BootId, Name, OwnedValue};
use rusqlite::StatementStatus;

use super::*;

/// A store in a directory of its own, with so long a journal.
fn open(journal: usize) -> (tempfile::TempDir, SqliteStore, SqliteHistory) {
    let directory = tempfile::tempdir().unwrap();
    let limits = SqliteLimits { journal, ..SqliteLimits::default() };
    let (store, history) = SqliteStore::open_with(&directory.path().join("hub.db"), limits).unwrap();
    (directory, store, history)
}

fn report(sequence: u32, count: i64) -> Batch {
    let node = NodeId::plain(Name::new("a").unwrap());
    let arrived = UnixMillis(i64::from(sequence));
    let reading = |at| StoredReading {
        module: 0,
        channel: 1,
        measured: UnixMillis(i64::from(sequence) * count + at),
        value: OwnedValue::Text(format!("{at:0>100}").into()),
    };
    let readings: Vec<_> = (0..count).map(reading).collect();
    let (boot, count) = (BootId(1), readings.len());
    Batch {
        records: vec![Record::Report { node, boot, sequence, reports: 1, gap: 0, arrived, readings: count }],
        readings,
    }
}

fn stored(history: &SqliteHistory) -> usize {
    let series = Series { node: NodeId::plain(Name::new("a").unwrap()), module: 0, channel: 1 };
    let (from, to) = (UnixMillis(i64::MIN), UnixMillis(i64::MAX));
    history.readings(&ReadingQuery { series, from, to, limit: usize::MAX }).unwrap().len()
}

#[test]
fn a_full_disk_refuses_with_advice_and_commits_work_again_once_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, history) = SqliteStore::open(&directory.path().join("hub.db")).unwrap();
    store.commit(&report(1, 10)).unwrap();
    let pages: u32 = store.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.db.pragma_update_and_check(None, "max_page_count", pages + 10, |_| Ok(())).unwrap();
    let mut batch = report(2, 1_000);
    batch.records.insert(0, Record::Gone(NodeId::plain(Name::new("b").unwrap())));
    for _ in 0..2 {
        let refused = store.commit(&batch).unwrap_err().to_string();
        assert!(refused.contains("full") && refused.contains("make room"), "{refused}");
        assert_eq!(stored(&history), 10, "nothing of it");
    }
    store.db.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
    store.commit(&batch).unwrap();
    assert_eq!(stored(&history), 1_010);
}

#[test]
fn the_log_has_room_before_it_is_needed_and_is_read_up_to_where_it_was_written() {
    let (directory, mut store, _history) = open(200);
    let log = directory.path().join("hub.db-wal");
    let length = || std::fs::metadata(&log).unwrap().len();
    store.commit(&report(1, 10)).unwrap();
    assert!(length() < 1_000_000, "{} bytes", length());
    let before = length();
    assert_eq!(store.upkeep().unwrap(), Upkeep::Due);
    assert_eq!(length(), before + 256 * 1024, "a step");
    while store.upkeep().unwrap() == Upkeep::Due {}
    let whole = length();
    assert!(whole > 8_000_000, "{whole} bytes");
    for sequence in 2..=50 {
        store.commit(&report(sequence, 10)).unwrap();
    }
    assert_eq!(length(), whole);

    // What a hub would find that was killed now.
    let killed = tempfile::tempdir().unwrap();
    for name in ["hub.db", "hub.db-wal"] {
        std::fs::copy(directory.path().join(name), killed.path().join(name)).unwrap();
    }
    let (_store, history) = SqliteStore::open(&killed.path().join("hub.db")).unwrap();
    assert_eq!(stored(&history), 500);
}

#[test]
fn a_statement_is_planned_once_whatever_numbers_it_is_given() {
    let (_directory, store, _history) = open(200);
    let mut select = store.db.prepare("SELECT * FROM journal ORDER BY id LIMIT ?").unwrap();
    for limit in 1..=3 {
        assert!(!select.exists([limit]).unwrap());
    }
    assert_eq!(select.get_status(StatementStatus::RePrepare), 0);
}

#[test]
fn a_log_for_which_no_room_can_be_made_grows_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hub.db");
    let disk = SqliteDisk { lengthen: |_, _| Err(ErrorKind::StorageFull.into()), ..SqliteDisk::default() };
    let (mut store, history) = SqliteStore::open_on(disk, &path, SqliteLimits::default()).unwrap();
    assert_eq!(store.upkeep().unwrap(), Upkeep::Done);
    store.commit(&report(1, 10)).unwrap();
    assert_eq!(stored(&history), 10);
}

#[test]
fn under_load_what_is_due_goes_along_with_commits() {
    let (_directory, mut store, history) = open(200);
    for sequence in 1..=200 {
        store.commit(&report(sequence, 10)).unwrap();
        let journal = journal::length(&store.db).unwrap();
        assert!(journal < 300, "{journal} items after {sequence} commits");
    }
    assert_eq!(stored(&history), 2_000);
}

#[test]
fn a_batch_is_stored_where_what_goes_along_fails() {
    let (_directory, mut store, _history) = open(200);
    let items = |store: &SqliteStore| journal::length(&store.db).unwrap();
    let mut sequence = 0;
    let mut commit = |store: &mut SqliteStore| {
        sequence += 1;
        store.commit(&report(sequence, 10))
    };
    while items(&store) < 200 {
        commit(&mut store).unwrap();
    }
    while items(&store) >= 200 {
        commit(&mut store).unwrap();
    }
    store.db.execute("UPDATE chunk SET checksum = checksum + 1, sealed = 0", []).unwrap();
    for _ in 0..40 {
        let before = items(&store);
        commit(&mut store).unwrap();
        assert_eq!(items(&store), before + 11, "stored, and nothing is packed");
    }
}

#[test]
fn the_chunks_of_a_node_that_is_gone_are_deleted_step_by_step() {
    let (_directory, mut store, history) = open(4_000);
    for sequence in 1..=20 {
        store.commit(&report(sequence, 1_000)).unwrap();
    }
    while store.upkeep().unwrap() == Upkeep::Due {}
    let chunks = |store: &SqliteStore| -> i64 {
        store.db.query_row("SELECT count(*) FROM chunk", [], |row| row.get(0)).unwrap()
    };
    assert!(chunks(&store) > 0);
    let node = NodeId::plain(Name::new("a").unwrap());
    let gone = Batch { records: vec![Record::Gone(node)], readings: Vec::new() };
    store.commit(&gone).unwrap();
    assert_eq!(stored(&history), 0);
    while store.upkeep().unwrap() == Upkeep::Due {}
    assert_eq!(chunks(&store), 0);
}
