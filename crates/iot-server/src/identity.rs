//! The hub's own keys: the first is made at the first start, or put back from a backup, and all that count are kept in
//! `identity.key` of the data directory. How they are written there is `key_text.rs`'s; when they change, `hub_keys.rs`'s.
//!
//! Whoever has this file can pose as the hub to all of its nodes. So nobody but the user who runs the hub may
//! read it: it is made so, and refused when it is not so any more. It is never logged and never shown.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use iot_net::{HubIdentity, KeySet};
use thiserror::Error;
use tracing::info;
use zeroize::Zeroizing;

use crate::{config::StoreKind, key_text, private};

/// Name of the file in the data directory.
pub const FILE_NAME: &str = "identity.key";

/// The bits of a file's mode that let others than its owner do something.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// The hub's own key cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file cannot be made or read.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Others can read or change the file.
    #[error("{} has mode {mode:o}: others could pose as this hub. If nobody has read it, set it with chmod 600; \
             else delete it, and give the nodes the new key", path.display())]
    Loose {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Another key lies where one is to be put.
    #[error("{} holds another key than the backup: say --force to put that one in its place; what is there is kept \
             beside it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no key.
    #[error("{} holds no key: put a backup in its place, or delete it and give the nodes the new key", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
    },
}

/// The hub's keys: from the file, or a new one. With a store in memory they are as short-lived as that.
///
/// # Errors
/// [`IdentityError`]; a file that is there is never replaced.
pub fn keys(store: StoreKind, data_dir: &Path) -> Result<KeySet, IdentityError> {
    let failed = |source| IdentityError::Io { path: data_dir.join(FILE_NAME), source };
    let known = if store == StoreKind::Disk { existing(data_dir)? } else { None };
    let keys = match (known, store) {
        (Some(keys), _) => keys,
        (None, StoreKind::Memory) => KeySet::first(HubIdentity::generate().map_err(failed)?),
        (None, StoreKind::Disk) => {
            let keys = KeySet::first(HubIdentity::generate().map_err(failed)?);
            keep(data_dir, &keys)?;
            keys
        }
    };
    let key = keys.current.identity.public();
    info!(id = %keys.id, %key, number = keys.current.number, "nodes know this hub by its key");
    Ok(keys)
}

