//! [`SqliteChronicle`]: reads the ledger and the audit on a connection of its own, beside the writer.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use iot_core::{
    audit::{AuditEntry, AuditQuery},
    store::{Chronicle, CommandRecord, StoreError},
    view::CommandFilter,
};
use iot_proto::CommandId;
use rusqlite::Connection;

use super::{audit, commands, fault::Fault};

/// Reads what a [`SqliteStore`](super::SqliteStore) has stored of commands and changes, from any thread and without
/// holding it up.
#[derive(Debug)]
pub struct SqliteChronicle {
    path: Box<Path>,
    db: Mutex<Connection>,
}

impl SqliteChronicle {
    pub(crate) fn new(path: &Path, db: Connection) -> Self {
        Self { path: path.into(), db: Mutex::new(db) }
    }

    /// Reads in one transaction, so that a command and its steps are of one moment.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        // A transaction that a panic cut short was rolled back when it was dropped.
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let found = db.transaction().map_err(Fault::from).and_then(|db| read(&db));
        found.map_err(|fault| fault.explain(&self.path))
    }
}

impl Chronicle for SqliteChronicle {
    fn commands(&self, filter: &CommandFilter) -> Result<Vec<CommandRecord>, StoreError> {
        self.read(|db| commands::page(db, filter))
    }

    fn command(&self, id: CommandId) -> Result<Option<CommandRecord>, StoreError> {
        self.read(|db| commands::find(db, id))
    }

    fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(|db| audit::page(db, query))
    }
}
