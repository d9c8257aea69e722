//! Opens the store that the configuration names, with what reads it beside the hub.

use core::time::Duration;
use std::{path::Path, sync::Arc};

use iot_core::store::{History, Store};
use iot_store::{MemoryStore, SqliteLimits, SqliteStore};
use tracing::info;

use crate::{ServerError, config::StoreKind};

/// Name of the store's file in the data directory.
pub const FILE_NAME: &str = "hub.db";

/// A store, and what reads it.
pub(crate) type Opened = (Box<dyn Store>, Arc<dyn History>);

/// Opens the store, or makes it.
///
/// # Errors
/// [`ServerError::Store`], naming the settings.
pub(crate) fn open(kind: StoreKind, data_dir: &Path, readings_for_days: u16) -> Result<Opened, ServerError> {
    match kind {
        StoreKind::Memory => {
            info!("everything is kept in memory: a restart forgets it");
            let store = MemoryStore::default();
            Ok((Box::new(store.clone()), Arc::new(store)))
        }
        StoreKind::Disk => {
            let path = data_dir.join(FILE_NAME);
            let readings_for = Duration::from_hours(24 * u64::from(readings_for_days));
            let limits = SqliteLimits { readings_for: Some(readings_for), ..SqliteLimits::default() };
            let (store, history) = SqliteStore::open_with(&path, limits).map_err(ServerError::Store)?;
            info!(path = %path.display(), "the store is open");
            Ok((Box::new(store), Arc::new(history)))
        }
    }
}
