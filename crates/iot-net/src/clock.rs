//! [`Clock`]: the only place where time is read.

use core::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use iot_core::{Instant, Now, UnixMillis};

/// The wall clock: milliseconds since 1970. A machine whose clock stands before 1970 gives 0.
pub fn wall_clock() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Both clocks: the monotonic one that deadlines run on, and the wall clock that labels.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    started: tokio::time::Instant,
    read_at: Cell<tokio::time::Instant>,
}

impl Clock {
    /// A clock whose monotonic time begins now.
    pub(crate) fn start() -> Self {
        let started = tokio::time::Instant::now();
        Self { started, read_at: Cell::new(started) }
    }

    /// The present.
    pub(crate) fn now(&self) -> Now {
        let read_at = tokio::time::Instant::now();
        self.read_at.set(read_at);
        let elapsed = read_at.duration_since(self.started).as_millis();
        Now { instant: Instant(u64::try_from(elapsed).unwrap_or(u64::MAX)), wall: wall_clock() }
    }

    /// When it was read last, on the runtime's clock.
    pub(crate) fn read_at(&self) -> tokio::time::Instant {
        self.read_at.get()
    }

    /// When the runtime's timer must fire for an instant of the core to have come.
    pub(crate) fn at(&self, instant: Instant) -> tokio::time::Instant {
        self.started + core::time::Duration::from_millis(instant.0)
    }
}
