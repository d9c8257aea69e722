//! What nodes say of commands: outcomes, and the reports that prove them done.

use alloc::{boxed::Box, format, vec::Vec};

use iot_proto::{
    Acknowledged, BootId, CommandId, Frame, NodeMessage, Outcome, OutcomeStatus, Reading, Taken, Value,
};

use crate::{
    CommandState, Effect, Effects, Hub, IotError, Now, SessionId,
    commands::{Command, Measured, unknown},
    registry::{NodeNumber, is_as_wanted},
    sessions::Route,
    store::{Record, StoredReading},
    view::Wanted,
};

impl Hub {
    /// The node's answer to a command.
    ///
    /// # Errors
    /// Why the answer is none; the command then waits anew.
    pub(crate) fn command_answered(
        &mut self,
        now: Now,
        id: CommandId,
        from: Route,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let kind = frame.kind;
        let result = match NodeMessage::decode(kind, frame.body) {
            Ok(NodeMessage::Error(error)) => {
                let cause = IotError::Node { code: error.code, detail: error.detail.as_str().into() };
                self.transition(now, id, CommandState::Failed, Some(cause), out);
                Ok(())
            }
            Ok(NodeMessage::Outcome(outcome)) if outcome.command == id => {
                self.outcome(now, &outcome, out);
                Ok(())
            }
            Ok(_) => Err(IotError::OutOfTurn { kind, why: "a command is answered with its outcome" }),
            Err(source) => Err(IotError::Message { kind, source }),
        };
        if let Err(error) = &result {
            self.requeue(now, id, from, error, out);
        }
        result
    }

    /// What became of a command that the node had accepted, as a request of its own.
    ///
    /// # Errors
    /// [`IotError::OutOfTurn`] before hello; [`IotError::UnknownCommand`] for one that is not this node's.
    pub(crate) fn later_outcome(
        &mut self,
        now: Now,
        session: SessionId,
        outcome: &Outcome<'_>,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.open_node(session, frame)?;
        let command = self.ledger.get(outcome.command).filter(|command| command.node == number);
        if command.is_none() {
            return Err(unknown(outcome.command));
        }
        self.outcome(now, outcome, out);
        if let Some(answer) = frame.correlation.answer() {
            out.send(session, &Acknowledged, answer);
        }
        self.pump(now, number, out);
        Ok(())
    }

    /// Takes what a node says of a command. A value counts as a reading.
    fn outcome(&mut self, now: Now, outcome: &Outcome<'_>, out: &mut Effects) {
        let id = outcome.command;
        let Some(command) = self.ledger.get(id).filter(|command| command.state().is_under_way()) else {
            return;
        };
        let (number, wanted) = (command.node, command.record.wanted.clone());
        let reading = self.take_outcome_value(now, number, &wanted, outcome.value, out);
        match outcome.status {
            OutcomeStatus::DONE => self.node_is_done(now, id, &wanted, reading.as_ref(), out),
            OutcomeStatus::FAILED => {
                let cause = IotError::Node { code: outcome.code, detail: outcome.detail.as_str().into() };
                self.transition(now, id, CommandState::Failed, Some(cause), out);
            }
            // A status of a later protocol says at least that the node took the command.
            _ => self.transition(now, id, CommandState::Accepted, None, out),
        }
        if let Some(reading) = reading {
            self.settle_reading(now, number, &reading, out);
        }
    }

    /// The node says that it is done: believed where it reports the value that was wanted.
    fn node_is_done(
        &mut self,
        now: Now,
        id: CommandId,
        wanted: &Wanted,
        reported: Option<&StoredReading>,
        out: &mut Effects,
    ) {
        let (state, cause) = match (wanted, reported) {
            // Done is what the node reports; until then it is on its word.
            (Wanted::Set { .. } | Wanted::Get { .. }, None) => (CommandState::Accepted, None),
            (Wanted::Set { .. }, Some(reading)) => match self.mismatch(id, reading) {
                None => (CommandState::Done, None),
                Some(cause) => (CommandState::Failed, Some(cause)),
            },
            (Wanted::Get { .. } | Wanted::Invoke { .. } | Wanted::Identify { .. } | Wanted::Restart, _) => {
                (CommandState::Done, None)
            }
        };
        self.transition(now, id, state, cause, out);
    }

    /// Why a reported value is not what the command wanted; `None` where it is.
    fn mismatch(&self, id: CommandId, reading: &StoredReading) -> Option<IotError> {
        let command = self.ledger.get(id)?;
        let wanted = command.record.wanted.set_value()?;
        let module = self.registry.get(command.node)?.module(reading.module).ok()?;
        let property = module.kind().ok()?.property(reading.channel).ok()?;
        if is_as_wanted(property, wanted.borrow(), reading.value.borrow()) {
            return None;
        }
        Some(IotError::NotAsWanted {
            wanted: property.value.text_with_unit(wanted),
            reported: property.value.text_with_unit(&reading.value),
        })
    }

    /// Keeps the value that came with an outcome, as a report of one reading.
    fn take_outcome_value(
        &mut self,
        now: Now,
        number: NodeNumber,
        wanted: &Wanted,
        value: Option<Value<'_>>,
        out: &mut Effects,
    ) -> Option<StoredReading> {
        let (module, channel) = match wanted {
            Wanted::Set { module, channel, .. } | Wanted::Get { module, channel } => (*module, *channel),
            Wanted::Invoke { .. } | Wanted::Identify { .. } | Wanted::Restart => return None,
        };
        let reading = Reading { module, channel, taken: Taken::Age(0), value: value? };
        let node = self.registry.get_mut(number)?;
        let first = out.records.readings.len();
        if let (Err(code), Some(peer)) = (node.take_reading(now, &reading, out), node.address) {
            let text = format!("the value in the outcome of {}", node.describe(wanted));
            let error = IotError::Node { code, detail: text.into() };
            out.list.push(Effect::Refused { peer, node: Some(node.id.clone()), error: Box::new(error) });
        }
        let stored = out.records.readings.get(first)?.clone();
        out.records.records.push(Record::Report {
            node: node.id.clone(),
            boot: node.boot.unwrap_or(BootId(0)),
            sequence: 0,
            reports: 1,
            gap: 0,
            arrived: now.wall,
            readings: 1,
        });
        Some(stored)
    }

    /// Ends the accepted commands that wanted exactly what has now been reported.
    pub(crate) fn settle_reading(
        &mut self,
        now: Now,
        number: NodeNumber,
        reading: &StoredReading,
        out: &mut Effects,
    ) {
        let Some(node) = self.registry.get(number) else { return };
        let kind = node.module(reading.module).and_then(|module| module.kind().cloned());
        let Ok(Ok(property)) = kind.map(|kind| kind.property(reading.channel).cloned()) else { return };
        let place = (reading.module, reading.channel);
        let is_done = |command: &&Command| match &command.record.wanted {
            Wanted::Set { value, .. } => is_as_wanted(&property, value.borrow(), reading.value.borrow()),
            Wanted::Get { .. } => true,
            Wanted::Invoke { .. } | Wanted::Identify { .. } | Wanted::Restart => false,
        };
        let measured = Measured::at(now, reading.measured);
        let done = self.ledger.awaiting(number, place, measured).filter(is_done);
        let done: Vec<_> = done.map(Command::id).collect();
        for id in done {
            self.transition(now, id, CommandState::Done, None, out);
        }
    }
}
