//! What holds where a backup comes from elsewhere: it is there as a whole or not at all, and nothing is believed of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use iot_core::{UnixMillis, store::Store as _};
use iot_store::{Arrival, ArrivalError, Arrived, Existing, back_up, verify};
use rusqlite::Connection;

use crate::{
    care::{filled, go_on, names},
    given::report,
};

/// A backup, made by a hub that is stopped since.
fn backup(directory: &Path) -> PathBuf {
    let (path, mut store, history) = filled(directory);
    // The last thing that it knows of: 1 s and 50 ms after the beginning of time.
    store.commit(&report("a", 50, &[7])).unwrap();
    let copy = directory.join("copy.db");
    back_up(&path, (&copy, Existing::Keep), None, &mut go_on).unwrap();
    drop((store, history));
    copy
}

/// What becomes of these bytes where they come from elsewhere.
fn sent(place: &Path, bytes: &[u8]) -> Result<Arrived, ArrivalError> {
    let mut arrival = Arrival::begin(place).unwrap();
    for piece in bytes.chunks(10_000) {
        arrival.write(piece).unwrap();
    }
    assert_eq!(arrival.bytes(), u64::try_from(bytes.len()).unwrap());
    arrival.check(&mut |_| {})
}

/// What is done to a file before it is sent.
fn changed(path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    bytes
}

/// The file of a store after a statement of SQL.
fn told(path: &Path, sql: &str) -> Vec<u8> {
    let copy = path.with_extension("told");
    fs::copy(path, &copy).unwrap();
    Connection::open(&copy).unwrap().execute_batch(sql).unwrap();
    fs::read(copy).unwrap()
}

#[test]
fn a_backup_that_came_whole_is_the_one_that_was_sent_and_tells_when_it_was_made() {
    let (elsewhere, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = backup(elsewhere.path());
    let arrived = sent(&here.path().join("upload"), &fs::read(&copy).unwrap()).unwrap();
    assert_eq!((arrived.contents.nodes, arrived.contents.readings), (1, 8_001));
    assert_eq!(arrived.last, Some(UnixMillis(1_050)));
    assert!(names(here.path()).iter().all(|name| name.starts_with('.')), "it has no name yet");
    let to = here.path().join("uploaded.db");
    arrived.put(&to).unwrap();
    assert_eq!(names(here.path()), ["uploaded.db"]);
    assert!(fs::read(&to).unwrap() == fs::read(copy).unwrap());
    verify(&to, &mut |_| {}).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(to).unwrap().permissions().mode() & 0o777, 0o600, "nobody else reads it");
    }
}

#[test]
fn what_is_no_whole_backup_of_a_hub_is_refused_and_leaves_nothing() {
    let (elsewhere, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = backup(elsewhere.path());
    for (what, bytes, expected) in [
        ("nothing", Vec::new(), "not made by a hub"),
        ("a picture", vec![0xFF; 50_000], "not made by a hub"),
        ("a database of others", told(&copy, "PRAGMA application_id = 7"), "not made by a hub"),
        ("one without tables", told(&copy, "PRAGMA user_version = 0"), "not made by a hub"),
        ("one of a newer hub", told(&copy, "PRAGMA user_version = 99"), "schema 99"),
        ("a store in use", told(&copy, "DROP TRIGGER state_updated; UPDATE state SET clean = 0"), "running"),
        ("its first half", changed(&copy, |bytes| bytes.truncate(bytes.len() / 2)), "damaged"),
        ("its first page", changed(&copy, |bytes| bytes.truncate(4_096)), "damaged"),
        ("one that lacks its last byte", changed(&copy, |bytes| bytes.truncate(bytes.len() - 1)), "damaged"),
        (
            "one that is damaged in the middle",
            changed(&copy, |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle..middle + 200].fill(0xA5);
            }),
            "damaged",
        ),
        (
            "one with a row that no hub wrote",
            told(&copy, "DROP TRIGGER node_updated; UPDATE node SET admission = 'pending'"),
            "checksum",
        ),
    ] {
        let refused = sent(&here.path().join("upload"), &bytes).map(|_| what).unwrap_err();
        assert!(refused.to_string().contains(expected), "{what}: {refused}");
        assert!(names(here.path()).is_empty(), "{what} left {:?}", names(here.path()));
    }
}

#[test]
fn the_store_of_a_hub_that_is_stopped_is_taken_as_one_file_without_a_log() {
    let (elsewhere, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, store, history) = filled(elsewhere.path());
    drop((store, history));
    let arrived = sent(&here.path().join("upload"), &fs::read(path).unwrap()).unwrap();
    arrived.put(&here.path().join("uploaded.db")).unwrap();
    verify(&here.path().join("uploaded.db"), &mut |_| {}).unwrap();
    assert_eq!(names(here.path()), ["uploaded.db"]);
}

#[test]
fn what_was_cut_off_is_gone_and_what_a_killed_hub_left_is_swept() {
    let here = tempfile::tempdir().unwrap();
    let place = here.path().join("upload");
    let mut arrival = Arrival::begin(&place).unwrap();
    arrival.write(b"SQLite format 3").unwrap();
    assert_eq!(names(here.path()).len(), 1);
    drop(arrival);
    assert!(names(here.path()).is_empty());
    for left in [".upload.7.part", ".upload.7.part-wal", "mine.db"] {
        fs::write(here.path().join(left), "").unwrap();
    }
    Arrival::sweep(&place);
    assert_eq!(names(here.path()), ["mine.db"]);
}
