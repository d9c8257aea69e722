//! [`HubServer`]: puts hub, server, dialler and store together and runs them on two threads.

use core::net::SocketAddr;
use std::{
    io,
    panic::resume_unwind,
    rc::Rc,
    sync::Arc,
    thread::{Builder, JoinHandle},
};

use iot_core::{
    Event, Hub,
    catalogue::Catalogue,
    config::HubConfig,
    store::{Snapshot, Store, StoreError},
};
use thiserror::Error;
use tokio::{
    runtime,
    sync::{broadcast, mpsc, watch},
    task::{LocalSet, spawn_local},
    time::{error::Elapsed, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    clock::Clock,
    config::{Discovery, NetConfig, Opening},
    dialler::Dialler,
    dns_sd::{Announced, HOST_NAME},
    driver::Driver,
    executor::Executor,
    handle::{Call, HubHandle, Refusing},
    handler::RequestHandler,
    hub_handler::HubHandler,
    pace::Pace,
    server::TcpServer,
    store_thread::StoreThread,
};

/// Starts a hub.
#[derive(Debug)]
pub struct HubServer;

/// Why a hub could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// Nodes could not be listened for.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The store could not be read.
    #[error("cannot read the store")]
    Load(#[source] StoreError),
    /// The operating system has no thread or no event queue to give.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

impl HubServer {
    /// Starts a hub: reads the store, listens for nodes, and serves them on a thread of its own.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub fn start(
        config: NetConfig,
        hub: HubConfig,
        catalogue: Arc<Catalogue>,
        store: Box<dyn Store>,
    ) -> Result<Running, StartError> {
        Self::start_with(config, hub, catalogue, store, |handler| handler)
    }

    /// As [`start`](Self::start), and handles each connection with what `wrap` makes of the hub's own
    /// handler. It is called on the hub's thread, once for each connection.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with<W, H>(
        config: NetConfig,
        hub: HubConfig,
        catalogue: Arc<Catalogue>,
        mut store: Box<dyn Store>,
        wrap: W,
    ) -> Result<Running, StartError>
    where
        W: Fn(HubHandler) -> H + Send + 'static,
        H: RequestHandler + 'static,
    {
        let hub = HubConfig { keys: config.server.identity.as_ref().map(|keys| keys.get().public()), ..hub };
        let snapshot = store.load().map_err(StartError::Load)?;
        let opened = CancellationToken::new();
        let server = match config.opening {
            Opening::AtOnce => {
                opened.cancel();
                TcpServer::bind_with(config.address, config.server.clone())
            }
            Opening::WhenTold => TcpServer::reserve(config.address, config.server.clone()),
        };
        let server = server.map_err(|source| StartError::Listen { address: config.address, source })?;
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let (store, store_thread) = StoreThread::start(store).map_err(StartError::Thread)?;

        let (calls, asked) = mpsc::channel(config.max_calls);
        let events = broadcast::Sender::new(config.max_events);
        let (refusing, seen) = watch::channel(None);
        let (names, known) = watch::channel(Vec::new());
        let handle = HubHandle::new(calls, events.downgrade(), seen, known);
        let (address, stop) = (server.local_addr(), CancellationToken::new());
        let parts = Parts {
            config,
            hub,
            catalogue,
            snapshot,
            server,
            store,
            asked,
            events,
            refusing,
            names,
            stop: stop.clone(),
            opened: opened.clone(),
        };
        let ended = CancellationToken::new();
        let at_end = ended.clone().drop_guard();
        let thread = Builder::new().name("hub".into()).spawn(move || {
            // A task of its own: what `block_on` is given is polled whenever anything happens.
            let settled = LocalSet::new().block_on(&runtime, async { spawn_local(parts.run(wrap)).await });
            let settled = settled.unwrap_or_else(|ended| resume_unwind(ended.into_panic()));
            // A store that hangs is not waited for; the others have what they were given when they end.
            if settled.is_ok() && store_thread.join().is_err() {
                error!("the store's thread has panicked");
            }
            drop(at_end);
        });
        let thread = Some(thread.map_err(StartError::Thread)?);
        Ok(Running { address, handle, stop, opened, ended, thread })
    }
}

