//! [`Open`]: the connections that are open: how many there may be, in all and of one address, and how all of
//! them end.

use core::{cell::RefCell, future::poll_fn, net::SocketAddr, task::Poll, time::Duration};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
};

use iot_core::{Origin, SessionId};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::{config::ServerConfig, outbox::Outbox};

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Open {
    slots: Arc<Semaphore>,
    most_of_one_origin: usize,
    by_origin: RefCell<BTreeMap<Origin, usize>>,
    outboxes: RefCell<BTreeMap<SessionId, Outbox>>,
    tasks: TaskTracker,
    linger: Duration,
}

/// A connection's place among those that are open. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Place {
    open: Rc<Open>,
    session: SessionId,
    origin: Origin,
    _slot: OwnedSemaphorePermit,
}

impl Open {
    /// None yet; so many at most as the configuration says.
    pub(crate) fn new(config: &ServerConfig) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(config.max_connections)),
            most_of_one_origin: config.max_connections_per_address,
            by_origin: RefCell::default(),
            outboxes: RefCell::default(),
            tasks: TaskTracker::new(),
            linger: config.linger,
        }
    }

    /// Whether there are as many as there may be.
    pub(crate) fn is_full(&self) -> bool {
        self.slots.available_permits() == 0
    }

    /// Waits until there may be one more. It always comes to that, because the semaphore is never closed.
    pub(crate) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    /// The place of one more connection from here, where its address does not have enough of them.
    pub(crate) fn place(self: &Rc<Self>, slot: OwnedSemaphorePermit, origin: Origin) -> Option<Place> {
        let mut by_origin = self.by_origin.borrow_mut();
        let here = by_origin.entry(origin).or_default();
        if *here >= self.most_of_one_origin {
            return None;
        }
        *here += 1;
        Some(Place { open: Rc::clone(self), session: SessionId(0), origin, _slot: slot })
    }

    /// Runs what serves the connection of this peer. What it has of its own is gone after a panic, so that nothing
    /// half done is seen; what it shares with others is borrowed for one step at a time.
    pub(crate) fn spawn(&self, peer: SocketAddr, serving: impl Future<Output = ()> + 'static) {
        // Boxed, because a task keeps room for what it is given twice.
        let mut serving = Box::pin(serving);
        self.tasks.spawn_local(poll_fn(move |cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(cx)));
            polled.unwrap_or_else(|_| {
                error!(%peer, "a connection's handler has panicked: the connection is cut, and no other");
                Poll::Ready(())
            })
        }));
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
        let mut by_origin = self.open.by_origin.borrow_mut();
        if let Some(here) = by_origin.get_mut(&self.origin) {
            *here -= 1;
            if *here == 0 {
                by_origin.remove(&self.origin);
            }
        }
    }
}
