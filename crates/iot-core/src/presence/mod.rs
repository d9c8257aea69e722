//! Whether a node is there: what it promised, and what silence therefore means.
//!
//! ```text
//!            heard                     1.5 × keepalive silent          4.5 ×
//!   (any) ---------> online ------------------------------> overdue ---------> lost
//!                     |  \__ connection cut __________________^   ^
//!                     | sleep, or goodbye of a node              |
//!                     v that keeps no session                    | 1.5 × declared time over
//!                   asleep --------------------------------------+---- 2.5 × ----> lost
//!                     \__ heard on its session after it stopped listening: online again
//! ```
//!
//! "Online" is never assumed: every state has its reason, and every state but lost ends by itself.
//! Disabled and connecting are laid over it by whoever knows of them. What was promised, and what times follow from
//! that, is [`Promise`]'s. Every node has a tracker, so what only a sleeper needs is boxed.

mod promise;

use alloc::boxed::Box;
use core::time::Duration;

use iot_proto::UnixMillis;

use self::promise::{
    Absence, DEAD_TENTHS, LOST_TENTHS, OVERDUE_TENTHS, Promise, Return, Times, WAKING, tenths,
};
use crate::{
    Instant, Now,
    view::{Presence, PresenceReason, PresenceState},
};

/// What something that was heard proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// That the node was there when it said it: a goodbye, an answer to what it was asked before.
    Life,
    /// That it is awake: something that it says of itself.
    Awake,
}

/// What follows from a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The state is as it was.
    None,
    /// The state is another one.
    To(PresenceState),
}

/// Why a node is in a state that the tracker knows; as people see it, [`PresenceReason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    InSession,
    DeclaredSleep,
    BetweenContacts,
    Silent { for_s: u32 },
    Cut,
    SaidGoodbye,
    DidNotWake,
    DidNotContact,
    NotSinceStart,
}

impl Reason {
    /// Nothing has been heard for so long.
    pub(crate) fn silent(time: Duration) -> Self {
        Self::Silent { for_s: u32::try_from(time.as_secs()).unwrap_or(u32::MAX) }
    }
}

impl From<Reason> for PresenceReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::InSession => Self::InSession,
            Reason::DeclaredSleep => Self::DeclaredSleep,
            Reason::BetweenContacts => Self::BetweenContacts,
            Reason::Silent { for_s } => Self::Silent { for_s: for_s.into() },
            Reason::Cut => Self::Cut,
            Reason::SaidGoodbye => Self::SaidGoodbye,
            Reason::DidNotWake => Self::DidNotWake,
            Reason::DidNotContact => Self::DidNotContact,
            Reason::NotSinceStart => Self::NotSinceStart,
        }
    }
}

/// Whether one node is there, why and since when.
#[derive(Clone, Debug)]
pub(crate) struct PresenceTracker {
    state: PresenceState,
    reason: Reason,
    since: UnixMillis,
    /// The state before this one.
    was: PresenceState,
    promise: Option<Promise>,
    /// Within which time it comes back, where it keeps no session.
    returns: Option<Duration>,
    /// When something was last heard.
    heard: Option<Now>,
}

impl PresenceTracker {
    /// Of a node that has not been heard yet.
    pub(crate) fn new(since: UnixMillis) -> Self {
        Self {
            state: PresenceState::Overdue,
            reason: Reason::NotSinceStart,
            since,
            was: PresenceState::Overdue,
            promise: None,
            returns: None,
            heard: None,
        }
    }

    /// Expects a node that was known before the hub started: in a session, or back within `returns`.
    pub(crate) fn expect_since_start(&mut self, now: Now, keepalive: Duration, returns: Option<Duration>) {
        self.promise = Some(Promise::Keepalive { every: keepalive, heard: now.instant });
        if let Some(within) = returns {
            self.expect(now.instant, within, Absence::SinceStart);
            self.state = PresenceState::Asleep;
        }
    }

