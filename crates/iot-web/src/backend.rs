//! [`Backend`]: all that pages and the API need of the hub. Whoever composes the server implements it.

use std::{net::SocketAddr, sync::Arc};

use iot_core::{
    Answer, Event, IotError, NodeId, Request,
    audit::{AuditEntry, AuditQuery},
    catalogue::Catalogue,
    people::{Passphrase, People},
    store::{Bucket, GapQuery, GapView, ReadingQuery, RollupQuery},
    view::{
        CommandFilter, CommandView, Difference, HubKeysView, JoiningView, NodeFilter, NodeView, Notice,
        Overview, ReadingView, Replacement,
    },
};
use iot_proto::{CommandId, JoinSecret, UnixMillis};
use tokio::sync::{broadcast, mpsc::Receiver, watch};

use crate::{BackupData, BackupKey, BackupRefused, RestoreRefused, StoreView, Taking, UploadRefused};

/// The hub as the web server sees it: snapshots, questions and events, never a socket of a node.
///
/// Every call may fail with [`IotError::Stopping`] while the hub ends.
pub trait Backend: Clone + Send + Sync + 'static {
    /// The hub's clock.
    fn now(&self) -> UnixMillis;

    /// Whether the hub may be addressed under this host name, beside those of its configuration, because a network gave it
    /// to it. It is in lower case, without a dot at the end.
    fn is_called(&self, name: &str) -> bool;

    /// All module kinds, with their files.
    fn catalogue(&self) -> Arc<Catalogue>;

    /// How all is, at one glance.
    fn overview(&self) -> impl Future<Output = Result<Overview, IotError>> + Send;

    /// The nodes that are asked for, with their modules, by id.
    fn nodes(&self, filter: NodeFilter) -> impl Future<Output = Result<Vec<NodeView>, IotError>> + Send;

    /// One node.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`].
    fn node(&self, id: &NodeId) -> impl Future<Output = Result<NodeView, IotError>> + Send;

    /// What would happen if the hardware `by` took the place of `node`.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Irreplaceable`]; [`IotError::TooMany`] for one plain node more.
    fn replacement(
        &self,
        node: &NodeId,
        by: &NodeId,
    ) -> impl Future<Output = Result<Replacement, IotError>> + Send;

    /// Commands that are under way and the last ones that ended, newest first.
    fn commands(
        &self,
        filter: CommandFilter,
    ) -> impl Future<Output = Result<Vec<CommandView>, IotError>> + Send;

    /// All commands that are kept, or about to be, newest first, however long ago they ended.
    ///
    /// # Errors
    /// [`IotError::NotStored`] where the store cannot be read.
    fn ledger(
        &self,
        filter: CommandFilter,
    ) -> impl Future<Output = Result<Vec<CommandView>, IotError>> + Send;

    /// What people changed, newest first.
    ///
    /// # Errors
    /// [`IotError::NotStored`] where the store cannot be read.
    fn audit(&self, query: AuditQuery) -> impl Future<Output = Result<Vec<AuditEntry>, IotError>> + Send;

    /// One command.
    ///
    /// # Errors
    /// [`IotError::UnknownCommand`].
    fn command(&self, id: CommandId) -> impl Future<Output = Result<CommandView, IotError>> + Send;

    /// What happened, newest first, at most `limit`.
    fn activity(&self, limit: usize) -> impl Future<Output = Result<Vec<Notice>, IotError>> + Send;

    /// Readings of one series, oldest first.
    ///
    /// # Errors
    /// [`IotError::NotStored`] where the store cannot be read.
    fn readings(
        &self,
        query: ReadingQuery,
    ) -> impl Future<Output = Result<Vec<ReadingView>, IotError>> + Send;

    /// Readings of one series, the oldest first, in pages of at most `query.limit`. Ends with its receiver.
    fn pages(&self, query: ReadingQuery) -> Receiver<Result<Vec<ReadingView>, IotError>>;

    /// The buckets of one series, the oldest first.
    ///
    /// # Errors
    /// [`IotError::NotStored`] where the store cannot be read.
    fn rollup(&self, query: RollupQuery) -> impl Future<Output = Result<Vec<Bucket>, IotError>> + Send;

    /// What is missing between the reports of a node.
    ///
    /// # Errors
    /// [`IotError::NotStored`] where the store cannot be read.
    fn gaps(&self, query: GapQuery) -> impl Future<Output = Result<Vec<GapView>, IotError>> + Send;

    /// Asks the hub for something in the name of `by`, and says `why`, which may be empty.
    ///
    /// # Errors
    /// Why the hub does not do it.
    fn ask(
        &self,
        by: &str,
        why: &str,
        request: Request,
    ) -> impl Future<Output = Result<Answer, IotError>> + Send;

    /// Who may use the hub.
    fn people(&self) -> Arc<dyn People>;

    /// Whether nodes may join, and who does.
    fn joining(&self) -> impl Future<Output = Result<JoiningView, IotError>> + Send;

    /// A new secret, with which one node may join.
    ///
    /// # Errors
    /// [`IotError::Joining`] where there are no random bytes.
    fn new_secret(&self) -> Result<JoinSecret, IotError>;

    /// The hub's own keys, and how far the nodes have come with them.
    ///
    /// # Errors
    /// [`IotError::HubKey`] where it has none.
    fn hub_keys(&self) -> impl Future<Output = Result<HubKeysView, IotError>> + Send;

    /// Makes the next key of the hub and has it announced, in the name of `by`; `why` may be empty.
    ///
    /// # Errors
    /// [`IotError::HubKey`] where that is not possible now.
    fn announce_hub_key(&self, by: &str, why: &str) -> impl Future<Output = Result<(), IotError>> + Send;

    /// Goes over to the next key of the hub, where at most `lacking` nodes lack it.
    ///
    /// # Errors
    /// [`IotError::HubKey`] where more do, or none is announced; [`IotError::ReasonMissing`] where any does.
    fn change_hub_key(
        &self,
        by: &str,
        why: &str,
        lacking: usize,
    ) -> impl Future<Output = Result<(), IotError>> + Send;

    /// Where nodes find the hub.
    fn hub_address(&self) -> SocketAddr;

    /// How the store is, and every change of that.
    fn store(&self) -> watch::Receiver<StoreView>;

    /// Begins a backup and gives the name that its file will have. The hub's own key is in it only where there is a
    /// passphrase to seal it under.
    ///
    /// # Errors
    /// [`BackupRefused`].
    fn back_up(&self, passphrase: Option<Passphrase>) -> Result<Box<str>, BackupRefused>;

    /// The backup of this name, if there is one.
    fn backup(&self, name: &str) -> impl Future<Output = Option<BackupData>> + Send;

    /// Begins to take a backup that is sent in the name of `by`, of so many bytes with what is around them, where somebody
    /// said how many. It is in the list once it is whole, was looked through and stands in the audit.
    ///
    /// # Errors
    /// [`UploadRefused`], before anything is read.
    fn take_backup(&self, by: &str, bytes: Option<u64>) -> Result<Taking, UploadRefused>;

    /// What becomes of the hub if the backup of this name is restored.
    ///
    /// # Errors
    /// [`RestoreRefused`].
    fn difference(&self, name: &str) -> impl Future<Output = Result<Difference, RestoreRefused>> + Send;

    /// Whether the backup of this name has the hub's own key.
    ///
    /// # Errors
    /// [`RestoreRefused`].
    fn backup_key(&self, name: &str) -> impl Future<Output = Result<BackupKey, RestoreRefused>> + Send;

    /// Begins to restore the backup of this name in the name of `by`, and says `why`, which may be empty. The hub goes
    /// on until the backup is ready, and starts again with it; with a passphrase also with the hub's key that is in it.
    ///
    /// # Errors
    /// [`RestoreRefused`].
    fn restore(
        &self,
        name: &str,
        by: &str,
        why: &str,
        passphrase: Option<Passphrase>,
    ) -> impl Future<Output = Result<(), RestoreRefused>> + Send;

    /// Everything that changes from now on.
    fn events(&self) -> broadcast::Receiver<Event>;
}
