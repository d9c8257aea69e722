//! [`NetConfig`] and [`ServerConfig`]: every limit of the network side, with its default and its reason.
//!
//! What steers the hub itself (who is admitted, when a command expires) is
//! [`HubConfig`](iot_core::config::HubConfig).

use core::{net::SocketAddr, time::Duration};
use std::sync::Arc;

use crate::keyring::Keyring;

/// Whether the hub is announced on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// Announced by DNS-SD on the interfaces on which it listens.
    Announced,
    /// Nodes must know the address.
    Quiet,
}

/// Limits of a [`TcpServer`](crate::TcpServer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// With which the server proves itself to nodes that encrypt, and as which nodes with a key are dialled;
    /// `None` takes plain connections only.
    pub identity: Option<Arc<Keyring>>,
    /// Connections that the kernel may hold before they are accepted. 1,024 takes a whole site that comes
    /// back after a power cut without a dropped handshake, which would cost a node a second or more.
    pub backlog: u16,
    /// Connections served at one time; further ones wait in the backlog. 20,100 is a little more than the
    /// sessions that the hub takes by default, so that it can tell those beyond why it does not.
    pub max_connections: usize,
    /// Connections of one address at one time; further ones are closed without a word. 288 is a little more
    /// than the sessions of one address that the hub takes by default, for the same reason.
    pub max_connections_per_address: usize,
    /// Bytes that may wait to be sent on one connection. 256 KiB is a few hundred answers: a peer that
    /// leaves so much lying does not read.
    pub outbox_limit: usize,
    /// How long a connection that has ended may still take to send what waits and to see the other side
    /// close. 2 s is many round trips on a local network.
    pub linger: Duration,
    /// How long all connections together may take to end when the server stops. 1 s keeps a restart short.
    pub drain: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            identity: None,
            backlog: 1024,
            max_connections: 20_100,
            max_connections_per_address: 288,
            outbox_limit: 256 * 1024,
            linger: Duration::from_secs(2),
            drain: Duration::from_secs(1),
        }
    }
}

/// Limits of the dialler. How long dialling may take is the hub's
/// [`dial_within`](iot_core::config::HubConfig::dial_within).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialConfig {
    /// Connections that are dialled or open at one time. More than 128 add latency and no throughput.
    pub max_dials: usize,
    /// Deliveries that may wait for their turn. 16,384 lets one command go to every node of a large site.
    pub max_waiting: usize,
}

impl Default for DialConfig {
    fn default() -> Self {
        Self { max_dials: 128, max_waiting: 16_384 }
    }
}

/// When nodes are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// As soon as the hub has started.
    AtOnce,
    /// When [`Running::opener`](crate::Running::opener) is called. Until then the port is taken, every connection to
    /// it is refused, and the hub is not announced.
    WhenTold,
}

/// How the network side of the hub behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetConfig {
    /// Where nodes connect; port 0 takes a free one.
    pub address: SocketAddr,
    /// Limits of the server that nodes connect to.
    pub server: ServerConfig,
    /// Limits of the dialler that connects to nodes.
    pub dial: DialConfig,
    /// Questions from pages and programs that may wait for the hub. 1,024 is far above what people ask.
    pub max_calls: usize,
    /// Events that an observer may be behind before it misses some. 1,024 is about a second of a full site.
    pub max_events: usize,
    /// Messages a second that a session may send, and twice as many at once; whoever sends more is read more
    /// slowly. 500 is far above what a node measures, and two hundred such peers do not fill a processor.
    pub max_messages_per_s: u32,
    /// Records and readings that may wait to be stored, and effects that may wait for these; above that nodes are
    /// not read. 65,536 is some 6 MB.
    pub max_unstored: usize,
    /// How long after a failed commit it is tried again. 1 s does not flood the log of a broken disk.
    pub store_retry: Duration,
    /// How long a commit may take before people are told that the store does not answer. 5 s outlasts a memory card that
    /// tidies up.
    pub store_answer: Duration,
    /// How long what is pending may take to be stored when the hub stops. 10 s outlasts a slow disk.
    pub store_drain: Duration,
    /// Shortest and longest time after which nodes are asked to come back when the hub stops; each is
    /// given another time in between, so that they do not all come at once.
    pub retry_after: (Duration, Duration),
    /// Whether the hub is announced on the network.
    pub discovery: Discovery,
    /// When nodes are let in.
    pub opening: Opening,
}

impl NetConfig {
    /// The defaults, for nodes that connect to `address`. Nothing is announced.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            server: ServerConfig::default(),
            dial: DialConfig::default(),
            max_calls: 1024,
            max_events: 1024,
            max_messages_per_s: 500,
            max_unstored: 65_536,
            store_retry: Duration::from_secs(1),
            store_answer: Duration::from_secs(5),
            store_drain: Duration::from_secs(10),
            retry_after: (Duration::from_secs(1), Duration::from_secs(10)),
            discovery: Discovery::Quiet,
            opening: Opening::AtOnce,
        }
    }
}
