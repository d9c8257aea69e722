//! [`Backups`]: the directory of the backups that the hub makes. Their names are strict: what does not read
//! as one is neither listed, nor sent, nor deleted.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use iot_proto::UnixMillis;
use iot_web::BackupFile;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use tracing::warn;

/// Name of the directory in the data directory.
const DIRECTORY: &str = "backups";

/// How backups are named: by the second in which they were begun, in UTC, or the next one that is free.
const NAME: &str = "hub-%Y%m%dT%H%M%SZ.db";

/// The backups of one hub.
#[derive(Debug)]
pub(super) struct Backups {
    directory: PathBuf,
    keep: usize,
}

impl Backups {
    /// The backups in this data directory, of which so many are kept.
    pub(super) fn new(data_dir: &Path, keep: usize) -> Self {
        Self { directory: data_dir.join(DIRECTORY), keep }
    }

    /// The name of one that is begun now.
    pub(super) fn name(&self, now: UnixMillis) -> Box<str> {
        let mut at = now;
        loop {
            let name = named_by(at);
            if !self.directory.join(&*name).exists() {
                return name;
            }
            at = UnixMillis(at.0.saturating_add(1_000));
        }
    }

    /// Where a backup of this name is to lie. The directory is made, for nobody else to read.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(super) fn place(&self, name: &str) -> io::Result<PathBuf> {
        let mut directory = fs::DirBuilder::new();
        directory.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
        directory.create(&self.directory)?;
        self.delete_parts();
        Ok(self.directory.join(name))
    }

    /// All that there are, newest first.
    pub(super) fn list(&self) -> Vec<BackupFile> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let (at, bytes) = (begun(&name)?, entry.metadata().ok()?.len());
                Some(BackupFile { name: name.into(), at, bytes })
            })
            .collect();
        files.sort_by(|file, other| other.name.cmp(&file.name));
        files
    }

    /// The file of this name with its size, if it is a backup's.
    pub(super) fn open(&self, name: &str) -> Option<(File, u64)> {
        begun(name)?;
        let file = File::open(self.directory.join(name)).ok()?;
        let bytes = file.metadata().ok().filter(fs::Metadata::is_file)?.len();
        Some((file, bytes))
    }

    /// Where the backup of this name lies, if there is one.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        begun(name)?;
        Some(self.directory.join(name)).filter(|path| path.is_file())
    }

    /// Deletes those that are not kept: the oldest.
    pub(super) fn prune(&self) {
        for file in self.list().iter().skip(self.keep) {
            if let Err(error) = fs::remove_file(self.directory.join(&*file.name)) {
                warn!(name = &*file.name, %error, "an old backup could not be deleted");
            }
        }
    }

    /// Deletes what hubs left behind that were killed while they made a backup.
    fn delete_parts(&self) {
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with(".hub-") && name.contains(".part")) {
                // It is deleted next time where it is not now.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn named_by(second: UnixMillis) -> Box<str> {
    let at = Timestamp::from_millisecond(second.0).unwrap_or_default();
    at.strftime(NAME).to_string().into()
}

/// When the backup of this name was begun; `None` where the name is none.
pub(super) fn begun(name: &str) -> Option<UnixMillis> {
    let at = DateTime::strptime(NAME, name).ok()?.to_zoned(TimeZone::UTC).ok()?;
    (at.strftime(NAME).to_string() == name).then(|| UnixMillis(at.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_when_and_what_is_no_name_names_nothing() {
        let name = named_by(UnixMillis(1_794_666_247_123));
        assert_eq!(&*name, "hub-20261114T142407Z.db");
        assert_eq!(begun(&name), Some(UnixMillis(1_794_666_247_000)));
        for name in [
            "",
            "..",
            "hub.db",
            "../hub.db",
            "hub-20261114T142407Z.db/../../hub.db",
            "hub-20261314T142407Z.db",
            "hub-2026111T142407Z.db",
            "hub-20261114T142407Z.db ",
            "hub-20261114T142407Z.DB",
        ] {
            assert_eq!(begun(name), None, "{name}");
        }
    }

    #[test]
    fn two_that_are_begun_in_one_second_have_two_names() {
        let data_dir = tempfile::tempdir().unwrap();
        let (backups, now) = (Backups::new(data_dir.path(), 2), UnixMillis(1_794_666_247_123));
        let first = backups.name(now);
        fs::write(backups.place(&first).unwrap(), "").unwrap();
        let second = backups.name(now);
        assert_eq!((&*first, &*second), ("hub-20261114T142407Z.db", "hub-20261114T142408Z.db"));
    }

    #[test]
    fn the_newest_are_kept_and_nothing_else_is_touched() {
        let data_dir = tempfile::tempdir().unwrap();
        let backups = Backups::new(data_dir.path(), 2);
        assert!(backups.list().is_empty());
        let names: Vec<_> = (0..4).map(|day| named_by(UnixMillis(day * 86_400_000))).collect();
        for name in names.iter().map(|name| &**name).chain(["mine.db", "hub-notes.txt"]) {
            fs::write(backups.place(name).unwrap(), name).unwrap();
        }
        fs::write(data_dir.path().join(DIRECTORY).join(".hub-1.db.7.part"), "").unwrap();
        backups.prune();
        let kept: Vec<_> = backups.list().into_iter().map(|file| file.name).collect();
        assert_eq!(kept, [names[3].clone(), names[2].clone()]);
        assert!(backups.open(&names[3]).is_some() && backups.open(&names[0]).is_none());
        assert!(backups.open("mine.db").is_none(), "nothing else is sent");
        backups.place("hub-next").unwrap();
        let left = fs::read_dir(data_dir.path().join(DIRECTORY)).unwrap().count();
        assert_eq!(left, 4, "two backups and two files that are none");
    }
}
