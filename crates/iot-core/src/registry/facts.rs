//! What nodes say of themselves in their hello. Most nodes of a site are of few makes and say the same, so each
//! [`Facts`] is kept once in [`Makes`], however many nodes share it.

use alloc::{boxed::Box, collections::BTreeSet, format, sync::Arc};

use iot_proto::{Capabilities, Hello};

/// What a node says of itself in its hello.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Facts {
    pub(crate) capabilities: Capabilities,
    /// Longest silence in seconds, as declared; 0 where it was not.
    pub(crate) keepalive_s: u32,
    pub(crate) board: Box<str>,
    pub(crate) firmware: Box<str>,
}

impl Facts {
    /// Of a node that has said nothing yet.
    pub(crate) fn unsaid() -> Self {
        let (board, firmware) = (Box::default(), Box::default());
        Self { capabilities: Capabilities(0), keepalive_s: 0, board, firmware }
    }
}

impl From<&Hello<'_>> for Facts {
    fn from(hello: &Hello<'_>) -> Self {
        Self {
            capabilities: hello.capabilities,
            keepalive_s: hello.keepalive_s,
            board: hello.board.as_str().into(),
            firmware: format!("{} {}", hello.firmware, hello.firmware_version).trim().into(),
        }
    }
}

/// The facts of all nodes, each once.
#[derive(Debug, Default)]
pub(super) struct Makes(BTreeSet<Arc<Facts>>);

impl Makes {
    /// The same facts, shared with every other node of which they are true.
    pub(super) fn share(&mut self, facts: Arc<Facts>) -> Arc<Facts> {
        if let Some(known) = self.0.get(&facts) {
            return Arc::clone(known);
        }
        self.0.insert(Arc::clone(&facts));
        facts
    }

    /// A node no longer says this: it is forgotten when that was the last one.
    pub(super) fn release(&mut self, facts: &Arc<Facts>) {
        // One of them is here, and one was given.
        if Arc::strong_count(facts) == 2 {
            self.0.remove(facts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_kept_once_and_no_longer_than_a_node_says_them() {
        let of = |board: &str| Arc::new(Facts { board: board.into(), ..Facts::unsaid() });
        let mut makes = Makes::default();
        let first = makes.share(of("ESP32-C6"));
        let second = makes.share(of("ESP32-C6"));
        assert!(Arc::ptr_eq(&first, &second), "once");
        makes.share(of("RP2040"));
        assert_eq!(makes.0.len(), 2);

        makes.release(&first);
        drop(first);
        assert_eq!(makes.0.len(), 2, "the other node still says it");
        makes.release(&second);
        assert_eq!(makes.0.len(), 1);
    }
}
