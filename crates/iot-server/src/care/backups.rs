//! [`Backups`]: the directory of the backups that the hub makes, and of the one that was sent to it last. Their names are
//! strict: what does not read as one is neither listed, nor sent, nor deleted.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use iot_proto::UnixMillis;
use iot_store::Arrival;
use iot_web::BackupFile;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use tracing::warn;

/// Name of the directory in the data directory.
const DIRECTORY: &str = "backups";

/// How backups are named: by the second in which they were begun, in UTC, or the next one that is free.
const NAME: &str = "hub-%Y%m%dT%H%M%SZ.db";

/// How backups are named that came from elsewhere: by the second in which the last thing happened that they know of.
const UPLOADED: &str = "uploaded-%Y%m%dT%H%M%SZ.db";

/// Beside what uploads lie that are not whole yet.
const UPLOAD: &str = "upload";

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
            let name = named_by(NAME, at);
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
        self.make()?;
        self.delete_parts();
        Ok(self.directory.join(name))
    }

    /// Beside what an upload is to lie until it is whole. The directory is made, for nobody else to read.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(super) fn upload(&self) -> io::Result<PathBuf> {
        self.make()?;
        Ok(self.directory.join(UPLOAD))
    }

    /// Deletes what a hub left behind that ended while a backup was sent to it.
    pub(super) fn sweep_uploads(&self) {
        Arrival::sweep(&self.directory.join(UPLOAD));
    }

    /// Name and place of a backup that came from elsewhere and knows of nothing after this time.
    pub(super) fn uploaded(&self, last: UnixMillis) -> (Box<str>, PathBuf) {
        let name = named_by(UPLOADED, last);
        let path = self.directory.join(&*name);
        (name, path)
    }

    /// Deletes those that came before this one.
    pub(super) fn keep_upload(&self, name: &str) {
        let others = self.list().into_iter().filter(|file| time(UPLOADED, &file.name).is_some());
        others.filter(|file| *file.name != *name).for_each(|file| self.delete(&file.name));
    }

    /// Where they lie.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    fn make(&self) -> io::Result<()> {
        let mut directory = fs::DirBuilder::new();
        directory.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
        directory.create(&self.directory)
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
        files.sort_by(|file, other| (other.at, &other.name).cmp(&(file.at, &file.name)));
        files
    }

    /// Those that this hub has made, newest first.
    pub(super) fn made(&self) -> impl Iterator<Item = BackupFile> {
        self.list().into_iter().filter(|file| time(NAME, &file.name).is_some())
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

    /// Deletes those of its own that are not kept: the oldest.
    pub(super) fn prune(&self) {
        self.made().skip(self.keep).for_each(|file| self.delete(&file.name));
    }

    fn delete(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.directory.join(name)) {
            warn!(name, %error, "an old backup could not be deleted");
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

fn named_by(form: &str, second: UnixMillis) -> Box<str> {
    let at = Timestamp::from_millisecond(second.0).unwrap_or_default();
    at.strftime(form).to_string().into()
}

/// When the backup of this name was begun, as far as anybody can tell; `None` where the name is none.
pub(super) fn begun(name: &str) -> Option<UnixMillis> {
    [NAME, UPLOADED].into_iter().find_map(|form| time(form, name))
}

/// The time in a name of this form.
fn time(form: &str, name: &str) -> Option<UnixMillis> {
    let at = DateTime::strptime(form, name).ok()?.to_zoned(TimeZone::UTC).ok()?;
    (at.strftime(form).to_string() == name).then(|| UnixMillis(at.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_when_and_what_is_no_name_names_nothing() {
        let at = UnixMillis(1_794_666_247_123);
        for (form, expected) in
            [(NAME, "hub-20261114T142407Z.db"), (UPLOADED, "uploaded-20261114T142407Z.db")]
        {
            assert_eq!(&*named_by(form, at), expected);
            assert_eq!(begun(expected), Some(UnixMillis(1_794_666_247_000)));
        }
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
        let names: Vec<_> = (0..4).map(|day| named_by(NAME, UnixMillis(day * 86_400_000))).collect();
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

    #[test]
    fn of_those_that_were_sent_the_last_one_is_kept_however_old_it_is() {
        let data_dir = tempfile::tempdir().unwrap();
        let backups = Backups::new(data_dir.path(), 1);
        let begin = |path: PathBuf| fs::write(path, "").unwrap();
        backups.upload().unwrap();
        let (newer, path) = backups.uploaded(UnixMillis(9_000));
        begin(path);
        let (older, path) = backups.uploaded(UnixMillis(1_000));
        begin(path);
        backups.keep_upload(&older);
        for day in [2, 3] {
            begin(backups.place(&named_by(NAME, UnixMillis(day * 86_400_000))).unwrap());
        }
        backups.prune();
        let kept: Vec<_> = backups.list().into_iter().map(|file| file.name).collect();
        assert_eq!(kept, [named_by(NAME, UnixMillis(3 * 86_400_000)), older]);
        assert!(backups.open(&newer).is_none());
        assert_eq!(backups.made().count(), 1, "the next one is due by those that the hub made");
    }
}
