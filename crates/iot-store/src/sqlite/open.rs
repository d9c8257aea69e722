//! Opening the file: one process at a time, the settings on which durability rests, and no file that is
//! damaged, foreign or of a newer hub.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};
use thiserror::Error;

use super::{
    fault::Fault,
    integrity,
    log::{self, Beginning},
    rows,
    schema::{APPLICATION_ID, NEWEST, bring_up},
};

/// The oldest SQLite that is used: those before can corrupt a file with a write-ahead log.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Bytes of a page, of the head of a log, and of the head of each of its frames.
const PAGE: u64 = 4_096;
pub(crate) const LOG_HEAD: u64 = 32;
pub(crate) const FRAME_HEAD: u64 = 24;

/// Bytes by which the log is made longer at once: a commit waits no longer for them than for a step of upkeep.
const ROOM: u64 = 256 * 1024;

/// How long the writer waits for another program that has the file locked, such as a shell.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What every connection is told. The log keeps its size, because growing it makes commits slower. The writer mostly
/// appends, and what it reads again is in the operating system's memory, so its own cache is small.
const WRITER: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA foreign_keys = ON;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -512;
    PRAGMA journal_size_limit = 16777216;";
const READER: &str = "
    PRAGMA query_only = ON;
    PRAGMA mmap_size = 0;
    PRAGMA cache_size = -4096;";

/// What lies beneath the file. Proofs put a disk of their own there, to cut its power and to make it fail.
#[derive(Clone, Copy, Debug)]
pub struct SqliteDisk {
    /// The name under which SQLite knows the file system; `None` for the operating system's. On any other one
    /// the file must exist, and nothing keeps a second hub away from it.
    pub vfs: Option<&'static str>,
    /// Writes the first page of a file and all of its log again as they are, and syncs both; a file that is not
    /// there is passed over. After a sync that failed the operating system may give back what it never wrote. Gives
    /// the log.
    pub renew: fn(&Path) -> io::Result<Vec<u8>>,
    /// Bytes of a file; 0 where there is none.
    pub size: fn(&Path) -> u64,
    /// Writes zeros behind the end of a file until it has so many bytes, and syncs them. Where that fails, it is as long
    /// as it was.
    pub lengthen: fn(&Path, u64) -> io::Result<()>,
    /// Pages in the log with which it is copied into the file. 2,000 are 8 MB: large enough that copying costs
    /// commits little.
    pub checkpoint: u32,
}

impl Default for SqliteDisk {
    fn default() -> Self {
        Self { vfs: None, renew, size, lengthen, checkpoint: 2_000 }
    }
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file, its lock or its directory cannot be made or read.
    #[error("cannot open {}: {source}; check that the directory can be written by the user who runs the hub", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{} is in use by another hub: stop that one, or give this one a data directory of its own", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The SQLite in this program is too old to be trusted.
    #[error("this program was built with SQLite {found}, which can lose data: build it with 3.51.3 or later")]
    SqliteTooOld {
        /// Its version.
        found: &'static str,
    },
    /// The file is a database, and none of a hub.
    #[error("{} was not made by a hub: move it away, or give the hub another data directory", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer hub has written the file.
    #[error("{} was written by a newer hub (schema {found}, this one knows {NEWEST}): run that one, or put a backup in its place", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i32,
    },
    /// The file is damaged, or cannot be used for another reason that the text says.
    #[error("{why}")]
    Unusable {
        /// What is wrong with which file, and what to do.
        why: Box<str>,
    },
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) writer: Connection,
    pub(crate) reader: Connection,
    /// Locked for as long as it is open.
    pub(crate) lock: Option<File>,
}

