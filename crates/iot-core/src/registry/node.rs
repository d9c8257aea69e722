//! One node: who it is, what it said of itself, its modules, and how many reports came. There may be many thousands, so
//! a node holds nothing in itself that few nodes have.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::net::SocketAddr;

use iot_proto::{BootId, Identity, Limits, NodeKey, UnixMillis};

use super::{Facts, Module, Runs};
use crate::{
    AdmissionState, DeliveryId, IotError, NodeId, SessionId,
    catalogue::Catalogue,
    presence::PresenceTracker,
    store::{Decision, KeyRecord, NodeRecord, Record, SleepRecord, Terms},
};

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(super) key: Option<Box<NodeKey>>,
    /// The newest of the hub's keys that it is known to have, by number.
    pub(crate) hub_key: Option<u8>,
    pub(crate) title: Box<str>,
    pub(crate) admission: AdmissionState,
    extras: Option<Box<Extras>>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) facts: Arc<Facts>,
    pub(crate) boot: Option<BootId>,
    pub(crate) first_seen: UnixMillis,
    pub(crate) presence: PresenceTracker,
    /// The session that it has now.
    pub(crate) session: Option<SessionId>,
    /// The attempt to bring it its commands that is under way.
    pub(crate) delivery: Option<DeliveryId>,
    /// Commands that it takes before it has answered the first.
    pub(crate) window: u8,
    /// Largest frame in bytes that it takes.
    pub(crate) max_frame: u16,
    pub(crate) runs: Runs,
    pub(crate) reports: u64,
    pub(crate) duplicates: u64,
    pub(crate) lost_reports: u64,
    pub(crate) modules: Vec<Module>,
}

/// What few nodes have.
#[derive(Debug)]
pub(crate) struct Extras {
    /// Keys beside its own: the next one, and those that it had.
    pub(crate) keys: Vec<KeyRecord>,
    /// Where it is, as people say.
    pub(crate) place: Option<Box<str>>,
    /// Short words that people gave it, in order and each once.
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) disabled: Option<Decision>,
    /// On what terms it is let in, where it proves nothing.
    pub(crate) terms: Option<Box<Terms>>,
    /// The sleep that it declared and has not come back from.
    pub(crate) sleep: Option<SleepRecord>,
}

impl Extras {
    const NONE: Self =
        Self { keys: Vec::new(), place: None, tags: Vec::new(), disabled: None, terms: None, sleep: None };

    fn is_empty(&self) -> bool {
        let Self { keys, place, tags, disabled, terms, sleep } = self;
        let is_unnamed = keys.is_empty() && place.is_none() && tags.is_empty();
        is_unnamed && disabled.is_none() && terms.is_none() && sleep.is_none()
    }
}

impl Node {
    /// A node that has just said hello for the first time.
    pub(crate) fn new(
        (id, key): (NodeId, Option<NodeKey>),
        admission: AdmissionState,
        facts: Facts,
        seen: UnixMillis,
    ) -> Self {
        let title = own_title(&id);
        Self {
            key: key.map(Box::new),
            hub_key: None,
            title,
            id,
            admission,
            extras: None,
            address: None,
            facts: Arc::new(facts),
            boot: None,
            first_seen: seen,
            presence: PresenceTracker::new(seen),
            session: None,
            delivery: None,
            window: Limits::UNTIL_AGREED.inflight,
            max_frame: u16::try_from(Limits::UNTIL_AGREED.frame).unwrap_or(u16::MAX),
            runs: Runs::default(),
            reports: 0,
            duplicates: 0,
            lost_reports: 0,
            modules: Vec::new(),
        }
    }

    /// A node that was stored.
    pub(crate) fn restored(record: NodeRecord, catalogue: &Catalogue, started: UnixMillis) -> Self {
        let facts = Facts {
            capabilities: record.capabilities,
            keepalive_s: record.keepalive_s,
            board: record.board,
            firmware: record.firmware,
        };
        let mut node = Self::new((record.id, record.key), record.admission, facts, record.first_seen);
        node.hub_key = record.hub_key;
        node.title = record.title;
        let place = (!record.place.is_empty()).then_some(record.place);
        let (keys, tags, disabled, sleep) = (record.keys, record.tags, record.disabled, record.sleep);
        let terms = (!record.terms.is_empty()).then(|| Box::new(record.terms));
        node.set_extras(Extras { keys, place, tags, disabled, terms, sleep });
        node.address = record.address;
        node.presence = PresenceTracker::new(started);
        node.modules = record.modules.into_iter().map(|module| Module::new(module, catalogue)).collect();
        node
    }

    /// Calls it something; what it calls itself where nothing is given.
    pub(crate) fn name(&mut self, title: &str, place: &str) {
        self.title = if title.is_empty() { own_title(&self.id) } else { title.into() };
        self.change_extras(|extras| extras.place = (!place.is_empty()).then(|| place.into()));
    }

