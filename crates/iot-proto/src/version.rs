//! Protocol versions, and the policy that keeps old firmware alive.
//!
//! - The header's version byte is the version of the *frame layout and of the frozen core* (hello, ping,
//!   error, close, identify, restart, update, dial). It is 1 for ever.
//! - `Hello` carries the range of protocol versions that a node speaks; the hub chooses one in `Welcome`.
//! - A released body never changes. A new shape is a new message kind, which an older peer answers with
//!   [`UNSUPPORTED_MESSAGE`](crate::ErrorCode::UNSUPPORTED_MESSAGE), and the session goes on.

use serde::{Deserialize, Serialize};

/// Oldest protocol version that this crate speaks.
pub const MIN: u8 = 1;

/// Newest protocol version that this crate speaks.
pub const CURRENT: u8 = 1;

/// The protocol versions that a peer speaks, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRange {
    /// Oldest version spoken.
    pub min: u8,
    /// Newest version spoken.
    pub max: u8,
}

impl VersionRange {
    /// What this crate speaks.
    pub const OURS: Self = Self { min: MIN, max: CURRENT };

    /// The newest version that both peers speak, if there is one.
    pub fn common(self, other: Self) -> Option<u8> {
        let (low, high) = (self.min.max(other.min), self.max.min(other.max));
        (low <= high).then_some(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_common_version_is_chosen() {
        let range = |min, max| VersionRange { min, max };
        assert_eq!(range(1, 3).common(range(2, 5)), Some(3));
        assert_eq!(range(1, 1).common(range(1, 9)), Some(1));
        assert_eq!(range(1, 2).common(range(3, 4)), None);
        assert_eq!(range(4, 2).common(range(1, 9)), None, "a range that is upside down has no version");
    }
}
