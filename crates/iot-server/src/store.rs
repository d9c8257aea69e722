//! Opens the store that the configuration names, with what reads it beside the hub.

use std::{path::Path, sync::Arc};

use iot_core::store::{Chronicle, History, Store};
use iot_store::{MemoryStore, RetentionPolicy, SqliteLimits, SqliteStore};
use tracing::info;

use crate::{ServerError, config::StoreKind};

/// Name of the store's file in the data directory.
pub const FILE_NAME: &str = "hub.db";

/// A store, and what reads it: readings, and commands with changes.
pub(crate) type Opened = (Box<dyn Store>, Arc<dyn History>, Arc<dyn Chronicle>);

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
            Ok((Box::new(store.clone()), Arc::new(store.clone()), Arc::new(store)))
        }
        StoreKind::Disk => {
            let path = data_dir.join(FILE_NAME);
            let limits = SqliteLimits { retention, ..SqliteLimits::default() };
            let (store, history) = SqliteStore::open_with(&path, limits).map_err(ServerError::Store)?;
            info!(path = %path.display(), "the store is open");
            let chronicle = store.chronicle().map_err(ServerError::Store)?;
            Ok((Box::new(store), Arc::new(history), Arc::new(chronicle)))
        }
    }
}