    /// Expects a node that declared before the hub started that it sleeps, from `since` on.
    pub(crate) fn expect_from_sleep(&mut self, now: Now, since: UnixMillis, within: Duration) {
        // A wall clock that went back makes the sleep longer, never the time that has passed negative.
        let before =
            u64::try_from(now.wall.0.saturating_sub(since.0)).map_or(Duration::ZERO, Duration::from_millis);
        let (from, keepalive) = (now.instant, self.keepalive());
        let back = Return { from, before, within, absence: Absence::Sleep, keepalive };
        self.promise = Some(Promise::Return(Box::new(back)));
        (self.state, self.reason) = (PresenceState::Asleep, Reason::DeclaredSleep);
        self.since = since.min(now.wall);
    }

    /// Expects a node back within a time from an instant on.
    fn expect(&mut self, from: Instant, within: Duration, absence: Absence) {
        let (before, keepalive) = (Duration::ZERO, self.keepalive());
        self.promise = Some(Promise::Return(Box::new(Return { from, before, within, absence, keepalive })));
    }

    /// The keepalive that its last `Welcome` gave; zero where it has said no hello since the start.
    fn keepalive(&self) -> Duration {
        match &self.promise {
            Some(Promise::Keepalive { every, .. }) => *every,
            Some(Promise::Return(back)) => back.keepalive,
            None => Duration::ZERO,
        }
    }

    /// A session has begun. `returns` is given for a node that does not keep it.
    pub(crate) fn session(&mut self, now: Now, keepalive: Duration, returns: Option<Duration>) -> Change {
        self.returns = returns;
        self.heard = Some(now);
        self.promise = Some(Promise::Keepalive { every: keepalive, heard: now.instant });
        self.enter(now.wall, PresenceState::Online, Reason::InSession)
    }

    /// Something was heard on the session.
    pub(crate) fn heard(&mut self, now: Now, sign: Sign) -> Change {
        self.heard = Some(now);
        match &mut self.promise {
            Some(Promise::Keepalive { heard, .. }) => *heard = now.instant,
            Some(Promise::Return(back)) if now.instant >= back.from && sign == Sign::Awake => {
                self.promise = Some(Promise::Keepalive { every: back.keepalive, heard: now.instant });
            }
            Some(Promise::Return(_)) | None => return Change::None,
        }
        if self.reason == Reason::InSession {
            return Change::None;
        }
        self.enter(now.wall, PresenceState::Online, Reason::InSession)
    }

    /// The node answered where the hub dialled it. That is no session, so it changes no state.
    pub(crate) fn answered(&mut self, now: Now) {
        self.heard = Some(now);
    }

    /// The node sleeps from an instant on, for a time. Until then its session counts.
    pub(crate) fn sleep(&mut self, now: Now, from: Instant, within: Duration) -> Change {
        self.expect(from, within, Absence::Sleep);
        self.evaluate(now)
    }

    /// The session ended. One that was lost already stays so.
    pub(crate) fn ended(&mut self, now: Now, reason: Reason) -> Change {
        match (&mut self.promise, self.returns) {
            (Some(Promise::Return(back)), _) => {
                // Whoever leaves before it stops listening sleeps from now on.
                back.from = now.instant.min(back.from);
                if self.state == PresenceState::Online {
                    return self.enter(now.wall, PresenceState::Asleep, Reason::DeclaredSleep);
                }
                Change::None
            }
            (_, Some(within)) => self.between_contacts(now, now.instant, within),
            (_, None) if self.state == PresenceState::Lost => Change::None,
            (_, None) => self.enter(now.wall, PresenceState::Overdue, reason),
        }
    }

    /// A node that keeps no session has left; it is expected again as it promised.
    fn between_contacts(&mut self, now: Now, from: Instant, within: Duration) -> Change {
        self.expect(from, within, Absence::BetweenContacts);
        self.enter(now.wall, PresenceState::Asleep, Reason::BetweenContacts)
    }

