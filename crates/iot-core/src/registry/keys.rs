//! The keys of a node: the one that it must prove, the one that it announced, and those that it had. Owns how long
//! each is taken; who is told and what is kept is in `flow/keys.rs`.
//!
//! ```text
//!   announced --(a session with it within 24 h)--> own --(another one is proven)--> former --(24 h)--> ended
//! ```
//!
//! What has ended is never forgotten as long as its node is known: nobody else becomes a node by a key of its past.

use alloc::boxed::Box;
use core::time::Duration;

use iot_proto::{NodeKey, UnixMillis};

use super::{Node, NodeNumber, Registry};
use crate::{
    NodeId,
    store::{KeyRecord, KeyState},
    view::{KeyStanding, KeyView},
};

/// How long an announced key may take to be proven, and how long the one before is taken after that.
pub(crate) const KEY_GRACE: Duration = Duration::from_hours(24);

/// What a key that somebody has proven is to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the one that the node must prove; of a plain node, none was proven.
    Own,
    /// It was announced, and takes the place of the other now that it is proven.
    Next,
    /// It was replaced, and is taken for so long.
    Former { left: Duration },
    /// It was announced too long ago, or replaced too long ago.
    Ended,
    /// It is none of this node's.
    Other,
}

impl Node {
    /// What the key that was proven on a connection is to this node.
    pub(crate) fn standing(&self, proven: Option<NodeKey>, now: UnixMillis) -> Standing {
        if self.key() == proven {
            return Standing::Own;
        }
        let known = proven.and_then(|proven| self.extras().keys.iter().find(|known| known.key == proven));
        let Some(KeyRecord { state, at, .. }) = known else { return Standing::Other };
        match (state, grace_left(*at, now)) {
            (_, Duration::ZERO) => Standing::Ended,
            (KeyState::Next, _) => Standing::Next,
            (KeyState::Former, left) => Standing::Former { left },
        }
    }

    /// The key that was announced last and not proven yet.
    pub(crate) fn announced(&self) -> Option<NodeKey> {
        self.extras().keys.iter().find(|known| known.state == KeyState::Next).map(|known| known.key)
    }

    /// Whether the key before the present one is still taken.
    pub(crate) fn changes_its_key(&self, now: UnixMillis) -> bool {
        let mut formers = self.extras().keys.iter().filter(|known| known.state == KeyState::Former);
        formers.any(|known| !grace_left(known.at, now).is_zero())
    }

    /// All keys as pages show them: its own, what it announced, and what it had.
    pub(crate) fn key_views(&self, now: UnixMillis) -> impl Iterator<Item = KeyView> + '_ {
        let formers = self.extras().keys.iter().filter(|known| known.state == KeyState::Former);
        let since = formers.map(|known| known.at).max().unwrap_or(self.first_seen);
        let own = self.key().map(|key| KeyView {
            id: key.id(),
            standing: KeyStanding::Current,
            since,
            until: None,
        });
        let others = self.extras().keys.iter().map(move |known| {
            let until = UnixMillis(known.at.0.saturating_add(grace_ms()));
            let standing = match (known.state, grace_left(known.at, now).is_zero()) {
                (KeyState::Next, false) => KeyStanding::Next,
                (KeyState::Former, false) => KeyStanding::Former,
                (KeyState::Next | KeyState::Former, true) => KeyStanding::Ended,
            };
            KeyView { id: known.key.id(), standing, since: known.at, until: Some(until) }
        });
        own.into_iter().chain(others)
    }
}

impl Registry {
    /// The place of the node that has this key, had it, or has announced it.
    pub(crate) fn find_key(&self, key: &NodeKey) -> Option<NodeNumber> {
        self.by_key.get(key).copied().or_else(|| self.find(&NodeId::of_key(key)))
    }

    /// A node announces its next key, in place of any that it announced before and has not proven.
    pub(crate) fn announce_key(&mut self, number: NodeNumber, key: NodeKey, at: UnixMillis) {
        self.change_keys(number, |node| {
            node.change_extras(|extras| {
                extras.keys.retain(|known| known.state != KeyState::Next);
                extras.keys.push(KeyRecord { key, state: KeyState::Next, at });
            });
        });
    }

    /// A node has proven the key that it announced: it is its own from now on. Gives the one before.
    pub(crate) fn take_next_key(&mut self, number: NodeNumber, at: UnixMillis) -> Option<NodeKey> {
        let mut former = None;
        self.change_keys(number, |node| {
            let next = node.announced();
            if let (Some(next), Some(own)) = (next, node.key()) {
                node.change_extras(|extras| {
                    extras.keys.retain(|known| known.state != KeyState::Next);
                    extras.keys.push(KeyRecord { key: own, state: KeyState::Former, at });
                });
                (node.key, former) = (Some(Box::new(next)), Some(own));
            }
        });
        former
    }

    fn change_keys(&mut self, number: NodeNumber, change: impl FnOnce(&mut Node)) {
        self.unlist_keys(number);
        if let Some(node) = self.get_mut(number) {
            change(node);
        }
        self.list_keys(number);
    }

    /// Nodes that have had one key alone are found by their id.
    pub(super) fn list_keys(&mut self, number: NodeNumber) {
        let Some(node) = self.nodes.get(number) else { return };
        let others = &node.extras().keys;
        if others.is_empty() {
            return;
        }
        let all = others.iter().map(|known| known.key).chain(node.key());
        self.by_key.extend(all.map(|key| (key, number)));
    }

    pub(super) fn unlist_keys(&mut self, number: NodeNumber) {
        let Some(node) = self.nodes.get(number) else { return };
        for key in node.extras().keys.iter().map(|known| known.key).chain(node.key()) {
            self.by_key.remove(&key);
        }
    }
}

fn grace_ms() -> i64 {
    i64::try_from(KEY_GRACE.as_millis()).unwrap_or(i64::MAX)
}

/// What is left of the time that began at `at`. A clock that was set back gives it no more than the whole of it.
fn grace_left(at: UnixMillis, now: UnixMillis) -> Duration {
    let left = at.0.saturating_add(grace_ms()).saturating_sub(now.0);
    Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(KEY_GRACE)
}
