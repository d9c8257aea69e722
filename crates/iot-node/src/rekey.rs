//! [`Rekey`]: how a node comes from one key to the next without being let in anew.
//!
//! ```text
//!   Announced --KeyNoted--> Trying --Connected--> done: the next key is the node's own
//!       | Error                | the hub does not take it, or does not know the node by it
//!       +----------------------+--> failed: the old key stays
//! ```
//!
//! It has no IO and no memory but the next key. The firmware stores that as *next* before it announces it, so that it
//! can go on after a power cut: a node that finds a next key tries a session with it first, and takes its own where the
//! hub does not know the other.

use iot_proto::{Admission, ErrorCode, MessageKind, NodeKey};

use crate::{End, Event, noise::KeyPair};

/// A change of key under way.
#[derive(Debug)]
pub struct Rekey {
    next: KeyPair,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Announced,
    Trying,
}

/// What the firmware does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RekeyStep {
    /// It waits.
    Nothing,
    /// The hub has stored the next key: call [`Node::set_key`](crate::Node::set_key) with it and
    /// [`Node::renew`](crate::Node::renew), and open the next connection with it. What the hub dials is answered with
    /// the old key until it is done.
    Try,
    /// The next key is the node's own: store it so, forget the old one, and answer with it from now on.
    Done,
    /// The old key stays: forget the next one, call [`Node::set_key`](crate::Node::set_key) with the old one, and
    /// [`Node::renew`](crate::Node::renew).
    Failed,
}

impl Rekey {
    /// A change to this key, which is to be given to [`Node::announce_key`](crate::Node::announce_key).
    pub fn new(next: KeyPair) -> Self {
        Self { next, stage: Stage::Announced }
    }

    /// A change that the hub may have heard of, before the firmware started anew.
    pub fn again(next: KeyPair) -> Self {
        Self { next, stage: Stage::Trying }
    }

    /// The next key.
    pub fn next(&self) -> &KeyPair {
        &self.next
    }

    /// Its public half, as it is announced.
    pub fn public(&self) -> NodeKey {
        NodeKey(self.next.public())
    }

    /// Whether connections to the hub are opened with the next key.
    pub fn is_trying(&self) -> bool {
        self.stage == Stage::Trying
    }

    /// Takes note of what the session tells. After [`RekeyStep::Done`] and [`RekeyStep::Failed`] this is over.
    pub fn observe(&mut self, event: &Event<'_>) -> RekeyStep {
        match (self.stage, event) {
            (Stage::Announced, Event::KeyNoted) => {
                self.stage = Stage::Trying;
                RekeyStep::Try
            }
            (Stage::Announced, Event::Error { about: MessageKind::NEXT_KEY, .. })
            | (
                Stage::Trying,
                // A hub that came back from a backup knows nothing of the announcement: the node is a new one to it.
                Event::Connected { admission: Admission::PENDING, .. }
                | Event::Disconnected { why: End::Closed(ErrorCode::UNPROVEN_KEY), .. },
            ) => RekeyStep::Failed,
            (Stage::Trying, Event::Connected { .. }) => RekeyStep::Done,
            (Stage::Announced | Stage::Trying, _) => RekeyStep::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use iot_proto::{Label, UnixMillis};

    use super::*;

    fn connected(admission: Admission) -> Event<'static> {
        Event::Connected { hub: Label::EMPTY, time: UnixMillis(0), admission, stored: 0 }
    }

    fn refused(code: ErrorCode) -> Event<'static> {
        Event::Disconnected { why: End::Closed(code), again_at: None }
    }

    #[test]
    fn the_next_key_is_tried_when_it_was_stored_and_is_the_own_one_when_it_is_welcome() {
        let mut rekey = Rekey::new(KeyPair::from_secret([7; 32]));
        assert_eq!(rekey.observe(&connected(Admission::ADMITTED)), RekeyStep::Nothing, "not heard of yet");
        assert_eq!((rekey.is_trying(), rekey.observe(&Event::KeyNoted)), (false, RekeyStep::Try));
        assert_eq!(rekey.observe(&refused(ErrorCode::TOO_MANY)), RekeyStep::Nothing, "it is tried again");
        assert_eq!(
            (rekey.is_trying(), rekey.observe(&connected(Admission::ADMITTED))),
            (true, RekeyStep::Done)
        );
    }

    #[test]
    fn the_old_key_stays_where_the_hub_does_not_take_the_next_one() {
        let next = KeyPair::from_secret([7; 32]);
        let (code, detail) = (ErrorCode::KEY_TAKEN, Label::EMPTY);
        let told = Event::Error { code, about: MessageKind::NEXT_KEY, detail };
        assert_eq!(Rekey::new(next.clone()).observe(&told), RekeyStep::Failed);
        for event in [refused(ErrorCode::UNPROVEN_KEY), connected(Admission::PENDING)] {
            assert_eq!(Rekey::again(next.clone()).observe(&event), RekeyStep::Failed, "{event:?}");
        }
        let about = MessageKind::REPORT;
        let other = Event::Error { code, about, detail };
        assert_eq!(Rekey::new(next).observe(&other), RekeyStep::Nothing, "about something else");
    }
}
