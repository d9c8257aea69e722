//! Identifiers and instants as they travel: one newtype for each idea.

use core::{fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};

/// A node's static X25519 public key. It proves something only inside an encrypted session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeKey(pub [u8; 32]);

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, ..] = self.0;
        write!(f, "NodeKey({a:02x}{b:02x}{c:02x}…)")
    }
}

/// The hub's static X25519 public key. It proves something only inside an encrypted session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HubKey(pub [u8; 32]);

impl fmt::Debug for HubKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, ..] = self.0;
        write!(f, "HubKey({a:02x}{b:02x}{c:02x}…)")
    }
}

/// Drawn anew by a node at every start, so that sequence numbers of two runs are never mixed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BootId(pub u32);

/// Names one command for ever (a UUID, version 7). A node remembers the last ones that it ran.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId(pub [u8; 16]);

impl fmt::Display for CommandId {
    /// The usual form of a UUID: `0190b2f4-….`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandId({self})")
    }
}

/// Correlates a request with its response; each side of a connection counts its own, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub NonZeroU32);

impl RequestId {
    /// The first id of a connection.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The id with this number; 0 names no request.
    pub fn new(id: u32) -> Option<Self> {
        NonZeroU32::new(id).map(Self)
    }

    /// The number that travels.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The id after this one; after the largest comes the first.
    #[must_use]
    pub fn next(self) -> Self {
        self.0.checked_add(1).map_or(Self::FIRST, Self)
    }
}

/// A wall-clock instant: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixMillis(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_largest_request_id_comes_the_first() {
        assert_eq!(RequestId::FIRST.get(), 1);
        assert_eq!(RequestId::FIRST.next().get(), 2);
        assert_eq!(RequestId(NonZeroU32::MAX).next(), RequestId::FIRST);
    }

    #[test]
    fn a_command_id_is_shown_as_a_uuid() {
        let id = CommandId(0x0190_b2f4_c0de_7abc_8def_0011_2233_4455_u128.to_be_bytes());
        assert_eq!(std::format!("{id}"), "0190b2f4-c0de-7abc-8def-001122334455");
    }
}
