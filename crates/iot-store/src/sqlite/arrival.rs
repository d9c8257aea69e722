//! [`Arrival`]: a backup that comes from elsewhere, piece by piece. It lies beside the backups under a name that none of
//! them has, and is given one of theirs only once all of it is there and was looked through as a backup always is.
//!
//! Nothing is believed of it. What no hub made, what is damaged, what was copied from under a running hub and what is of a
//! newer hub is refused and deleted. One of an older hub is brought to the schema of this one first.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use iot_core::UnixMillis;
use rusqlite::Connection;
use thiserror::Error;

use super::{
    backup::{BackupError, Part},
    fault::Fault,
    inspect::Progress,
    integrity::Contents,
    journal,
    open::{Schema, identify},
    schema::NEWEST,
    verify::{VerifyError, open_known, verify},
};

/// What every file of SQLite begins with, and how long that is.
const MAGIC: &[u8] = b"SQLite format 3\0";
const MAGIC_LENGTH: u64 = 16;

/// Bytes after which what came is put on disk, so that the hub's own syncs are not held up by one great one.
const SYNC_EVERY: u64 = 4 * 1024 * 1024;

/// The last thing that a store knows of, but for its journal.
const LAST: &str = "
    SELECT max(at) FROM (
        SELECT max(arrived) AS at FROM latest
        UNION ALL SELECT max(at) FROM command_step
        UNION ALL SELECT max(began) FROM login
        UNION ALL SELECT at FROM (SELECT at FROM audit ORDER BY number DESC LIMIT 1))";

/// Why a backup from elsewhere is not taken. Nothing of it is left.
#[derive(Debug, Error)]
pub enum ArrivalError {
    /// It is no file of a hub.
    #[error("the file was not made by a hub")]
    Foreign,
    /// It is of a newer hub.
    #[error("the file has schema {found}, and this hub knows those up to {NEWEST}")]
    Newer {
        /// Its schema.
        found: i32,
    },
    /// It is the store of a hub that had not closed it: what is in the log beside it is missing.
    #[error("the file is the store of a hub that was running, without the log beside it")]
    NotClosed,
    /// It is damaged, or its end is missing.
    #[error("the file is damaged ({what})")]
    Damaged {
        /// What was found.
        what: Box<str>,
    },
    /// It cannot be written or read here.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where it was to lie.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// A backup of which more may come. Dropping it deletes what has come.
#[derive(Debug)]
pub struct Arrival {
    part: Part,
    file: File,
    bytes: u64,
}

/// A backup that is there as a whole and was looked through. Dropping it deletes it.
#[derive(Debug)]
pub struct Arrived {
    part: Part,
    /// What is in it.
    pub contents: Contents,
    /// When the last thing happened that it knows of: it was made then or soon after. `None` where it knows of nothing.
    pub last: Option<UnixMillis>,
}

impl Arrival {
    /// Deletes what hubs left here that ended while something came.
    pub fn sweep(place: &Path) {
        Part::sweep(place);
    }

    /// Begins a file beside `place`, readable by nobody else. One comes at a time.
    ///
    /// # Errors
    /// [`ArrivalError::Io`].
    pub fn begin(place: &Path) -> Result<Self, ArrivalError> {
        Part::sweep(place);
        let part = Part::new(place).map_err(|error| unwritten(place, error))?;
        let file = OpenOptions::new().read(true).write(true).open(&part.path);
        let file = file.map_err(|source| ArrivalError::Io { path: place.into(), source })?;
        Ok(Self { part, file, bytes: 0 })
    }

    /// How much has come.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds what came next.
    ///
    /// # Errors
    /// [`ArrivalError::Io`].
    pub fn write(&mut self, piece: &[u8]) -> Result<(), ArrivalError> {
        let before = self.bytes / SYNC_EVERY;
        self.bytes = self.bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        let written = self.file.write_all(piece);
        let written = written
            .and_then(|()| if self.bytes / SYNC_EVERY > before { self.file.sync_data() } else { Ok(()) });
        written.map_err(|source| ArrivalError::Io { path: self.part.path.clone(), source })
    }

    /// Looks through all of what came, which is whole now. `watch` is told how many of how many chunks have been
    /// unpacked.
    ///
    /// # Errors
    /// [`ArrivalError`].
    pub fn check(self, watch: &mut dyn FnMut(Progress)) -> Result<Arrived, ArrivalError> {
        let Self { part, mut file, .. } = self;
        let mut head = Vec::new();
        let read = file.rewind().and_then(|()| file.take(MAGIC_LENGTH).read_to_end(&mut head));
        read.map_err(|source| ArrivalError::Io { path: part.path.clone(), source })?;
        if head != MAGIC {
            return Err(ArrivalError::Foreign);
        }
        let of = |error| found(&part, error);
        prepared(&part)?;
        let contents = verify(&part.path, watch).map_err(of)?;
        let db = open_known(&part.path).map_err(of)?;
        let last = last(&db).map_err(|fault| of(VerifyError::of(&part.path, &fault)))?;
        Ok(Arrived { part, contents, last })
    }
}

impl Arrived {
    /// Gives it its name. A file that lies there is replaced.
    ///
    /// # Errors
    /// [`ArrivalError::Io`].
    pub fn put(self, to: &Path) -> Result<(), ArrivalError> {
        self.part.put(to).map_err(|error| unwritten(to, error))
    }
}

/// Makes one file of this hub's schema of it that needs no log beside it.
fn prepared(part: &Part) -> Result<(), ArrivalError> {
    let of = |fault: Fault| found(part, VerifyError::of(&part.path, &fault));
    let db = part.open().map_err(of)?;
    match identify(&db).map_err(of)? {
        Schema::Ours(1..) => {}
        Schema::Newer(found) => return Err(ArrivalError::Newer { found }),
        Schema::Empty | Schema::Foreign | Schema::Ours(_) => return Err(ArrivalError::Foreign),
    }
    if !db.table_exists(None, "state").map_err(|error| of(error.into()))? {
        return Err(ArrivalError::Foreign);
    }
    let clean = db.query_row("SELECT clean FROM state", [], |row| row.get::<_, bool>(0));
    if !clean.map_err(|error| of(error.into()))? {
        return Err(ArrivalError::NotClosed);
    }
    drop(db);
    part.renewed().and_then(Part::close).map_err(of)
}

/// When the last thing happened that a store knows of.
fn last(db: &Connection) -> Result<Option<UnixMillis>, Fault> {
    let mut last: Option<i64> = db.query_row(LAST, [], |row| row.get(0))?;
    journal::read_all(db, |_, report, _| {
        last = last.max(Some(report.arrived));
        Ok(())
    })?;
    Ok(last.map(UnixMillis))
}

/// What was found in a file that came: it has no name that would tell anybody anything.
fn found(part: &Part, error: VerifyError) -> ArrivalError {
    match error {
        VerifyError::Foreign { .. } => ArrivalError::Foreign,
        VerifyError::Schema { found, .. } => ArrivalError::Newer { found },
        VerifyError::Damaged { what, .. } => ArrivalError::Damaged { what },
        VerifyError::Missing { .. } | VerifyError::Unreadable { .. } => {
            ArrivalError::Io { path: part.path.clone(), source: io::Error::other(error.to_string()) }
        }
    }
}

fn unwritten(path: &Path, error: BackupError) -> ArrivalError {
    let source = match error {
        BackupError::Write { source, .. } => source,
        other @ (BackupError::Exists { .. } | BackupError::Verify(_) | BackupError::Stopped) => {
            io::Error::other(other.to_string())
        }
    };
    ArrivalError::Io { path: path.into(), source }
}
