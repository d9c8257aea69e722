//! One node: who it is, what it said of itself, its modules, and how many reports came.

use alloc::{boxed::Box, format, vec::Vec};
use core::net::SocketAddr;

use iot_proto::{BootId, Capabilities, Hello, Identity, Limits, NodeKey, UnixMillis};

use super::{Module, Runs};
use crate::{
    AdmissionState, DeliveryId, IotError, NodeId, SessionId,
    catalogue::Catalogue,
    presence::PresenceTracker,
    store::{Decision, KeyRecord, NodeRecord, Record, SleepRecord, Terms},
};

/// What a node says of itself in its hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) capabilities: Capabilities,
    /// Longest silence in seconds, as declared; 0 where it was not.
    pub(crate) keepalive_s: u32,
    pub(crate) board: Box<str>,
    pub(crate) firmware: Box<str>,
}

impl From<&Hello<'_>> for Facts {
    fn from(hello: &Hello<'_>) -> Self {
        Self {
            capabilities: hello.capabilities,
            keepalive_s: hello.keepalive_s,
            board: hello.board.as_str().into(),
            firmware: format!("{} {}", hello.firmware, hello.firmware_version).trim().into(),
        }
    }
}

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    /// The key that it must prove; `None` for a plain node.
    pub(crate) key: Option<NodeKey>,
    /// Those beside it: the next one, and those that it had.
    pub(crate) keys: Vec<KeyRecord>,
    pub(crate) title: Box<str>,
    /// Where it is, as people say; may be empty.
    pub(crate) place: Box<str>,
    pub(crate) admission: AdmissionState,
    /// Short words that people gave it, in order and each once.
    pub(crate) tags: Vec<Box<str>>,
    /// Boxed, because few nodes have one.
    pub(crate) disabled: Option<Box<Decision>>,
    /// Boxed, because only nodes that prove nothing have any.
    pub(crate) terms: Option<Box<Terms>>,
    /// The sleep that it declared and has not come back from.
    pub(crate) sleep: Option<SleepRecord>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) facts: Facts,
    pub(crate) boot: Option<BootId>,
    pub(crate) first_seen: UnixMillis,
    pub(crate) presence: PresenceTracker,
    /// The session that it has now.
    pub(crate) session: Option<SessionId>,
    /// The attempt to bring it its commands that is under way.
    pub(crate) delivery: Option<DeliveryId>,
    /// Commands that it takes before it has answered the first.
    pub(crate) window: usize,
    /// Largest frame in bytes that it takes.
    pub(crate) max_frame: usize,
    pub(crate) runs: Runs,
    pub(crate) reports: u64,
    pub(crate) duplicates: u64,
    pub(crate) lost_reports: u64,
    pub(crate) modules: Vec<Module>,
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
            key,
            keys: Vec::new(),
            title,
            place: Box::default(),
            id,
            admission,
            tags: Vec::new(),
            disabled: None,
            terms: None,
            sleep: None,
            address: None,
            facts,
            boot: None,
            first_seen: seen,
            presence: PresenceTracker::new(seen),
            session: None,
            delivery: None,
            window: usize::from(Limits::UNTIL_AGREED.inflight),
            max_frame: Limits::UNTIL_AGREED.frame,
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
        node.keys = record.keys;
        node.title = record.title;
        node.place = record.place;
        node.tags = record.tags;
        node.disabled = record.disabled.map(Box::new);
        node.change_terms(|terms| *terms = record.terms);
        node.sleep = record.sleep;
        node.address = record.address;
        node.presence = PresenceTracker::new(started);
        node.modules = record.modules.into_iter().map(|module| Module::new(module, catalogue)).collect();
        node
    }

    /// Calls it something; what it calls itself where nothing is given.
    pub(crate) fn name(&mut self, title: &str, place: &str) {
        self.title = if title.is_empty() { own_title(&self.id) } else { title.into() };
        self.place = place.into();
    }

    /// What is to be kept of the node; `None` while it waits for a person, for then nothing is.
    pub(crate) fn record(&self) -> Option<Record> {
        if self.admission == AdmissionState::Pending {
            return None;
        }
        Some(Record::Node(Box::new(NodeRecord {
            id: self.id.clone(),
            key: self.key,
            keys: self.keys.clone(),
            title: self.title.clone(),
            place: self.place.clone(),
            admission: self.admission,
            tags: self.tags.clone(),
            disabled: self.disabled.as_deref().cloned(),
            terms: self.terms.as_deref().cloned().unwrap_or_default(),
            sleep: self.sleep,
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
        self.key.map(Identity::Key).or_else(|| self.id.plain_name().map(Identity::Name))
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
            AdmissionState::Admitted if self.disabled.is_some() => Err(IotError::Disabled { node: node() }),
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
