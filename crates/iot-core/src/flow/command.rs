//! A command's life: taken, stepped, answered, done when the node reports the value.

use alloc::{boxed::Box, format};
use core::time::Duration;

use iot_proto::{Acknowledged, CommandId, Frame, NodeMessage, Outcome, OutcomeStatus, Reading, Taken, Value};

use crate::{
    CommandState, Effects, Event, Hub, IotError, NodeId, Now, SessionId,
    commands::{Command, unknown},
    deadlines::Timer,
    registry::{Node, NodeNumber, is_as_wanted},
    store::{CommandRecord, Record, StoredReading},
    view::{Step, Wanted},
};

impl Hub {
    /// Takes a command from someone.
    ///
    /// # Errors
    /// Why it cannot be wanted of this node: unknown, not let in, no such module, value out of range,
    /// too many that wait.
    pub(crate) fn take_command(
        &mut self,
        now: Now,
        by: &str,
        (node, wanted, expires_in_s): (&NodeId, Wanted, Option<u32>),
        out: &mut Effects,
    ) -> Result<CommandId, IotError> {
        let number = self.registry.number(node)?;
        if let Some(node) = self.registry.get(number) {
            node.check_admission()?;
            node.check_wanted(&wanted)?;
        }
        let limit = self.config.max_queued;
        let superseded = self.ledger.superseded_by(number, &wanted);
        if self.ledger.queued(number) - superseded.len() >= limit {
            let limit = u64::try_from(limit).unwrap_or(u64::MAX);
            return Err(IotError::TooMany { what: "commands that wait for one node", limit });
        }
        for older in superseded {
            self.transition(now, older, CommandState::Cancelled, Some(IotError::Superseded), out);
        }
        let expires_in = expires_in_s.map_or(self.config.expires_after, |s| Duration::from_secs(s.into()));
        let deadline = now.instant + expires_in;
        let record = CommandRecord {
            id: self.ids.next(now.wall),
            node: node.clone(),
            wanted,
            author: by.into(),
            steps: [Step { state: CommandState::Queued, at: now.wall, cause: None }].into(),
            expires: now.wall_at(deadline),
            attempts: 0,
        };
        let command = Command::new(number, record);
        let id = command.id();
        out.records.records.push(command.to_record());
        out.publish(Event::Command { id, node: node.clone(), state: CommandState::Queued });
        self.deadlines.set(Timer::Expiry(id), deadline);
        self.ledger.add(command);
        self.pump(now, number, out);
        Ok(id)
    }

    /// Cancels a command that is under way.
    ///
    /// # Errors
    /// [`IotError::UnknownCommand`], [`IotError::CommandEnded`].
    pub(crate) fn cancel(
        &mut self,
        now: Now,
        by: &str,
        id: CommandId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let command = self.ledger.get(id).ok_or_else(|| unknown(id))?;
        if !command.state().is_under_way() {
            return Err(IotError::CommandEnded);
        }
        let number = command.node;
        self.transition(now, id, CommandState::Cancelled, Some(IotError::Cancelled { by: by.into() }), out);
        self.pump(now, number, out);
        Ok(())
    }

    /// Brings a command into a state: keeps it, tells observers, sets its timers.
    pub(crate) fn transition(
        &mut self,
        now: Now,
        id: CommandId,
        state: CommandState,
        cause: Option<IotError>,
        out: &mut Effects,
    ) {
        let Some(command) = self.ledger.get_mut(id) else { return };
        if !command.step(now.wall, state, cause) {
            return;
        }
        out.records.records.push(command.to_record());
        out.publish(Event::Command { id, node: command.record.node.clone(), state });
        let (number, on) = (command.node, command.sent_on);
        match self.step_within(state) {
            Some(within) => self.deadlines.set(Timer::Command(id), now.instant + within),
            None => self.deadlines.cancel(Timer::Command(id)),
        }
        if !state.is_under_way() {
            self.deadlines.cancel(Timer::Expiry(id));
            if let Some(session) = on.and_then(|on| self.sessions.get_mut(on)) {
                session.requests().forget(crate::sessions::Pending::Command(id));
            }
            self.note_end(now, number, id, out);
            self.ledger.settle(id, self.config.max_ended);
        }
    }

    /// For how long a command may be in a state before something is done about it.
    pub(crate) fn step_within(&self, state: CommandState) -> Option<Duration> {
        match state {
            CommandState::Sent => Some(self.config.answer_within),
            CommandState::Accepted => Some(self.config.done_within),
            CommandState::Queued
            | CommandState::Done
            | CommandState::Failed
            | CommandState::Expired
            | CommandState::Cancelled => None,
        }
    }

    /// Puts the end of a command into the list of what happened.
    fn note_end(&mut self, now: Now, number: NodeNumber, id: CommandId, out: &mut Effects) {
        let (Some(node), Some(command)) = (self.registry.get(number), self.ledger.get(id)) else { return };
        let what = node.describe(&command.record.wanted);
        let why = command.record.steps.last().and_then(|step| step.cause.as_ref());
        let why = why.map_or_else(Default::default, |why| format!(": {why}"));
        let text = format!("{what}, {}{why}.", command.state().word());
        let node = node.id.clone();
        self.activity.note(now.wall, Some(&node), text, out);
    }