/// Opens the file, or makes it.
pub(crate) fn open(path: &Path, disk: SqliteDisk) -> Result<Opened, OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenError::SqliteTooOld { found: rusqlite::version() });
    }
    let lock = if disk.vfs.is_none() { Some(make_files(path)?) } else { None };
    let unusable = |fault: Fault| OpenError::Unusable { why: fault.explain(path).why };
    let log = (disk.renew)(path).map_err(|source| OpenError::Io { path: path.into(), source })?;
    let beginning = log::check(&log).map_err(unusable)?;
    let writer = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut writer = connect(path, writer, disk).map_err(|error| unusable(error.into()))?;
    // In one transaction, so that SQLite takes the file's locks once and not for each question.
    let looking = writer.transaction().map_err(|error| unusable(error.into()))?;
    let schema = identify(&looking).map_err(unusable)?;
    match schema {
        Schema::Foreign => return Err(OpenError::Foreign { path: path.into() }),
        Schema::Newer(found) => return Err(OpenError::Newer { path: path.into(), found }),
        Schema::Ours(schema) => integrity::at_opening(&looking, path, schema, disk).map_err(unusable)?,
        Schema::Empty => {}
    }
    looking.commit().map_err(|error| unusable(error.into()))?;
    prepare(&mut writer, disk, beginning).map_err(unusable)?;
    Ok(Opened { writer, reader: open_reader(path, disk).map_err(unusable)?, lock })
}

/// A connection that only reads, beside a hub that has the file or without one.
pub(crate) fn open_reader(path: &Path, disk: SqliteDisk) -> Result<Connection, Fault> {
    let reader = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX, disk)?;
    reader.busy_timeout(PATIENCE)?;
    reader.execute_batch(READER)?;
    Ok(reader)
}

/// A connection that writes beside the one of a hub, which waits for it as it waits for this. Its transactions are
/// short.
pub(crate) fn open_second_writer(path: &Path, disk: SqliteDisk) -> Result<Connection, Fault> {
    let writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX, disk)?;
    match identify(&writer)? {
        Schema::Ours(NEWEST) => {}
        Schema::Empty | Schema::Ours(_) | Schema::Foreign | Schema::Newer(_) => {
            return Err(Fault::Unreadable("the hub that has it is of another version".into()));
        }
    }
    writer.execute_batch(WRITER)?;
    rows::allow(&writer)?;
    writer.pragma_update_and_check(None, "wal_autocheckpoint", disk.checkpoint, |_| Ok(()))?;
    Ok(writer)
}

/// A statement is planned once: SQLite would otherwise parse one with a `LIMIT ?` anew for each number that is bound,
/// which takes longer than most of them do.
fn connect(path: &Path, flags: OpenFlags, disk: SqliteDisk) -> rusqlite::Result<Connection> {
    let db = match disk.vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs),
        None => Connection::open_with_flags(path, flags),
    }?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(db)
}

/// Makes directory and file where they are missing, readable by nobody else, and takes the lock.
fn make_files(path: &Path) -> Result<File, OpenError> {
    let lock = lock(path)?;
    let failed = |source| OpenError::Io { path: path.into(), source };
    private().open(path).map_err(failed)?;
    // A file that was just made is only there after a power cut if its directory is on disk too.
    sync_directory(path).map_err(failed)?;
    Ok(lock)
}

/// Takes the lock that whoever changes the file must have, and makes its directory where it is missing.
pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
    let failed = |path: &Path| {
        let path = path.into();
        move |source| OpenError::Io { path, source }
    };
    if let Some(directory) = directory_of(path) {
        fs::create_dir_all(directory).map_err(failed(directory))?;
    }
    let lock_path = path.with_added_extension("lock");
    let lock = private().open(&lock_path).map_err(failed(&lock_path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.into() }),
        Err(TryLockError::Error(source)) => Err(failed(&lock_path)(source)),
    }
}

