//! Time as the session sees it: an instant that the firmware passes in, a deadline that it gets back.
//!
//! The crate reads no clock. Any counter of milliseconds that never runs backwards will do.

use core::time::Duration;

/// Milliseconds since a moment that the firmware chooses, usually its start. Never runs backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// The instant that lies `duration` after this one; the last instant there is where that is too far.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// How long ago `earlier` was; zero where it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// When the session wants to be polled again if nothing else happens, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// What for.
    pub reason: Reason,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// To connect to the hub: after a back-off, a sleep, or the time between two visits.
    Connect,
    /// The hub has not welcomed the node.
    Hello,
    /// To send a ping.
    Ping,
    /// Nothing was heard for too long.
    Silence,
    /// To send again what the hub could not take.
    Resend,
    /// Frames that could not be answered before can be now.
    Backlog,
    /// The listening time before a sleep is over.
    Listen,
    /// The last bytes of a connection did not leave in time.
    Close,
    /// It is time for a new handshake.
    Handshake,
}

/// An instant that is over: what is due then is due at once.
pub(crate) const PAST: Instant = Instant(0);

/// Whole milliseconds of a duration; the largest number where it is longer than that.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_saturate_and_never_panic() {
        assert_eq!(Instant(5).after(Duration::from_millis(7)), Instant(12));
        assert_eq!(Instant(u64::MAX).after(Duration::MAX), Instant(u64::MAX));
        assert_eq!(Instant(5).since(Instant(7)), Duration::ZERO);
    }
}
