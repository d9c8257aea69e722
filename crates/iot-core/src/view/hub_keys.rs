//! The hub's own keys as pages and the API show them, and which nodes lack the newest one.

use alloc::{boxed::Box, vec::Vec};

use iot_proto::UnixMillis;

use super::View;
use crate::{HubKeys, NodeId};

/// Nodes without the newest key that are named at most; all are counted.
const NAMED: usize = 200;

/// The keys of the hub, and how far its nodes have come with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubKeysView {
    /// The keys.
    pub keys: HubKeys,
    /// The highest number that any node has stored, where one has.
    pub highest_known: Option<u8>,
    /// How many nodes have the newest key.
    pub have: usize,
    /// How many lack it.
    pub lack: usize,
    /// Those that lack it, at most 200, by id.
    pub lacking: Vec<LackingView>,
}

/// A node that lacks the newest key of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LackingView {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub title: Box<str>,
    /// When something was last heard from it.
    pub last_heard: Option<UnixMillis>,
}

impl View<'_> {
    /// The keys of the hub, and which nodes lack the newest; `None` for a hub that has none.
    pub fn hub_keys(&self) -> Option<HubKeysView> {
        let keys = self.hub.config.keys.clone()?;
        let all = || self.hub.encrypting();
        let lack = self.hub.behind().count();
        let lacking = self.hub.behind().map(|node| LackingView {
            node: node.id.clone(),
            title: node.title.clone(),
            last_heard: node.presence.last_heard(),
        });
        let mut lacking: Vec<_> = lacking.collect();
        lacking.sort_by(|a, b| a.node.cmp(&b.node));
        lacking.truncate(NAMED);
        let highest_known = all().filter_map(|node| node.hub_key).max();
        Some(HubKeysView { keys, highest_known, have: all().count() - lack, lack, lacking })
    }
}
