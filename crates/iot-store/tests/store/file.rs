//! What holds for the file: it outlives a process that was killed, and it is refused where it must be.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use iot_core::store::{Store as _, Upkeep};
use iot_store::{MemoryLimits, MemoryStore, OpenError, SqliteLimits, SqliteStore};
use proptest::{collection::vec, prelude::*};
use tempfile::TempDir;

use crate::given::{all_readings, batches, join, report};

fn in_directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data").join("hub.db");
    (directory, path)
}

/// The file as a process that is killed now would leave it.
fn copy(path: &Path) -> (TempDir, PathBuf) {
    let (directory, to) = in_directory();
    fs::create_dir(to.parent().unwrap()).unwrap();
    for extension in ["", "wal"] {
        let name = |path: &Path| {
            PathBuf::from(format!(
                "{}{}{extension}",
                path.display(),
                if extension.is_empty() { "" } else { "-" }
            ))
        };
        fs::copy(name(path), name(&to)).unwrap();
    }
    (directory, to)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_process_that_is_killed_leaves_all_that_was_committed(
        commits in vec((batches(), any::<bool>()), 1..20),
    ) {
        let (_directory, path) = in_directory();
        let (mut store, _history) = SqliteStore::open(&path).unwrap();
        let limits = MemoryLimits { readings: usize::MAX, ..MemoryLimits::default() };
        let mut model = MemoryStore::with_limits(limits);
        for (batch, dies) in commits {
            store.commit(&batch).unwrap();
            model.commit(&batch).unwrap();
            if dies {
                let (_directory, left) = copy(&path);
                let (mut store, history) = SqliteStore::open(&left).unwrap();
                prop_assert_eq!(store.load().unwrap(), model.load().unwrap());
                prop_assert_eq!(all_readings(&history), all_readings(&model));
            }
        }
    }
}

#[test]
fn a_process_that_is_killed_while_it_folds_leaves_each_reading_once() {
    let (_directory, path) = in_directory();
    let limits = SqliteLimits { journal: 4_000, step: Duration::ZERO, ..SqliteLimits::default() };
    let (mut store, _history) = SqliteStore::open_with(&path, limits).unwrap();
    let limits = MemoryLimits { readings: usize::MAX, ..MemoryLimits::default() };
    let mut model = MemoryStore::with_limits(limits);
    for round in 1..=40 {
        let many: Vec<_> = (0..400).map(|number| i64::from(round) * 400 + number).collect();
        let batch = join(vec![report("a", round, &many), report("b", round, &many)]);
        store.commit(&batch).unwrap();
        model.commit(&batch).unwrap();
        for step in 0.. {
            if step % 7 == 0 {
                let (_directory, left) = copy(&path);
                let (mut found, history) = SqliteStore::open(&left).unwrap();
                assert_eq!(found.load().unwrap(), model.load().unwrap());
                assert!(all_readings(&history) == all_readings(&model), "round {round}, step {step}");
            }
            if store.upkeep().unwrap() == Upkeep::Done {
                break;
            }
        }
    }
}

#[test]
fn a_file_is_used_by_one_hub_at_a_time() {
    let (_directory, path) = in_directory();
    let first = SqliteStore::open(&path).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    assert!(refused.to_string().contains("stop that one"), "{refused}");
    drop(first);
    SqliteStore::open(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_directory, path) = in_directory();
    let (mut store, _history) = SqliteStore::open(&path).unwrap();
    store.commit(&report("a", 1, &[10])).unwrap();
    for name in ["hub.db", "hub.db-wal", "hub.db-shm", "hub.db.lock"] {
        let mode = fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_file_that_is_not_a_hubs_is_refused_and_left_alone() {
    let (_directory, path) = in_directory();
    fs::create_dir(path.parent().unwrap()).unwrap();
    let text = "certainly no database; ".repeat(400);
    fs::write(&path, &text).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err().to_string();
    assert!(refused.contains("damaged") && refused.contains("backup"), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);

    fs::remove_file(&path).unwrap();
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE recipe (name TEXT)").unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
}

#[test]
fn a_file_of_a_newer_hub_is_refused() {
    let (_directory, path) = in_directory();
    drop(SqliteStore::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 99, .. }), "{refused}");
}

#[test]
fn another_program_cannot_write_rows_by_which_the_file_would_be_damaged() {
    let (_directory, path) = in_directory();
    drop(SqliteStore::open(&path).unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    let refused = other.execute_batch("UPDATE state SET present = 12").unwrap_err().to_string();
    assert!(refused.contains("row_checksum"), "{refused}");
    drop(other);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_damaged_file_is_refused_with_advice() {
    let (_directory, path) = in_directory();
    let (mut store, history) =
        SqliteStore::open_with(&path, SqliteLimits { journal: 4_000, ..SqliteLimits::default() }).unwrap();
    for round in 1..=40 {
        let many: Vec<_> = (0..500).map(|number| i64::from(round) * 500 + number).collect();
        store.commit(&report("a", round, &many)).unwrap();
    }
    drop((store, history));
    let mut bytes = fs::read(&path).unwrap();
    for page in bytes.chunks_mut(4_096).skip(3) {
        page[..64].fill(0xA5);
    }
    fs::write(&path, &bytes).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err().to_string();
    assert!(refused.contains("damaged") && refused.contains("backup"), "{refused}");
}
