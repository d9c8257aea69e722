//! Backups of the real binary, and the way back: what the hub's key needs to come along, and that nothing is changed
//! where it is refused.

use std::{fs, path::Path};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::program::{Hub, program, refused, run, said};

const PASSPHRASE: &str = "four words are good";

/// A data directory on which a hub has run once.
fn lived() -> TempDir {
    let data_dir = tempfile::tempdir().expect("a directory");
    Hub::start(data_dir.path(), &[]).until("know this hub by its key");
    data_dir
}

fn key(data_dir: &Path) -> Option<String> {
    fs::read_to_string(data_dir.join("identity.key")).ok()
}

/// A file with a passphrase that nobody else can read.
#[cfg(unix)]
fn passphrase_file(directory: &Path, words: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = directory.join("passphrase");
    fs::write(&path, words).expect("it can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    path.display().to_string()
}

#[test]
fn without_a_passphrase_no_key_is_in_a_backup_and_both_ways_say_what_that_means() {
    let (data_dir, elsewhere) = (lived(), tempfile::tempdir().unwrap());
    let backup = elsewhere.path().join("hub.db").display().to_string();
    let made = said(data_dir.path(), &["backup", &backup], "");
    assert!(made.contains("key is not in it") && made.contains("--with-key"), "{made}");
    let other = elsewhere.path().join("data");
    let restored = said(&other, &["restore", &backup], "");
    assert!(restored.contains("makes another one") && restored.contains("join again"), "{restored}");
    assert_eq!(key(&other), None);
    let in_place = said(data_dir.path(), &["restore", &backup, "--force", "--json"], "");
    let in_place: Json = serde_json::from_str(&in_place).unwrap();
    assert_eq!(in_place["key"], "kept", "a hub that is restored on its own machine has its key");
}

#[test]
fn a_restore_to_which_nobody_listens_is_made_all_the_same() {
    let (data_dir, elsewhere) = (lived(), tempfile::tempdir().unwrap());
    let backup = elsewhere.path().join("hub.db").display().to_string();
    said(data_dir.path(), &["backup", &backup], "");
    let other = elsewhere.path().join("data");
    let mut restore = program(&other, &["restore", &backup]).spawn().unwrap();
    drop((restore.stdout.take(), restore.stderr.take()));
    assert!(restore.wait().unwrap().success());
    assert!(said(&other, &["verify"], "").contains("hub.db"));
}

#[cfg(unix)]
#[test]
fn with_the_passphrase_the_hub_is_the_same_on_another_machine_and_a_wrong_one_changes_nothing() {
    let (data_dir, elsewhere) = (lived(), tempfile::tempdir().unwrap());
    let backup = elsewhere.path().join("hub.db").display().to_string();
    assert!(!run(data_dir.path(), &["backup", &backup, "--with-key"], "too short").status.success());
    assert!(!Path::new(&backup).exists());
    let made = said(data_dir.path(), &["backup", &backup, "--with-key", "--json"], PASSPHRASE);
    assert_eq!(serde_json::from_str::<Json>(&made).unwrap()["contents"]["has_key"], true);
    let words = key(data_dir.path()).unwrap();
    let bytes = fs::read(&backup).unwrap();
    assert!(!bytes.windows(16).any(|part| part == &words.as_bytes()[..16]), "the key is sealed");

    let other = elsewhere.path().join("data");
    let complaint = refused(&other, &["restore", &backup]);
    assert!(complaint.contains("--passphrase-file") && complaint.contains("--without-key"), "{complaint}");
    let wrong = passphrase_file(elsewhere.path(), "four words are goop");
    let complaint = refused(&other, &["restore", &backup, "--passphrase-file", &wrong]);
    assert!(complaint.contains("passphrase is not the one"), "{complaint}");
    assert!(!other.exists(), "nothing was changed");

    let right = passphrase_file(elsewhere.path(), PASSPHRASE);
    let restored = said(&other, &["restore", &backup, "--passphrase-file", &right], "");
    assert!(restored.contains("its nodes know it") && restored.contains("0 nodes"), "{restored}");
    assert_eq!(key(&other), key(data_dir.path()));
    let verified: Json = serde_json::from_str(&said(&other, &["verify", "--json"], "")).unwrap();
    assert_eq!(verified["contents"]["has_key"], false, "the store of a hub has no key");
}

#[cfg(unix)]
#[test]
fn another_key_is_replaced_only_by_force_and_kept_beside() {
    let (data_dir, other, elsewhere) = (lived(), lived(), tempfile::tempdir().unwrap());
    let backup = elsewhere.path().join("hub.db").display().to_string();
    said(data_dir.path(), &["backup", &backup, "--with-key"], PASSPHRASE);
    let words = passphrase_file(elsewhere.path(), PASSPHRASE);
    let before = key(other.path());
    let with = ["restore", &backup, "--passphrase-file", &words];
    fs::remove_file(other.path().join("hub.db")).unwrap();
    let complaint = refused(other.path(), &with);
    assert!(complaint.contains("another key") && complaint.contains("--force"), "{complaint}");
    assert!(!other.path().join("hub.db").exists() && key(other.path()) == before, "nothing was changed");
    let restored = said(other.path(), &[&with[..], &["--force", "--json"]].concat(), "");
    let restored: Json = serde_json::from_str(&restored).unwrap();
    assert_eq!((&restored["key"], key(other.path())), (&"restored".into(), key(data_dir.path())));
    let kept = fs::read_to_string(restored["key_kept"].as_str().unwrap()).ok();
    assert_eq!(kept, before);
    let left = said(other.path(), &["restore", &backup, "--force", "--json", "--without-key"], "");
    assert_eq!(serde_json::from_str::<Json>(&left).unwrap()["key"], "kept");
}
