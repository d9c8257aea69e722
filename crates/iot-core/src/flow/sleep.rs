//! Sleep: a node says for how long it goes and how long it still listens.

use core::time::Duration;

use iot_proto::{Frame, Sleep, SleepAck};

use crate::{Effects, Hub, IotError, Now, SessionId, store::SleepRecord};

/// Longest time that a node may declare to be away: whoever says more has miscounted. A year and a day.
const LONGEST_AWAY: Duration = Duration::from_hours(366 * 24);

/// Longest time that a node may listen before it sleeps: until then it is not asked whether it is there.
const LONGEST_LISTENING: Duration = Duration::from_hours(1);

impl Hub {
    /// A node is about to sleep. What waits for it is delivered while it still listens.
    ///
    /// # Errors
    /// [`IotError::OutOfTurn`] before hello; [`IotError::TooLong`] for a time that is absurd.
    pub(crate) fn sleep(
        &mut self,
        now: Now,
        session: SessionId,
        sleep: Sleep,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.open_node(session, frame)?;
        let listens = Duration::from_millis(sleep.listen_ms.into());
        check_absence("a sleep", sleep.for_s)?;
        check("a time of listening before it sleeps", listens, LONGEST_LISTENING)?;
        let waiting = self.ledger.queued(number);
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        let from = now.instant + listens;
        let change = node.presence.sleep(now, from, Duration::from_secs(sleep.for_s.into()));
        let declared = SleepRecord { since: now.wall_at(from), for_s: sleep.for_s };
        node.change_extras(|extras| extras.sleep = Some(declared));
        out.records.records.extend(node.record());
        if let Some(answer) = frame.correlation.answer() {
            let waiting = u16::try_from(waiting).unwrap_or(u16::MAX);
            out.send(session, &SleepAck { waiting }, answer);
        }
        self.presence_changed(now, number, change, out);
        self.pump(now, number, out);
        Ok(())
    }
}

/// Checks for how long a node says that it is away, in seconds.
///
/// # Errors
/// [`IotError::TooLong`].
pub(crate) fn check_absence(what: &'static str, declared_s: u32) -> Result<(), IotError> {
    check(what, Duration::from_secs(declared_s.into()), LONGEST_AWAY)
}

fn check(what: &'static str, given: Duration, limit: Duration) -> Result<(), IotError> {
    if given <= limit {
        return Ok(());
    }
    Err(IotError::TooLong { what, given_s: given.as_secs(), limit_s: limit.as_secs() })
}
