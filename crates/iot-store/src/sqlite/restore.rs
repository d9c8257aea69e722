//! [`restore`]: puts a backup in the place of a store that no hub uses. What lay there is kept beside it. All that takes
//! time, and all that may be refused, is done by [`prepare`], while a hub goes on with the store.

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use iot_core::{
    CommandState, IotError,
    audit::{AuditRecord, Deed, Target},
    people::By,
    view::Step,
};
use thiserror::Error;

use super::{
    audit,
    backup::{BackupError, Existing, Part},
    commands,
    fault::Fault,
    inspect::Progress,
    integrity::Contents,
    open::{OpenError, lock, sync_directory},
    readmitted::Readmitted,
    verify::{VerifyError, verify},
};

/// In whose name commands that were under way are cancelled.
const AUTHOR: &str = "the restore of a backup: it may have run since";

/// Why a backup was not restored. The store is as it was.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// A hub uses the store, or its directory cannot be written.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is a store already.
    #[error("{} is there already: say --force to put the backup in its place; what is there is kept beside it", path.display())]
    Exists {
        /// The store.
        path: PathBuf,
    },
    /// The backup cannot be read, is damaged, or cannot be copied.
    #[error(transparent)]
    Copy(#[from] BackupError),
    /// What lies there cannot be moved aside.
    #[error("cannot move {} aside: {source}", path.display())]
    Aside {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl From<VerifyError> for RestoreError {
    fn from(error: VerifyError) -> Self {
        Self::Copy(error.into())
    }
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the store has now.
    pub contents: Contents,
    /// Commands that were under way in the backup and have been cancelled, since they may have run since.
    pub cancelled: u64,
    /// Whom it lets in.
    pub readmitted: Readmitted,
    /// Where that lies which was there before.
    pub kept: Option<PathBuf>,
}

/// A backup that was verified and lies beside the store, ready to take its place. Dropping it deletes it.
#[derive(Debug)]
pub struct Prepared {
    part: Part,
    store: PathBuf,
    aside: PathBuf,
    contents: Contents,
    cancelled: u64,
    readmitted: Readmitted,
}

/// Verifies the backup at `from` and makes all of it ready to take the place of `store`, which a hub may be using and
/// which is not touched. What lies there will be moved to `aside`. Commands that were under way are cancelled: nodes
/// may have run them since the backup, and forgotten it, and nothing may run twice. All logins end. The audit of what
/// is restored says by whom. A key of the hub in the backup does not get into the store. `watch` is told how many of how many bytes have been copied, and may end it. One is made
/// ready at a time.
///
/// # Errors
/// [`RestoreError`]; then nothing has changed.
pub fn prepare(
    from: &Path,
    (store, aside): (&Path, &Path),
    by: By<'_>,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Prepared, RestoreError> {
    if !from.is_file() {
        return Err(VerifyError::Missing { path: from.into() }.into());
    }
    Part::sweep(store);
    let part = Part::new(store)?;
    part.copy(from, None, watch)?;
    let name = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
    let before = if is_there(store) { format!("the store, kept as {}", name(aside)) } else { String::new() };
    let record = AuditRecord {
        at: by.at,
        by: by.who.into(),
        deed: Deed::Restore,
        target: Target::default(),
        before: before.into(),
        after: format!("the backup {}", name(from)).into(),
        why: by.why.into(),
    };
    let of = |fault: Fault| VerifyError::of(from, &fault);
    let cancelled = renew(&part, &record).map_err(of)?;
    let readmitted = part.open().and_then(|db| Readmitted::read(&db, store)).map_err(of)?;
    let contents = verify(&part.path, &mut |_| {}).map_err(|error| error.about(from))?;
    Ok(Prepared { part, store: store.into(), aside: aside.into(), contents, cancelled, readmitted })
}

impl Prepared {
    /// Puts it in the place of the store, which no hub may be using any more. What lies there is moved aside.
    ///
    /// # Errors
    /// [`RestoreError`]; the store is then as it was.
    pub fn put(self) -> Result<Restored, RestoreError> {
        let _lock = lock(&self.store)?;
        self.put_locked()
    }

    fn put_locked(self) -> Result<Restored, RestoreError> {
        let Self { part, store, aside, contents, cancelled, readmitted } = self;
        let kept = is_there(&store).then(|| aside.clone());
        keep(&store, &aside).map_err(|source| RestoreError::Aside { path: store.clone(), source })?;
        if let Err(error) = part.put(&store) {
            // Where it still lies in its place as well, this changes nothing.
            let _ = fs::rename(&aside, &store);
            return Err(error.into());
        }
        Ok(Restored { contents, cancelled, readmitted, kept })
    }
}

/// Puts the backup at `from` in the place of `store`, which no hub uses: as [`prepare`] and [`Prepared::put`].
///
/// # Errors
/// [`RestoreError`]; the store is then as it was.
pub fn restore(
    from: &Path,
    (store, existing): (&Path, Existing),
    aside: &Path,
    by: By<'_>,
    watch: &mut dyn FnMut(Progress),
) -> Result<Restored, RestoreError> {
    let _lock = lock(store)?;
    if existing == Existing::Keep && is_there(store) {
        return Err(RestoreError::Exists { path: store.into() });
    }
    let prepared = prepare(from, (store, aside), by, &mut |progress| {
        watch(progress);
        ControlFlow::Continue(())
    })?;
    prepared.put_locked()
}

/// Undoes a restore, while no hub uses the store: what was kept takes its place again, and what was restored goes
/// to `aside`.
///
/// # Errors
/// [`RestoreError`].
pub fn put_back(kept: &Path, store: &Path, aside: &Path) -> Result<(), RestoreError> {
    let _lock = lock(store)?;
    let put = || {
        keep(store, aside)?;
        fs::rename(kept, store)?;
        sync_directory(store)
    };
    put().map_err(|source| RestoreError::Aside { path: store.into(), source })
}

/// Whether there is a store that could be lost.
fn is_there(store: &Path) -> bool {
    fs::metadata(store).is_ok_and(|file| file.len() > 0)
}

/// Brings the copy to the newest schema, ends what was under way and notes who restored it; gives how many commands
/// were under way.
fn renew(part: &Part, record: &AuditRecord) -> Result<u64, Fault> {
    let mut db = part.renewed()?;
    let changes = db.transaction()?;
    let (mut cancelled, mut ended) = (0, commands::count_ended(&changes)?);
    for mut command in commands::load(&changes, 0)? {
        if command.state().is_under_way() {
            let cause = Some(IotError::Cancelled { by: AUTHOR.into() });
            command.steps.push(Step { state: CommandState::Cancelled, at: record.at, cause });
            commands::put(&changes, &command, &mut ended, usize::MAX)?;
            cancelled += 1;
        }
    }
    // Whoever was logged out since the backup stays out.
    changes.execute("DELETE FROM login", [])?;
    audit::put(&changes, record, (audit::KEPT, audit::KEPT_FOR))?;
    changes.execute("UPDATE state SET clean = 1", [])?;
    changes.commit()?;
    Part::close(db)?;
    Ok(cancelled)
}

/// Keeps a store with its log at `aside`. The log goes first: were it left behind alone, it would be played over
/// whatever comes next. Where all is in the file, because a hub has closed it, it stays in its place too until the
/// next one takes that: were the machine to lose its power now, a hub would not find nothing and begin anew.
fn keep(store: &Path, aside: &Path) -> io::Result<()> {
    if aside.exists() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} is there already", aside.display()),
        ));
    }
    let with = |path: &Path, ending: &str| {
        let mut path = path.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    };
    let is_closed = fs::metadata(with(store, "-wal")).map_or(0, |log| log.len()) == 0;
    for ending in ["-wal", "-shm"] {
        found(fs::rename(with(store, ending), with(aside, ending)))?;
    }
    // Not every file system can give a file two names.
    if !is_closed || fs::hard_link(store, aside).is_err() {
        found(fs::rename(store, aside))?;
    }
    sync_directory(store)
}

/// What is not there need not be kept.
fn found(moved: io::Result<()>) -> io::Result<()> {
    moved.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
