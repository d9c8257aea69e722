//! Commands as they are shown: what is wanted, how far it has come, each step with its time and cause.

use alloc::{boxed::Box, vec::Vec};

use iot_proto::{CommandId, OwnedValue, UnixMillis};

use crate::{IotError, NodeId};

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommandState {
    /// Waits until the node can be reached.
    Queued,
    /// On its way to the node.
    Sent,
    /// The node said that it will do it.
    Accepted,
    /// The node reported the value, or that it is done.
    Done,
    /// The node did not do it, or could not be reached.
    Failed,
    /// It was not done in time.
    Expired,
    /// A person cancelled it, or a newer one took its place.
    Cancelled,
}

impl CommandState {
    /// All states, in the order of a command's life.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Sent, Self::Accepted, Self::Done, Self::Failed, Self::Expired, Self::Cancelled];

    /// The state that has this [word](Self::word).
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// The state's word in the API and on pages, such as `queued`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the command can still change.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Queued | Self::Sent | Self::Accepted)
    }
}

/// A command with its whole life.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandView {
    /// Names it for ever.
    pub id: CommandId,
    /// The node that it is for.
    pub node: NodeId,
    /// The node's title.
    pub node_title: Box<str>,
    /// Whether the node was let in although nothing could be compared.
    pub is_node_unverified: bool,
    /// The module that it is for, with its title; `None` where it is for the node itself.
    pub module: Option<(u8, Box<str>)>,
    /// What is wanted.
    pub wanted: Wanted,
    /// What is wanted, in words: `Level: 65 %`, `Pulse`, `Restart`.
    pub summary: Box<str>,
    /// Who sent it.
    pub author: Box<str>,
    /// Why, in their words; may be empty.
    pub why: Box<str>,
    /// How far it has come.
    pub state: CommandState,
    /// Each state that it has been in, with its time and cause, oldest first.
    pub steps: Vec<Step>,
    /// When it ends if it is not done.
    pub expires: UnixMillis,
    /// How often it was sent.
    pub attempts: u32,
}

impl CommandView {
    /// Why it ended or waits, where there is something to say: the cause of its last step.
    pub fn cause(&self) -> Option<&IotError> {
        self.steps.last().and_then(|step| step.cause.as_ref())
    }
}

/// One step in a command's life.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The state that it came into.
    pub state: CommandState,
    /// When.
    pub at: UnixMillis,
    /// Why, where it is not simply the next step.
    pub cause: Option<IotError>,
}

/// What someone wants of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Set a property.
    Set {
        /// Index of the module.
        module: u8,
        /// Number of the property.
        channel: u8,
        /// What it should become.
        value: OwnedValue,
    },
    /// Tell a property's value.
    Get {
        /// Index of the module.
        module: u8,
        /// Number of the property.
        channel: u8,
    },
    /// Run an action.
    Invoke {
        /// Index of the module.
        module: u8,
        /// Number of the action.
        channel: u8,
        /// Its argument.
        argument: Option<OwnedValue>,
    },
    /// Make the node be seen.
    Identify {
        /// For how long, in seconds.
        for_s: u16,
    },
    /// Start the node anew.
    Restart,
}

/// Which commands are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandFilter {
    /// Only those for this node.
    pub node: Option<NodeId>,
    /// Only those for this module of the node.
    pub module: Option<u8>,
    /// Only those that are in one of these states; empty for all.
    pub states: Vec<CommandState>,
    /// Only those taken before this one.
    pub before: Option<CommandId>,
    /// At most so many, the newest.
    pub limit: usize,
}
