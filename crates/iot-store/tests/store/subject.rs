//! [`Subject`]: a store that the rules are held against, on disk or in memory, which can be closed and opened again.

use std::time::Duration;

use iot_core::store::{Chronicle, History, Store, Upkeep};
use iot_store::{
    MemoryLimits, MemoryStore, Retention, RetentionPolicy, SqliteChronicle, SqliteHistory, SqliteLimits,
    SqliteStore,
};
use tempfile::TempDir;

/// Ended commands that the stores here keep.
pub(crate) const ENDED: usize = 5;

/// A store that can be closed and opened again.
pub(crate) trait Subject {
    fn store(&mut self) -> &mut dyn Store;
    fn history(&self) -> &dyn History;
    fn chronicle(&self) -> &dyn Chronicle;
    fn restart(&mut self);

    /// Does what is due behind commits, but at most so many steps of it.
    fn upkeep(&mut self, steps: usize) {
        for _ in 0..steps {
            if self.store().upkeep().unwrap() == Upkeep::Done {
                return;
            }
        }
    }
}

pub(crate) struct InMemory(MemoryStore);

impl Subject for InMemory {
    fn store(&mut self) -> &mut dyn Store {
        &mut self.0
    }

    fn history(&self) -> &dyn History {
        &self.0
    }

    fn chronicle(&self) -> &dyn Chronicle {
        &self.0
    }

    fn restart(&mut self) {
        self.0 = self.0.clone();
    }
}

pub(crate) struct OnDisk {
    /// Items in the journal before it is folded.
    journal: usize,
    open: Option<(SqliteStore, SqliteHistory, SqliteChronicle)>,
    directory: TempDir,
}

impl OnDisk {
    pub(crate) fn new(journal: usize) -> Self {
        let mut new = Self { journal, open: None, directory: tempfile::tempdir().unwrap() };
        new.restart();
        new
    }
}

impl Subject for OnDisk {
    fn store(&mut self) -> &mut dyn Store {
        &mut self.open.as_mut().unwrap().0
    }

    fn history(&self) -> &dyn History {
        &self.open.as_ref().unwrap().1
    }

    fn chronicle(&self) -> &dyn Chronicle {
        &self.open.as_ref().unwrap().2
    }

    fn restart(&mut self) {
        self.open = None;
        // A step is one unit, so that a test can stop between any two.
        let (journal, step) = (self.journal, Duration::ZERO);
        let all = Retention { readings: None, five_minutes: None, hours: None, days: None };
        let retention = RetentionPolicy { all, ..RetentionPolicy::default() };
        let limits = SqliteLimits { retention, ended_commands: ENDED, journal, step };
        let (store, history) = SqliteStore::open_with(&self.directory.path().join("hub.db"), limits).unwrap();
        let chronicle = store.chronicle().unwrap();
        self.open = Some((store, history, chronicle));
    }
}

pub(crate) fn memory() -> InMemory {
    InMemory(MemoryStore::with_limits(MemoryLimits {
        readings: usize::MAX,
        ended_commands: ENDED,
        audit: usize::MAX,
    }))
}

pub(crate) fn subjects() -> [Box<dyn Subject>; 2] {
    [Box::new(memory()), Box::new(OnDisk::new(500))]
}
