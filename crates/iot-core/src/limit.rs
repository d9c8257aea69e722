//! [`Limit`]: every limit that a peer can reach, in one table; and [`Reached`], how often each has been.
//!
//! The numbers themselves are configuration; what is done where one is reached is the business of whoever
//! owns what is counted. `docs/limits.md` is held to this table.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $what:literal;)+) => {
        /// A limit that a peer can reach.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Limit {
            $($(#[$doc])* $name,)+
        }

        impl Limit {
            /// Every limit, in the order of the document.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its word in the API and in documents, such as `sessions`.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// What is limited, as the peer is told and the log says: "… would exceed the limit of …".
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$name => $what,)+
                }
            }
        }
    };
}

limits! {
    /// Sessions at one time. The last eighth is kept for addresses of admitted nodes.
    Sessions = "sessions", "sessions";
    /// Sessions of one address at one time.
    SessionsPerAddress = "sessions-per-address", "sessions of one address";
    /// Connections that have not said hello. The second half is kept for addresses of admitted nodes.
    HalfOpen = "half-open", "connections without hello";
    /// Connections of one address that have not said hello. Its words fit a frame with their number.
    HalfOpenPerAddress = "half-open-per-address", "silent connections of one address";
    /// A connection did not say hello in time.
    Hello = "hello", "hello";
    /// Connections at one time, those that are being told why they end included.
    Connections = "connections", "connections";
    /// The same of one address; those beyond are closed without a word.
    ConnectionsPerAddress = "connections-per-address", "connections of one address";
    /// Messages a second of one session.
    Messages = "messages", "messages a second";
    /// Bytes that a peer leaves unread.
    Unread = "unread", "bytes to send";
    /// Nodes known.
    Nodes = "nodes", "nodes";
    /// Nodes that wait for a person.
    Waiting = "waiting", "waiting nodes";
    /// The same of one address.
    WaitingPerAddress = "waiting-per-address", "waiting nodes of one address";
    /// Plain nodes that people let in, where registration is not open.
    Plain = "plain-nodes", "plain nodes that people let in";
    /// Modules of one node.
    Modules = "modules", "modules";
    /// Commands that wait for one node.
    Queued = "queued", "commands that wait for one node";
    /// Deliveries that wait to be dialled.
    Dials = "dials", "deliveries that wait for their turn";
    /// Lines a minute in the log about one peer.
    LogLines = "log-lines", "log lines about one peer";
    /// Connections to the pages at one time.
    WebConnections = "web-connections", "connections to the pages";
    /// The same of one address; those beyond are answered 503 and closed.
    WebConnectionsPerAddress = "web-connections-per-address", "connections of one address to the pages";
}

/// How often each limit has been reached since the hub started. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Reached(Arc<[(Limit, AtomicUsize)]>);

impl Default for Reached {
    fn default() -> Self {
        Self(Limit::ALL.iter().map(|limit| (*limit, AtomicUsize::new(0))).collect())
    }
}

impl Reached {
    /// A peer has reached a limit.
    pub fn note(&self, limit: Limit) {
        if let Some((_, count)) = self.0.iter().find(|(known, _)| *known == limit) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The limits that have been reached, with how often.
    pub fn counts(&self) -> impl Iterator<Item = (Limit, usize)> {
        let counts = self.0.iter().map(|(limit, count)| (*limit, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn what_is_reached_is_counted_in_every_clone() {
        let reached = Reached::default();
        let other = reached.clone();
        other.note(Limit::Nodes);
        reached.note(Limit::Nodes);
        reached.note(Limit::Sessions);
        let counts: Vec<_> = other.counts().collect();
        assert_eq!(counts, [(Limit::Sessions, 1), (Limit::Nodes, 2)]);
    }

    #[test]
    fn no_two_limits_share_a_word() {
        let mut words: Vec<_> = Limit::ALL.iter().map(|limit| limit.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Limit::ALL.len());
    }
}
