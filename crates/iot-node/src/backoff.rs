//! When to try again: one second, doubled up to a minute, with full jitter.
//!
//! Full jitter draws the whole wait at random, so that a thousand nodes that lost their hub at one moment
//! do not come back at one moment. The seed comes from the firmware: from a hardware source where it has
//! one, else from its serial number.

use core::time::Duration;

use crate::time::whole_millis;

/// Upper bound of the first wait.
pub const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Upper bound of every later wait.
pub const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Draws the waits between attempts to connect.
#[derive(Clone, Debug)]
pub struct Backoff {
    failures: u32,
    state: u64,
}

impl Backoff {
    /// The waits that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { failures: 0, state: seed }
    }

    /// The next wait: at random up to the present bound, which doubles, and never below `least`.
    pub fn wait(&mut self, least: Duration) -> Duration {
        let bound = whole_millis(FIRST_WAIT) << self.failures.min(6);
        let bound = bound.min(whole_millis(LONGEST_WAIT));
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(((self.draw() >> 32) * (bound + 1)) >> 32).max(least)
    }

    /// Begins anew with the shortest bound.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// `SplitMix64`: small, and good enough to spread nodes.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_stays_within_its_bound_and_uses_all_of_it() {
        for (failures, bound_s) in [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (40, 60)] {
            let bound = Duration::from_secs(bound_s);
            let waits = (0..400).map(|seed| Backoff { failures, state: seed }.wait(Duration::ZERO));
            let (low, high) = waits
                .fold((Duration::MAX, Duration::ZERO), |(low, high), wait| (low.min(wait), high.max(wait)));
            assert!(high <= bound, "{high:?} is above {bound:?}");
            assert!(low < bound / 20 && high > bound * 19 / 20, "{low:?} to {high:?} is no full jitter");
        }
    }

    #[test]
    fn the_same_seed_waits_the_same_and_a_reset_begins_anew() {
        let (mut a, mut b) = (Backoff::new(7), Backoff::new(7));
        for _ in 0..20 {
            assert_eq!(a.wait(Duration::ZERO), b.wait(Duration::ZERO));
        }
        a.reset();
        assert!(a.wait(Duration::ZERO) <= FIRST_WAIT);
    }

    #[test]
    fn the_hubs_wish_is_the_least_wait() {
        let least = Duration::from_secs(90);
        assert_eq!(Backoff::new(1).wait(least), least);
    }
}
