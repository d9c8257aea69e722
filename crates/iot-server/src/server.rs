//! [`IotServer`]: a running hub with its pages, and what a program may ask of it.

mod error;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::{
    collections::BTreeMap,
    fs,
    hash::{BuildHasher as _, RandomState},
    path::PathBuf,
    sync::Arc,
};

use iot_core::{
    Answer, IotError, NodeId,
    catalogue::{Catalogue, ModuleKind},
    people::People,
};
use iot_net::{
    Discovery, HubHandle, HubHandler, HubServer, Keyring, NetConfig, Opening, RequestHandler, Running,
    StartError,
};
use iot_proto::Body;
use iot_web::{Bulkhead, Tls, WebConfig};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::{AbortHandle, JoinHandle, spawn_blocking},
};
use tracing::{error, info, warn};

pub use self::error::ServerError;
use crate::{
    Builder, Config, Restores,
    address::{UsualPorts, bind_web, choose_address},
    backend::{HubBackend, PAST_WITHIN},
    care::Care,
    certificate::{NAMES, certificate},
    config::{Announce, StoreKind},
    files::Files,
    hub_keys::HubKeyChanges,
    identity, modules,
    owner::{self, Owner, open_with_owner},
    private, retention,
    store::{self, Opened},
};

/// Connections beyond the sessions that are served, in all and of one address.
const ROOM_TO_REFUSE: usize = 100;
const ROOM_TO_REFUSE_PER_ADDRESS: usize = 32;

/// Name of the file in the data directory that says where this machine finds the pages of the hub that runs on it.
pub const PAGE_FILE: &str = "page.url";

/// A running hub. [`tear_down`](Self::tear_down) ends it in good order; dropping it does so best effort.
#[derive(Debug)]
pub struct IotServer {
    hub: Option<Running>,
    opening: AbortHandle,
    handle: HubHandle,
    care: Arc<Care>,
    catalogue: Arc<Catalogue>,
    tcp_addr: SocketAddr,
    web_addr: SocketAddr,
    web_url: String,
    /// Where [`PAGE_FILE`] lies, where there is one.
    page_file: Option<PathBuf>,
    web_stop: Option<oneshot::Sender<()>>,
    web: JoinHandle<()>,
}

impl IotServer {
    /// A server to be set up: addresses, ports, handler, and the rest of the configuration.
    pub fn builder() -> Builder<fn(HubHandler) -> HubHandler> {
        Builder::new()
    }

    /// Starts hub and pages.
    pub(crate) async fn start<W, H>(
        mut config: Config,
        (owner, restores): (Option<Owner>, Option<Restores>),
        wrap: W,
    ) -> Result<Self, ServerError>
    where
        W: Fn(HubHandler) -> H + Send + 'static,
        H: RequestHandler + 'static,
    {
        Files::raise().fit(&mut config).map_err(|needed| ServerError::TooFewFiles { needed })?;
        if config.store == StoreKind::Disk {
            private::check(&config.data_dir).map_err(ServerError::Private)?;
        }
        let catalogue = Arc::new(load_catalogue(&config)?);
        let (address, why) = choose_address(config.address);
        info!(%address, why, "address of the hub");
        let web_address = config.web_address.unwrap_or(address);
        let tls = certificate(&config, web_address).map_err(ServerError::Certificate)?;
        let (listener, web_addr) = listen_web(web_address, config.web_port, UsualPorts::of(config.tls))?;
        let web_url = format!("{}://{web_addr}/", if tls.is_some() { "https" } else { "http" });

        let hub_config = config.hub(address, RandomState::new().hash_one(web_addr));
        let mut net = net_config(&config, address);
        let known = Arc::clone(&catalogue);
        let (kind, data_dir, retention) = (config.store, config.data_dir.clone(), config.retention.clone());
        // Reading the store back may take its time.
        let start = move || {
            let Opened { store, history, chronicle, people } = store::open(kind, &data_dir, retention)?;
            net.opening = opening(&*people, owner.as_ref())?;
            let own = identity::keys(kind, &data_dir).map_err(ServerError::Identity)?;
            let keyring = Arc::new(Keyring::new(own));
            net.server.identity = Some(Arc::clone(&keyring));
            let hub = HubServer::start_with(net, hub_config, known, store, wrap).map_err(ServerError::Hub)?;
            Ok((hub, keyring, history, chronicle, people))
        };
        let (hub, keyring, history, chronicle, people) =
            spawn_blocking(start).await.map_err(|_| ServerError::Stopped)??;
        let opening = open_with_owner(Arc::clone(&people), hub.opener());

        let care = Arc::new(Care::start(&config, hub.handle(), (restores, Arc::clone(&people))));
        let key_dir = (config.store == StoreKind::Disk).then(|| config.data_dir.clone());
        let backend = HubBackend {
            hub_keys: HubKeyChanges::start(key_dir, keyring, hub.handle().clone(), Arc::clone(&chronicle)),
            hub: hub.handle().clone(),
            history: Bulkhead::new(history, PAST_WITHIN),
            chronicle: Bulkhead::new(chronicle, PAST_WITHIN),
            people,
            catalogue: Arc::clone(&catalogue),
            care: Arc::clone(&care),
            tcp_addr: hub.local_addr(),
        };
        let page_file = tell_page(&config, web_addr, &web_url);
        info!(%web_addr, url = web_url, "pages are served");
        let (web_stop, stopped) = oneshot::channel();
        let web_config = web_config(config, tls);
        let web = tokio::spawn(serve_pages(listener, backend, web_config, stopped));
        Ok(Self {
            handle: hub.handle().clone(),
            tcp_addr: hub.local_addr(),
            hub: Some(hub),
            opening,
            care,
            catalogue,
            web_addr,
            web_url,
            page_file,
            web_stop: Some(web_stop),
            web,
        })
    }

