//! All nodes that are known, and the modules they registered. Owns who is who; not whether they are there.

mod modules;
mod node;
mod runs;
mod wanted;

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::{IpAddr, SocketAddr};

pub(crate) use modules::{Module, is_as_wanted};
pub(crate) use node::{Facts, Node};
pub(crate) use runs::{Arrival, Runs};

use crate::{AdmissionState, IotError, NodeId, Origin};

/// A node's place in the registry: short, and valid until the node is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeNumber(u32);

/// All nodes.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    nodes: BTreeMap<NodeNumber, Node>,
    by_id: BTreeMap<NodeId, NodeNumber>,
    by_address: BTreeMap<IpAddr, BTreeSet<NodeNumber>>,
    next: u32,
    waiting: usize,
}

impl Registry {
    /// Adds a node that is not known yet.
    pub(crate) fn add(&mut self, node: Node) -> NodeNumber {
        let number = NodeNumber(self.next);
        self.next = self.next.wrapping_add(1);
        self.waiting += usize::from(node.admission == AdmissionState::Pending);
        self.by_id.insert(node.id.clone(), number);
        if let Some(address) = node.address {
            self.by_address.entry(address.ip()).or_default().insert(number);
        }
        self.nodes.insert(number, node);
        number
    }

    /// Forgets a node.
    pub(crate) fn remove(&mut self, number: NodeNumber) -> Option<Node> {
        let node = self.nodes.remove(&number)?;
        self.waiting -= usize::from(node.admission == AdmissionState::Pending);
        self.by_id.remove(&node.id);
        self.leaves(number, node.address);
        Some(node)
    }

    /// Changes whether a node is let in.
    pub(crate) fn set_admission(&mut self, number: NodeNumber, admission: AdmissionState) {
        if let Some(node) = self.nodes.get_mut(&number) {
            self.waiting -= usize::from(node.admission == AdmissionState::Pending);
            node.admission = admission;
            self.waiting += usize::from(admission == AdmissionState::Pending);
        }
    }

    /// The place of the node with this id.
    pub(crate) fn find(&self, id: &NodeId) -> Option<NodeNumber> {
        self.by_id.get(id).copied()
    }

    /// The place of the node with this id.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`].
    pub(crate) fn number(&self, id: &NodeId) -> Result<NodeNumber, IotError> {
        self.find(id).ok_or_else(|| IotError::UnknownNode { node: id.as_str().into() })
    }

    /// A node by its place.
    pub(crate) fn get(&self, number: NodeNumber) -> Option<&Node> {
        self.nodes.get(&number)
    }

    /// A node by its place, to change it.
    pub(crate) fn get_mut(&mut self, number: NodeNumber) -> Option<&mut Node> {
        self.nodes.get_mut(&number)
    }

    /// A node was seen at an address. Whether it is another one than before.
    pub(crate) fn seen_at(&mut self, number: NodeNumber, address: SocketAddr) -> bool {
        let Some(node) = self.nodes.get_mut(&number) else { return false };
        let before = node.address.replace(address);
        if before.is_some_and(|before| before.ip() == address.ip()) {
            return false;
        }
        self.leaves(number, before);
        self.by_address.entry(address.ip()).or_default().insert(number);
        true
    }

    fn leaves(&mut self, number: NodeNumber, address: Option<SocketAddr>) {
        let Some(ip) = address.map(|address| address.ip()) else { return };
        if let Some(there) = self.by_address.get_mut(&ip) {
            there.remove(&number);
            if there.is_empty() {
                self.by_address.remove(&ip);
            }
        }
    }

    /// The node that was last seen at this address, where it is the only one.
    pub(crate) fn only_at(&self, ip: IpAddr) -> Option<NodeNumber> {
        let there = self.by_address.get(&ip)?;
        there.first().copied().filter(|_| there.len() == 1)
    }

    /// Whether an admitted node was last seen at this address.
    pub(crate) fn is_home(&self, ip: IpAddr) -> bool {
        let there = self.by_address.get(&ip).into_iter().flatten();
        there.filter_map(|number| self.get(*number)).any(|node| node.admission == AdmissionState::Admitted)
    }

    /// How many nodes that were last seen here wait for a person.
    pub(crate) fn waiting_at(&self, origin: Origin) -> usize {
        let there = self.by_address.range(origin.addresses()).flat_map(|(_, numbers)| numbers);
        let nodes = there.filter_map(|number| self.get(*number));
        nodes.filter(|node| node.admission == AdmissionState::Pending).count()
    }

    /// All nodes, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeNumber, &Node)> {
        self.nodes.iter().map(|(number, node)| (*number, node))
    }

    /// How many nodes are known.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// How many nodes wait for a person.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }
}
