//! What holds for the care of a file: copies while it is in use, the way back, and that damage is found.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use iot_core::{
    AdmissionState, CommandState, IotError, UnixMillis,
    store::{Decision, NodeRecord, Record, Store as _, Terms, Upkeep},
    view::Wanted,
};
use iot_proto::{BootId, Capabilities, NodeKey, OwnedValue};
use iot_store::{
    BackupError, Existing, Inspection, ReadmittedNode, RestoreError, SealedKey, SqliteHistory, SqliteLimits,
    SqliteStore, back_up, restore, sealed_key, verify,
};
use tempfile::TempDir;

use crate::given::{all_readings, batch, by, command, join, node, reading, report, report_of};

/// A store with folded and unfolded reports, a node, a command that has ended and one under way.
pub(crate) fn filled(directory: &Path) -> (PathBuf, SqliteStore, SqliteHistory) {
    let path = directory.join("hub.db");
    let limits = SqliteLimits { journal: 2_000, ..SqliteLimits::default() };
    let (mut store, history) = SqliteStore::open_with(&path, limits).unwrap();
    store.commit(&batch(node_record("a"))).unwrap();
    for round in 1..=20 {
        let many: Vec<_> = (0..200).map(|number| i64::from(round) * 200 + number).collect();
        store.commit(&join(vec![report("a", round, &many), report("b", round, &many)])).unwrap();
        while store.upkeep().unwrap() == Upkeep::Due {}
    }
    let done = command(1, "a", Wanted::Restart, &[(CommandState::Queued, None), (CommandState::Done, None)]);
    let sent = command(2, "a", Wanted::Restart, &[(CommandState::Queued, None), (CommandState::Sent, None)]);
    store.commit(&join(vec![batch(done), batch(sent)])).unwrap();
    (path, store, history)
}

pub(crate) fn node_record(name: &str) -> Record {
    Record::Node(Box::new(NodeRecord {
        id: node(name),
        key: Some(NodeKey([7; 32])),
        keys: Vec::new(),
        hub_key: None,
        title: name.into(),
        place: "".into(),
        admission: AdmissionState::Admitted,
        tags: Vec::new(),
        disabled: None,
        terms: Terms::default(),
        sleep: None,
        address: None,
        capabilities: Capabilities(0),
        keepalive_s: 20,
        board: "".into(),
        firmware: "".into(),
        first_seen: UnixMillis(1),
        modules: Vec::new(),
    }))
}

pub(crate) fn go_on<T>(_: T) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub(crate) fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_while_commits_go_on_is_one_state_of_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut store, history) = filled(directory.path());
    let texts = |from: i64| {
        (from..from + 500).map(|at| reading(1, 1, at, OwnedValue::Text(format!("{at:0>200}").into())))
    };
    for round in 1..=8 {
        let texts = texts(i64::from(round) * 500).collect();
        store.commit(&report_of("c", BootId(1), round, 9_000, texts)).unwrap();
    }
    let before = (store.load().unwrap(), all_readings(&history));
    let copies = tempfile::tempdir().unwrap();
    let to = copies.path().join("copy.db");
    let (mut sequence, mut told) = (20, Vec::new());
    let contents = back_up(&path, (&to, Existing::Keep), None, &mut |progress| {
        sequence += 1;
        store.commit(&report("a", sequence, &[99_000 + i64::from(sequence)])).unwrap();
        told.push(progress);
        ControlFlow::Continue(())
    });
    let contents = contents.unwrap();
    assert_eq!((contents.nodes, contents.commands, contents.readings), (1, 2, 12_000));
    assert!(contents.missing_reports > 0, "the helper leaves numbers out");
    assert!(told.len() > 1 && told.is_sorted_by_key(|progress| progress.done), "{told:?}");
    assert_eq!(told.last().unwrap().percent(), 100);
    assert_eq!(names(copies.path()), ["copy.db"], "no log and no part beside it");

    let (mut copy, its_history) = SqliteStore::open(&to).unwrap();
    assert_eq!((copy.load().unwrap(), all_readings(&its_history)), before);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_a_backup() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let (path, _store, _history) = filled(directory.path());
    let to = directory.path().join("copy.db");
    back_up(&path, (&to, Existing::Keep), None, &mut go_on).unwrap();
    assert_eq!(fs::metadata(to).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_backup_replaces_a_file_only_where_it_is_told_to_and_one_that_is_stopped_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (path, store, history) = filled(directory.path());
    drop((store, history));
    let copies = tempfile::tempdir().unwrap();
    let to = copies.path().join("copy.db");
    fs::write(&to, "precious").unwrap();
    let refused = back_up(&path, (&to, Existing::Keep), None, &mut go_on).unwrap_err();
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
    let stopped =
        back_up(&path, (&to, Existing::Replace), None, &mut |_| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(stopped, BackupError::Stopped), "{stopped}");
    assert_eq!(names(copies.path()), ["copy.db"]);
    assert_eq!(fs::read_to_string(&to).unwrap(), "precious");
    back_up(&path, (&to, Existing::Replace), None, &mut go_on).unwrap();
    verify(&to, &mut |_| {}).unwrap();
}

