//! What the web server sees of the hub: an adapter from its [`Backend`] to the hub's handle and history.

use std::{net::SocketAddr, sync::Arc};

use iot_core::{
    Answer, Event, IotError, NodeId, Request, View,
    audit::{AuditEntry, AuditQuery},
    catalogue::Catalogue,
    people::{Passphrase, People},
    store::{Bucket, Chronicle, GapQuery, GapView, History, Pages, ReadingQuery, RollupQuery, StoreError},
    view::{
        CommandFilter, CommandView, Difference, HubKeysView, JoiningView, NodeFilter, NodeView, Notice,
        Overview, ReadingView, Replacement,
    },
};
use iot_net::HubHandle;
use iot_proto::{CommandId, JoinSecret, UnixMillis};
use iot_web::{Backend, BackupData, BackupRefused, RestoreRefused, StoreView};
use tokio::sync::{broadcast, mpsc, watch};

use crate::{care::Care, hub_keys::HubKeyChanges};

/// The running hub, as pages and the API see it.
#[derive(Clone)]
pub(crate) struct HubBackend {
    pub(crate) hub: HubHandle,
    pub(crate) hub_keys: Arc<HubKeyChanges>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) chronicle: Arc<dyn Chronicle>,
    pub(crate) people: Arc<dyn People>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) care: Arc<Care>,
    /// Where nodes connect.
    pub(crate) tcp_addr: SocketAddr,
}

impl HubBackend {
    /// Reads the past away from the threads of other pages, since a store may have to read the disk.
    async fn look_up<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn History) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, IotError> {
        let history = Arc::clone(&self.history);
        let read = tokio::task::spawn_blocking(move || read(&*history)).await;
        read.map_err(|_| IotError::Stopping)?.map_err(unread)
    }

    /// Reads commands or changes where it holds nobody up.
    async fn chronicle<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Chronicle) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, IotError> {
        let chronicle = Arc::clone(&self.chronicle);
        let found = tokio::task::spawn_blocking(move || read(&*chronicle)).await;
        found.map_err(|_| IotError::Stopping)?.map_err(unread)
    }
}

fn unread(error: StoreError) -> IotError {
    IotError::NotStored { why: error.why }
}

impl Backend for HubBackend {
    fn now(&self) -> UnixMillis {
        iot_net::wall_clock()
    }

