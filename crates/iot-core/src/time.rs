//! Time as the core knows it: handed in by the driver with every input, never read from a clock.
//!
//! Deadlines run on the monotonic [`Instant`], which no clock step can move. The wall clock
//! ([`UnixMillis`]) only labels what people and the store see.

use core::{ops::Add, time::Duration};

pub use iot_proto::UnixMillis;

/// A monotonic instant: milliseconds since the hub started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// The time from `earlier` to this instant; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// The instant that much later; at the end of time it stays there.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// The present, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For deadlines.
    pub instant: Instant,
    /// For labels.
    pub wall: UnixMillis,
}

impl Now {
    /// The wall-clock time of an instant, future or past, as far as it can be known at present.
    pub fn wall_at(self, instant: Instant) -> UnixMillis {
        let ahead = i64::try_from(instant.0.saturating_sub(self.instant.0)).unwrap_or(i64::MAX);
        let behind = i64::try_from(self.instant.0.saturating_sub(instant.0)).unwrap_or(i64::MAX);
        UnixMillis(self.wall.0.saturating_add(ahead).saturating_sub(behind))
    }
}