/// A hub that runs. Dropping it asks it to stop and does not wait.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    handle: HubHandle,
    stop: CancellationToken,
    opened: CancellationToken,
    ended: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Where nodes connect.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// How to speak with the hub.
    pub fn handle(&self) -> &HubHandle {
        &self.handle
    }

    /// What lets nodes in, where that was put off with [`Opening::WhenTold`]; it does nothing where they are already.
    pub fn opener(&self) -> impl FnOnce() + Send + 'static + use<> {
        let opened = self.opened.clone();
        move || opened.cancel()
    }

    /// Waits until the hub has ended, without asking it to: that is a failure, and the log says which.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Stops the hub: takes no more nodes, tells those that are there when to come back, stores what is
    /// pending, and ends its threads.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.ended.cancelled().await;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the hub's thread has panicked");
        }
        info!(address = %self.address, "stopped");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the hub's thread takes with it.
struct Parts {
    config: NetConfig,
    hub: HubConfig,
    catalogue: Arc<Catalogue>,
    snapshot: Snapshot,
    server: TcpServer,
    store: StoreThread,
    asked: mpsc::Receiver<Call>,
    events: broadcast::Sender<Event>,
    refusing: watch::Sender<Option<Refusing>>,
    names: watch::Sender<Vec<Box<str>>>,
    stop: CancellationToken,
    opened: CancellationToken,
}

impl Parts {
    /// Serves nodes until told to stop, then brings everything to its end.
    async fn run<H: RequestHandler + 'static>(
        self,
        wrap: impl Fn(HubHandler) -> H + 'static,
    ) -> Result<(), Elapsed> {
        let clock = Clock::start();
        let store_drain = self.config.store_drain;
        let (discovery, name) = (self.config.discovery, self.hub.name.clone());
        let dialler = Dialler::new(self.config.dial.clone(), self.hub.dial_within);
        let hub = Hub::new(self.hub, self.catalogue, self.snapshot, clock.now());
        let reached = hub.limits_reached().clone();
        let executor = Executor::new(dialler, self.events, reached.clone());
        let per_second = self.config.max_messages_per_s;
        let driver = Rc::new(Driver::new(hub, clock, self.config, executor, self.refusing));
        let mut driving = spawn_local(Rc::clone(&driver).run(self.store, self.asked));

        let handlers = || wrap(HubHandler::new(Rc::clone(&driver), Pace::new(per_second)));
        let mut announced = None;
        let (server, stop) = (self.server.count_in(reached.clone()), self.stop);
        let serving = async {
            tokio::select! {
                () = self.opened.cancelled() => {}
                () = stop.cancelled() => return Ok(()),
            }
            driver.open();
            server.listen()?;
            info!(tcp_addr = %server.local_addr(), "nodes are served");
            announced = announce(discovery, &name, server.local_addr(), self.names);
            server.serve_in_local_set(handlers, stop.cancelled()).await
        };
        tokio::select! {
            outcome = serving => if let Err(error) = outcome {
                error!(%error, "cannot serve nodes any more; start the hub anew");
            },
            // The driver runs for ever: it has panicked, and nothing can be promised any more.
            _ = &mut driving => error!("the driver has panicked: the hub stops; start it anew"),
        }
        if let Some(announced) = announced {
            announced.stop().await;
        }
        driver.end_deliveries();
        let settled = timeout(store_drain, driver.settled()).await;
        if settled.is_err() {
            warn!(?store_drain, "the store did not take in time what was pending; it was not acknowledged");
        }
        driving.abort();
        settled
    }
}

fn announce(
    discovery: Discovery,
    name: &str,
    address: SocketAddr,
    names: watch::Sender<Vec<Box<str>>>,
) -> Option<Announced> {
    match discovery {
        Discovery::Quiet => None,
        Discovery::Announced => Announced::start(name, HOST_NAME, address, names)
            .inspect_err(|error| warn!(%error, "the hub is not announced: nodes need its address"))
            .ok(),
    }
}