    fn is_called(&self, name: &str) -> bool {
        self.hub.is_announced_as(name)
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue)
    }

    async fn overview(&self) -> Result<Overview, IotError> {
        self.hub.read(|view: View<'_>| view.overview()).await
    }

    async fn nodes(&self, filter: NodeFilter) -> Result<Vec<NodeView>, IotError> {
        self.hub.read(move |view: View<'_>| view.nodes_that_fit(&filter)).await
    }

    async fn replacement(&self, node: &NodeId, by: &NodeId) -> Result<Replacement, IotError> {
        let (node, by) = (node.clone(), by.clone());
        self.hub.read(move |view: View<'_>| view.replacement(&node, &by)).await?
    }

    async fn node(&self, id: &NodeId) -> Result<NodeView, IotError> {
        let id = id.clone();
        self.hub.read(move |view: View<'_>| view.node(&id)).await?
    }

    async fn commands(&self, filter: CommandFilter) -> Result<Vec<CommandView>, IotError> {
        self.hub.read(move |view: View<'_>| view.commands(&filter)).await
    }

    async fn ledger(&self, filter: CommandFilter) -> Result<Vec<CommandView>, IotError> {
        let records = self.chronicle(move |chronicle| chronicle.commands(&filter)).await?;
        self.hub.read(move |view: View<'_>| view.words_for(&records)).await
    }

    async fn command(&self, id: CommandId) -> Result<CommandView, IotError> {
        let unknown = match self.hub.read(move |view: View<'_>| view.command(id)).await? {
            Ok(command) => return Ok(command),
            Err(error) => error,
        };
        // The hub remembers the last ones; the store has the others.
        let Some(record) = self.chronicle(move |chronicle| chronicle.command(id)).await? else {
            return Err(unknown);
        };
        let found = self.hub.read(move |view: View<'_>| view.words_for(&[record])).await?;
        found.into_iter().next().ok_or(unknown)
    }

    async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, IotError> {
        self.chronicle(move |chronicle| chronicle.audit(&query)).await
    }

    async fn activity(&self, limit: usize) -> Result<Vec<Notice>, IotError> {
        self.hub.read(move |view: View<'_>| view.activity(limit)).await
    }

    async fn readings(&self, query: ReadingQuery) -> Result<Vec<ReadingView>, IotError> {
        self.look_up(move |history| history.readings(&query)).await
    }

    fn pages(&self, query: ReadingQuery) -> mpsc::Receiver<Result<Vec<ReadingView>, IotError>> {
        let (sender, pages) = mpsc::channel(1);
        let history = Arc::clone(&self.history);
        tokio::task::spawn_blocking(move || {
            for page in Pages::new(&*history, query) {
                if sender.blocking_send(page.map_err(unread)).is_err() {
                    return;
                }
            }
        });
        pages
    }

    async fn rollup(&self, query: RollupQuery) -> Result<Vec<Bucket>, IotError> {
        self.look_up(move |history| history.rollup(&query)).await
    }

    async fn gaps(&self, query: GapQuery) -> Result<Vec<GapView>, IotError> {
        self.look_up(move |history| history.gaps(&query)).await
    }

    async fn ask(&self, by: &str, why: &str, request: Request) -> Result<Answer, IotError> {
        self.hub.ask(by, why, request).await
    }

    fn people(&self) -> Arc<dyn People> {
        Arc::clone(&self.people)
    }

    async fn joining(&self) -> Result<JoiningView, IotError> {
        self.hub.read(|view: View<'_>| view.joining()).await
    }

    fn new_secret(&self) -> Result<JoinSecret, IotError> {
        let none = IotError::Joining { why: "the operating system has no random bytes" };
        iot_net::new_secret().map_err(|_| none)
    }

    async fn hub_keys(&self) -> Result<HubKeysView, IotError> {
        self.hub_keys.view().await
    }

    async fn announce_hub_key(&self, by: &str, why: &str) -> Result<(), IotError> {
        let (keys, by, why) = (Arc::clone(&self.hub_keys), by.to_owned(), why.to_owned());
        // A task of its own: whoever asked may go away, and what is begun is to be done whole.
        let done = tokio::spawn(async move { keys.announce(&by, &why).await });
        done.await.map_err(|_| IotError::Stopping)?
    }

    async fn change_hub_key(&self, by: &str, why: &str, lacking: usize) -> Result<(), IotError> {
        let (keys, by, why) = (Arc::clone(&self.hub_keys), by.to_owned(), why.to_owned());
        let done = tokio::spawn(async move { keys.change(&by, &why, lacking).await });
        done.await.map_err(|_| IotError::Stopping)?
    }

    fn hub_address(&self) -> SocketAddr {
        self.tcp_addr
    }

    fn store(&self) -> watch::Receiver<StoreView> {
        self.care.watch()
    }

    fn back_up(&self, passphrase: Option<Passphrase>) -> Result<Box<str>, BackupRefused> {
        self.care.back_up(passphrase)
    }

    async fn backup(&self, name: &str) -> Option<BackupData> {
        let (care, name) = (Arc::clone(&self.care), name.to_owned());
        tokio::task::spawn_blocking(move || care.backup(&name)).await.ok().flatten()
    }

    async fn difference(&self, name: &str) -> Result<Difference, RestoreRefused> {
        let (care, name) = (Arc::clone(&self.care), name.to_owned());
        let told = tokio::task::spawn_blocking(move || care.difference(&name)).await;
        told.map_err(|_| RestoreRefused::Stopping)?
    }

    fn restore(&self, name: &str, by: &str, why: &str) -> Result<(), RestoreRefused> {
        self.care.restore(name, by, why)
    }

    fn events(&self) -> broadcast::Receiver<Event> {
        self.hub.subscribe()
    }
}
