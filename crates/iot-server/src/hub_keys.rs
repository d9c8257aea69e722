//! [`HubKeyChanges`]: the hub's own key is changed while the hub runs. What the keys are is `iot-net`'s, what nodes are told
//! the core's; here they are made and written down, in an order in which a crash at any moment leaves a hub that starts.
//!
//! First the file, then whoever answers nodes, then the core, which tells them and keeps the change in the audit. So no
//! node is ever told a key that the hub could lose. Where the hub ended in between, the audit has it from the next start.

use core::{fmt::Display, time::Duration};
use std::{
    path::PathBuf,
    sync::{Arc, Weak},
};

use iot_core::{
    IotError, Request,
    audit::{AuditQuery, Deed, reason},
    store::Chronicle,
    view::HubKeysView,
};
use iot_net::{HubHandle, HubIdentity, KeySet, Keyring, wall_clock};
use tokio::{sync::Mutex, task::spawn_blocking, time::sleep};
use tracing::warn;

use crate::identity;

/// How often it is looked whether the time of the key before is over.
const LOOK_EVERY: Duration = Duration::from_hours(1);

/// Who ends the key before, and finds that a change is not in the audit.
const THE_HUB: &str = "the hub";

/// Why it puts such a change there.
const FOUND: &str = "found at the start: the hub ended before the audit had it, or it is older than the keys";

/// The keys of a hub that has had no other, as the audit says it.
const FIRST: &str = "key 1";

/// Changes the hub's key.
#[derive(Debug)]
pub(crate) struct HubKeyChanges {
    /// Where the keys are kept; `None` for a hub that keeps nothing.
    data_dir: Option<PathBuf>,
    keyring: Arc<Keyring>,
    hub: HubHandle,
    /// One change at a time.
    turn: Mutex<()>,
}

impl HubKeyChanges {
    /// Nothing is changed yet, but that a key before ends when its time is over. What the audit does not know is put there.
    pub(crate) fn start(
        data_dir: Option<PathBuf>,
        keyring: Arc<Keyring>,
        hub: HubHandle,
        chronicle: Arc<dyn Chronicle>,
    ) -> Arc<Self> {
        let changes = Arc::new(Self { data_dir, keyring, hub, turn: Mutex::new(()) });
        let begun = Arc::clone(&changes);
        tokio::spawn(async move {
            if let Err(error) = begun.audit_unknown(chronicle).await {
                warn!(%error, "whether the audit knows the hub's keys could not be seen; it is tried at the next start");
            }
            let changes = Arc::downgrade(&begun);
            drop(begun);
            end_in_time(changes).await;
        });
        changes
    }

    /// Puts the keys into the audit, where what that says last of them is something else.
    async fn audit_unknown(&self, chronicle: Arc<dyn Chronicle>) -> Result<(), IotError> {
        let _turn = self.turn.lock().await;
        let query = AuditQuery { deed: Some(Deed::ChangeHubKey), limit: 1, ..AuditQuery::default() };
        let last = spawn_blocking(move || chronicle.audit(&query)).await.map_err(|_| IotError::Stopping)?;
        let last = last?.into_iter().next();
        let before = last.as_ref().map(|entry| &*entry.record.after);
        // Behind it stands how many nodes lacked the key then.
        let before = before.map(|after| after.split(';').next().unwrap_or_default());
        if *self.keyring.get().public().words() == *before.unwrap_or(FIRST) {
            return Ok(());
        }
        let told = Request::AuditHubKeys { before: before.unwrap_or_default().into() };
        self.hub.ask(THE_HUB, FOUND, told).await.map(drop)
    }

    /// How far the nodes have come with the keys.
    ///
    /// # Errors
    /// [`IotError::Stopping`].
    pub(crate) async fn view(&self) -> Result<HubKeysView, IotError> {
        let view = self.hub.read(|view| view.hub_keys()).await?;
        view.ok_or_else(|| refused(&"this hub has no key"))
    }

