//! [`restore`]: puts a backup in the place of a store that no hub uses. What lay there is kept beside it.

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use iot_core::{CommandState, IotError, view::Step};
use iot_proto::UnixMillis;
use thiserror::Error;

use super::{
    backup::{BackupError, Existing, Part},
    commands,
    fault::Fault,
    inspect::Progress,
    integrity::{Contents, Depth},
    open::{OpenError, lock, sync_directory},
    readmitted::Readmitted,
    schema::migrations,
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

/// Verifies the backup at `from` and puts it at `store`. What lies there is moved to `aside`. Commands that
/// were under way are cancelled at the time `now`: nodes may have run them since the backup, and forgotten
/// it, and nothing may run twice. A key of the hub in the backup does not get into the store. `watch` is told how many of how many bytes have been copied.
///
/// # Errors
/// [`RestoreError`]; the store is then as it was.
pub fn restore(
    from: &Path,
    (store, existing): (&Path, Existing),
    aside: &Path,
    now: UnixMillis,
    watch: &mut dyn FnMut(Progress),
) -> Result<Restored, RestoreError> {
    let _lock = lock(store)?;
    let is_there = fs::metadata(store).is_ok_and(|file| file.len() > 0);
    if is_there && existing == Existing::Keep {
        return Err(RestoreError::Exists { path: store.into() });
    }
    if !from.is_file() {
        return Err(VerifyError::Missing { path: from.into() }.into());
    }
    let part = Part::new(store)?;
    part.copy(from, None, &mut |progress| {
        watch(progress);
        ControlFlow::Continue(())
    })?;
    let of = |fault: Fault| VerifyError::of(from, &fault);
    let cancelled = renew(&part, now).map_err(of)?;
    let readmitted = part.open().and_then(|db| Readmitted::read(&db, store)).map_err(of)?;
    let contents = verify(&part.path, &mut |_| {})?;
    move_aside(store, aside).map_err(|source| RestoreError::Aside { path: store.into(), source })?;
    part.put(store)?;
    Ok(Restored { contents, cancelled, readmitted, kept: is_there.then(|| aside.into()) })
}

/// Brings the copy to the newest schema and ends what was under way; gives how many commands that were.
fn renew(part: &Part, now: UnixMillis) -> Result<u64, Fault> {
    let mut db = part.open()?;
    super::integrity::table(&db, "sqlite_schema", Depth::Full)?;
    db.execute_batch("PRAGMA foreign_keys = ON")?;
    migrations().to_latest(&mut db).map_err(|error| Fault::unreadable("its schema", &error))?;
    let changes = db.transaction()?;
    let (mut cancelled, mut ended) = (0, commands::count_ended(&changes)?);
    for mut command in commands::load(&changes, 0)? {
        if command.state().is_under_way() {
            let cause = Some(IotError::Cancelled { by: AUTHOR.into() });
            command.steps.push(Step { state: CommandState::Cancelled, at: now, cause });
            commands::put(&changes, &command, &mut ended, usize::MAX)?;
            cancelled += 1;
        }
    }
    // Whoever was logged out since the backup stays out.
    changes.execute("DELETE FROM login", [])?;
    changes.execute("UPDATE state SET clean = 1", [])?;
    changes.commit()?;
    Part::close(db)?;
    Ok(cancelled)
}

/// Moves a store with its log out of the way. The log goes first: were it left behind alone, it would be
/// played over whatever comes next.
fn move_aside(store: &Path, aside: &Path) -> io::Result<()> {
    let with = |path: &Path, ending: &str| {
        let mut path = path.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    };
    for ending in ["-wal", "-shm", ""] {
        match fs::rename(with(store, ending), with(aside, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    sync_directory(store)
}
