//! Nodes and modules as they are shown, and which nodes are asked for.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::net::{IpAddr, SocketAddr};

use iot_proto::{BootId, Capabilities, CommandId, KeyId, OwnedValue, UnixMillis};

use super::{CommandState, Presence};
use crate::{
    IotError, NodeId,
    catalogue::{ModuleKind, Property},
    store::{Decision, SleepRecord, Stranger},
};

/// Whether a node has been let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdmissionState {
    /// Waits for a person.
    Pending,
    /// Let in by a person who typed its digits; it has not confirmed that it knows its hub.
    Matched,
    /// Let in.
    Admitted,
    /// Let in once, and not any more.
    Revoked,
    /// Put away: it is not used any more, and what it reported stays.
    Archived,
}

impl AdmissionState {
    /// All states, in the order in which a node has them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Matched, Self::Admitted, Self::Revoked, Self::Archived];

    /// The state that has this [word](Self::word).
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// The state's word in the API and in the store, such as `admitted`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Matched => "matched",
            Self::Admitted => "admitted",
            Self::Revoked => "revoked",
            Self::Archived => "archived",
        }
    }
}

/// Which nodes are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFilter {
    /// Only those that have this tag.
    pub tag: Option<Box<str>>,
    /// Whether those in the archive are among them.
    pub archived: Archived,
    /// Only those whose id comes after this one.
    pub after: Option<NodeId>,
    /// At most so many.
    pub limit: usize,
}

impl Default for NodeFilter {
    /// All nodes but those in the archive.
    fn default() -> Self {
        Self { tag: None, archived: Archived::Hidden, after: None, limit: usize::MAX }
    }
}

/// Whether nodes in the archive are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Archived {
    /// They are not.
    #[default]
    Hidden,
    /// They are, and no others.
    Only,
    /// They are, among the others.
    Shown,
}

impl NodeFilter {
    /// Whether a node that stands so and has these tags is asked for.
    pub fn fits(&self, admission: AdmissionState, tags: &[Box<str>]) -> bool {
        let is_archived = admission == AdmissionState::Archived;
        let fits = match self.archived {
            Archived::Hidden => !is_archived,
            Archived::Only => is_archived,
            Archived::Shown => true,
        };
        fits && self.tag.as_ref().is_none_or(|tag| tags.contains(tag))
    }
}

/// A node with its modules.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeView {
    /// The node.
    pub id: NodeId,
    /// Its keys: its own, the one that it announced, and those that it had; none for a plain node.
    pub keys: Vec<KeyView>,
    /// What it is called.
    pub title: Box<str>,
    /// Where it is, as people say; may be empty.
    pub place: Box<str>,
    /// Short words that people gave it, in order.
    pub tags: Vec<Box<str>>,
    /// Whether it has been let in.
    pub admission: AdmissionState,
    /// Whether commands to it are taken.
    pub permission: Permission,
    /// Who let it in although nothing could be compared, why and when: it may be another node than was meant.
    pub unverified: Option<Decision>,
    /// Who has permitted them, why and when, where that is by whose word they are.
    pub permitted: Option<Decision>,
    /// The address at which it is let in, and no other; `None` where any will do.
    pub home: Option<IpAddr>,
    /// Who else said its name, where it has such a home.
    pub stranger: Option<Stranger>,
    /// Whether it is there.
    pub presence: Presence,
    /// The sleep that it declared and has not come back from.
    pub sleep: Option<SleepRecord>,
    /// Where it was last seen.
    pub address: Option<SocketAddr>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Board or chip.
    pub board: Box<str>,
    /// Name and version of its firmware.
    pub firmware: Box<str>,
    /// Its present or last run.
    pub boot: Option<BootId>,
    /// When it was first seen.
    pub first_seen: UnixMillis,
    /// When something was last heard from it.
    pub last_heard: Option<UnixMillis>,
    /// Reports stored.
    pub reports: u64,
    /// Reports that came twice and were stored once.
    pub duplicates: u64,
    /// Reports that provably never came.
    pub lost_reports: u64,
    /// Commands that wait for it.
    pub queued: usize,
    /// Its modules by index.
    pub modules: Vec<ModuleView>,
}

impl NodeView {
    /// Whether nothing proves that it is the node that it says it is: anyone on its network can pose as it.
    pub fn is_unproven(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether it was let in although nothing could be compared.
    pub fn is_unverified(&self) -> bool {
        self.unverified.is_some()
    }
}

/// Whether commands to a node are taken, and by whose word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// They are: it proves who it is, and somebody has verified that.
    Needless,
    /// They are, although nobody has verified it: registration is open, and nobody is asked.
    Open,
    /// They are, although nobody has verified it: an admin has permitted them.
    Given,
    /// They are not: nobody has verified it, and no admin has permitted them.
    Missing,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Needless, Self::Open, Self::Given, Self::Missing];

    /// Whether commands are taken.
    pub fn is_there(self) -> bool {
        self != Self::Missing
    }

    /// The word in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Needless => "needless",
            Self::Open => "open",
            Self::Given => "given",
            Self::Missing => "missing",
        }
    }
}

/// A key of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyView {
    /// What people compare of it. That of its first key is the node's id.
    pub id: KeyId,
    /// Whether it is taken.
    pub standing: KeyStanding,
    /// Since when it stands so; one that has ended, since when the node had no use for it.
    pub since: UnixMillis,
    /// Until when it is taken at the longest; `None` for the node's own.
    pub until: Option<UnixMillis>,
}

/// Whether a key of a node is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStanding {
    /// It is the one that the node must prove.
    Current,
    /// The node has announced it, and may prove it.
    Next,
    /// Another took its place, and it is taken for some hours yet.
    Former,
    /// It is not taken any more, from nobody.
    Ended,
}

impl KeyStanding {
    /// All of them, in the order in which a key has them.
    pub const ALL: [Self; 4] = [Self::Current, Self::Next, Self::Former, Self::Ended];

    /// The word in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
            Self::Former => "former",
            Self::Ended => "ended",
        }
    }
}

/// A module of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleView {
    /// Index of the module in its node.
    pub index: u8,
    /// What it is called.
    pub title: Box<str>,
    /// Name of its kind as announced.
    pub kind_name: Box<str>,
    /// Version of its kind as announced.
    pub kind_version: u16,
    /// Version of its kind in the catalogue when it was registered; `None` where that is not known.
    pub registered_with: Option<u16>,
    /// Its kind, or why it is not registered.
    pub kind: Result<Arc<ModuleKind>, IotError>,
    /// Its properties in the order of its kind; empty where the kind is not supported.
    pub properties: Vec<PropertyView>,
}

/// A property of a module: what is reported, and what is desired.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyView {
    /// Its definition.
    pub property: Arc<Property>,
    /// The latest reading; `None` is unknown.
    pub latest: Option<ReadingView>,
    /// What somebody wants it to become, until the node reports it or the command ends.
    pub desired: Option<Desired>,
}

/// A value with both its times.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingView {
    /// The value.
    pub value: OwnedValue,
    /// When it was measured.
    pub measured: UnixMillis,
    /// When it arrived.
    pub arrived: UnixMillis,
}

/// What somebody wants a property to become.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The value.
    pub value: OwnedValue,
    /// The command that wants it.
    pub command: CommandId,
    /// How far the command has come.
    pub state: CommandState,
    /// Since when it is in that state.
    pub since: UnixMillis,
}
