//! Whether a node is there: what it promised, and what silence therefore means.
//!
//! ```text
//!            heard                     1.5 × keepalive silent          4.5 ×
//!   (any) ---------> online ------------------------------> overdue ---------> lost
//!                     |  \__ connection cut __________________^   ^
//!                     | sleep, or goodbye of a node              |
//!                     v that keeps no session                    | 1.5 × declared time over
//!                   asleep --------------------------------------+---- 2.5 × ----> lost
//! ```
//!
//! "Online" is never assumed: every state has its reason, and every state but lost ends by itself.
//! Disabled and connecting are laid over it by whoever knows of them.

use core::time::Duration;

use iot_proto::UnixMillis;

use crate::{
    Instant, Now, SessionId,
    view::{Presence, PresenceReason, PresenceState},
};

/// A node is overdue when it is silent for so many tenths of the time that it promised.
const OVERDUE_TENTHS: u32 = 15;

/// A session is dead when it is silent for so many tenths of its keepalive.
const DEAD_TENTHS: u32 = 45;

/// A node that should have come back is lost after so many tenths of the time that it promised.
const LOST_TENTHS: u32 = 25;

/// What a node promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// To be heard at least so often on its session.
    Keepalive { every: Duration, heard: Instant },
    /// To come back within a time from an instant on.
    Return { from: Instant, within: Duration },
}

/// What follows from a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The state is as it was.
    None,
    /// The state is another one.
    To(PresenceState),
}

/// Whether one node is there, why and since when.
#[derive(Clone, Debug)]
pub(crate) struct PresenceTracker {
    state: PresenceState,
    reason: PresenceReason,
    since: UnixMillis,
    promise: Option<Promise>,
    /// When something was last heard.
    heard: Option<UnixMillis>,
    /// A new connection from its address that has not said hello, and since when.
    connecting: Option<(SessionId, UnixMillis)>,
}

impl PresenceTracker {
    /// Of a node that has not been heard yet.
    pub(crate) fn new(since: UnixMillis) -> Self {
        Self {
            state: PresenceState::Overdue,
            reason: PresenceReason::NotSinceStart,
            since,
            promise: None,
            heard: None,
            connecting: None,
        }
    }

    /// Expects a node that was known before the hub started.
    pub(crate) fn expect_since_start(&mut self, now: Now, keepalive: Duration) {
        self.promise = Some(Promise::Keepalive { every: keepalive, heard: now.instant });
    }

    /// A session has begun.
    pub(crate) fn session(&mut self, now: Now, keepalive: Duration) -> Change {
        self.connecting = None;
        self.heard = Some(now.wall);
        self.promise = Some(Promise::Keepalive { every: keepalive, heard: now.instant });
        self.enter(now.wall, PresenceState::Online, PresenceReason::InSession)
    }

    /// Something was heard on the session.
    pub(crate) fn heard(&mut self, now: Now) -> Change {
        self.heard = Some(now.wall);
        if let Some(Promise::Keepalive { heard, .. }) = &mut self.promise {
            *heard = now.instant;
            if self.reason != PresenceReason::InSession {
                return self.enter(now.wall, PresenceState::Online, PresenceReason::InSession);
            }
        }
        Change::None
    }

    /// The node answered where the hub dialled it. That is no session, so it changes no state.
    pub(crate) fn answered(&mut self, now: Now) {
        self.heard = Some(now.wall);
    }

    /// A node that keeps no session was heard; it is expected again as it promised.
    pub(crate) fn contact(&mut self, now: Now, within: Duration) -> Change {
        self.heard = Some(now.wall);
        self.promise = Some(Promise::Return { from: now.instant, within });
        self.enter(now.wall, PresenceState::Asleep, PresenceReason::BetweenContacts)
    }

    /// The node sleeps from an instant on, for a time. Until then its session counts.
    pub(crate) fn sleep(&mut self, now: Now, from: Instant, within: Duration) -> Change {
        self.promise = Some(Promise::Return { from, within });
        self.evaluate(now)
    }

