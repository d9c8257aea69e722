//! What observers are told: pages, bridges, the feed of the API. Small, and enough to know what to read anew.

use iot_proto::CommandId;

use crate::{
    CommandState, NodeId,
    view::{Notice, ReadingView},
};

/// Something changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A node's presence, admission, address or facts changed; or it is new.
    Node {
        /// The node.
        node: NodeId,
    },
    /// The window for joining was opened or closed, or somebody joins in it.
    Joining,
    /// A node's modules changed.
    Modules {
        /// The node.
        node: NodeId,
    },
    /// A node was rejected or forgotten and is no longer known.
    Gone {
        /// The node.
        node: NodeId,
    },
    /// A reading became the latest of its property, or an event happened.
    Reading {
        /// The node.
        node: NodeId,
        /// Index of the module.
        module: u8,
        /// Number of the property or event.
        channel: u8,
        /// The reading.
        reading: ReadingView,
    },
    /// A command came into another state.
    Command {
        /// The command.
        id: CommandId,
        /// The node that it is for.
        node: NodeId,
        /// The state that it came into.
        state: CommandState,
    },
    /// Something that a person reads in the list of what happened.
    Notice(Notice),
}
