//! A command's life: taken, superseded, stepped, sent again, given up. What nodes say of it is the outcome's.

use alloc::{boxed::Box, format};
use core::time::Duration;

use iot_proto::CommandId;

use super::audit::Asker;
use crate::{
    CommandState, Effects, Event, Hub, IotError, Limit, NodeId, Now, SessionId,
    audit::{Deed, Target},
    commands::{Command, unknown},
    deadlines::Timer,
    registry::NodeNumber,
    sessions::{Pending, Route, Session},
    store::CommandRecord,
    view::{Step, Wanted},
};

/// How often a command is sent to a node that takes it and does not answer.
const ATTEMPTS: u32 = 3;

impl Hub {
    /// Takes a command from someone.
    ///
    /// # Errors
    /// Why it cannot be wanted of this node: unknown, not let in, not permitted, no such module, value out of range,
    /// too many that wait.
    pub(crate) fn take_command(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        (node, wanted, expires_in_s): (&NodeId, Wanted, Option<u32>),
        out: &mut Effects,
    ) -> Result<CommandId, IotError> {
        let number = self.registry.number(node)?;
        let (mut called, mut target, mut words) = (None, Target::default(), Box::default());
        if let Some(node) = self.registry.get(number) {
            node.check_admission()?;
            self.check_permitted(node)?;
            node.check_wanted(&wanted)?;
            called = node.delivery.and_then(|call| self.dials.get(call)?.requests.command());
            (target, words) = (Target { module: wanted.module(), ..node.target() }, node.describe(&wanted));
        }
        let limit = self.config.max_queued;
        let superseded = self.ledger.superseded_by(number, &wanted, called);
        if self.ledger.queued(number).saturating_sub(superseded.len()) >= limit {
            return Err(self.too_many(Limit::Queued, limit));
        }
        let expires_in =
            expires_in_s.map_or(self.config.expires_after, |s| Duration::from_secs(s.max(1).into()));
        let deadline = now.instant + expires_in;
        let record = CommandRecord {
            id: self.ids.next(now.wall),
            node: node.clone(),
            wanted,
            author: asker.by.into(),
            why: asker.why.into(),
            steps: [Step { state: CommandState::Queued, at: now.wall, cause: None }].into(),
            expires: now.wall_at(deadline),
            attempts: 0,
        };
        let command = Command::new(number, record);
        let id = command.id();
        out.records.records.push(command.to_record());
        out.audit(asker, Deed::Command, Target { command: Some(id), ..target }, "", words);
        out.publish(Event::Command { id, node: node.clone(), state: CommandState::Queued });
        self.deadlines.set(Timer::Expiry(id), deadline);
        self.ledger.add(command);
        for older in superseded {
            let cause = IotError::Superseded { by: id };
            self.transition(now, older, CommandState::Cancelled, Some(cause), out);
        }
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
        asker: Asker<'_>,
        id: CommandId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let command = self.ledger.get(id).ok_or_else(|| unknown(id))?;
        if !command.state().is_under_way() {
            return Err(IotError::CommandEnded);
        }
        let (number, before) = (command.node, command.state().word());
        let cause = IotError::Cancelled { by: asker.by.into() };
        if let Some(node) = self.registry.get(number) {
            let wanted = &command.record.wanted;
            let target = Target { module: wanted.module(), command: Some(id), ..node.target() };
            let (before, after) =
                (format!("{}, {before}", node.describe(wanted)), CommandState::Cancelled.word());
            out.audit(asker, Deed::Cancel, target, before, after);
        }
        self.transition(now, id, CommandState::Cancelled, Some(cause), out);
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
            if let Some(Route::Session(session)) = on {
                self.forget_answer(session, id);
            }
            self.note_end(now, number, id, out);
            self.ledger.settle(id, self.config.max_ended);
        }
    }

    /// Stops waiting for a node's answer to a command.
    fn forget_answer(&mut self, session: SessionId, id: CommandId) {
        if let Some(requests) = self.sessions.get_mut(session).map(Session::requests) {
            requests.forget(Pending::Command(id));
        }
    }

    /// A command did not come through where it was sent: it waits anew. Where the node took it and gave no
    /// answer too often it fails; where a newer one has done the same it is over.
    pub(crate) fn requeue(
        &mut self,
        now: Now,
        id: CommandId,
        from: Route,
        cause: &IotError,
        out: &mut Effects,
    ) {
        let outdated = self.ledger.outdated_by(id);
        let Some(command) = self.ledger.get_mut(id) else { return };
        // By now it may be on its way somewhere else, or have come further.
        let is_there = match command.state() {
            CommandState::Sent => command.sent_on == Some(from),
            // It is dialled for, and the node has not said yet that it is the one that was meant.
            CommandState::Queued => matches!(from, Route::Delivery(_)),
            CommandState::Accepted
            | CommandState::Done
            | CommandState::Failed
            | CommandState::Expired
            | CommandState::Cancelled => false,
        };
        if !is_there {
            return;
        }
        command.unanswered += u32::from(is_no_answer(cause));
        let (state, cause) = if command.unanswered >= ATTEMPTS {
            (CommandState::Failed, cause.clone())
        } else if let Some(by) = outdated {
            (CommandState::Cancelled, IotError::Superseded { by })
        } else {
            (CommandState::Queued, cause.clone())
        };
        self.transition(now, id, state, Some(cause), out);
    }

    /// A command was sent and not answered in time, or accepted and not done in time, or the hub found at its
    /// start that a newer one has done the same.
    pub(crate) fn command_due(&mut self, now: Now, id: CommandId, out: &mut Effects) {
        let Some(command) = self.ledger.get(id) else { return };
        let (number, state, on) = (command.node, command.state(), command.sent_on);
        let limit_s = self.step_within(state).unwrap_or_default().as_secs();
        let cause = IotError::NoAnswer { limit_s };
        match (state, on) {
            (CommandState::Sent, Some(Route::Session(session))) => {
                self.forget_answer(session, id);
                let cause = self.stalled(now, number, session).unwrap_or(cause);
                self.requeue(now, id, Route::Session(session), &cause, out);
            }
            (CommandState::Accepted | CommandState::Queued, _)
                if let Some(by) = self.ledger.outdated_by(id) =>
            {
                self.transition(now, id, CommandState::Cancelled, Some(IotError::Superseded { by }), out);
            }
            // A node that is away cannot be late. The time runs anew when it is back.
            (CommandState::Accepted, _) if self.hears(now, number) => {
                self.transition(now, id, CommandState::Failed, Some(cause), out);
            }
            // A dialled node's answer is waited for by the delivery.
            _ => {}
        }
        self.pump(now, number, out);
    }

    /// Why a session takes no more commands for now: since the one that was not answered was sent, nothing at all
    /// was heard. All of them may still arrive, one behind the other, and a node remembers only the last that it
    /// ran: so nothing follows before something is heard.
    fn stalled(&mut self, now: Now, number: NodeNumber, session: SessionId) -> Option<IotError> {
        let presence = &self.registry.get(number)?.presence;
        if presence.silence(now) <= self.config.answer_within {
            return None;
        }
        let for_s = presence.silent_s(now);
        self.sessions.get_mut(session)?.is_stalled = true;
        Some(IotError::Silent { for_s })
    }

    /// Whether a node has a session on which it hears what it is sent.
    fn hears(&self, now: Now, number: NodeNumber) -> bool {
        self.registry.get(number).is_some_and(|node| node.session.is_some() && node.presence.hears(now))
    }

    /// A node is there again: what it accepted must be done in time from now on.
    pub(crate) fn await_accepted(&mut self, now: Now, number: NodeNumber) {
        for id in self.ledger.in_state(number, CommandState::Accepted) {
            if self.deadlines.get(Timer::Command(id)).is_none() {
                self.deadlines.set(Timer::Command(id), now.instant + self.config.done_within);
            }
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
}

/// Whether the node took a command and gave no answer that is one; otherwise it was not to be had.
fn is_no_answer(cause: &IotError) -> bool {
    matches!(cause, IotError::NoAnswer { .. } | IotError::Message { .. } | IotError::OutOfTurn { .. })
}
