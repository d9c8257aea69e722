//! [`Reveals`]: how many codes a node has shown that somebody could have guessed, and how long it waits after them.

use core::time::Duration;

use crate::Instant;

/// Codes that a node reveals before it waits.
const REVEALS: u8 = 3;

/// First and longest time for which it waits then, in milliseconds.
const FIRST_PAUSE_MS: u64 = 600_000;
const LONGEST_PAUSE_MS: u64 = 86_400_000;

/// How many codes a node has revealed since it was switched on. Whoever is in between has one guess in each, so
/// after three it waits for 10 minutes, then twice as long each time, at most a day. A press of its button begins anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reveals {
    made: u8,
    pause_ms: u64,
    not_before: Option<Instant>,
}

impl Reveals {
    /// Until when no run may begin; `None` where one may begin now.
    pub fn waits_until(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|not_before| *not_before > now)
    }

    /// A run has given [`JoinStep::Revealed`](super::JoinStep::Revealed).
    pub fn made(&mut self, now: Instant) {
        self.made = self.made.saturating_add(1);
        if self.made >= REVEALS {
            self.pause_ms = (self.pause_ms * 2).clamp(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
            self.not_before = Some(now.after(Duration::from_millis(self.pause_ms)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_three_codes_a_node_waits_for_ten_minutes_and_then_twice_as_long_up_to_a_day() {
        let (mut reveals, mut now) = (Reveals::default(), Instant(0));
        for _ in 0..2 {
            reveals.made(now);
            assert_eq!(reveals.waits_until(now), None);
        }
        for minutes in [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440] {
            reveals.made(now);
            let until = now.after(Duration::from_mins(minutes));
            assert_eq!(reveals.waits_until(now), Some(until), "{minutes}");
            now = until;
            assert_eq!(reveals.waits_until(now), None);
        }
    }
}
