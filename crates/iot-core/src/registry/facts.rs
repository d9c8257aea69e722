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

    /// Whether a hello says the same. Most do, and are not written out for that.
    pub(crate) fn are_of(&self, hello: &Hello<'_>) -> bool {
        let version = self.firmware.strip_prefix(hello.firmware.as_str());
        let is_same = (self.capabilities, self.keepalive_s) == (hello.capabilities, hello.keepalive_s)
            && *self.board == *hello.board.as_str()
            && version.and_then(|version| version.strip_prefix(' ')) == Some(hello.firmware_version.as_str());
        is_same || *self == Self::from(hello)
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
    use iot_proto::{BootId, Identity, Label, Name, VersionRange};

    use super::*;

    #[test]
    fn a_hello_is_compared_with_what_it_would_be_written_as() {
        let label = |text| Label::new(text).unwrap();
        let hello = |firmware, version| Hello {
            versions: VersionRange::OURS,
            identity: Identity::Name(Name::new("pump").unwrap()),
            boot: BootId(1),
            max_frame: 1_024,
            inflight: 1,
            capabilities: Capabilities::KEEPS_SESSION,
            keepalive_s: 30,
            board: label("ESP32-C6"),
            firmware: label(firmware),
            firmware_version: label(version),
        };
        let said = [
            ("pump", "1.0"),
            ("my pump", "1.0"),
            ("my", "pump 1.0"),
            ("pump", ""),
            ("", "1.0"),
            (" pump", "1.0 "),
        ];
        for known in said {
            let facts = Facts::from(&hello(known.0, known.1));
            for (firmware, version) in said {
                let hello = hello(firmware, version);
                assert_eq!(
                    facts.are_of(&hello),
                    facts == Facts::from(&hello),
                    "{known:?}, {firmware:?} {version:?}"
                );
            }
            let of = hello(known.0, known.1);
            assert!(!facts.are_of(&Hello { keepalive_s: 31, ..of }));
            assert!(!facts.are_of(&Hello { board: label("RP2040"), ..of }));
            assert!(!facts.are_of(&Hello { capabilities: Capabilities(0), ..of }));
        }
    }

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