    /// The key that it must prove; `None` for a plain node.
    pub(crate) fn key(&self) -> Option<NodeKey> {
        self.key.as_deref().copied()
    }

    /// What few nodes have.
    pub(crate) fn extras(&self) -> &Extras {
        static NONE: Extras = Extras::NONE;
        self.extras.as_deref().unwrap_or(&NONE)
    }

    /// Changes what few nodes have; where nothing is left of it, it takes no memory.
    pub(crate) fn change_extras<T>(&mut self, change: impl FnOnce(&mut Extras) -> T) -> T {
        let mut extras = self.extras.take().map_or(Extras::NONE, |extras| *extras);
        let changed = change(&mut extras);
        self.set_extras(extras);
        changed
    }

    fn set_extras(&mut self, extras: Extras) {
        self.extras = (!extras.is_empty()).then(|| Box::new(extras));
    }

    /// Where it is, as people say; may be empty.
    pub(crate) fn place(&self) -> &str {
        self.extras().place.as_deref().unwrap_or_default()
    }

    /// Takes back the sleep that it declared. Whether there was one.
    pub(crate) fn wake(&mut self) -> bool {
        self.extras().sleep.is_some() && self.change_extras(|extras| extras.sleep.take()).is_some()
    }

    /// What is to be kept of the node; `None` while it waits for a person, for then nothing is.
    pub(crate) fn record(&self) -> Option<Record> {
        if self.admission == AdmissionState::Pending {
            return None;
        }
        let extras = self.extras();
        Some(Record::Node(Box::new(NodeRecord {
            id: self.id.clone(),
            key: self.key(),
            keys: extras.keys.clone(),
            hub_key: self.hub_key,
            title: self.title.clone(),
            place: self.place().into(),
            admission: self.admission,
            tags: extras.tags.clone(),
            disabled: extras.disabled.clone(),
            terms: extras.terms.as_deref().cloned().unwrap_or_default(),
            sleep: extras.sleep,
            address: self.address,
            capabilities: self.facts.capabilities,
            keepalive_s: self.facts.keepalive_s,
            board: self.facts.board.clone(),
            firmware: self.facts.firmware.clone(),
            first_seen: self.first_seen,
            modules: self.modules.iter().map(Module::record).collect(),
        })))
    }

    /// As whom the node is dialled; `None` where its id is neither a name nor that of its key.
    pub(crate) fn identity(&self) -> Option<Identity<'_>> {
        self.key().map(Identity::Key).or_else(|| self.id.plain_name().map(Identity::Name))
    }

    /// Checks that the node may report and be commanded.
    ///
    /// # Errors
    /// [`IotError::PendingApproval`], [`IotError::Revoked`], [`IotError::Archived`], [`IotError::Disabled`].
    pub(crate) fn check_admission(&self) -> Result<(), IotError> {
        let node = || self.id.clone();
        match self.admission {
            AdmissionState::Pending | AdmissionState::Matched => {
                Err(IotError::PendingApproval { node: node() })
            }
            AdmissionState::Revoked => Err(IotError::Revoked { node: node() }),
            AdmissionState::Archived => Err(IotError::Archived { node: node() }),
            AdmissionState::Admitted if self.extras().disabled.is_some() => {
                Err(IotError::Disabled { node: node() })
            }
            AdmissionState::Admitted => Ok(()),
        }
    }

    /// The module with this index.
    ///
    /// # Errors
    /// [`IotError::ModuleNotRegistered`].
    pub(crate) fn module(&self, index: u8) -> Result<&Module, IotError> {
        let found = self.modules.iter().find(|module| module.index == index);
        found.ok_or_else(|| IotError::ModuleNotRegistered { node: self.id.clone(), module: index })
    }

    /// The module with this index, to change it.
    pub(crate) fn module_mut(&mut self, index: u8) -> Option<&mut Module> {
        self.modules.iter_mut().find(|module| module.index == index)
    }
}

/// What a node is called as long as nobody gave it a name.
fn own_title(id: &NodeId) -> Box<str> {
    id.plain_name().map_or_else(|| id.as_str().into(), |name| title_of(&name))
}

/// A name as a title: `north-bay-1` becomes `North bay 1`.
fn title_of(name: &str) -> Box<str> {
    let mut title = name.replace(['-', '_', '.'], " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_small() {
        // The size class of allocators under which it stays: each further byte costs 64 for every node.
        assert!(size_of::<Node>() <= 320, "{} bytes", size_of::<Node>());
    }

    #[test]
    fn what_few_nodes_have_takes_memory_only_where_a_node_has_it() {
        let id = NodeId::parse("plain:pump").unwrap();
        let mut node = Node::new((id, None), AdmissionState::Admitted, Facts::unsaid(), UnixMillis(0));
        assert!(node.extras.is_none());
        node.name("", "Well house");
        assert_eq!(node.place(), "Well house");
        node.name("", "");
        assert!(node.extras.is_none() && node.place().is_empty());
    }
}
