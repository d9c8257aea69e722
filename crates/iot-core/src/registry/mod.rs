//! All nodes that are known, and the modules they registered. Owns who is who; not whether they are there.

mod facts;
mod keys;
mod modules;
mod node;
mod runs;
mod terms;
mod wanted;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use core::{
    net::{IpAddr, SocketAddr},
    ops::{Bound, RangeInclusive},
};

pub(crate) use facts::Facts;
pub(crate) use keys::Standing;
pub(crate) use modules::{Module, is_as_wanted};
pub(crate) use node::Node;
pub(crate) use runs::{Arrival, Runs};

use iot_proto::{Hello, NodeKey};

use self::facts::Makes;
use crate::{AdmissionState, IotError, NodeId, Numbered, Origin, origin::Host};

/// A node's place in the registry: short, and valid until the node is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeNumber(u32);

impl From<NodeNumber> for u64 {
    fn from(number: NodeNumber) -> Self {
        number.0.into()
    }
}

/// All nodes.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// Boxed, so that the map's spare room does not have the size of nodes.
    nodes: Numbered<NodeNumber, Box<Node>>,
    by_id: BTreeMap<NodeId, NodeNumber>,
    /// Those of one origin stand together.
    by_address: BTreeSet<(Origin, Host, NodeNumber)>,
    /// All keys of the nodes that have or had more than one.
    by_key: BTreeMap<NodeKey, NodeNumber>,
    makes: Makes,
    next: u32,
    waiting: usize,
}

impl Registry {
    /// Adds a node that is not known yet.
    pub(crate) fn add(&mut self, mut node: Node) -> NodeNumber {
        let number = NodeNumber(self.next);
        self.next = self.next.wrapping_add(1);
        self.waiting += usize::from(node.admission == AdmissionState::Pending);
        self.by_id.insert(node.id.clone(), number);
        if let Some(address) = node.address {
            self.by_address.insert(seat(address, number));
        }
        node.facts = self.makes.share(node.facts);
        self.nodes.insert(number, Box::new(node));
        self.list_keys(number);
        number
    }

    /// Forgets a node.
    pub(crate) fn remove(&mut self, number: NodeNumber) -> Option<Node> {
        self.unlist_keys(number);
        let node = self.nodes.remove(number)?;
        self.waiting -= usize::from(node.admission == AdmissionState::Pending);
        self.by_id.remove(&node.id);
        self.makes.release(&node.facts);
        self.leaves(number, node.address);
        Some(*node)
    }

    /// Changes whether a node is let in.
    pub(crate) fn set_admission(&mut self, number: NodeNumber, admission: AdmissionState) {
        if let Some(node) = self.nodes.get_mut(number) {
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
        self.nodes.get(number).map(Box::as_ref)
    }

    /// A node by its place, to change it.
    pub(crate) fn get_mut(&mut self, number: NodeNumber) -> Option<&mut Node> {
        self.nodes.get_mut(number).map(Box::as_mut)
    }

    /// A node was seen at an address. Whether it is another one than before.
    pub(crate) fn seen_at(&mut self, number: NodeNumber, address: SocketAddr) -> bool {
        let Some(node) = self.get_mut(number) else { return false };
        let before = node.address.replace(address);
        if before.is_some_and(|before| before.ip() == address.ip()) {
            return false;
        }
        self.leaves(number, before);
        self.by_address.insert(seat(address, number));
        true
    }

    /// A node says this of itself. Whether it is something else than before.
    pub(crate) fn describe(&mut self, number: NodeNumber, hello: &Hello<'_>) -> bool {
        let Some(node) = self.nodes.get_mut(number).filter(|node| !node.facts.are_of(hello)) else {
            return false;
        };
        let before = core::mem::replace(&mut node.facts, self.makes.share(Arc::new(hello.into())));
        self.makes.release(&before);
        true
    }

    fn leaves(&mut self, number: NodeNumber, address: Option<SocketAddr>) {
        if let Some(address) = address {
            self.by_address.remove(&seat(address, number));
        }
    }

    /// The nodes that were last seen at one of these addresses.
    fn seen_within(
        &self,
        (origin, hosts): (Origin, RangeInclusive<Host>),
    ) -> impl Iterator<Item = NodeNumber> + '_ {
        let (first, last) = hosts.into_inner();
        // Sought once, for where they begin: most often there is one.
        let from = self.by_address.range((origin, first, NodeNumber(0))..);
        let there = from.take_while(move |(at, host, _)| *at == origin && *host <= last);
        there.map(|(.., number)| *number)
    }

    /// The nodes that were last seen at this address.
    fn seen_from(&self, ip: IpAddr) -> impl Iterator<Item = NodeNumber> + '_ {
        let (origin, host) = Origin::split(ip);
        self.seen_within((origin, host..=host))
    }

    /// The node that was last seen at this address, where it is the only one.
    pub(crate) fn only_at(&self, ip: IpAddr) -> Option<NodeNumber> {
        let mut there = self.seen_from(ip);
        let first = there.next()?;
        there.next().is_none().then_some(first)
    }

    /// Whether an admitted node was last seen at this address.
    pub(crate) fn is_home(&self, ip: IpAddr) -> bool {
        let mut there = self.seen_from(ip).filter_map(|number| self.get(number));
        there.any(|node| node.admission == AdmissionState::Admitted)
    }

    /// How many nodes that were last seen here wait for a person.
    pub(crate) fn waiting_at(&self, origin: Origin) -> usize {
        let there = self.seen_within((origin, Host::FIRST..=Host::LAST));
        let nodes = there.filter_map(|number| self.get(number));
        nodes.filter(|node| node.admission == AdmissionState::Pending).count()
    }

    /// All nodes, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeNumber, &Node)> {
        self.nodes.iter().map(|(number, node)| (number, node.as_ref()))
    }

    /// The nodes whose id comes after this one, in the order of their ids.
    pub(crate) fn after(&self, id: Option<&NodeId>) -> impl Iterator<Item = (NodeNumber, &Node)> {
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        let known = self.by_id.range::<NodeId, _>((from, Bound::Unbounded));
        known.filter_map(|(_, number)| Some((*number, self.get(*number)?)))
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

/// Where a node that was seen at this address stands among all.
fn seat(address: SocketAddr, number: NodeNumber) -> (Origin, Host, NodeNumber) {
    let (origin, host) = Origin::split(address.ip());
    (origin, host, number)
}
