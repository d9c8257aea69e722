//! [`Pace`]: how many messages a second a session may send, and how long it is not read when it sends more.

use core::time::Duration;

use tokio::time::Instant;

/// How long a session that sends too much is not told again, nor the log.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// So much time's worth of messages may come at once.
const BURST: Duration = Duration::from_secs(2);

/// Counts the messages of one session. Whoever sends more than allowed is read more slowly and loses nothing.
#[derive(Debug)]
pub(crate) struct Pace {
    per_second: u32,
    /// Messages that have come since the clock was read last.
    new: u32,
    /// Up to when the time of the messages before reaches.
    used_until: Instant,
    /// When it was told last. Boxed, because few sessions ever are.
    told: Option<Box<Instant>>,
}

impl Pace {
    /// Allows so many messages a second, and twice as many at once.
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second: per_second.max(1), new: 0, used_until: Instant::now(), told: None }
    }

    /// Messages that are allowed in a second.
    pub(crate) fn per_second(&self) -> u32 {
        self.per_second
    }

    /// A message has come.
    pub(crate) fn count(&mut self) {
        self.new = self.new.saturating_add(1);
    }

    /// Until when the session is not to be read, where it has sent too much. Every message takes up its part of a
    /// second. `now` is when the last of them came.
    pub(crate) fn read_again_at(&mut self, now: Instant) -> Option<Instant> {
        let new = core::mem::take(&mut self.new);
        if new == 0 {
            // What came before has been waited for.
            return None;
        }
        self.used_until = self.used_until.max(now) + Duration::from_secs(1) * new / self.per_second;
        Some(self.used_until - BURST).filter(|at| *at > now)
    }

    /// Whether it is time to say so.
    pub(crate) fn is_news(&mut self) -> bool {
        let is_news = self.told.as_ref().is_none_or(|told| told.elapsed() >= TOLD_EVERY);
        if is_news {
            self.told = Some(Box::new(Instant::now()));
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_at_once_is_read_as_far_as_the_burst_and_then_as_allowed() {
        let mut pace = Pace::new(10);
        for _ in 0..20 {
            pace.count();
        }
        assert_eq!(pace.read_again_at(Instant::now()), None);
        for _ in 0..10 {
            pace.count();
        }
        let wait = pace.read_again_at(Instant::now()).expect("too much") - Instant::now();
        assert!(wait <= Duration::from_secs(1) && wait > Duration::from_millis(500), "{wait:?}");
        assert!(pace.is_news() && !pace.is_news(), "once");
    }
}
