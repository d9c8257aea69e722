//! [`Open`]: the connections that are open: how many there may be, in all and of one address, and how all of
//! them end.

use core::{cell::RefCell, future::poll_fn, task::Poll, time::Duration};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    thread::panicking,
};

use iot_core::Origin;
use slab::Slab;
use tokio::{sync::Notify, time::timeout};
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::{config::ServerConfig, handler::Context, pool::BufferPool};

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Open {
    most: usize,
    most_of_one_origin: usize,
    by_origin: RefCell<BTreeMap<Origin, u32>>,
    contexts: RefCell<Slab<Context>>,
    /// One has ended, so that there is room for another.
    ended: Notify,
    /// What they read into, one after the other.
    pool: Rc<BufferPool>,
    tasks: TaskTracker,
    linger: Duration,
}

/// A connection's place among those that are open. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Place {
    open: Rc<Open>,
    /// Where its context is among all.
    key: usize,
}

impl Open {
    /// None yet; so many at most as the configuration says.
    pub(crate) fn new(config: &ServerConfig) -> Self {
        Self {
            most: config.max_connections,
            most_of_one_origin: config.max_connections_per_address,
            by_origin: RefCell::default(),
            contexts: RefCell::default(),
            ended: Notify::new(),
            pool: Rc::default(),
            tasks: TaskTracker::new(),
            linger: config.linger,
        }
    }

    /// Whether there are as many as there may be.
    pub(crate) fn is_full(&self) -> bool {
        self.contexts.borrow().len() >= self.most
    }

    /// Waits until there may be one more.
    pub(crate) async fn room(&self) {
        while self.is_full() {
            self.ended.notified().await;
        }
    }

    /// Counts one more from here, and tells whether there is room for it: where there are as many as there may be of one
    /// address, nothing is counted. What was has to be [placed](Self::place) next.
    pub(crate) fn count_in(&self, origin: Origin) -> bool {
        let mut by_origin = self.by_origin.borrow_mut();
        let here = by_origin.entry(origin).or_default();
        let has_room = usize::try_from(*here).is_ok_and(|here| here < self.most_of_one_origin);
        *here += u32::from(has_room);
        has_room
    }

    /// The place of a connection that has been counted in.
    pub(crate) fn place(self: &Rc<Self>, context: Context) -> Place {
        let key = self.contexts.borrow_mut().insert(context);
        Place { open: Rc::clone(self), key }
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

    /// What the connection reads into.
    pub(crate) fn pool(&self) -> &Rc<BufferPool> {
        &self.open.pool
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let context = self.open.contexts.borrow_mut().try_remove(self.key);
        self.open.ended.notify_one();
        let Some(context) = context else { return };
        if panicking() {
            let peer = context.peer_addr();
            error!(%peer, "a connection's handler has panicked: the connection is cut, and no other");
        }
        let origin = Origin::of(context.peer_addr().ip());
        if let Entry::Occupied(mut here) = self.open.by_origin.borrow_mut().entry(origin) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
    }
}
