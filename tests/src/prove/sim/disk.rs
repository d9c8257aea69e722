//! [`Disk`]: the real stores, and what a disk does to them: it takes its time, it fails, and a crash takes what it
//! had not finished.

use anyhow::{Context as _, Result};
use iot_core::{
    Series, UnixMillis,
    store::{Batch, History, ReadingQuery, Snapshot, Store as _, StoreError},
    view::ReadingView,
};
use iot_store::{
    MemoryLimits, MemoryStore, Retention, RetentionPolicy, SqliteHistory, SqliteLimits, SqliteStore,
};
use tempfile::TempDir;

use super::weather::Kept;

/// A directory that lies in memory, where the machine has one: a sync then costs nothing.
const IN_MEMORY: &str = "/dev/shm";

/// What the hub's records are kept in.
#[derive(Debug)]
pub(super) enum Disk {
    Memory(MemoryStore),
    File { dir: TempDir, open: Option<Box<(SqliteStore, SqliteHistory)>> },
}

impl Disk {
    /// An empty one.
    pub(super) fn new(kept: Kept) -> Result<Self> {
        Ok(match kept {
            Kept::Memory => Self::Memory(MemoryStore::with_limits(MemoryLimits {
                readings: usize::MAX,
                ended_commands: usize::MAX,
                audit: usize::MAX,
            })),
            Kept::Sqlite => {
                let dir = TempDir::new_in(IN_MEMORY).or_else(|_| TempDir::new())?;
                Self::File { dir, open: None }
            }
        })
    }

    /// The hub's process is gone: its files are closed.
    pub(super) fn close(&mut self) {
        if let Self::File { open, .. } = self {
            *open = None;
        }
    }

    /// What a hub that starts finds.
    ///
    /// # Errors
    /// The store does not open, or does not give back what it has.
    pub(super) fn load(&mut self) -> Result<Snapshot> {
        match self {
            Self::Memory(store) => store.load().map_err(|error| anyhow::anyhow!("{}", error.why)),
            Self::File { dir, open } => {
                let all = Retention { readings: None, five_minutes: None, hours: None, days: None };
                let retention = RetentionPolicy { all, ..RetentionPolicy::default() };
                let (ended_commands, journal) = (usize::MAX, 64);
                let limits = SqliteLimits { retention, ended_commands, journal, ..SqliteLimits::default() };
                let (mut store, history) = SqliteStore::open_with(&dir.path().join("hub.db"), limits)?;
                let snapshot = store.load().map_err(|error| anyhow::anyhow!("{}", error.why));
                *open = Some(Box::new((store, history)));
                snapshot.context("loading")
            }
        }
    }

    /// Puts a batch on disk.
    ///
    /// # Errors
    /// As the store says.
    pub(super) fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.commit(batch),
            Self::File { open: Some(open), .. } => {
                open.0.commit(batch)?;
                // A file on a disk that never fails: what cannot be packed is a fault of the store.
                open.0.upkeep().map(drop)
            }
            Self::File { open: None, .. } => Err(StoreError { why: "the file is closed".into() }),
        }
    }

    /// All readings of a series.
    pub(super) fn readings(&self, series: Series) -> Vec<ReadingView> {
        let (from, to) = (UnixMillis(i64::MIN), UnixMillis(i64::MAX));
        let query = ReadingQuery { series, from, to, limit: usize::MAX };
        match self {
            Self::Memory(store) => store.readings(&query).unwrap_or_default(),
            Self::File { open: Some(open), .. } => open.1.readings(&query).unwrap_or_default(),
            Self::File { open: None, .. } => Vec::new(),
        }
    }
}
