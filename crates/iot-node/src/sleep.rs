//! Going to sleep: the node says so, listens for a while, and is gone.
//!
//! ```text
//!   Wanted ──(sleep sent)──▶ Listening until … ──(time is over)──▶ close, wait, connect again
//! ```

use core::time::Duration;

use iot_proto::Sleep;

use crate::{Instant, time::whole_millis};

/// A sleep that the firmware wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nap {
    /// For how long, from the end of the listening time.
    pub(crate) length: Duration,
    listen: Duration,
    listening_until: Option<Instant>,
}

impl Nap {
    /// A sleep that was not announced yet.
    pub(crate) fn new(length: Duration, listen: Duration) -> Self {
        Self { length, listen, listening_until: None }
    }

    /// What to tell the hub; `None` once it was told.
    pub(crate) fn message(&self) -> Option<Sleep> {
        let for_s = u32::try_from(self.length.as_secs()).unwrap_or(u32::MAX);
        let listen_ms = u32::try_from(whole_millis(self.listen)).unwrap_or(u32::MAX);
        self.listening_until.is_none().then_some(Sleep { for_s, listen_ms })
    }

    /// The hub was told at `now`.
    pub(crate) fn told(&mut self, now: Instant) {
        self.listening_until = Some(now.after(self.listen));
    }

    /// When the node stops to listen; `None` until the hub was told.
    pub(crate) fn listening_until(&self) -> Option<Instant> {
        self.listening_until
    }
}
