//! [`Age`]: the present, as far as it is believed when something is to be deleted for its age.
//!
//! Reports arrive by the hub's clock, and a clock can leap. So the present that counts here follows arrivals
//! forward at no more than twice the speed at which time has passed by the clock that nothing sets, and
//! backward at once. A clock that is years ahead for a day deletes nothing but what would have gone within
//! the next day; a hub that was off for a month deletes what has become too old in the month after.

use std::time::{Duration, Instant};

/// The present that is believed.
#[derive(Debug)]
pub(crate) struct Age {
    /// Milliseconds since 1970; `None` until the first report of all arrives.
    believed: Option<i64>,
    /// Up to when the time that passes has been counted.
    counted: Instant,
}

impl Age {
    /// The present that was believed last.
    pub(crate) fn new(believed: Option<i64>, now: Instant) -> Self {
        Self { believed, counted: now }
    }

    /// A report has arrived.
    pub(crate) fn arrived(&mut self, arrived: i64, now: Instant) {
        let passed = now.saturating_duration_since(self.counted);
        self.counted = now;
        self.believed = Some(match self.believed {
            Some(believed) => arrived.min(believed.saturating_add(millis(passed * 2))),
            None => arrived,
        });
    }

    /// The present that is believed.
    pub(crate) fn present(&self) -> Option<i64> {
        self.believed
    }

    /// What is older than this has been kept for so long; `None` where that is for ever, or not known.
    pub(crate) fn before(&self, kept_for: Option<Duration>) -> Option<i64> {
        Some(self.believed?.saturating_sub(millis(kept_for?)))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn a_clock_that_leaps_years_ahead_for_a_day_ages_nothing_by_more_than_two() {
        let begun = Instant::now();
        let mut age = Age::new(Some(0), begun);
        for hour in 1..=24 {
            age.arrived(4_000 * DAY_MS + i64::from(hour) * DAY_MS / 24, begun + DAY / 24 * hour);
        }
        assert_eq!(age.present(), Some(2 * DAY_MS));
        age.arrived(DAY_MS, begun + DAY);
        assert_eq!(age.present(), Some(DAY_MS), "and back at once");
    }

    #[test]
    fn a_hub_that_was_off_for_ten_days_has_made_them_up_ten_days_later() {
        let begun = Instant::now();
        let mut age = Age::new(Some(0), begun);
        for day in 0..=11 {
            age.arrived((10 + i64::from(day)) * DAY_MS, begun + DAY * day);
        }
        assert_eq!(age.present(), Some(21 * DAY_MS));
    }

    #[test]
    fn nothing_is_too_old_where_it_is_kept_for_ever_or_nothing_has_arrived() {
        let mut age = Age::new(None, Instant::now());
        assert_eq!(age.before(Some(DAY)), None);
        age.arrived(5 * DAY_MS, Instant::now());
        assert_eq!((age.before(Some(DAY)), age.before(None)), (Some(4 * DAY_MS), None));
    }
}