    /// The connection ended without a goodbye, or with one by which the node made no promise.
    pub(crate) fn ended(&mut self, now: Now, reason: PresenceReason) -> Change {
        match self.promise {
            Some(Promise::Return { .. }) => {
                self.enter(now.wall, PresenceState::Asleep, PresenceReason::DeclaredSleep)
            }
            Some(Promise::Keepalive { .. }) | None => self.enter(now.wall, PresenceState::Overdue, reason),
        }
    }

    /// A connection was opened from the node's address.
    pub(crate) fn connecting(&mut self, now: Now, session: SessionId) {
        self.connecting = Some((session, now.wall));
    }

    /// That connection ended, or another node said hello on it.
    pub(crate) fn not_connecting(&mut self, session: SessionId) -> bool {
        let was = self.connecting.is_some_and(|(known, _)| known == session);
        if was {
            self.connecting = None;
        }
        was
    }

    /// Judges the node's silence.
    pub(crate) fn evaluate(&mut self, now: Now) -> Change {
        match self.promise {
            None => Change::None,
            Some(Promise::Keepalive { every, heard }) => self.judge_silence(now, every, heard),
            Some(Promise::Return { from, within }) => self.judge_absence(now, from, within),
        }
    }

    fn judge_silence(&mut self, now: Now, every: Duration, heard: Instant) -> Change {
        let silent = now.instant.since(heard);
        if silent >= tenths(every, DEAD_TENTHS) {
            let in_session = matches!(self.reason, PresenceReason::InSession | PresenceReason::Silent { .. });
            let silence = PresenceReason::Silent { for_s: silent.as_secs() };
            let reason = if in_session { silence } else { self.reason.clone() };
            return self.enter(now.wall, PresenceState::Lost, reason);
        }
        if self.state == PresenceState::Online && silent >= tenths(every, OVERDUE_TENTHS) {
            let reason = PresenceReason::Silent { for_s: silent.as_secs() };
            return self.enter(now.wall, PresenceState::Overdue, reason);
        }
        Change::None
    }

    fn judge_absence(&mut self, now: Now, from: Instant, within: Duration) -> Change {
        let away = now.instant.since(from);
        let missed = if self.reason == PresenceReason::BetweenContacts
            || self.reason == PresenceReason::DidNotContact
        {
            PresenceReason::DidNotContact
        } else {
            PresenceReason::DidNotWake
        };
        if away >= tenths(within, LOST_TENTHS) {
            self.enter(now.wall, PresenceState::Lost, missed)
        } else if away >= tenths(within, OVERDUE_TENTHS) {
            self.enter(now.wall, PresenceState::Overdue, missed)
        } else if now.instant >= from && self.state == PresenceState::Online {
            self.enter(now.wall, PresenceState::Asleep, PresenceReason::DeclaredSleep)
        } else {
            Change::None
        }
    }

    /// When [`evaluate`](Self::evaluate) is due next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match (self.promise?, self.state) {
            (_, PresenceState::Lost) => None,
            (Promise::Keepalive { every, heard }, PresenceState::Online) => {
                Some(heard + tenths(every, OVERDUE_TENTHS))
            }
            (Promise::Keepalive { every, heard }, _) => Some(heard + tenths(every, DEAD_TENTHS)),
            (Promise::Return { from, .. }, PresenceState::Online) => Some(from),
            (Promise::Return { from, within }, PresenceState::Overdue) => {
                Some(from + tenths(within, LOST_TENTHS))
            }
            (Promise::Return { from, within }, _) => Some(from + tenths(within, OVERDUE_TENTHS)),
        }
    }

    /// Whether the node sleeps or is about to, so that only it can open the next connection.
    pub(crate) fn sleeps(&self) -> bool {
        matches!(self.promise, Some(Promise::Return { .. }))
            && !matches!(self.reason, PresenceReason::BetweenContacts | PresenceReason::DidNotContact)
    }

    /// When something was last heard.
    pub(crate) fn last_heard(&self) -> Option<UnixMillis> {
        self.heard
    }

    /// The presence as it is shown.
    pub(crate) fn view(&self, now: Now) -> Presence {
        if let Some((_, since)) = self.connecting {
            return Presence {
                state: PresenceState::Connecting,
                reason: PresenceReason::SayingHello,
                since,
                next_contact: None,
                overdue_from: None,
                lost_from: None,
            };
        }
        let at = |instant| Some(now.wall_at(instant));
        let (next_contact, overdue_from, lost_from) = match self.promise {
            None => (None, None, None),
            Some(Promise::Keepalive { every, heard }) => {
                (None, at(heard + tenths(every, OVERDUE_TENTHS)), at(heard + tenths(every, DEAD_TENTHS)))
            }
            Some(Promise::Return { from, within }) => (
                at(from + within),
                at(from + tenths(within, OVERDUE_TENTHS)),
                at(from + tenths(within, LOST_TENTHS)),
            ),
        };
        Presence {
            state: self.state,
            reason: self.reason.clone(),
            since: self.since,
            next_contact,
            overdue_from,
            lost_from,
        }
    }

    fn enter(&mut self, at: UnixMillis, state: PresenceState, reason: PresenceReason) -> Change {
        self.reason = reason;
        if self.state == state {
            return Change::None;
        }
        self.state = state;
        self.since = at;
        Change::To(state)
    }
}

