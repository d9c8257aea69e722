//! Opens the store that the configuration names, with what reads it beside the hub.

use std::{path::Path, sync::Arc};

use iot_core::{
    people::People,
    store::{Chronicle, History, Store},
};
use iot_store::{MemoryStore, RetentionPolicy, SqliteLimits, SqliteStore};
use tracing::info;

use crate::{ServerError, config::StoreKind};

/// Name of the store's file in the data directory.
pub const FILE_NAME: &str = "hub.db";

/// A store, what reads it beside the hub, and what keeps people in it.
pub(crate) struct Opened {
    pub(crate) store: Box<dyn Store>,
    /// Reads readings.
    pub(crate) history: Arc<dyn History>,
    /// Reads commands and changes.
    pub(crate) chronicle: Arc<dyn Chronicle>,
    pub(crate) people: Arc<dyn People>,
}

/// Opens the store, or makes it.
///
/// # Errors
/// [`ServerError::Store`], naming the settings.
pub(crate) fn open(
    kind: StoreKind,
    data_dir: &Path,
    retention: RetentionPolicy,
) -> Result<Opened, ServerError> {
    match kind {
        StoreKind::Memory => {
            info!("everything is kept in memory: a restart forgets it");
            let store = MemoryStore::default();
            Ok(Opened {
                store: Box::new(store.clone()),
                history: Arc::new(store.clone()),
                chronicle: Arc::new(store.clone()),
                people: Arc::new(store),
            })
        }
        StoreKind::Disk => {
            let path = data_dir.join(FILE_NAME);
            let limits = SqliteLimits { retention, ..SqliteLimits::default() };
            let (store, history) = SqliteStore::open_with(&path, limits).map_err(ServerError::Store)?;
            info!(path = %path.display(), "the store is open");
            let chronicle = Arc::new(store.chronicle().map_err(ServerError::Store)?);
            let people = Arc::new(store.people().map_err(ServerError::Store)?);
            Ok(Opened { store: Box::new(store), history: Arc::new(history), chronicle, people })
        }
    }
}
