//! Which modules the hub has been told of on this connection.

use iot_proto::Announcement;

/// How far the modules have been announced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registration {
    /// Modules before this one have been sent.
    next: usize,
    /// Distinguishes the answers to an earlier registration from those to this one.
    round: u8,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Announcing,
    Complete,
    Refused,
}

impl Registration {
    /// Nothing was announced.
    pub(crate) fn new() -> Self {
        Self { next: 0, round: 0, state: State::Announcing }
    }

    /// Begins anew: the node's admission has changed.
    pub(crate) fn again(&mut self) {
        *self = Self { round: self.round.wrapping_add(1), ..Self::new() };
    }

    /// The modules that are still to be announced; `None` where there is nothing to say. A node without
    /// modules announces that, once.
    pub(crate) fn part<'c>(&self, modules: &'c [Announcement<'c>]) -> Option<&'c [Announcement<'c>]> {
        (self.state == State::Announcing).then(|| modules.get(self.next..).unwrap_or_default())
    }

    /// So many modules were announced; gives the round that their answer belongs to.
    pub(crate) fn sent(&mut self, count: usize) -> u8 {
        self.next += count;
        self.round
    }

    /// The hub answered an announcement of `round`, out of `total` modules.
    pub(crate) fn answered(&mut self, round: u8, total: usize) {
        if round == self.round && self.next >= total {
            self.state = State::Complete;
        }
    }

    /// The hub does not take what was announced; nothing more is announced on this connection.
    pub(crate) fn refused(&mut self) {
        self.state = State::Refused;
    }

    /// Whether there is nothing more to announce.
    pub(crate) fn is_over(&self) -> bool {
        self.state != State::Announcing
    }

    /// Whether the hub has answered for every module.
    pub(crate) fn is_complete(&self) -> bool {
        self.state == State::Complete
    }
}