    /// Where nodes connect.
    pub fn tcp_addr(&self) -> SocketAddr {
        self.tcp_addr
    }

    /// Where pages are served.
    pub fn web_addr(&self) -> SocketAddr {
        self.web_addr
    }

    /// What a browser opens.
    pub fn web_url(&self) -> &str {
        &self.web_url
    }

    /// How to ask the hub, read it and watch it.
    pub fn handle(&self) -> &HubHandle {
        &self.handle
    }

    /// All module kinds.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// Sends a message to the node at `address`: on its session when it has one, else by dialling `port`.
    /// The result is the node's response.
    ///
    /// The address is the caller's own word: it is dialled whoever is there, known node or not, and the
    /// message goes out without anyone having been proven. What the hub asks of addresses that it dials by
    /// itself is skipped: that an admitted node lives there and that commands to it are permitted, that it is no
    /// loopback, multicast, broadcast or own address, that the port is the agreed one, and that a second lies between
    /// two attempts. Commands that are kept, repeated and followed are given to [`HubHandle::ask`] instead.
    ///
    /// # Errors
    /// Why there is no response: [`IotError::Unreachable`], [`IotError::NoAnswer`], the node's refusal.
    pub async fn send_message<'b, B: Body<'b>>(
        &self,
        message: &B,
        address: IpAddr,
        port: u16,
    ) -> Result<Answer, IotError> {
        self.handle.send_message(message, address, port).await
    }

    /// The files of a module kind by path; the pages serve the same.
    ///
    /// # Errors
    /// [`IotError::KindUnsupported`].
    pub fn module_files(&self, kind: &str) -> Result<&BTreeMap<Box<str>, Arc<[u8]>>, IotError> {
        self.catalogue.module_files(kind)
    }

    /// Whether the hub supports modules of a kind, in the version that firmware was built for.
    ///
    /// # Errors
    /// [`IotError::KindUnsupported`], [`IotError::KindVersionUnknown`], [`IotError::KindDisabled`].
    pub fn check_module_support(&self, kind: &str, version: u16) -> Result<&Arc<ModuleKind>, IotError> {
        self.catalogue.check_module_support(kind, version)
    }

    /// Whether a module of a node is registered, so that it may report and be commanded.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::ModuleNotRegistered`], [`IotError::PendingApproval`],
    /// [`IotError::Revoked`], [`IotError::Disabled`], or why its kind is not supported.
    pub async fn check_module_registration(&self, node: &NodeId, module: u8) -> Result<(), IotError> {
        let node = node.clone();
        self.handle.read(move |view| view.check_module_registration(&node, module)).await?
    }

    /// Stops accepting nodes and requests, lets what is under way end, stores what is pending, and ends
    /// both servers.
    pub async fn tear_down(mut self) {
        self.care.stop();
        self.opening.abort();
        if let Some(hub) = self.hub.take() {
            hub.stop().await;
        }
        if let Some(stop) = self.web_stop.take() {
            // Who is told has ended already where this fails.
            let _ = stop.send(());
        }
        if let Some(path) = self.page_file.take() {
            // One that stays behind names a hub that does not run, and whoever reads it looks for that first.
            let _ = fs::remove_file(path);
        }
        if let Err(error) = (&mut self.web).await {
            warn!(%error, "the web server did not end well");
        }
        info!("the hub has stopped");
    }
}

