//! [`HubConfig`]: every number that steers the hub, with its default and its reason.

use alloc::boxed::Box;
use core::time::Duration;

use iot_proto::DIAL_PORT;

use crate::{Dialling, HubKeys};

/// Whether a new node must wait for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// A new node waits in the inbox; nothing that it reports is kept until a person admits it.
    Approve,
    /// Every node is admitted at once: for labs and demonstrations, and said so on every page.
    Open,
}

/// How the hub behaves. All times are counted from the moment they speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubConfig {
    /// What people call this hub; at most 64 bytes of it travel to nodes.
    pub name: Box<str>,
    /// The keys by which nodes know it; `None` where it has none and takes plain connections only.
    pub keys: Option<HubKeys>,
    /// Whether a new node must wait for a person.
    pub registration: Registration,
    /// Port on which nodes are dialled.
    pub node_port: u16,
    /// Which addresses are dialled to reach a node.
    pub dialling: Dialling,
    /// Longest silence asked of a node that keeps its session and wishes none of its own.
    pub keepalive: Duration,
    /// When a node that keeps no session is expected again, where it declared no time of its own.
    pub contact_within: Duration,
    /// A new connection must have said hello by then: one frame over a bad radio link, sent again twice.
    pub hello_within: Duration,
    /// An answer to a command must have come by then.
    pub answer_within: Duration,
    /// A connection that is dialled must have been made by then, counted from when its turn came.
    pub dial_within: Duration,
    /// A command that is not done by then expires.
    pub expires_after: Duration,
    /// An accepted command whose node is online must be done by then.
    pub done_within: Duration,
    /// Most sessions at one time. The last eighth is kept for addresses where admitted nodes live.
    pub max_sessions: usize,
    /// Most sessions of one address: a gateway with a few hundred nodes behind it.
    pub max_sessions_per_address: usize,
    /// Most connections that have not said hello. The second half is kept for addresses where admitted
    /// nodes live, so that strangers cannot keep a site from coming back.
    pub max_half_open: usize,
    /// Most connections of one address that have not said hello: the nodes behind a gateway come back at once.
    pub max_half_open_per_address: usize,
    /// Most nodes known, waiting ones included.
    pub max_nodes: usize,
    /// Most plain nodes that people let in, where registration is not open: anyone can pose as each of them.
    pub max_plain: usize,
    /// Most waiting nodes; admitted ones never make room for them, nor they for each other.
    pub max_waiting: usize,
    /// Most waiting nodes of one address, so that one stranger does not fill the inbox.
    pub max_waiting_per_address: usize,
    /// Most commands that may wait for one node.
    pub max_queued: usize,
    /// Commands that have ended and are still remembered.
    pub max_ended: usize,
    /// Requests that a node may have unanswered.
    pub inflight: u8,
    /// Where randomness begins: the same seed and inputs give the same effects.
    pub seed: u64,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            name: "IoT hub".into(),
            keys: None,
            registration: Registration::Approve,
            node_port: DIAL_PORT,
            dialling: Dialling::Network,
            keepalive: Duration::from_secs(20),
            contact_within: Duration::from_hours(1),
            hello_within: Duration::from_secs(10),
            answer_within: Duration::from_secs(10),
            dial_within: Duration::from_secs(5),
            expires_after: Duration::from_hours(24),
            done_within: Duration::from_mins(2),
            max_sessions: 20_000,
            max_sessions_per_address: 256,
            max_half_open: 2_048,
            max_half_open_per_address: 64,
            max_nodes: 100_000,
            max_plain: 32,
            max_waiting: 256,
            max_waiting_per_address: 32,
            max_queued: 64,
            max_ended: 1_000,
            inflight: 16,
            seed: 0,
        }
    }
}
