//! [`Inspection`]: looks through the file of a running hub in small steps, on a connection of its own.
//!
//! Each step is a short transaction of its own, so that the write-ahead log can be emptied between two. How
//! fast the steps follow one another is up to whoever calls. Roll-ups, and pages that
//! nothing refers to, are left to [`super::verify`], which looks at a file that nobody changes.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{
    fault::Fault,
    integrity::{self, CHUNKS, Depth},
    open::{SqliteDisk, open_reader},
    rows::{self, LARGE, SMALL},
    verify::VerifyError,
};

/// Chunks that one step unpacks at most: some milliseconds.
const STEP: i64 = 32;

/// Tables whose rows have no checksum of their own.
const UNSUMMED: [&str; 2] = ["journal", "sqlite_schema"];

/// How far a task has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What has been done, in the task's own measure.
    pub done: u64,
    /// What there is to do in all.
    pub of: u64,
}

impl Progress {
    /// In percent, 100 where there is nothing to do.
    pub fn percent(self) -> u64 {
        (self.done.saturating_mul(100)).checked_div(self.of).unwrap_or(100).min(100)
    }
}

/// A look through the file of a store, while a hub uses it or not.
#[derive(Debug)]
pub struct Inspection {
    path: PathBuf,
    db: Connection,
    /// Tables that are looked at whole, the next one last.
    tables: Vec<&'static str>,
    /// The chunk that was unpacked last, and the last one that there was at the beginning.
    chunk: i64,
    last_chunk: i64,
}

impl Inspection {
    /// Begins to look.
    ///
    /// # Errors
    /// [`VerifyError`] where the file cannot be opened.
    pub fn begin(path: &Path) -> Result<Self, VerifyError> {
        let begin = || {
            let db = open_reader(path, SqliteDisk::default())?;
            let span = "SELECT coalesce(min(id), 1) - 1, coalesce(max(id), 0) FROM chunk";
            let (chunk, last_chunk) = db.query_row(span, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let tables = LARGE.into_iter().chain(SMALL).chain(UNSUMMED).collect();
            Ok(Self { path: path.into(), db, tables, chunk, last_chunk })
        };
        begin().map_err(|fault: Fault| VerifyError::of(path, &fault))
    }

    /// Takes one step. Gives how far it has come, in chunks; `None` once all has been looked at.
    ///
    /// # Errors
    /// [`VerifyError::Damaged`] for the first fault that is found.
    pub fn step(&mut self) -> Result<Option<Progress>, VerifyError> {
        self.next().map_err(|fault| VerifyError::of(&self.path, &fault))
    }

    fn next(&mut self) -> Result<Option<Progress>, Fault> {
        if let Some(table) = self.tables.pop() {
            integrity::table(&self.db, table, Depth::Full)?;
            if !UNSUMMED.contains(&table) {
                rows::check_all(&self.db, table)?;
            }
            return Ok(Some(self.progress()));
        }
        let mut select = self.db.prepare_cached(CHUNKS)?;
        let mut rows = select.query([self.chunk, STEP])?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            integrity::unpack(row)?;
            integrity::indexed(&self.db, row)?;
            last = Some(row.get(0)?);
        }
        // Chunks that are made while this looks are looked at next time.
        self.chunk = last.filter(|last| *last < self.last_chunk).unwrap_or(i64::MAX);
        Ok((self.chunk != i64::MAX).then(|| self.progress()))
    }

    fn progress(&self) -> Progress {
        let number = |id| u64::try_from(id).unwrap_or(0);
        Progress { done: number(self.chunk), of: number(self.last_chunk) }
    }
}