fn tenths(time: Duration, tenths: u32) -> Duration {
    time.saturating_mul(tenths) / 10
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPALIVE: Duration = Duration::from_secs(20);

    fn at(seconds: u64) -> Now {
        Now { instant: Instant(seconds * 1000), wall: UnixMillis(i64::try_from(seconds).unwrap() * 1000) }
    }

    fn states(tracker: &mut PresenceTracker, seconds: &[u64]) -> std::vec::Vec<PresenceState> {
        seconds
            .iter()
            .map(|second| {
                tracker.evaluate(at(*second));
                tracker.state
            })
            .collect()
    }

    #[test]
    fn a_silent_session_is_overdue_at_one_and_a_half_and_lost_at_four_and_a_half_keepalives() {
        use PresenceState::{Lost, Online, Overdue};
        let mut tracker = PresenceTracker::new(UnixMillis(0));
        assert_eq!(tracker.session(at(0), KEEPALIVE), Change::To(Online));
        assert_eq!(tracker.deadline(), Some(at(30).instant));
        assert_eq!(states(&mut tracker, &[29, 30, 89, 90]), [Online, Overdue, Overdue, Lost]);
        assert_eq!(tracker.view(at(90)).reason, PresenceReason::Silent { for_s: 90 });
        assert_eq!(tracker.deadline(), None);
    }

    #[test]
    fn a_sleeper_is_asleep_then_overdue_then_lost_and_never_online() {
        use PresenceState::{Asleep, Lost, Online, Overdue};
        let mut tracker = PresenceTracker::new(UnixMillis(0));
        tracker.session(at(0), KEEPALIVE);
        tracker.sleep(at(10), at(12).instant, Duration::from_hours(1));
        assert_eq!(
            states(&mut tracker, &[11, 12, 5411, 5412, 9011, 9012]),
            [Online, Asleep, Asleep, Overdue, Overdue, Lost]
        );
        assert_eq!(tracker.view(at(9012)).reason, PresenceReason::DidNotWake);
    }

    #[test]
    fn a_cut_connection_is_overdue_at_once_and_lost_when_the_keepalives_are_over() {
        let mut tracker = PresenceTracker::new(UnixMillis(0));
        tracker.session(at(0), KEEPALIVE);
        assert_eq!(tracker.ended(at(5), PresenceReason::Cut), Change::To(PresenceState::Overdue));
        assert_eq!(tracker.deadline(), Some(at(90).instant));
        assert_eq!(states(&mut tracker, &[89, 90]), [PresenceState::Overdue, PresenceState::Lost]);
        assert_eq!(tracker.view(at(90)).reason, PresenceReason::Cut);
        assert_eq!(tracker.session(at(91), KEEPALIVE), Change::To(PresenceState::Online));
    }

    #[test]
    fn whoever_was_overdue_and_is_heard_is_online_again() {
        let mut tracker = PresenceTracker::new(UnixMillis(0));
        tracker.session(at(0), KEEPALIVE);
        tracker.evaluate(at(40));
        assert_eq!(tracker.heard(at(41)), Change::To(PresenceState::Online));
        assert_eq!(tracker.view(at(41)).since, at(41).wall);
    }
}
