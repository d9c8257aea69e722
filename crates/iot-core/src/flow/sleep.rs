//! Sleep: a node says for how long it goes and how long it still listens.

use core::time::Duration;

use iot_proto::{Frame, Sleep, SleepAck};

use crate::{Effects, Hub, IotError, Now, SessionId};

impl Hub {
    /// A node is about to sleep. What waits for it is delivered while it still listens.
    ///
    /// # Errors
    /// [`IotError::OutOfTurn`] before hello.
    pub(crate) fn sleep(
        &mut self,
        now: Now,
        session: SessionId,
        sleep: Sleep,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.open_node(session, frame)?;
        let waiting = self.ledger.queued(number);
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        let from = now.instant + Duration::from_millis(sleep.listen_ms.into());
        let change = node.presence.sleep(now, from, Duration::from_secs(sleep.for_s.into()));
        if let Some(answer) = frame.correlation.answer() {
            let waiting = u16::try_from(waiting).unwrap_or(u16::MAX);
            out.send(session, &SleepAck { waiting }, answer);
        }
        self.presence_changed(now, number, change, out);
        self.pump(now, number, out);
        Ok(())
    }
}