    /// Judges the node's silence.
    pub(crate) fn evaluate(&mut self, now: Now) -> Change {
        match &self.promise {
            None => Change::None,
            Some(Promise::Keepalive { every, heard }) => self.judge_silence(now, *every, *heard),
            Some(Promise::Return(back)) => {
                let (away, within, absence) = (back.away(now), back.within, back.absence);
                away.map_or(Change::None, |away| self.judge_absence(now, away, within, absence))
            }
        }
    }

    fn judge_silence(&mut self, now: Now, every: Duration, heard: Instant) -> Change {
        let silent = now.instant.since(heard);
        if silent >= tenths(every, DEAD_TENTHS) {
            if let Some(within) = self.returns {
                return self.between_contacts(now, heard, within);
            }
            let in_session = matches!(self.reason, Reason::InSession | Reason::Silent { .. });
            let reason = if in_session { Reason::silent(silent) } else { self.reason };
            return self.enter(now.wall, PresenceState::Lost, reason);
        }
        if self.state == PresenceState::Online && silent >= tenths(every, OVERDUE_TENTHS) {
            return self.enter(now.wall, PresenceState::Overdue, Reason::silent(silent));
        }
        Change::None
    }

    fn judge_absence(&mut self, now: Now, away: Duration, within: Duration, absence: Absence) -> Change {
        let missed = absence.missed();
        let due = within.max(WAKING);
        if away >= tenths(due, LOST_TENTHS) {
            self.enter(now.wall, PresenceState::Lost, missed)
        } else if away >= tenths(due, OVERDUE_TENTHS) {
            self.enter(now.wall, PresenceState::Overdue, missed)
        } else if self.state == PresenceState::Online {
            self.enter(now.wall, PresenceState::Asleep, Reason::DeclaredSleep)
        } else {
            Change::None
        }
    }

    /// When [`evaluate`](Self::evaluate) is due next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.promise.as_ref()?.deadline(self.state)
    }

    /// Whether the node sleeps or is about to, so that only it can open the next connection.
    pub(crate) fn sleeps(&self) -> bool {
        self.promise.as_ref().is_some_and(Promise::is_sleep)
    }

    /// Whether the node hears what it is sent on its session: it keeps it alive, or listens before it sleeps.
    pub(crate) fn hears(&self, now: Now) -> bool {
        match &self.promise {
            Some(Promise::Return(back)) => now.instant < back.from,
            Some(Promise::Keepalive { .. }) | None => true,
        }
    }

    /// Whether a session that is still open counts for nothing any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.state == PresenceState::Lost || self.reason == Reason::BetweenContacts
    }

    /// The state before this one.
    pub(crate) fn was(&self) -> PresenceState {
        self.was
    }

    /// For how long nothing has been heard.
    pub(crate) fn silence(&self, now: Now) -> Duration {
        self.heard.map_or(Duration::ZERO, |heard| now.instant.since(heard.instant))
    }

    /// For how many seconds nothing has been heard.
    pub(crate) fn silent_s(&self, now: Now) -> u64 {
        self.silence(now).as_secs()
    }

    /// When something was last heard.
    pub(crate) fn last_heard(&self) -> Option<UnixMillis> {
        self.heard.map(|heard| heard.wall)
    }

    /// The presence as it is shown.
    pub(crate) fn view(&self, now: Now) -> Presence {
        let Times { next_contact, overdue_from, lost_from } =
            self.promise.as_ref().map(|promise| promise.times(now)).unwrap_or_default();
        Presence {
            state: self.state,
            reason: self.reason.into(),
            since: self.since,
            next_contact,
            overdue_from,
            lost_from,
        }
    }

    fn enter(&mut self, at: UnixMillis, state: PresenceState, reason: Reason) -> Change {
        self.reason = reason;
        if self.state == state {
            return Change::None;
        }
        self.was = self.state;
        self.state = state;
        self.since = at;
        Change::To(state)
    }
}

#[cfg(test)]
mod tests;
