//! [`StoreWatch`]: whether the store takes what it is given and answers in time, for whoever watches and for the log.
//!
//! The driver tells it when a commit begins and ends, and looks when one may have become overdue.

use std::time::Duration;

use iot_core::{UnixMillis, store::StoreError};
use tokio::{sync::watch, time::Instant};
use tracing::{error, info};

use crate::{clock::wall_clock, handle::Refusing};

/// What is expected of the store, and what was told of it.
#[derive(Debug)]
pub(crate) struct StoreWatch {
    answer: Answer,
    /// A commit that takes longer is overdue.
    within: Duration,
    told: watch::Sender<Option<Refusing>>,
}

/// What is expected of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// No commit runs.
    NotDue,
    /// The commit that runs has taken too long by then.
    DueBy(Instant),
    /// It has, and that was told.
    Overdue,
}

impl StoreWatch {
    /// Expects each commit to end `within` that time.
    pub(crate) fn new(within: Duration, told: watch::Sender<Option<Refusing>>) -> Self {
        Self { answer: Answer::NotDue, within, told }
    }

    /// A commit has begun.
    pub(crate) fn begun(&mut self, now: Instant) {
        self.answer = Answer::DueBy(now + self.within);
    }

    /// The commit that ran has ended, well or not.
    pub(crate) fn ended(&mut self, failed: Option<&StoreError>) {
        self.answer = Answer::NotDue;
        self.tell(failed, Duration::ZERO);
    }

    /// When to [look](Self::look), at the latest.
    pub(crate) fn look_at(&self) -> Option<Instant> {
        match self.answer {
            Answer::DueBy(by) => Some(by),
            Answer::NotDue | Answer::Overdue => None,
        }
    }

    /// Tells that the commit that runs has taken too long, where it has.
    pub(crate) fn look(&mut self, now: Instant) {
        if let Answer::DueBy(by) = self.answer
            && by <= now
        {
            self.answer = Answer::Overdue;
            self.tell(Some(&StoreError::silent(self.within)), now - by + self.within);
        }
    }

    /// Why nothing may be asked of the hub now that would be stored: whoever asks would wait for as long as the store does,
    /// and could not know what becomes of it.
    pub(crate) fn overdue(&self) -> Option<StoreError> {
        (self.answer == Answer::Overdue).then(|| StoreError::silent(self.within))
    }

    /// Tells whoever watches, and the log, when the store begins to refuse, which may have been so long ago, and when it
    /// stores again.
    fn tell(&self, refused: Option<&StoreError>, ago: Duration) {
        self.told.send_if_modified(|known| match (refused, &mut *known) {
            (None, None) => false,
            (None, Some(Refusing { since, .. })) => {
                info!(since = since.0, "stored again, and acknowledged");
                *known = None;
                true
            }
            (Some(error), Some(known)) if known.why == error.why => false,
            (Some(error), known) => {
                error!(%error, "not stored: nothing is acknowledged until it is");
                let ago_ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                let begun = || UnixMillis(wall_clock().0.saturating_sub(ago_ms));
                let since = known.as_ref().map_or_else(begun, |known| known.since);
                *known = Some(Refusing { why: error.why.clone(), since });
                true
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(5);

    #[test]
    fn a_commit_is_overdue_until_it_ends_and_what_was_told_stays_until_the_store_stores() {
        let (told, seen) = watch::channel(None);
        let why = || seen.borrow().as_ref().map(|refusing: &Refusing| refusing.why.clone());
        let (mut watch, now) = (StoreWatch::new(WITHIN, told), Instant::now());
        watch.look(now);
        assert_eq!((watch.look_at(), watch.overdue(), why()), (None, None, None));

        watch.begun(now);
        watch.look(now + WITHIN / 2);
        assert_eq!((watch.look_at(), watch.overdue(), why()), (Some(now + WITHIN), None, None));
        let silent = StoreError::silent(WITHIN);
        watch.look(now + 2 * WITHIN);
        assert_eq!((watch.look_at(), watch.overdue()), (None, Some(silent.clone())));
        assert_eq!(why(), Some(silent.why));
        let since = seen.borrow().as_ref().map(|refusing| refusing.since);
        assert!(since.is_some_and(|since| wall_clock().0 - since.0 >= 10_000), "it began before it was told");

        let full = StoreError { why: "the disk is full".into() };
        watch.ended(Some(&full));
        assert_eq!((watch.look_at(), watch.overdue(), why()), (None, None, Some(full.why)));
        assert_eq!(seen.borrow().as_ref().map(|refusing| refusing.since), since);
        watch.ended(None);
        assert_eq!(why(), None);
    }
}
