//! What a fleet is to do: its size, its pace, its faults.

use core::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use iot_node::noise::KeyPair;
use iot_proto::HubKey;

use crate::FIRST_ADDRESS;

/// What is decided when a fleet is started.
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// Where the nodes connect to.
    pub hub: SocketAddr,
    /// The hub's key: the nodes have keys too, and encrypt. `None` makes plain nodes, which have names.
    pub hub_key: Option<HubKey>,
    /// The key pair of the first node, where it has joined with it; the others follow from the seed.
    pub own: Option<KeyPair>,
    /// How many nodes.
    pub nodes: u32,
    /// Everything random follows from this.
    pub seed: u64,
    /// Address of the first node; the others follow. `None` leaves addresses to the system, and then no
    /// node listens.
    pub first_address: Option<Ipv4Addr>,
    /// The port on which each node listens on its own address; `None` for nodes that do not listen.
    pub node_port: Option<u16>,
    /// Percentage of nodes that sleep between reports.
    pub sleepers: u8,
    /// How long they sleep.
    pub sleep_for: Duration,
    /// Percentage of nodes that keep no session, but visit.
    pub visitors: u8,
    /// Time between two visits.
    pub visit_every: Duration,
    /// Pace and faults, which may change later.
    pub plan: Plan,
}

impl FleetConfig {
    /// `nodes` nodes at loopback addresses of their own that keep their sessions and do not listen.
    pub fn new(hub: SocketAddr, nodes: u32) -> Self {
        Self {
            hub,
            hub_key: None,
            own: None,
            nodes,
            seed: 1,
            first_address: Some(FIRST_ADDRESS),
            node_port: None,
            sleepers: 0,
            sleep_for: Duration::from_secs(10),
            visitors: 0,
            visit_every: Duration::from_secs(10),
            plan: Plan::default(),
        }
    }
}

/// Pace and faults of a running fleet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Reports a second and node; 0 for none but those of what happens.
    pub rate: f64,
    /// Percentage of reports that are lost before they are sent.
    pub loss: u8,
    /// Percentage of reports that are held back and sent later.
    pub late: u8,
    /// Crashes a minute and node.
    pub crashes: f64,
}

impl Default for Plan {
    /// One report a second and no faults.
    fn default() -> Self {
        Self { rate: 1.0, loss: 0, late: 0, crashes: 0.0 }
    }
}