/// Says in the data directory where this machine finds the pages: for the command line, which cannot know on which port
/// they came to be.
fn tell_page(config: &Config, web_addr: SocketAddr, web_url: &str) -> Option<PathBuf> {
    if config.store != StoreKind::Disk {
        return None;
    }
    let here = match web_addr.ip() {
        address if !address.is_unspecified() => address,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    let here = SocketAddr::new(here, web_addr.port()).to_string();
    let told = private::write(&config.data_dir, PAGE_FILE, &web_url.replace(&web_addr.to_string(), &here));
    match told {
        Ok(()) => Some(config.data_dir.join(PAGE_FILE)),
        Err(error) => {
            warn!(%error, "the command line is not told where the pages are: iot-server join does not find them");
            None
        }
    }
}

/// Makes the owner who was named, and says when nodes are let in: not before there is one.
fn opening(people: &dyn People, owner: Option<&Owner>) -> Result<Opening, ServerError> {
    if let Some(owner) = owner {
        owner::claim(people, owner).map_err(ServerError::Owner)?;
    }
    let users = people.users().map_err(|why| ServerError::Hub(StartError::Load(why)))?;
    Ok(if users.is_empty() { Opening::WhenTold } else { Opening::AtOnce })
}

/// Serves pages until it is told to stop, or whoever could tell it is gone.
async fn serve_pages(
    listener: TcpListener,
    backend: HubBackend,
    config: WebConfig,
    stopped: oneshot::Receiver<()>,
) {
    let shutdown = async {
        let _ = stopped.await;
    };
    if let Err(error) = iot_web::serve(listener, backend, config, shutdown).await {
        error!(%error, "pages are not served");
    }
}

/// How pages are served.
fn web_config(config: Config, tls: Option<Tls>) -> WebConfig {
    // What is announced, and what the certificate holds for, must be answered.
    let usual = NAMES.into_iter().map(Into::into);
    WebConfig {
        hosts: config.web_hosts.into_iter().chain(usual).collect(),
        tls,
        max_connections: config.max_web_connections,
        max_connections_per_address: config.max_web_connections_per_address,
        ..WebConfig::default()
    }
}

/// How the network side is run.
fn net_config(config: &Config, address: IpAddr) -> NetConfig {
    let mut net = NetConfig::new(SocketAddr::new(address, config.tcp_port));
    net.discovery = match config.announce {
        Announce::Yes => Discovery::Announced,
        Announce::No => Discovery::Quiet,
    };
    // A little more, so that those beyond can be told why they are not served.
    net.server.max_connections = config.max_sessions + ROOM_TO_REFUSE;
    net.server.max_connections_per_address = config.max_sessions_per_address + ROOM_TO_REFUSE_PER_ADDRESS;
    net.max_messages_per_s = config.max_messages_per_s;
    net
}

/// All module kinds. Folders that are refused are named in the log and left out.
fn load_catalogue(config: &Config) -> Result<Catalogue, ServerError> {
    let (mut catalogue, refused) = modules::load(&config.data_dir);
    for error in refused {
        warn!("module kind left out: {error}");
    }
    for kind in &config.disabled_kinds {
        let unknown = |why| ServerError::Kind { setting: "disabled_kinds", why };
        catalogue.disable(kind).map_err(unknown)?;
    }
    retention::check_kinds(&config.retention, &catalogue)
        .map_err(|why| ServerError::Kind { setting: "retention.kinds", why })?;
    Ok(catalogue)
}

/// Opens the listener of the pages, and says so where it is not on the port that people try first.
fn listen_web(
    address: IpAddr,
    port: Option<u16>,
    usual: UsualPorts,
) -> Result<(TcpListener, SocketAddr), ServerError> {
    let UsualPorts { first, otherwise } = usual;
    let failed = |why| ServerError::Web { address: SocketAddr::new(address, port.unwrap_or(otherwise)), why };
    let (listener, refused) = bind_web(address, port, usual).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let web_addr = listener.local_addr().map_err(failed)?;
    if let Some(refused) = refused {
        warn!("port {first} is not to be had ({refused}): pages are on {otherwise}");
    }
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    Ok((listener, web_addr))
}