#[test]
fn a_key_is_in_the_backup_that_it_was_given_to_and_in_no_store() {
    let directory = tempfile::tempdir().unwrap();
    let (path, store, history) = filled(directory.path());
    drop((store, history));
    let [with, without, place, aside] =
        ["with.db", "without.db", "new/hub.db", "aside"].map(|name| directory.path().join(name));
    let key = SealedKey { hub: "7K2Q".into(), sealed: [9; 65].into() };
    assert!(back_up(&path, (&with, Existing::Keep), Some(&key), &mut go_on).unwrap().has_key);
    assert_eq!(sealed_key(&with).unwrap(), Some(key));
    verify(&with, &mut |_| {}).unwrap();
    restore(&with, (&place, Existing::Keep), &aside, by(1), &mut |_| {}).unwrap();
    assert_eq!(sealed_key(&place).unwrap(), None);
    // A backup of a backup is one of its own.
    assert!(!back_up(&with, (&without, Existing::Keep), None, &mut go_on).unwrap().has_key);
    assert_eq!(sealed_key(&without).unwrap(), None);
}

#[test]
fn a_restore_says_whom_it_lets_in_and_what_had_been_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hub.db");
    let (mut store, history) = SqliteStore::open(&path).unwrap();
    let permitted = |name| {
        let Record::Node(mut node) = node_record(name) else { panic!("a node") };
        node.terms.commands = Some(Decision { by: "ada".into(), why: "".into(), at: UnixMillis(5) });
        node
    };
    let nodes = ["a", "b", "c", "d", "e"].map(|name| batch(Record::Node(permitted(name))));
    store.commit(&join(nodes.into())).unwrap();
    let copy = directory.path().join("copy.db");
    back_up(&path, (&copy, Existing::Keep), None, &mut go_on).unwrap();
    let mut revoked = permitted("b");
    revoked.admission = AdmissionState::Revoked;
    let changes = vec![batch(Record::Node(revoked)), batch(Record::Gone(node("c"))), batch(node_record("d"))];
    store.commit(&join(changes)).unwrap();
    drop((store, history));
    let now = by(1);
    let (elsewhere, aside) = (directory.path().join("new/hub.db"), directory.path().join("aside"));
    for (place, [away, commanded]) in [(&elsewhere, ["", ""]), (&path, ["bc", "bcd"])] {
        let restored = restore(&copy, (place, Existing::Replace), &aside, now, &mut |_| {}).unwrap();
        let nodes = restored.readmitted.nodes;
        let of = |has: fn(&ReadmittedNode) -> bool| -> String {
            nodes.iter().filter(|node| has(node)).map(|node| &*node.title).collect()
        };
        assert_eq!(of(|_| true), "abcde");
        assert_eq!(of(|node| node.was_turned_away), away);
        assert_eq!(of(|node| node.is_commanded_again), commanded);
    }
}

