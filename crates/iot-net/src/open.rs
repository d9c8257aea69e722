//! [`Open`]: the connections that are open: how many there may be, and how all of them end.

use core::{cell::RefCell, time::Duration};
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use iot_core::SessionId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::outbox::Outbox;

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Open {
    slots: Arc<Semaphore>,
    outboxes: RefCell<BTreeMap<SessionId, Outbox>>,
    tasks: TaskTracker,
    linger: Duration,
}

/// A connection's place among those that are open. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Place {
    open: Rc<Open>,
    session: SessionId,
    _slot: OwnedSemaphorePermit,
}

impl Open {
    /// None yet; so many at most, each of which may take so long to end.
    pub(crate) fn new(most: usize, linger: Duration) -> Self {
        let slots = Arc::new(Semaphore::new(most));
        Self { slots, outboxes: RefCell::default(), tasks: TaskTracker::new(), linger }
    }

    /// Whether there are as many as there may be.
    pub(crate) fn is_full(&self) -> bool {
        self.slots.available_permits() == 0
    }

    /// Waits until there is a place. It is always given, because the semaphore is never closed.
    pub(crate) async fn place(self: &Rc<Self>) -> Option<Place> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        Some(Place { open: Rc::clone(self), session: SessionId(0), _slot: slot })
    }

    /// Runs what serves a connection.
    pub(crate) fn spawn(&self, serving: impl Future<Output = ()> + 'static) {
        self.tasks.spawn_local(serving);
    }

    /// Asks every connection to end, and waits for them for at most `drain`.
    pub(crate) async fn end(&self, drain: Duration) {
        for outbox in self.outboxes.borrow().values() {
            outbox.stop();
        }
        self.tasks.close();
        if timeout(drain, self.tasks.wait()).await.is_err() {
            let open = self.tasks.len();
            warn!(open, ?drain, "connections did not end in time and were cut");
        }
    }
}

impl Place {
    /// The place is this session's from now on.
    pub(crate) fn take(&mut self, session: SessionId, outbox: Outbox) {
        self.session = session;
        self.open.outboxes.borrow_mut().insert(session, outbox);
    }

    /// How long a connection that has ended may still take to send what waits and to see the other side close.
    pub(crate) fn linger(&self) -> Duration {
        self.open.linger
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.outboxes.borrow_mut().remove(&self.session);
    }
}
