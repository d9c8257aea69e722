//! Whether the files of the data directory are the hub's alone. What others may write is not believed, and what
//! others may read is no secret; so a hub refuses to start on either, and says what to do. What it makes itself is
//! made so.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why a data directory is not used.
#[derive(Debug, Error)]
pub enum PrivateError {
    /// Other users may do with it what only the hub should.
    #[error("{} can be {what} by other users (mode {mode:04o}): run chmod {mend} {}", path.display(), path.display())]
    Loose {
        /// File or directory.
        path: PathBuf,
        /// What others can do.
        what: &'static str,
        /// Its mode.
        mode: u32,
        /// The mode that it should have.
        mend: &'static str,
    },
    /// It cannot be looked at or made.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Makes the data directory for the hub's user alone where it is not there, and checks what is in it.
///
/// # Errors
/// [`PrivateError`], with what to do.
#[cfg(unix)]
pub(crate) fn check(data_dir: &Path) -> Result<(), PrivateError> {
    use std::os::unix::fs::DirBuilderExt as _;

    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
    made.map_err(|source| PrivateError::Io { path: data_dir.into(), source })?;
    // A directory that others can read is no harm: its files say for themselves who may read them.
    check_mode(data_dir, 0o022, "written", "go-w")?;
    for name in ["hub.db", "hub.db-wal", "hub.db-shm"] {
        check_secret(&data_dir.join(name))?;
    }
    check_mode(&data_dir.join(crate::config::FILE_NAME), 0o022, "written", "go-w")
}

/// Access on this operating system is inherited from the directory above.
#[cfg(not(unix))]
pub(crate) fn check(_: &Path) -> Result<(), PrivateError> {
    Ok(())
}

/// Checks that a secret file, where it is there, is the hub's alone.
///
/// # Errors
/// [`PrivateError`], with what to do.
#[cfg(unix)]
pub(crate) fn check_secret(path: &Path) -> Result<(), PrivateError> {
    check_mode(path, 0o077, "read or written", "600")
}

/// Access on this operating system is inherited from the directory above.
#[cfg(not(unix))]
pub(crate) fn check_secret(_: &Path) -> Result<(), PrivateError> {
    Ok(())
}

/// Writes a file that is the hub's alone: beside the place first and then moved there, so that it is whole or not
/// there.
pub(crate) fn write(data_dir: &Path, name: &str, content: &str) -> io::Result<()> {
    fs::create_dir_all(data_dir)?;
    let path = data_dir.join(name);
    let beside = path.with_added_extension("new");
    // One that a crash has left is not written into: it may be anybody's by now.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    #[cfg(unix)]
    fs::File::open(data_dir)?.sync_all()?;
    Ok(())
}

/// Checks that a file or directory, where it is there, grants others nothing of `forbidden`.
#[cfg(unix)]
fn check_mode(
    path: &Path,
    forbidden: u32,
    what: &'static str,
    mend: &'static str,
) -> Result<(), PrivateError> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = match path.metadata() {
        Ok(metadata) => metadata.permissions().mode() & 0o7777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(PrivateError::Io { path: path.into(), source }),
    };
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(PrivateError::Loose { path: path.into(), what, mode, mend })
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    }

    #[test]
    fn a_directory_that_is_made_is_the_hubs_alone() {
        let root = tempfile::tempdir().unwrap();
        let data_dir = root.path().join("a/data");
        check(&data_dir).unwrap();
        assert_eq!(data_dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_others_can_read_or_write_is_refused_with_advice() {
        for (name, good, loose) in [
            ("hub.db", 0o600, &[0o604, 0o640, 0o602, 0o660][..]),
            ("hub.db-wal", 0o600, &[0o644]),
            (crate::config::FILE_NAME, 0o644, &[0o646, 0o664]),
        ] {
            let data_dir = tempfile::tempdir().unwrap();
            let path = data_dir.path().join(name);
            fs::write(&path, "").unwrap();
            for mode in loose {
                set(&path, *mode);
                let error = check(data_dir.path()).unwrap_err().to_string();
                assert!(error.contains(name) && error.contains("chmod"), "{error}");
                assert!(error.contains(&format!("{mode:04o}")), "{error}");
            }
            set(&path, good);
            check(data_dir.path()).unwrap();
            set(data_dir.path(), 0o777);
            assert!(check(data_dir.path()).is_err(), "others could put another file in its place");
            set(data_dir.path(), 0o700);
        }
    }
}
