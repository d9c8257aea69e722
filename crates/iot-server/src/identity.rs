//! The hub's own key: made at the first start, and kept in `identity.key` of the data directory.
//!
//! Whoever has this file can pose as the hub to all of its nodes. So nobody but the user who runs the hub may
//! read it: it is made so, and refused when it is not so any more. It is never logged and never shown.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use iot_net::HubIdentity;
use iot_proto::HubKey;
use thiserror::Error;
use tracing::info;

use crate::{config::StoreKind, private};

/// Name of the file in the data directory.
pub const FILE_NAME: &str = "identity.key";

/// Bytes of the file at most: 64 hexadecimal digits and the end of the line.
const MAX_LEN: u64 = 66;

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
    /// The file holds no key.
    #[error("{} holds no key: put a backup in its place, or delete it and give the nodes the new key", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
    },
}

/// The hub's identity: from the file, or a new one. With a store in memory it is as short-lived as that.
///
/// # Errors
/// [`IdentityError`]; a file that is there is never replaced.
pub fn identity(store: StoreKind, data_dir: &Path) -> Result<HubIdentity, IdentityError> {
    let path = data_dir.join(FILE_NAME);
    let failed = |source| IdentityError::Io { path: path.clone(), source };
    let identity = match store {
        StoreKind::Memory => HubIdentity::generate().map_err(failed)?,
        StoreKind::Disk => match File::open(&path) {
            Ok(file) => read(&path, file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let identity = HubIdentity::generate().map_err(failed)?;
                let secret = format!("{}\n", HubKey(*identity.secret()));
                private::write(data_dir, FILE_NAME, &secret).map_err(failed)?;
                identity
            }
            Err(error) => return Err(failed(error)),
        },
    };
    let key = identity.public();
    info!(id = %key.id(), %key, "nodes know this hub by its key");
    Ok(identity)
}

fn read(path: &Path, file: File) -> Result<HubIdentity, IdentityError> {
    let failed = |source| IdentityError::Io { path: path.into(), source };
    check_mode(path, &file)?;
    let mut text = String::with_capacity(128);
    file.take(MAX_LEN + 1).read_to_string(&mut text).map_err(failed)?;
    // The digits of a secret key are written as those of a public one.
    let secret = text.trim_end().parse::<HubKey>();
    let secret = secret.map_err(|_| IdentityError::Broken { path: path.into() })?;
    Ok(HubIdentity::from_secret(secret.0))
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
    use std::fs;

    use super::*;

    #[test]
    fn a_hub_keeps_its_identity_and_two_hubs_have_two() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let made = identity(StoreKind::Disk, one.path()).unwrap();
        assert_eq!(identity(StoreKind::Disk, one.path()).unwrap(), made);
        assert_ne!(identity(StoreKind::Disk, two.path()).unwrap(), made);
        assert_ne!(identity(StoreKind::Memory, one.path()).unwrap(), made);
    }

    #[test]
    #[cfg(unix)]
    fn the_file_is_readable_by_nobody_else_and_refused_when_it_is() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        identity(StoreKind::Disk, dir.path()).unwrap();
        let path = dir.path().join(FILE_NAME);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = identity(StoreKind::Disk, dir.path()).unwrap_err();
            assert!(
                matches!(refused, IdentityError::Loose { mode: found, .. } if found == mode),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_file_without_a_key_is_refused_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        identity(StoreKind::Disk, dir.path()).unwrap();
        let path = dir.path().join(FILE_NAME);
        let whole = fs::read_to_string(&path).unwrap();
        for text in ["", "key", &whole[1..], &format!("{}0", whole.trim_end())] {
            fs::write(&path, text).unwrap();
            let refused = identity(StoreKind::Disk, dir.path()).unwrap_err();
            assert!(matches!(refused, IdentityError::Broken { .. }), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert!(!refused.to_string().contains(&whole[4..20]), "the secret is in no message");
        }
    }
}
