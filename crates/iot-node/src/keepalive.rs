//! Silence: when to send a ping, and when a connection is dead.

use core::time::Duration;

use crate::Instant;

/// The silence after which a ping is sent where the hub named none.
pub const DEFAULT_KEEPALIVE: Duration = Duration::from_secs(20);

/// When something was last sent and heard on a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepalive {
    every: Duration,
    sent: Instant,
    heard: Instant,
}

impl Keepalive {
    /// A connection that was opened at `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self { every: DEFAULT_KEEPALIVE, sent: now, heard: now }
    }

    /// Takes over what the hub asked for, in seconds; 0 leaves the default.
    pub(crate) fn agree(&mut self, keepalive_s: u32) {
        if keepalive_s > 0 {
            self.every = Duration::from_secs(u64::from(keepalive_s));
        }
    }

    /// Bytes went out.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.sent = now;
    }

    /// Bytes came in.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// When a ping is due unless something else is sent before.
    pub(crate) fn ping_at(&self) -> Instant {
        self.sent.after(self.every)
    }

    /// When the connection is dead unless something is heard before: after 4.5 times the keepalive.
    pub(crate) fn dead_at(&self) -> Instant {
        self.heard.after(self.every.saturating_mul(9) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_dead_after_four_and_a_half_keepalives() {
        let mut keepalive = Keepalive::new(Instant(0));
        keepalive.agree(3);
        keepalive.heard(Instant(1_000));
        keepalive.sent(Instant(2_000));
        assert_eq!(keepalive.ping_at(), Instant(5_000));
        assert_eq!(keepalive.dead_at(), Instant(14_500));
    }
}
