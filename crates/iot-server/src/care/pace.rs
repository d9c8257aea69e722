//! [`Pace`]: pauses that end at once when the hub stops.

use core::{ops::ControlFlow, time::Duration};
use std::sync::{Condvar, Mutex, PoisonError};

/// Whether tasks may go on.
#[derive(Debug, Default)]
pub(super) struct Pace {
    over: Mutex<bool>,
    stopped: Condvar,
}

impl Pace {
    /// Ends all pauses, now and later.
    pub(super) fn stop(&self) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stopped.notify_all();
    }

    /// Whether tasks have to end.
    pub(super) fn is_over(&self) -> bool {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long; breaks when tasks have to end.
    pub(super) fn pause(&self, time: Duration) -> ControlFlow<()> {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.stopped.wait_timeout_while(over, time, |over| !*over);
        let (over, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_pause_ends_when_tasks_have_to() {
        let pace = Pace::default();
        assert!(pace.pause(Duration::from_millis(1)).is_continue() && !pace.is_over());
        let began = Instant::now();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| pace.pause(Duration::from_hours(1)));
            pace.stop();
            assert!(waits.join().unwrap().is_break());
        });
        assert!(began.elapsed() < Duration::from_mins(1) && pace.pause(Duration::from_hours(1)).is_break());
    }
}