    /// The node's answer to a command.
    ///
    /// # Errors
    /// Why the answer is none; the command is then sent again.
    pub(crate) fn command_answered(
        &mut self,
        now: Now,
        id: CommandId,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let kind = frame.kind;
        let message = NodeMessage::decode(kind, frame.body);
        let message = message.map_err(|source| IotError::Message { kind, source })?;
        if let NodeMessage::Error(error) = message {
            let cause = IotError::Node { code: error.code, detail: error.detail.as_str().into() };
            self.transition(now, id, CommandState::Failed, Some(cause), out);
        } else if let NodeMessage::Outcome(outcome) = message
            && outcome.command == id
        {
            self.outcome(now, &outcome, out);
        } else {
            return Err(IotError::OutOfTurn { kind, why: "a command is answered with its outcome" });
        }
        Ok(())
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
        let reported = self.take_outcome_value(now, number, &wanted, outcome.value, out);
        match outcome.status {
            OutcomeStatus::DONE => self.node_is_done(now, id, &wanted, reported, out),
            OutcomeStatus::FAILED => {
                let cause = IotError::Node { code: outcome.code, detail: outcome.detail.as_str().into() };
                self.transition(now, id, CommandState::Failed, Some(cause), out);
            }
            // A status of a later protocol says at least that the node took the command.
            _ => self.transition(now, id, CommandState::Accepted, None, out),
        }
    }

    /// The node says that it is done: believed where it reports the value that was wanted.
    fn node_is_done(
        &mut self,
        now: Now,
        id: CommandId,
        wanted: &Wanted,
        reported: Option<StoredReading>,
        out: &mut Effects,
    ) {
        let (state, cause) = match (wanted, reported) {
            (Wanted::Set { .. }, None) => (CommandState::Accepted, None),
            (Wanted::Set { .. }, Some(reading)) => match self.mismatch(id, &reading) {
                None => (CommandState::Done, None),
                Some(cause) => (CommandState::Failed, Some(cause)),
            },
            (Wanted::Get { .. }, None) => (CommandState::Failed, Some(IotError::NoAnswer { limit_s: 0 })),
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
        let rejected = node.take_readings(now, core::iter::once(reading), out);
        if let (Some(rejected), Some(peer)) = (rejected.first(), node.address) {
            let text = format!("the value in the outcome of {}", node.describe(wanted));
            let error = IotError::Node { code: rejected.code, detail: text.into() };
            out.list.push(crate::Effect::Refused { peer, node: Some(node.id.clone()), error });
        }
        let stored = out.records.readings.get(first)?.clone();
        out.records.records.push(Record::Report {
            node: node.id.clone(),
            boot: node.boot.unwrap_or(iot_proto::BootId(0)),
            sequence: 0,
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
        let awaiting = self.ledger.awaiting(number, reading.module, reading.channel);
        let done = awaiting
            .into_iter()
            .filter(|(_, wanted)| is_as_wanted(&property, *wanted, reading.value.borrow()));
        let done: alloc::vec::Vec<_> = done.map(|(id, _)| id).collect();
        for id in done {
            self.transition(now, id, CommandState::Done, None, out);
        }
    }
}

impl Node {
    /// Checks that the node can be wanted to do this.
    ///
    /// # Errors
    /// [`IotError::ModuleNotRegistered`], why the module's kind is not supported, [`IotError::Value`].
    fn check_wanted(&self, wanted: &Wanted) -> Result<(), IotError> {
        let Some((index, channel)) = wanted.place() else { return Ok(()) };
        let kind = self.module(index)?.kind()?;
        match wanted {
            Wanted::Set { value, .. } => kind.property(channel)?.check_command(value.borrow())?,
            Wanted::Get { .. } => {
                kind.property(channel)?;
            }
            Wanted::Invoke { argument, .. } => {
                kind.action(channel)?.check_argument(argument.as_ref().map(|value| value.borrow()))?;
            }
            Wanted::Identify { .. } | Wanted::Restart => {}
        }
        Ok(())
    }

    /// What is wanted of the node, in words: `Pump 2: Output On`.
    pub(crate) fn describe(&self, wanted: &Wanted) -> Box<str> {
        let summary = self.summarise(wanted);
        match wanted.module().and_then(|index| self.module(index).ok()) {
            Some(module) => format!("{}: {summary}", module.title).into(),
            None => format!("{}: {summary}", self.title).into(),
        }
    }

    /// What is wanted, in words, without of whom: `Output On`, `Pulse`, `Restart`.
    pub(crate) fn summarise(&self, wanted: &Wanted) -> Box<str> {
        let kind =
            wanted.module().and_then(|index| self.module(index).ok()).and_then(|module| module.kind().ok());
        match wanted {
            Wanted::Set { channel, value, .. } => match kind.and_then(|kind| kind.property(*channel).ok()) {
                Some(property) => {
                    format!("{} {}", property.title, property.value.text_with_unit(value)).into()
                }
                None => format!("set channel {channel}").into(),
            },
            Wanted::Get { channel, .. } => match kind.and_then(|kind| kind.property(*channel).ok()) {
                Some(property) => format!("read {}", property.title).into(),
                None => format!("read channel {channel}").into(),
            },
            Wanted::Invoke { channel, argument, .. } => {
                match kind.and_then(|kind| kind.action(*channel).ok()) {
                    Some(action) => match (argument, &action.argument) {
                        (Some(value), Some(taken)) => {
                            format!("{} {}", action.title, taken.value.text_with_unit(value)).into()
                        }
                        _ => action.title.clone(),
                    },
                    None => format!("run channel {channel}").into(),
                }
            }
            Wanted::Identify { for_s } => format!("identify for {for_s} s").into(),
            Wanted::Restart => "restart".into(),
        }
    }
}
