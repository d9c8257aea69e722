//! What the web server sees of the hub: an adapter from its [`Backend`] to the hub's handle and history.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use iot_core::{
    Answer, Event, IotError, NodeId, Request, View,
    audit::{AuditEntry, AuditQuery},
    catalogue::Catalogue,
    people::{Passphrase, People},
    store::{Bucket, Chronicle, GapQuery, GapView, History, Place, ReadingQuery, RollupQuery, StoreError},
    view::{
        CommandFilter, CommandView, Difference, HubKeysView, JoiningView, NodeFilter, NodeView, Notice,
        Overview, ReadingView, Replacement,
    },
};
use iot_net::HubHandle;
use iot_proto::{CommandId, JoinSecret, UnixMillis};
use iot_web::{
    Backend, BackupData, BackupKey, BackupRefused, Bulkhead, RestoreRefused, StoreView, Taking, UploadRefused,
};
use tokio::sync::{broadcast, mpsc, watch};

use crate::{care::Care, hub_keys::HubKeyChanges};

/// What is read of the past must have come within this, whoever asks. It is more than the slowest of them takes on a
/// small board.
pub(crate) const PAST_WITHIN: Duration = Duration::from_secs(10);

/// The running hub, as pages and the API see it.
#[derive(Clone)]
pub(crate) struct HubBackend {
    pub(crate) hub: HubHandle,
    pub(crate) hub_keys: Arc<HubKeyChanges>,
    pub(crate) history: Bulkhead<dyn History>,
    pub(crate) chronicle: Bulkhead<dyn Chronicle>,
    pub(crate) people: Arc<dyn People>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) care: Arc<Care>,
    /// Where nodes connect.
    pub(crate) tcp_addr: SocketAddr,
}

impl HubBackend {
    /// Reads the past.
    async fn look_up<T: Send + 'static>(
        &self,
        read: impl FnOnce(&(dyn History + 'static)) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, IotError> {
        Ok(self.history.ask(read).await??)
    }

    /// Reads commands or changes.
    async fn chronicle<T: Send + 'static>(
        &self,
        read: impl FnOnce(&(dyn Chronicle + 'static)) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, IotError> {
        Ok(self.chronicle.ask(read).await??)
    }
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
        let asked = filter.clone();
        let stored = self.chronicle(move |chronicle| chronicle.commands(&asked)).await?;
        self.hub.read(move |view: View<'_>| view.ledger(&filter, &stored)).await
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
        self.hub.read(move |view: View<'_>| view.words_for(&record)).await
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
        let (history, mut place) = (self.history.clone(), Place::new(query));
        tokio::spawn(async move {
            // Whoever reads the pages may go away.
            loop {
                let read = history.ask(move |history| (place.next(history), place));
                let page = match read.await {
                    Ok((Ok(Some(page)), after)) => {
                        place = after;
                        page
                    }
                    Ok((Ok(None), _)) => return,
                    Ok((Err(why), _)) => return drop(sender.send(Err(why.into())).await),
                    Err(why) => return drop(sender.send(Err(why)).await),
                };
                if sender.send(Ok(page)).await.is_err() {
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

    fn take_backup(&self, by: &str, bytes: Option<u64>) -> Result<Taking, UploadRefused> {
        self.care.take(by, bytes)
    }

    async fn difference(&self, name: &str) -> Result<Difference, RestoreRefused> {
        let (care, name) = (Arc::clone(&self.care), name.to_owned());
        let told = tokio::task::spawn_blocking(move || care.difference(&name)).await;
        told.map_err(|_| RestoreRefused::Stopping)?
    }

    async fn backup_key(&self, name: &str) -> Result<BackupKey, RestoreRefused> {
        let (care, name) = (Arc::clone(&self.care), name.to_owned());
        let told = tokio::task::spawn_blocking(move || care.backup_key(&name)).await;
        told.map_err(|_| RestoreRefused::Stopping)?
    }

    async fn restore(
        &self,
        name: &str,
        by: &str,
        why: &str,
        passphrase: Option<Passphrase>,
    ) -> Result<(), RestoreRefused> {
        let (care, name) = (Arc::clone(&self.care), name.to_owned());
        let (by, why) = (by.to_owned(), why.to_owned());
        // Opening a key takes a while, on purpose.
        let begun =
            tokio::task::spawn_blocking(move || care.restore(&name, (&by, &why), passphrase.as_ref()));
        begun.await.map_err(|_| RestoreRefused::Stopping)?
    }

    fn events(&self) -> broadcast::Receiver<Event> {
        self.hub.subscribe()
    }
}