/// The keys that a data directory has; `None` where no hub has run on it.
///
/// # Errors
/// [`IdentityError`].
pub fn existing(data_dir: &Path) -> Result<Option<KeySet>, IdentityError> {
    let path = data_dir.join(FILE_NAME);
    match File::open(&path) {
        Ok(file) => read(&path, file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(IdentityError::Io { path, source }),
    }
}

/// Whether [`put`] would find its place free or taken by keys of the same hub.
///
/// # Errors
/// [`IdentityError::Exists`] where there is another one.
pub fn check_place(data_dir: &Path, keys: &KeySet) -> Result<(), IdentityError> {
    let path = data_dir.join(FILE_NAME);
    match existing(data_dir) {
        Ok(None) => Ok(()),
        Ok(Some(known)) if known.id == keys.id => Ok(()),
        // What is no key, or one that others could have read, is in the way like another one.
        Ok(Some(_)) | Err(IdentityError::Loose { .. } | IdentityError::Broken { .. }) => {
            Err(IdentityError::Exists { path })
        }
        Err(error) => Err(error),
    }
}

/// Puts the keys of a backup into a data directory. Others that are there are moved to `aside`; whether they were. Where
/// there are later keys of the same hub they stay: the backup does not know them, and nodes may know no others.
///
/// # Errors
/// [`IdentityError::Io`].
pub fn put(data_dir: &Path, keys: &KeySet, aside: &Path) -> Result<bool, IdentityError> {
    let newest = |keys: &KeySet| (keys.all().map(|held| held.number).max(), keys.current.number);
    if let Ok(Some(known)) = existing(data_dir)
        && known.id == keys.id
        && newest(&known) >= newest(keys)
    {
        return Ok(false);
    }
    let in_the_way = check_place(data_dir, keys).is_err();
    if in_the_way {
        let path = data_dir.join(FILE_NAME);
        fs::rename(&path, aside).map_err(|source| IdentityError::Io { path, source })?;
    }
    keep(data_dir, keys)?;
    Ok(in_the_way)
}

/// Writes the keys in place of those that are there: all of them, or nothing.
///
/// # Errors
/// [`IdentityError::Io`].
pub(crate) fn keep(data_dir: &Path, keys: &KeySet) -> Result<(), IdentityError> {
    let kept = private::write(data_dir, FILE_NAME, &key_text::text(keys));
    kept.map_err(|source| IdentityError::Io { path: data_dir.join(FILE_NAME), source })
}

fn read(path: &Path, file: File) -> Result<KeySet, IdentityError> {
    let failed = |source| IdentityError::Io { path: path.into(), source };
    check_mode(path, &file)?;
    let mut text = Zeroizing::new(String::with_capacity(2 * key_text::LONGEST));
    let longest = u64::try_from(key_text::LONGEST).unwrap_or(u64::MAX);
    file.take(longest + 1).read_to_string(&mut text).map_err(failed)?;
    key_text::parse(text.trim_end()).ok_or_else(|| IdentityError::Broken { path: path.into() })
}

#[cfg(unix)]
fn check_mode(path: &Path, file: &File) -> Result<(), IdentityError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata().map_err(|source| IdentityError::Io { path: path.into(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS == 0 { Ok(()) } else { Err(IdentityError::Loose { path: path.into(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &File) -> Result<(), IdentityError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> KeySet {
        KeySet::first(HubIdentity::generate().unwrap())
    }

    #[test]
    fn a_hub_keeps_its_identity_and_two_hubs_have_two() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let made = keys(StoreKind::Disk, one.path()).unwrap();
        assert_eq!(keys(StoreKind::Disk, one.path()).unwrap(), made);
        assert_ne!(keys(StoreKind::Disk, two.path()).unwrap(), made);
        assert_ne!(keys(StoreKind::Memory, one.path()).unwrap(), made);
    }

    #[test]
    #[cfg(unix)]
    fn the_file_is_readable_by_nobody_else_and_refused_when_it_is() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        keys(StoreKind::Disk, dir.path()).unwrap();
        let path = dir.path().join(FILE_NAME);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = keys(StoreKind::Disk, dir.path()).unwrap_err();
            assert!(
                matches!(refused, IdentityError::Loose { mode: found, .. } if found == mode),
                "{refused}"
            );
        }
    }

    #[test]
    fn the_key_of_a_backup_is_put_where_none_is_and_another_one_is_kept_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let (of_backup, aside) = (new(), dir.path().join("aside"));
        assert!(check_place(dir.path(), &of_backup).is_ok());
        assert_eq!(put(dir.path(), &of_backup, &aside).ok(), Some(false));
        assert_eq!(keys(StoreKind::Disk, dir.path()).unwrap(), of_backup);
        assert_eq!(put(dir.path(), &of_backup, &aside).ok(), Some(false), "it is there already");
        let other = new();
        let refused = check_place(dir.path(), &other).unwrap_err();
        assert!(matches!(refused, IdentityError::Exists { .. }), "{refused}");
        assert_eq!(put(dir.path(), &other, &aside).ok(), Some(true));
        assert_eq!(keys(StoreKind::Disk, dir.path()).unwrap(), other);
        let kept = read(&aside, File::open(&aside).unwrap()).unwrap();
        assert_eq!(kept, of_backup, "what was there is not lost");
    }

    #[test]
    fn later_keys_of_the_same_hub_stay_where_an_older_backup_is_restored_and_come_back_with_a_newer_one() {
        let dir = tempfile::tempdir().unwrap();
        let (first, aside) = (new(), dir.path().join("aside"));
        let next = HubIdentity::generate().unwrap();
        let announced = first.announcing(next, None, iot_core::UnixMillis(5)).unwrap();
        let changed = announced.changed(iot_core::UnixMillis(6)).unwrap();
        for later in [announced, changed] {
            keep(dir.path(), &later).unwrap();
            assert!(check_place(dir.path(), &first).is_ok());
            assert_eq!(put(dir.path(), &first, &aside).ok(), Some(false));
            assert_eq!(keys(StoreKind::Disk, dir.path()).unwrap(), later, "nodes may know no other");
            keep(dir.path(), &first).unwrap();
            assert_eq!(put(dir.path(), &later, &aside).ok(), Some(false));
            assert_eq!(keys(StoreKind::Disk, dir.path()).unwrap(), later);
        }
    }

    #[test]
    fn a_crash_while_keys_are_written_leaves_those_that_were_there() {
        let dir = tempfile::tempdir().unwrap();
        let first = keys(StoreKind::Disk, dir.path()).unwrap();
        // What a hub leaves that ends before the new file is in the place of the old one.
        fs::write(dir.path().join("identity.key.new"), "current 2 7").unwrap();
        assert_eq!(keys(StoreKind::Disk, dir.path()).unwrap(), first);
        let next = HubIdentity::generate().unwrap();
        let announced = first.announcing(next, None, iot_core::UnixMillis(5)).unwrap();
        keep(dir.path(), &announced).unwrap();
        assert_eq!(keys(StoreKind::Disk, dir.path()).unwrap(), announced);
    }

    #[test]
    fn a_file_without_a_key_is_refused_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        keys(StoreKind::Disk, dir.path()).unwrap();
        let path = dir.path().join(FILE_NAME);
        let whole = fs::read_to_string(&path).unwrap();
        for text in ["", "key", &whole[1..], &format!("{}0", whole.trim_end())] {
            fs::write(&path, text).unwrap();
            let refused = keys(StoreKind::Disk, dir.path()).unwrap_err();
            assert!(matches!(refused, IdentityError::Broken { .. }), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert!(!refused.to_string().contains(&whole[4..20]), "the secret is in no message");
        }
    }
}
