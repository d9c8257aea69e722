//! [`back_up`]: copies the file of a store into one file, while a hub uses it or not, and verifies the copy.
//!
//! Copied is one state of the file: a read transaction holds it while the hub commits on. Pages go over in
//! small steps with pauses, and reach the disk as they go, so that the hub's own syncs are not held up by one
//! great one. The copy has its name only when it is whole, verified and on disk.

use std::{
    ffi::OsString,
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};
use thiserror::Error;

use super::{
    fault::Fault,
    inspect::Progress,
    integrity::{self, Contents, Depth},
    open::{PATIENCE, Schema, SqliteDisk, identify, open_reader, private, sync_directory},
    rows,
    schema::bring_up,
    sealed::{self, SealedKey},
    verify::{VerifyError, verify},
};

/// Pages that are copied in one step.
const STEP: i32 = 64;

/// Steps after which what was copied is put on disk.
const SYNC_EVERY: u32 = 8;

/// What happens to a file that lies where another one is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the task is refused.
    Keep,
    /// The other one takes its place.
    Replace,
}

/// Why there is no copy. What had been copied is gone again.
#[derive(Debug, Error)]
pub enum BackupError {
    /// Something lies there already.
    #[error("{} is there already: choose another name, or say --force to replace it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be copied, or its copy is damaged.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The copy cannot be written.
    #[error("cannot write {}: {source}; check that there is room and that its directory can be written", path.display())]
    Write {
        /// The copy.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Whoever watched did not want it any more.
    #[error("the backup was stopped before it was whole")]
    Stopped,
}

/// Copies the store at `from` to `to` and verifies the copy. The hub's own key is in it only where it is given, sealed.
/// `watch` is told how many of how many bytes have been copied, and may end it.
///
/// # Errors
/// [`BackupError`]; then there is no copy.
pub fn back_up(
    from: &Path,
    (to, existing): (&Path, Existing),
    key: Option<&SealedKey>,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Contents, BackupError> {
    if !from.is_file() {
        return Err(VerifyError::Missing { path: from.into() }.into());
    }
    if existing == Existing::Keep && to.exists() {
        return Err(BackupError::Exists { path: to.into() });
    }
    let part = Part::new(to)?;
    part.copy(from, key, watch)?;
    let contents = verify(&part.path, &mut |_| {})?;
    part.put(to)?;
    Ok(contents)
}

/// A file that is being made. It is deleted unless it was put in its place.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
}

impl Part {
    /// Begins a file beside `to`.
    pub(crate) fn new(to: &Path) -> Result<Self, BackupError> {
        let name = to.file_name().map_or_else(OsString::new, OsString::from);
        let mut part = OsString::from(".");
        part.push(name);
        part.push(format!(".{}.part", std::process::id()));
        let part = Self { path: to.with_file_name(part) };
        part.delete();
        private().open(&part.path).map_err(|source| part.unwritten(source))?;
        Ok(part)
    }

