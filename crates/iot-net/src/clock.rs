//! [`Clock`]: the only place where time is read.

use std::time::{SystemTime, UNIX_EPOCH};

use iot_core::{Instant, Now, UnixMillis};

/// The wall clock: milliseconds since 1970. A machine whose clock stands before 1970 gives 0.
pub fn wall_clock() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Both clocks: the monotonic one that deadlines run on, and the wall clock that labels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: tokio::time::Instant,
}

impl Clock {
    /// A clock whose monotonic time begins now.
    pub(crate) fn start() -> Self {
        Self { started: tokio::time::Instant::now() }
    }

    /// The present.
    pub(crate) fn now(&self) -> Now {
        let elapsed = self.started.elapsed().as_millis();
        Now { instant: Instant(u64::try_from(elapsed).unwrap_or(u64::MAX)), wall: wall_clock() }
    }

    /// When the runtime's timer must fire for an instant of the core to have come.
    pub(crate) fn at(&self, instant: Instant) -> tokio::time::Instant {
        self.started + core::time::Duration::from_millis(instant.0)
    }
}