/// Whether a hub uses the store at this place now.
///
/// # Errors
/// [`OpenError::Io`] where nobody can tell.
pub fn is_in_use(path: &Path) -> Result<bool, OpenError> {
    if !path.exists() {
        return Ok(false);
    }
    match lock(path) {
        Ok(_) => Ok(false),
        Err(OpenError::InUse { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Opens a file to read and write, or makes it readable by nobody else.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the log longer by a step, and gives whether it is as long by now as it is when it is copied into the file. A
/// commit that makes it longer takes half as long again, because the file system has to write down the new length. Who
/// writes is kept out meanwhile: what another program wrote behind the end would be lost.
pub(crate) fn make_room(db: &mut Connection, path: &Path, disk: SqliteDisk) -> Result<bool, Fault> {
    let nobody_writes = db.transaction()?;
    let log = log_of(path);
    let whole = LOG_HEAD + u64::from(disk.checkpoint) * (FRAME_HEAD + PAGE);
    let length = whole.min((disk.size)(&log) + ROOM);
    (disk.lengthen)(&log, length).map_err(Fault::Disk)?;
    nobody_writes.commit()?;
    Ok(length == whole)
}

/// Where SQLite has the log of a file.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// What [`SqliteDisk::size`] says. The file is not opened: closing one of our own would end SQLite's locks on it.
fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// What [`SqliteDisk::renew`] says. The rest of the file needs no such care: SQLite removes a log only when what was
/// in it has been synced into the file, and copies all of it again where that failed.
fn renew(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for (path, length) in [(path, PAGE), (&*log_of(path), u64::MAX)] {
        bytes.clear();
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        Read::by_ref(&mut file).take(length).read_to_end(&mut bytes)?;
        file.rewind()?;
        file.write_all(&bytes)?;
        file.sync_all()?;
    }
    Ok(bytes)
}

/// What [`SqliteDisk::lengthen`] says. The zeros are written, not only allocated: the first write to what is allocated
/// alone changes what the file system keeps of the file, and each sync would wait for that too.
fn lengthen(path: &Path, length: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let before = file.seek(io::SeekFrom::End(0))?;
    let missing = length.saturating_sub(before);
    let written = io::copy(&mut io::repeat(0).take(missing), &mut file).and_then(|_| file.sync_all());
    if written.is_err() {
        file.set_len(before)?;
    }
    written
}

/// Puts on disk which files the directory of this one has.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(directory_of(path).unwrap_or_else(|| Path::new(".")))?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn directory_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|directory| !directory.as_os_str().is_empty())
}

/// What a file holds.
pub(crate) enum Schema {
    Empty,
    /// Tables of a hub, of this schema.
    Ours(i32),
    Foreign,
    Newer(i32),
}

pub(crate) fn identify(db: &Connection) -> Result<Schema, Fault> {
    db.busy_timeout(PATIENCE)?;
    let number = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application, schema) = (number("application_id")?, number("user_version")?);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, schema) {
        (0, 0) if tables == 0 => Schema::Empty,
        (APPLICATION_ID, NEWEST..) if schema > NEWEST => Schema::Newer(schema),
        (APPLICATION_ID, _) => Schema::Ours(schema),
        _ => Schema::Foreign,
    })
}

/// Brings the file to the newest schema and notes that it is in use.
fn prepare(db: &mut Connection, disk: SqliteDisk, log: Beginning) -> Result<(), Fault> {
    // Stepped to its end, because SQLite tells the new mode before it has written it: where that fails, it would
    // go on without a write-ahead log.
    let mode = db
        .prepare("PRAGMA journal_mode = WAL")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    if mode != ["wal"] {
        return Err(Fault::Unreadable(format!("its journal mode stays {}", mode.concat())));
    }
    db.execute_batch(WRITER)?;
    rows::allow(db)?;
    if log == Beginning::Half {
        // SQLite would go on with the salts of the log before, whose frames could then be taken for this one's.
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    db.pragma_update_and_check(None, "wal_autocheckpoint", disk.checkpoint, |_| Ok(()))?;
    db.set_prepared_statement_cache_capacity(64);
    // A transaction that reads before it writes would otherwise fail where another program wrote in between.
    db.set_transaction_behavior(TransactionBehavior::Immediate);
    bring_up(db)?;
    db.execute("UPDATE state SET clean = 0", [])?;
    Ok(())
}
