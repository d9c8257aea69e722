//! [`Places`]: room for connections, in all and for each address. A [`Place`] is given back when it is dropped.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use iot_core::Origin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for connections.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<BTreeMap<Origin, usize>>>,
    per_address: usize,
}

/// Room for one connection.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<Mutex<BTreeMap<Origin, usize>>>,
    origin: Origin,
    _one: OwnedSemaphorePermit,
}

impl Places {
    /// Room for so many connections, and for so many of one address.
    pub(crate) fn new(all: usize, per_address: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), taken: Arc::default(), per_address }
    }

    /// Waits until there is room for one more, whoever comes.
    pub(crate) async fn one(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// Whether all room is taken.
    pub(crate) fn are_taken(&self) -> bool {
        self.all.available_permits() == 0
    }

    /// The place of whoever came from here; `None` where this address has enough.
    pub(crate) fn take(&self, one: OwnedSemaphorePermit, origin: Origin) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(origin).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(Place { taken: Arc::clone(&self.taken), origin, _one: one })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.origin);
            }
        }
    }
}