    /// Deletes what those left beside `to` who were killed while they made such a file.
    pub(crate) fn sweep(to: &Path) {
        let begin = format!(".{}.", to.file_name().unwrap_or_default().display());
        let beside = to.parent().filter(|directory| !directory.as_os_str().is_empty());
        for entry in fs::read_dir(beside.unwrap_or_else(|| Path::new("."))).into_iter().flatten().flatten() {
            let is_part = |name: &str| name.starts_with(&begin) && name.contains(".part");
            if entry.file_name().to_str().is_some_and(is_part) {
                // It is deleted next time where it is not now.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn unwritten(&self, source: io::Error) -> BackupError {
        BackupError::Write { path: self.path.clone(), source }
    }

    /// Copies all pages of `from`, and puts the hub's key beside them.
    pub(crate) fn copy(
        &self,
        from: &Path,
        key: Option<&SealedKey>,
        watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), BackupError> {
        let of = |fault: Fault| BackupError::Verify(VerifyError::of(from, &fault));
        let mut source = open_reader(from, SqliteDisk::default()).map_err(of)?;
        match identify(&source).map_err(of)? {
            Schema::Ours(_) => {}
            Schema::Newer(found) => return Err(VerifyError::Schema { path: from.into(), found }.into()),
            Schema::Empty | Schema::Foreign => return Err(VerifyError::Foreign { path: from.into() }.into()),
        }
        let copied = self.copy_pages(&mut source, watch).and_then(|whole| match whole {
            ControlFlow::Continue(()) => self.finish(key).map(ControlFlow::Continue),
            ControlFlow::Break(()) => Ok(ControlFlow::Break(())),
        });
        match copied {
            Ok(ControlFlow::Continue(())) => Ok(()),
            Ok(ControlFlow::Break(())) => Err(BackupError::Stopped),
            // Which of the two files is at fault is told by what it says.
            Err(fault) if fault.is_damage() => Err(of(fault)),
            Err(fault) => Err(self.unwritten(io::Error::other(fault.to_string()))),
        }
    }

    fn copy_pages(
        &self,
        source: &mut Connection,
        watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Fault> {
        let mut copy = self.open()?;
        // What is lost in a power cut was never given its name, so SQLite need neither sync nor roll back.
        copy.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1024;",
        )?;
        let file = private().open(&self.path).map_err(Fault::Disk)?;
        let page_size: u32 = source.pragma_query_value(None, "page_size", |row| row.get(0))?;
        // Held until the end: without it each commit of the hub would begin the copy anew.
        let source = source.transaction()?;
        source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let backup = Backup::new(&source, &mut copy)?;
        for step in 1.. {
            let began = Instant::now();
            let result = backup.step(STEP)?;
            let pages = |count: i32| u64::try_from(count).unwrap_or(0) * u64::from(page_size);
            let (remaining, of) = (pages(backup.progress().remaining), pages(backup.progress().pagecount));
            if watch(Progress { done: of.saturating_sub(remaining), of }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if result == StepResult::Done {
                break;
            }
            if step % SYNC_EVERY == 0 {
                file.sync_data().map_err(Fault::Disk)?;
            }
            // The hub has the disk and the processor for as long as this had them.
            thread::sleep(began.elapsed());
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Makes one file of it that needs no log beside it, marked as closed in good order.
    fn finish(&self, key: Option<&SealedKey>) -> Result<(), Fault> {
        let copy = self.open()?;
        copy.execute_batch("UPDATE state SET clean = 1")?;
        // A file of an older schema has no place for it; such a copy is refused when it is verified.
        if copy.table_exists(None, "sealed_key")? {
            sealed::put(&copy, key)?;
        }
        Self::close(copy)
    }

    /// The file for changes before it is put in its place.
    pub(crate) fn open(&self) -> Result<Connection, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags)?;
        db.busy_timeout(PATIENCE)?;
        rows::allow(&db)?;
        Ok(db)
    }

    /// The file for changes, brought to the newest schema.
    pub(crate) fn renewed(&self) -> Result<Connection, Fault> {
        let mut db = self.open()?;
        integrity::table(&db, "sqlite_schema", Depth::Full)?;
        db.execute_batch("PRAGMA foreign_keys = ON")?;
        bring_up(&mut db)?;
        Ok(db)
    }

    /// Closes it as one file without a log.
    pub(crate) fn close(db: Connection) -> Result<(), Fault> {
        let mode: String = db.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))?;
        db.close().map_err(|(_, error)| error)?;
        if mode == "delete" {
            Ok(())
        } else {
            Err(Fault::Unreadable(format!("its journal mode stays {mode}")))
        }
    }

    /// Puts the file on disk, gives it its name, and puts that on disk.
    pub(crate) fn put(self, to: &Path) -> Result<(), BackupError> {
        let put = || {
            private().open(&self.path)?.sync_all()?;
            fs::rename(&self.path, to)?;
            sync_directory(to)
        };
        put().map_err(|source| BackupError::Write { path: to.into(), source })
    }

    fn delete(&self) {
        for ending in ["", "-journal", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(ending);
            // Most of them are not there.
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.delete();
    }
}