#[test]
fn a_restored_store_has_what_the_backup_had_and_commands_under_way_are_cancelled() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut store, history) = filled(directory.path());
    let (before, readings) = (store.load().unwrap(), all_readings(&history));
    let to = directory.path().join("copy.db");
    back_up(&path, (&to, Existing::Keep), None, &mut go_on).unwrap();

    let machine = tempfile::tempdir().unwrap();
    let (place, aside) = (machine.path().join("data").join("hub.db"), machine.path().join("aside"));
    let restored = restore(&to, (&place, Existing::Keep), &aside, by(77), &mut |_| {}).unwrap();
    assert_eq!((restored.cancelled, restored.kept), (1, None));
    let (mut store, history) = SqliteStore::open(&place).unwrap();
    let after = store.load().unwrap();
    assert_eq!((&after.nodes, &after.sequences), (&before.nodes, &before.sequences));
    assert_eq!((after.latest, all_readings(&history)), (before.latest, readings));
    assert_eq!(after.commands[0], before.commands[0], "what had ended stays as it was");
    let step = after.commands[1].steps.last().unwrap();
    assert_eq!((step.state, step.at), (CommandState::Cancelled, UnixMillis(77)));
    assert!(matches!(step.cause, Some(IotError::Cancelled { .. })), "{step:?}");
}

#[test]
fn a_restore_refuses_a_store_in_use_or_in_the_way_and_keeps_what_was_there_when_told() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut store, history) = filled(directory.path());
    let (copy, aside) = (directory.path().join("copy.db"), directory.path().join("aside"));
    back_up(&path, (&copy, Existing::Keep), None, &mut go_on).unwrap();
    store.commit(&report("a", 50, &[7_777])).unwrap();
    let later = all_readings(&history);
    let refused = restore(&copy, (&path, Existing::Replace), &aside, by(1), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, RestoreError::Open(_)) && refused.to_string().contains("in use"), "{refused}");

    // As a hub that was killed leaves it: with a log that is not in the file.
    let left = tempfile::tempdir().unwrap();
    for name in ["hub.db", "hub.db-wal"] {
        fs::copy(path.with_file_name(name), left.path().join(name)).unwrap();
    }
    let path = left.path().join("hub.db");
    let refused = restore(&copy, (&path, Existing::Keep), &aside, by(1), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, RestoreError::Exists { .. }), "{refused}");
    let restored = restore(&copy, (&path, Existing::Replace), &aside, by(1), &mut |_| {}).unwrap();
    assert_eq!(restored.kept.as_deref(), Some(aside.as_path()));
    let (_store, history) = SqliteStore::open(&path).unwrap();
    assert_ne!(all_readings(&history), later, "nothing of the old log is played over it");
    let (_store, history) = SqliteStore::open(&aside).unwrap();
    assert_eq!(all_readings(&history), later, "what was kept is whole, log included");
}

/// A closed store, and the numbers of the pages that hold chunks.
fn closed() -> (TempDir, PathBuf, Vec<usize>) {
    let directory = tempfile::tempdir().unwrap();
    let (path, store, history) = filled(directory.path());
    drop((store, history));
    let db = rusqlite::Connection::open(&path).unwrap();
    let of = |sql: &str| -> Vec<usize> {
        let mut select = db.prepare(sql).unwrap();
        let pages = select.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        pages.map(|page| usize::try_from(page.unwrap()).unwrap()).collect()
    };
    let pages = of("SELECT rootpage FROM sqlite_schema WHERE name = 'chunk'");
    (directory, path, pages)
}

