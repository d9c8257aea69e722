//! Identifiers of the core: newtypes, so that a session can never be taken for a delivery.

use alloc::{format, sync::Arc};
use core::fmt;

use iot_proto::{KeyId, Name, NodeKey};

/// Names a node for ever, in pages, the API and the store.
///
/// A plain node is `plain:` and the name that it gives itself. A node with a key is the 24 digits of
/// [`KeyId`]. The two can never be equal, so nobody gets the record of a key by saying a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The id of the plain node of this name.
    pub fn plain(name: Name<'_>) -> Self {
        Self(["plain:", name.as_str()].concat().into())
    }

    /// Whether it is that of the plain node of this name.
    pub(crate) fn is_of_plain(&self, name: Name<'_>) -> bool {
        self.0.strip_prefix("plain:") == Some(name.as_str())
    }

    /// The id of the node that has this key.
    pub fn of_key(key: &NodeKey) -> Self {
        Self(format!("{}", key.id()).into())
    }

    /// Reads an id as [`Display`](fmt::Display) writes it; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("plain:") {
            Some(name) => Name::new(name).ok().map(Self::plain),
            None => text.parse::<KeyId>().ok().map(|id| Self(format!("{id}").into())),
        }
    }

    /// Whether it is a clone of the other one, or that of it. Quick, and tells nothing where it is not: an equal id may
    /// have been made elsewhere.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The id as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that of a plain node, which proves nothing.
    pub fn is_plain(&self) -> bool {
        self.plain_name().is_some()
    }

    /// The name under which a plain node is dialled.
    pub fn plain_name(&self) -> Option<Name<'_>> {
        self.0.strip_prefix("plain:").and_then(|name| Name::new(name).ok())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One connection that a node opened. Given by the driver, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl From<SessionId> for u64 {
    fn from(session: SessionId) -> Self {
        session.0
    }
}

/// One attempt to reach a node by dialling it. Given by the core, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// A question that someone outside asked and that is answered once. Given by the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A property of a module of a node: what readings are kept under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The node.
    pub node: NodeId,
    /// Index of the module.
    pub module: u8,
    /// Number of the property or event, from the module's kind.
    pub channel: u8,
}