    /// Makes a next key and has it announced.
    ///
    /// # Errors
    /// [`IotError::HubKey`], that the reason is none, that it could not be stored.
    pub(crate) async fn announce(&self, by: &str, why: &str) -> Result<(), IotError> {
        let _turn = self.turn.lock().await;
        let known = self.view().await?.highest_known;
        let identity = HubIdentity::generate().map_err(|error| refused(&error))?;
        let keys =
            self.keyring.get().announcing(identity, known, wall_clock()).map_err(|why| refused(&why))?;
        self.go_by(keys, by, why).await
    }

    /// Goes over to the next key, where at most `lacking` nodes lack it.
    ///
    /// # Errors
    /// As [`announce`](Self::announce), and [`IotError::ReasonMissing`] where any node lacks it.
    pub(crate) async fn change(&self, by: &str, why: &str, lacking: usize) -> Result<(), IotError> {
        let _turn = self.turn.lock().await;
        let keys = self.keyring.get().changed(wall_clock()).map_err(|why| refused(&why))?;
        let lack = self.view().await?.lack;
        if lack > lacking {
            return Err(refused(&format_args!("{lack} nodes lack the next key, and {lacking} may")));
        }
        if lack > 0 && why.trim().is_empty() {
            return Err(IotError::ReasonMissing { what: "changing the hub's key while nodes lack it" });
        }
        self.go_by(keys, by, why).await
    }

    /// Ends the key before, where its time is over.
    async fn end_due(&self) -> Result<(), IotError> {
        let _turn = self.turn.lock().await;
        match self.keyring.get().without_ended(wall_clock()) {
            Some(keys) => self.go_by(keys, THE_HUB, "").await,
            None => Ok(()),
        }
    }

    /// Writes the keys down, and then goes by them.
    async fn go_by(&self, keys: KeySet, by: &str, why: &str) -> Result<(), IotError> {
        // Nothing may be refused once the keys are written.
        reason(why)?;
        if let Some(data_dir) = self.data_dir.clone() {
            let written = keys.clone();
            let kept = spawn_blocking(move || identity::keep(&data_dir, &written)).await;
            kept.map_err(|_| IotError::Stopping)?.map_err(|error| refused(&error))?;
        }
        let told = Request::HubKeys { keys: Box::new(keys.public()) };
        self.keyring.set(keys);
        self.hub.ask(by, why, told).await.map(drop)
    }
}

fn refused(why: &dyn Display) -> IotError {
    IotError::HubKey(why.to_string().into())
}

