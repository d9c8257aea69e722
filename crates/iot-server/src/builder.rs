//! [`Builder`]: the five settings of the original, the rest of the configuration, and the handler.

use core::net::IpAddr;

use iot_core::config::Registration;
use iot_net::{HubHandler, RequestHandler};

use crate::{Config, IotServer, Restores, ServerError, config::StoreKind, owner::Owner};

/// Makes an [`IotServer`]. What is not set has the default of [`Config`].
#[derive(Clone, Debug)]
pub struct Builder<W> {
    config: Config,
    owner: Option<Owner>,
    restores: Option<Restores>,
    wrap: W,
}

impl Builder<fn(HubHandler) -> HubHandler> {
    pub(crate) fn new() -> Self {
        Self { config: Config::default(), owner: None, restores: None, wrap: |hub| hub }
    }
}

impl<W, H> Builder<W>
where
    W: Fn(HubHandler) -> H + Send + 'static,
    H: RequestHandler + 'static,
{
    /// Address on which nodes connect.
    #[must_use]
    pub fn tcp_address(mut self, address: IpAddr) -> Self {
        self.config.address = Some(address);
        self
    }

    /// Port on which nodes connect; 0 takes a free one.
    #[must_use]
    pub fn tcp_port(mut self, port: u16) -> Self {
        self.config.tcp_port = port;
        self
    }

    /// Address on which pages are served.
    #[must_use]
    pub fn web_address(mut self, address: IpAddr) -> Self {
        self.config.web_address = Some(address);
        self
    }

    /// Port on which pages are served; 0 takes a free one.
    #[must_use]
    pub fn web_port(mut self, port: u16) -> Self {
        self.config.web_port = Some(port);
        self
    }

    /// Whether a new node must wait for a person.
    #[must_use]
    pub fn registration(mut self, registration: Registration) -> Self {
        self.config.registration = registration;
        self
    }

    /// Whether what is stored outlives the process.
    #[must_use]
    pub fn store(mut self, store: StoreKind) -> Self {
        self.config.store = store;
        self
    }

    /// Makes somebody with this name and password the owner of the hub when it starts, unless it has one. Without an
    /// owner no node is served, and its page offers nothing but to become it.
    #[must_use]
    pub fn owner(mut self, name: &str, password: &str) -> Self {
        self.owner = Some(Owner { name: name.to_owned(), password: password.to_owned() });
        self
    }

    /// Lets admins restore backups on the page: whoever starts the hub waits for them with [`Restores::ready`]. Without
    /// it the page refuses.
    #[must_use]
    pub fn restores(mut self, restores: &Restores) -> Self {
        self.restores = Some(restores.clone());
        self
    }

    /// The whole configuration, in place of what was set before.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Handles each connection of a node with what `wrap` makes of the hub's own handler: something that
    /// watches, filters or answers itself, and passes on what is the hub's. It is called once for each
    /// connection, on the hub's thread.
    pub fn handler<W2, H2>(self, wrap: W2) -> Builder<W2>
    where
        W2: Fn(HubHandler) -> H2 + Send + 'static,
        H2: RequestHandler + 'static,
    {
        Builder { config: self.config, owner: self.owner, restores: self.restores, wrap }
    }

    /// Starts the server: pages are answered when this returns, and nodes are served if the hub has an owner.
    ///
    /// # Errors
    /// [`ServerError`]; nothing is left running.
    pub async fn start(self) -> Result<IotServer, ServerError> {
        let Self { config, owner, restores, wrap } = self;
        IotServer::start(config, (owner, restores), wrap).await
    }
}
