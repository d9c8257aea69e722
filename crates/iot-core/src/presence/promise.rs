//! [`Promise`]: when a node said that it would be heard, and what times follow from that. What its silence then means is
//! the tracker's.

use alloc::boxed::Box;
use core::time::Duration;

use iot_proto::UnixMillis;

use super::Reason;
use crate::{Instant, Now, view::PresenceState};

/// A node is overdue when it is silent for so many tenths of the time that it promised.
pub(super) const OVERDUE_TENTHS: u32 = 15;

/// A session is dead when it is silent for so many tenths of its keepalive.
pub(super) const DEAD_TENTHS: u32 = 45;

/// A node that should have come back is lost after so many tenths of the time that it promised.
pub(super) const LOST_TENTHS: u32 = 25;

/// No return counts as due sooner: waking, joining the network and shaking hands take their time.
pub(super) const WAKING: Duration = Duration::from_secs(20);

/// What a node promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// To be heard at least so often on its session.
    Keepalive { every: Duration, heard: Instant },
    /// To come back. Boxed, because most nodes are in a session.
    Return(Box<Return>),
}

/// A promise to come back within a time from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Return {
    pub(super) from: Instant,
    /// How long it had been away when the hub started.
    pub(super) before: Duration,
    pub(super) within: Duration,
    pub(super) absence: Absence,
    /// The keepalive that counts again once it is heard on its session.
    pub(super) keepalive: Duration,
}

/// Why a node is away and expected back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// It declared that it sleeps, so only it can open the next connection.
    Sleep,
    /// It keeps no session.
    BetweenContacts,
    /// The hub started, and what the node said before is not known.
    SinceStart,
}

/// What follows from a promise, as people see it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// When the node is expected.
    pub(super) next_contact: Option<UnixMillis>,
    /// When it is overdue.
    pub(super) overdue_from: Option<UnixMillis>,
    /// When it is lost.
    pub(super) lost_from: Option<UnixMillis>,
}

impl Promise {
    /// When the silence of a node in this state has to be judged next.
    pub(super) fn deadline(&self, state: PresenceState) -> Option<Instant> {
        match (self, state) {
            (_, PresenceState::Lost) => None,
            (Self::Keepalive { every, heard }, PresenceState::Online) => {
                Some(*heard + tenths(*every, OVERDUE_TENTHS))
            }
            (Self::Keepalive { every, heard }, _) => Some(*heard + tenths(*every, DEAD_TENTHS)),
            (Self::Return(back), PresenceState::Online) => Some(back.from),
            (Self::Return(back), state) => {
                let until = if state == PresenceState::Overdue { LOST_TENTHS } else { OVERDUE_TENTHS };
                Some(back.from + tenths(back.within.max(WAKING), until).saturating_sub(back.before))
            }
        }
    }

    /// Whether the node sleeps or is about to.
    pub(super) fn is_sleep(&self) -> bool {
        matches!(self, Self::Return(back) if back.absence == Absence::Sleep)
    }

    /// The times that people are shown.
    pub(super) fn times(&self, now: Now) -> Times {
        match self {
            Self::Keepalive { every, heard } => {
                let silent = |time| Some(now.wall_at(*heard + tenths(*every, time)));
                Times {
                    next_contact: None,
                    overdue_from: silent(OVERDUE_TENTHS),
                    lost_from: silent(DEAD_TENTHS),
                }
            }
            Self::Return(back) => {
                let Return { from, before, within, .. } = **back;
                let away = |time: Duration| Some(earlier(now.wall_at(from + time), before));
                let due = within.max(WAKING);
                Times {
                    next_contact: away(within),
                    overdue_from: away(tenths(due, OVERDUE_TENTHS)),
                    lost_from: away(tenths(due, LOST_TENTHS)),
                }
            }
        }
    }
}

impl Return {
    /// For how long the node has been away; `None` while it still listens.
    pub(super) fn away(&self, now: Now) -> Option<Duration> {
        (now.instant >= self.from).then(|| now.instant.since(self.from) + self.before)
    }
}

impl Absence {
    /// Why a node is overdue that did not come back from it.
    pub(super) fn missed(self) -> Reason {
        match self {
            Self::Sleep => Reason::DidNotWake,
            Self::BetweenContacts => Reason::DidNotContact,
            Self::SinceStart => Reason::NotSinceStart,
        }
    }
}

fn earlier(at: UnixMillis, by: Duration) -> UnixMillis {
    UnixMillis(at.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

/// So many tenths of a time.
pub(super) fn tenths(time: Duration, tenths: u32) -> Duration {
    time.saturating_mul(tenths) / 10
}
