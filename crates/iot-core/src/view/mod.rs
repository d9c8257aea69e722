//! Read-only snapshots for pages, the API and bridges: public plain data, made on request.
//!
//! No serialisation and no HTML here. Texts that people read (value with unit, reason of a presence) are
//! prepared in the core, so that a page and the API never word them differently.

mod build;
mod command;
mod difference;
mod hub_keys;
mod joining;
mod node;
mod replacement;

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::net::IpAddr;

pub use build::View;
pub use command::{CommandFilter, CommandState, CommandView, Step, Wanted};
pub use difference::{Changed, Difference, Held, Named, Otherwise};
pub use hub_keys::{HubKeysView, LackingView};
use iot_proto::UnixMillis;
pub use joining::{EndedView, JoiningView, PressingView, RunView, SecretView, ShowingView, WindowView};
pub use node::{
    AdmissionState, Archived, Desired, KeyStanding, KeyView, ModuleView, NodeFilter, NodeView, Permission,
    PropertyView, ReadingView,
};
pub use replacement::{Fate, ModuleChange, ModuleFacts, Replacement};

use crate::{IotError, Limit, NodeId, store::Stranger};

/// How all is, at one glance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// What people call this hub.
    pub hub: Box<str>,
    /// How many admitted nodes are in each state.
    pub presence: PresenceCounts,
    /// Registered modules of admitted nodes.
    pub modules: usize,
    /// Nodes that wait to be admitted.
    pub waiting: usize,
    /// Commands that are queued, sent or accepted.
    pub under_way: usize,
    /// What needs a person, worst first.
    pub needs: Vec<Need>,
    /// Whether new nodes are admitted without asking.
    pub open_registration: bool,
    /// How often limits have been reached since the hub started; those that never were are left out.
    pub limits_reached: BTreeMap<Limit, usize>,
}

/// How many nodes are in each state of presence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PresenceCounts {
    /// Said nothing yet on their new connection.
    pub connecting: usize,
    /// In a session, heard within what was agreed.
    pub online: usize,
    /// Asleep as declared.
    pub asleep: usize,
    /// Should have been heard by now.
    pub overdue: usize,
    /// Not heard for so long that something is wrong.
    pub lost: usize,
    /// Disabled by a person.
    pub disabled: usize,
}

impl PresenceCounts {
    /// All nodes together.
    pub fn total(self) -> usize {
        self.connecting + self.online + self.asleep + self.overdue + self.lost + self.disabled
    }
}

/// One thing that needs a person.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// Somebody said the name of a node that proves nothing at another address than its own, and nobody has said yet where
    /// the node is. It is shown for seven days after the last time.
    Stranger {
        /// The node.
        node: NodeId,
        /// Its title.
        title: Box<str>,
        /// Where it is let in, and nowhere else.
        home: IpAddr,
        /// Who said its name.
        stranger: Stranger,
    },
    /// A node is lost.
    Lost {
        /// The node.
        node: NodeId,
        /// Its title.
        title: Box<str>,
        /// Why and since when.
        presence: Presence,
    },
    /// A command failed or expired, and nothing newer was sent to the same place.
    Failed(Box<CommandView>),
    /// A node is overdue.
    Overdue {
        /// The node.
        node: NodeId,
        /// Its title.
        title: Box<str>,
        /// Why and since when.
        presence: Presence,
    },
    /// A registered module whose kind the hub does not support.
    Unsupported {
        /// The node.
        node: NodeId,
        /// Its title.
        title: Box<str>,
        /// The module's title.
        module: Box<str>,
        /// What is wrong.
        error: IotError,
    },
    /// Nodes wait to be admitted.
    Waiting {
        /// How many.
        count: usize,
    },
}

/// Whether a node is there, why, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The state.
    pub state: PresenceState,
    /// Why it is in that state.
    pub reason: PresenceReason,
    /// Since when.
    pub since: UnixMillis,
    /// When the node is expected to be heard again, where it said so.
    pub next_contact: Option<UnixMillis>,
    /// From when it will count as overdue, and as lost, if it stays silent.
    pub overdue_from: Option<UnixMillis>,
    /// From when it will count as lost if it stays silent.
    pub lost_from: Option<UnixMillis>,
}

/// Whether a node is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PresenceState {
    /// It opened a connection and has not said enough yet.
    Connecting,
    /// In a session, heard within what was agreed.
    Online,
    /// Asleep, or between contacts, as declared.
    Asleep,
    /// Should have been heard by now.
    Overdue,
    /// Not heard for so long that something is wrong.
    Lost,
    /// Disabled by a person.
    Disabled,
}

impl PresenceState {
    /// All states, from the best to the worst.
    pub const ALL: [Self; 6] =
        [Self::Connecting, Self::Online, Self::Asleep, Self::Overdue, Self::Lost, Self::Disabled];

    /// The state's word in the API and in markup, such as `online`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Online => "online",
            Self::Asleep => "asleep",
            Self::Overdue => "overdue",
            Self::Lost => "lost",
            Self::Disabled => "disabled",
        }
    }
}

/// Why a node is in its state of presence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceReason {
    /// It opened a connection; the hello is on its way or being answered.
    SayingHello,
    /// It keeps its session.
    InSession,
    /// It declared that it sleeps.
    DeclaredSleep,
    /// It keeps no session and comes back by itself, as declared.
    BetweenContacts,
    /// Nothing was heard for so many seconds.
    Silent {
        /// For how long, in seconds.
        for_s: u64,
    },
    /// Its connection ended without a goodbye.
    Cut,
    /// It ended its session and did not say when it comes back.
    SaidGoodbye,
    /// It did not come back from its sleep.
    DidNotWake,
    /// It did not come back although it was expected.
    DidNotContact,
    /// It has not been heard since the hub started.
    NotSinceStart,
    /// A person disabled it.
    DisabledBy {
        /// Who.
        by: Box<str>,
        /// Why, in their words; may be empty.
        why: Box<str>,
    },
}

/// Something that happened, as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: UnixMillis,
    /// The node that it is about.
    pub node: Option<NodeId>,
    /// The sentence.
    pub text: Box<str>,
}
