//! [`Site`]: a hub with a person beside it, who opens windows, and what attackers have done to it.

use std::{
    cell::Cell,
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use iot_core::{AdmissionState, IotError, Request, SessionId, catalogue::Catalogue, config::HubConfig};
use iot_net::{HubIdentity, HubServer, NetConfig, Running};
use iot_proto::{JoinSecret, NodeKey};
use iot_store::MemoryStore;
use socket2::{Domain, Socket, Type};
use tokio::runtime::Runtime;

/// How long either side may take for a step.
const SOON: Duration = Duration::from_secs(20);

/// A hub, and what attackers have done to it.
pub(super) struct Site {
    hub: Option<Running>,
    address: SocketAddr,
    runtime: Runtime,
    pub(super) own: HubIdentity,
    pub(super) secret: JoinSecret,
    connections: Cell<u32>,
    /// Keys that a person has let in.
    pub(super) genuine: Vec<NodeKey>,
    /// Genuine nodes that joined: the control.
    pub(super) joined: u64,
    /// Others that were let in.
    pub(super) accepted: u64,
    /// Nodes that trusted another hub.
    pub(super) trusted: u64,
    /// Unverified nodes to which commands were taken.
    pub(super) commanded: u64,
}

impl Site {
    pub(super) fn start() -> Result<Self> {
        let own = HubIdentity::generate()?;
        let mut net = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        net.server.identity = Some(Arc::new(own.clone().into()));
        let store = Box::new(MemoryStore::new());
        let hub = HubServer::start(net, HubConfig::default(), Arc::new(Catalogue::built_in()), store)?;
        Ok(Self {
            address: hub.local_addr(),
            hub: Some(hub),
            runtime: Runtime::new()?,
            own,
            secret: JoinSecret::new([0; 16]),
            connections: Cell::new(1),
            genuine: Vec::new(),
            joined: 0,
            accepted: 0,
            trusted: 0,
            commanded: 0,
        })
    }

    pub(super) fn stop(mut self) {
        if let Some(hub) = self.hub.take() {
            self.runtime.block_on(hub.stop());
        }
    }

    pub(super) fn ask(&self, request: Request) -> Result<Result<(), IotError>> {
        let hub = self.hub.as_ref().context("a hub")?;
        Ok(self.runtime.block_on(hub.handle().ask("the person", "", request)).map(|_| ()))
    }

    /// The person opens a new window.
    pub(super) fn window(&mut self) -> Result<()> {
        drop(self.ask(Request::CloseWindow)?);
        self.secret = iot_net::new_secret()?;
        let opened = self.ask(Request::OpenWindow { for_s: 300, secret: self.secret.clone() })?;
        opened.context("the window opens")
    }

    /// Those that ask to be let in unverified, as the page shows them.
    pub(super) fn asking(&self) -> Result<Vec<SessionId>> {
        let hub = self.hub.as_ref().context("a hub")?;
        let window = self.runtime.block_on(hub.handle().read(|view| view.joining().window))?;
        let asking = window.and_then(|window| window.unverified).unwrap_or_default();
        Ok(asking.into_iter().map(|node| node.session).collect())
    }

    /// Whether the page asks for the press of any button.
    pub(super) fn asks_for_press(&self) -> Result<bool> {
        let hub = self.hub.as_ref().context("a hub")?;
        Ok(self.runtime.block_on(hub.handle().read(|view| !view.joining().pressing.is_empty()))?)
    }

    /// Counts whom the hub has let in, and forgets them.
    pub(super) fn judge(&mut self) -> Result<()> {
        let hub = self.hub.as_ref().context("a hub")?;
        let known = self.runtime.block_on(hub.handle().read(|view| view.nodes()))?;
        for node in known {
            let is_genuine = self.genuine.iter().any(|key| iot_core::NodeId::of_key(key) == node.id);
            let is_in = matches!(node.admission, AdmissionState::Admitted | AdmissionState::Matched);
            self.accepted += u64::from(is_in && !is_genuine);
            let hub = self.hub.as_ref().context("a hub")?;
            let forget = Request::Forget { node: node.id };
            self.runtime.block_on(hub.handle().ask("the person", "the run is over", forget))?;
        }
        self.genuine.clear();
        Ok(())
    }

    /// A connection from an address that no other has, so that nobody is held up by what an address may do.
    pub(super) fn connect(&self) -> Result<TcpStream> {
        let number = self.connections.replace(self.connections.get() + 1);
        let [_, a, b, c] = number.to_be_bytes();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from(([127, a + 20, b, c], 0)).into())?;
        socket.connect(&self.address.into())?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(SOON))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