fn inspected(path: &Path) -> Result<(), String> {
    let mut inspection = Inspection::begin(path).map_err(|error| error.to_string())?;
    while inspection.step().map_err(|error| error.to_string())?.is_some() {}
    Ok(())
}

#[test]
fn a_whole_file_is_found_whole() {
    let (_directory, path, _) = closed();
    inspected(&path).unwrap();
    let contents = verify(&path, &mut |_| {}).unwrap();
    assert_eq!(contents.readings, 8_000);
}

#[test]
fn a_chunk_that_says_something_else_than_its_readings_is_found() {
    for damage in [
        "UPDATE chunk SET earliest = earliest - 1 WHERE id = (SELECT max(id) FROM chunk)",
        "UPDATE chunk SET readings = readings + 1 WHERE id = (SELECT min(id) FROM chunk)",
        "UPDATE chunk SET bits = x'0777' WHERE id = (SELECT min(id) FROM chunk)",
    ] {
        let (_directory, path, _) = closed();
        let changed = rusqlite::Connection::open(&path).unwrap().execute(damage, []).unwrap();
        assert_eq!(changed, 1);
        let found = verify(&path, &mut |_| {}).unwrap_err();
        assert!(found.is_damage() && found.to_string().contains("chunk"), "{damage}: {found}");
        let found = inspected(&path).unwrap_err();
        assert!(found.contains("damaged") && found.contains("chunk"), "{damage}: {found}");
    }
}

#[test]
fn what_a_row_belongs_to_must_be_there() {
    let (_directory, path, _) = closed();
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM source WHERE node = 'plain:b'").unwrap();
    assert!(verify(&path, &mut |_| {}).unwrap_err().to_string().contains("belongs to"));
    assert!(inspected(&path).unwrap_err().contains("belongs to"));
}

#[test]
fn a_page_that_rotted_and_an_end_that_is_cut_off_are_found_and_a_damaged_backup_is_not_restored() {
    let (directory, path, pages) = closed();
    let whole = fs::read(&path).unwrap();
    let rot = |page: usize| {
        let mut bytes = whole.clone();
        bytes[(page - 1) * 4_096..][..200].fill(0xA5);
        bytes
    };
    for bytes in [rot(pages[0]), whole[..whole.len() - 3 * 4_096].to_vec()] {
        fs::write(&path, &bytes).unwrap();
        let found = verify(&path, &mut |_| {}).unwrap_err();
        assert!(found.is_damage() && found.to_string().contains("backup in its place"), "{found}");
        inspected(&path).unwrap_err();
        let refused = SqliteStore::open(&path).unwrap_err().to_string();
        assert!(refused.contains("damaged") && refused.contains("backup"), "{refused}");
        let to = directory.path().join("copy.db");
        back_up(&path, (&to, Existing::Keep), None, &mut go_on).unwrap_err();
        let (place, aside) = (directory.path().join("new.db"), directory.path().join("aside"));
        restore(&path, (&place, Existing::Keep), &aside, by(1), &mut |_| {}).unwrap_err();
        assert!(!to.exists() && !place.exists());
        assert!(fs::read(&path).unwrap() == bytes, "nothing in it was changed");
    }
}

#[test]
fn what_is_no_store_is_neither_backed_up_nor_restored() {
    let directory = tempfile::tempdir().unwrap();
    let (path, to) = (directory.path().join("other.db"), directory.path().join("to.db"));
    let missing = verify(&path, &mut |_| {}).unwrap_err().to_string();
    assert!(missing.contains("there is no file"), "{missing}");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipe (name TEXT)").unwrap();
    for error in [
        back_up(&path, (&to, Existing::Keep), None, &mut go_on).unwrap_err().to_string(),
        restore(&path, (&to, Existing::Keep), &path, by(1), &mut |_| {}).unwrap_err().to_string(),
        verify(&path, &mut |_| {}).unwrap_err().to_string(),
    ] {
        assert!(error.contains("not made by a hub"), "{error}");
    }
}
