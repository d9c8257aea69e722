//! [`Open`]: the connections that are open: how many there may be, in all and of one address, and how all of
//! them end.

use core::{cell::RefCell, future::poll_fn, task::Poll, time::Duration};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    thread::panicking,
};

use iot_core::Origin;
use slab::Slab;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::{config::ServerConfig, handler::Context};

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Open {
    slots: Arc<Semaphore>,
    most_of_one_origin: usize,
    by_origin: RefCell<BTreeMap<Origin, usize>>,
    contexts: RefCell<Slab<Context>>,
    tasks: TaskTracker,
    linger: Duration,
}

/// A connection's place among those that are open. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Place {
    open: Rc<Open>,
    context: Context,
    /// Where the context is among all.
    key: usize,
    _slot: OwnedSemaphorePermit,
}

impl Open {
    /// None yet; so many at most as the configuration says.
    pub(crate) fn new(config: &ServerConfig) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(config.max_connections)),
            most_of_one_origin: config.max_connections_per_address,
            by_origin: RefCell::default(),
            contexts: RefCell::default(),
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

    /// Whether there are as many from here as there may be of one address.
    pub(crate) fn is_full_for(&self, origin: Origin) -> bool {
        self.by_origin.borrow().get(&origin).is_some_and(|here| *here >= self.most_of_one_origin)
    }

    /// The place of one more connection.
    pub(crate) fn place(self: &Rc<Self>, slot: OwnedSemaphorePermit, context: Context) -> Place {
        *self.by_origin.borrow_mut().entry(origin(&context)).or_default() += 1;
        let key = self.contexts.borrow_mut().insert(context.clone());
        Place { open: Rc::clone(self), context, key, _slot: slot }
    }

    /// Runs what serves a connection. What it has of its own is gone after a panic, so that nothing half done is
    /// seen; what it shares with others is borrowed for one step at a time.
    pub(crate) fn spawn(&self, serving: impl Future<Output = ()> + 'static) {
        // Boxed, because a task keeps room for what it is given twice.
        let mut serving = Box::pin(serving);
        self.tasks.spawn_local(poll_fn(move |cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(cx)));
            // Its place has said so.
            polled.unwrap_or(Poll::Ready(()))
        }));
    }

    /// Asks every connection to end, and waits for them for at most `drain`.
    pub(crate) async fn end(&self, drain: Duration) {
        for (_, context) in self.contexts.borrow().iter() {
            context.socket().stop();
        }
        self.tasks.close();
        if timeout(drain, self.tasks.wait()).await.is_err() {
            let open = self.tasks.len();
            warn!(open, ?drain, "connections did not end in time and were cut");
        }
    }
}

impl Place {
    /// How long a connection that has ended may still take to send what waits and to see the other side close.
    pub(crate) fn linger(&self) -> Duration {
        self.open.linger
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if panicking() {
            let peer = self.context.peer_addr();
            error!(%peer, "a connection's handler has panicked: the connection is cut, and no other");
        }
        self.open.contexts.borrow_mut().try_remove(self.key);
        let origin = origin(&self.context);
        let mut by_origin = self.open.by_origin.borrow_mut();
        if let Some(here) = by_origin.get_mut(&origin) {
            *here -= 1;
            if *here == 0 {
                by_origin.remove(&origin);
            }
        }
    }
}

/// Where a connection comes from.
fn origin(context: &Context) -> Origin {
    Origin::of(context.peer_addr().ip())
}
