//! [`Met`]: nodes that have proven their keys, each with what its key and the hub's come to.
//!
//! Noise calls it `ss`. It is the same in every handshake of the two and costs one multiplication of four, so it is
//! computed once for a node that comes again, as `WireGuard` does for its peers. Whoever can read it here can read the
//! hub's own key, from which it follows. What comes of a key that changes with each handshake is never kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use zeroize::Zeroizing;

/// Most nodes that are remembered; one more takes the place of another, which costs that one a multiplication.
const MOST: usize = 4096;

/// What two static keys come to. It is wiped when it is dropped.
pub(super) type StaticStatic = Zeroizing<[u8; 32]>;

/// The nodes that one identity has met, shared by its clones.
#[derive(Clone, Default)]
pub(super) struct Met(Arc<Mutex<HashMap<[u8; 32], StaticStatic>>>);

/// A node that will have been met once it has proven its key.
pub(super) struct Meeting {
    met: Met,
    theirs: [u8; 32],
    shared: StaticStatic,
}

impl Met {
    /// What the key of this node and the hub's come to, where the node has proven it before.
    pub(super) fn shared_with(&self, theirs: &[u8; 32]) -> Option<StaticStatic> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(theirs).cloned()
    }

    /// A node has said that it has this key, and both come to `shared`.
    pub(super) fn meeting(&self, theirs: [u8; 32], shared: StaticStatic) -> Meeting {
        Meeting { met: self.clone(), theirs, shared }
    }
}

impl Meeting {
    /// The node has proven its key.
    pub(super) fn proven(self) {
        let mut nodes = self.met.0.lock().unwrap_or_else(PoisonError::into_inner);
        if nodes.len() >= MOST
            && let Some(other) = nodes.keys().next().copied()
        {
            nodes.remove(&other);
        }
        nodes.insert(self.theirs, self.shared);
    }
}

/// Shows nothing of what is secret.
impl core::fmt::Debug for Meeting {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Meeting").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_proven_its_key_is_known_to_all_clones_and_nobody_before() {
        let (met, key) = (Met::default(), [1; 32]);
        let meeting = met.clone().meeting(key, Zeroizing::new([2; 32]));
        assert_eq!(met.shared_with(&key), None);
        meeting.proven();
        assert_eq!(met.shared_with(&key).as_deref(), Some(&[2; 32]));
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let met = Met::default();
        for number in 0..=u64::try_from(MOST).unwrap() {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            met.meeting(key, Zeroizing::new(key)).proven();
            assert!(met.shared_with(&key).is_some(), "the last one is");
        }
        assert_eq!(met.0.lock().unwrap().len(), MOST);
    }
}