/// Ends the key before in time, as long as anybody could change keys.
async fn end_in_time(changes: Weak<HubKeyChanges>) {
    while let Some(changes) = changes.upgrade() {
        if let Err(error) = changes.end_due().await {
            warn!(%error, "the hub's key before could not be ended; it is taken by nobody, and tried again");
        }
        drop(changes);
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use iot_core::{UnixMillis, audit::AuditEntry, catalogue::Catalogue, config::HubConfig};
    use iot_net::{HubServer, NetConfig, Running};

    use super::*;
    use crate::{config::StoreKind, store};

    /// A hub on this directory, what changes its keys, and what reads its audit.
    fn start(data_dir: &std::path::Path) -> (Running, Arc<HubKeyChanges>, Arc<dyn Chronicle>) {
        let keys = identity::keys(StoreKind::Disk, data_dir).unwrap();
        let keyring = Arc::new(Keyring::new(keys));
        let mut net = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        net.server.identity = Some(Arc::clone(&keyring));
        let opened = store::open(StoreKind::Disk, data_dir, iot_store::RetentionPolicy::default()).unwrap();
        let catalogue = Arc::new(Catalogue::built_in());
        let hub = HubServer::start(net, HubConfig::default(), catalogue, opened.store).unwrap();
        let chronicle = Arc::clone(&opened.chronicle);
        let changes = HubKeyChanges::start(Some(data_dir.into()), keyring, hub.handle().clone(), chronicle);
        (hub, changes, opened.chronicle)
    }

    #[tokio::test]
    async fn a_change_of_key_outlives_restarts_and_is_in_the_audit() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path();
        let (hub, changes, _) = start(data_dir);
        let first = changes.view().await.unwrap().keys;
        assert_eq!((first.current.number, first.next), (1, None));
        let early = changes.change("Ada", "", 0).await.unwrap_err();
        assert!(early.to_string().contains("no next key"), "{early}");
        changes.announce("Ada", "it is due").await.unwrap();
        let twice = changes.announce("Ada", "").await.unwrap_err();
        assert!(twice.to_string().contains("key 2 is announced already"), "{twice}");
        assert!(changes.announce("Ada", &"x".repeat(999)).await.is_err());
        hub.stop().await;

        let (hub, changes, _) = start(data_dir);
        assert_eq!(changes.view().await.unwrap().keys.next.map(|next| next.number), Some(2));
        changes.change("Ada", "", 0).await.unwrap();
        hub.stop().await;

        let (hub, changes, chronicle) = start(data_dir);
        let keys = changes.view().await.unwrap().keys;
        assert_eq!((keys.current.number, keys.id), (2, first.id));
        assert_eq!(keys.former.map(|former| former.number), Some(1));
        let taken = changes.announce("Ada", "").await.unwrap_err();
        assert!(taken.to_string().contains("key 1 is still taken"), "{taken}");
        let query = AuditQuery { limit: 9, ..AuditQuery::default() };
        let audit = chronicle.audit(&query).unwrap();
        let words: Vec<_> = audit.iter().map(|entry| (&*entry.record.after, &*entry.record.why)).collect();
        let expected = [
            ("key 2, taken as well: key 1; every node has it", ""),
            ("key 1, announced key 2; every node has it", "it is due"),
        ];
        assert_eq!(words, expected);
        hub.stop().await;
    }

    #[tokio::test]
    async fn what_was_written_before_the_hub_ended_is_in_the_audit_from_the_next_start_and_once() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path();
        let (hub, changes, _) = start(data_dir);
        changes.announce("Ada", "").await.unwrap();
        let written = changes.keyring.get().changed(wall_clock()).unwrap();
        hub.stop().await;
        identity::keep(data_dir, &written).unwrap();
        for _ in 0..2 {
            let (hub, changes, chronicle) = start(data_dir);
            changes.audit_unknown(Arc::clone(&chronicle)).await.unwrap();
            let query = AuditQuery { limit: 9, ..AuditQuery::default() };
            let audit: Vec<AuditEntry> = chronicle.audit(&query).unwrap();
            assert_eq!(audit.len(), 2, "the announcement, and what was found");
            let found = &audit[0].record;
            assert_eq!((&*found.by, &*found.before), (THE_HUB, "key 1, announced key 2"));
            assert_eq!(&*found.after, "key 2, taken as well: key 1; every node has it");
            hub.stop().await;
        }
    }

    #[tokio::test]
    async fn a_key_before_whose_time_is_over_ends_by_itself_and_leaves_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path();
        let first = identity::keys(StoreKind::Disk, data_dir).unwrap();
        let announced = first.announcing(HubIdentity::generate().unwrap(), None, UnixMillis(5)).unwrap();
        let secret = iot_proto::HubKey(*first.current.identity.secret()).to_string();
        identity::keep(data_dir, &announced.changed(UnixMillis(6)).unwrap()).unwrap();
        let (hub, changes, _) = start(data_dir);
        changes.end_due().await.unwrap();
        assert_eq!(changes.view().await.unwrap().keys.former, None);
        let file = std::fs::read_to_string(data_dir.join(identity::FILE_NAME)).unwrap();
        assert!(!file.contains(&secret) && file.contains("current 2 6 "));
        hub.stop().await;
    }
}
