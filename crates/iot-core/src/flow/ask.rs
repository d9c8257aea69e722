//! Questions of people and programs: commands, admission, and messages to an address. Each is answered once.

use alloc::format;
use core::net::SocketAddr;

use iot_proto::{Admission, Correlation, Frame, Limits};

use crate::{
    AdmissionState, Answer, CommandState, Effects, Event, Hub, IotError, NodeId, Now, Request, SessionId,
    Ticket,
    deadlines::Timer,
    flow::deliver::check_hub_message,
    registry::NodeNumber,
    sessions::{Pending, Phase, Route, Session},
    store::{Disabling, Record},
};

impl Hub {
    /// Someone asks for something.
    pub(crate) fn ask(&mut self, now: Now, ticket: Ticket, by: &str, request: Request, out: &mut Effects) {
        let done = |result: Result<(), IotError>| result.map(|()| Answer::Done);
        let answer = match request {
            Request::Command { node, wanted, expires_in_s } => {
                self.take_command(now, by, (&node, wanted, expires_in_s), out).map(Answer::Command)
            }
            Request::Cancel { id } => done(self.cancel(now, by, id, out)),
            Request::Admit { node } => done(self.admit(now, by, &node, out)),
            Request::Reject { node } => done(self.reject(now, by, &node, out)),
            Request::Name { node, title, place } => {
                done(self.name_node(now, by, &node, (&title, &place), out))
            }
            Request::NameModule { node, module, title } => {
                done(self.name_module(now, by, (&node, module), &title, out))
            }
            Request::Disable { node, why } => {
                let disabling = Disabling { by: by.into(), why, at: now.wall };
                done(self.set_disabled(now, by, &node, Some(disabling), out))
            }
            Request::Enable { node } => done(self.set_disabled(now, by, &node, None, out)),
            Request::Revoke { node } => done(self.revoke(now, by, &node, out)),
            Request::Send { address, port, kind, body } => {
                let frame = Frame { kind, correlation: Correlation::OneWay, body: &body };
                match self.send_for(now, ticket, SocketAddr::new(address, port), frame, out) {
                    Ok(()) => return,
                    Err(error) => Err(error),
                }
            }
        };
        out.resolve(ticket, answer);
    }

    /// Lets a node in.
    fn admit(&mut self, now: Now, by: &str, id: &NodeId, out: &mut Effects) -> Result<(), IotError> {
        let number = self.registry.number(id)?;
        self.registry.set_admission(number, AdmissionState::Admitted);
        self.admission_changed(now, number, &format!("admitted by {by}"), out);
        self.pump(now, number, out);
        Ok(())
    }

    /// Turns a waiting node away and forgets it.
    fn reject(&mut self, now: Now, by: &str, id: &NodeId, out: &mut Effects) -> Result<(), IotError> {
        let number = self.registry.number(id)?;
        // First what waits for it, so that nothing is sent or dialled for it while it goes.
        for command in self.ledger.forget(number) {
            self.deadlines.cancel(Timer::Command(command));
            self.deadlines.cancel(Timer::Expiry(command));
        }
        self.take_away(now, number, id, out);
        let was_kept =
            self.registry.get(number).is_some_and(|node| node.admission != AdmissionState::Pending);
        self.deadlines.cancel(Timer::Presence(number));
        self.deadlines.cancel(Timer::Redial(number));
        self.dials.reached(number);
        let Some(node) = self.registry.remove(number) else { return Ok(()) };
        if was_kept {
            out.records.records.push(Record::Gone(id.clone()));
        }
        out.publish(Event::Gone { node: id.clone() });
        self.activity.note(now.wall, None, format!("{} was turned away by {by}.", node.title), out);
        Ok(())
    }

    /// Disables a node, or enables it again.
    fn set_disabled(
        &mut self,
        now: Now,
        by: &str,
        id: &NodeId,
        disabling: Option<Disabling>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.registry.number(id)?;
        let word = if disabling.is_some() { "disabled" } else { "enabled" };
        if let Some(node) = self.registry.get_mut(number) {
            node.disabled = disabling;
        }
        self.admission_changed(now, number, &format!("{word} by {by}"), out);
        self.pump(now, number, out);
        Ok(())
    }

    /// Lets a node in no more: its session ends, and what waited for it is cancelled.
    fn revoke(&mut self, now: Now, by: &str, id: &NodeId, out: &mut Effects) -> Result<(), IotError> {
        let number = self.registry.number(id)?;
        self.registry.set_admission(number, AdmissionState::Revoked);
        self.admission_changed(now, number, &format!("revoked by {by}"), out);
        for state in [CommandState::Queued, CommandState::Sent, CommandState::Accepted] {
            for command in self.ledger.in_state(number, state) {
                let cause = IotError::Revoked { node: id.clone() };
                self.transition(now, command, CommandState::Cancelled, Some(cause), out);
            }
        }
        self.take_away(now, number, id, out);
        Ok(())
    }

    /// Ends a node's session, and the attempt to reach it.
    fn take_away(&mut self, now: Now, number: NodeNumber, id: &NodeId, out: &mut Effects) {
        if let Some(delivery) = self.registry.get(number).and_then(|node| node.delivery) {
            self.end_delivery(now, delivery, None, out);
        }
        if let Some(session) = self.registry.get(number).and_then(|node| node.session) {
            self.end_session(now, session, &IotError::Revoked { node: id.clone() }, out);
        }
    }

    /// Keeps a change of a node's admission, and tells it and all who watch.
    fn admission_changed(&mut self, now: Now, number: NodeNumber, what: &str, out: &mut Effects) {
        let Some(node) = self.registry.get(number) else { return };
        out.records.records.extend(node.record());
        if let Some(session) = node.session
            && let Some(requests) = self.sessions.get_mut(session).map(Session::requests)
        {
            let admission: Admission = node.wire_admission();
            out.send(session, &admission, Correlation::Request(requests.begin(Pending::Admission)));
        }
        let id = node.id.clone();
        out.publish(Event::Node { node: id.clone() });
        let text = format!("{} was {what}.", node.title);
        self.activity.note(now.wall, Some(&id), text, out);
    }

    /// Sends a message to an address: on the session of the node there, else by dialling.
    ///
    /// Where several nodes share the address it is not known who is meant, and whoever listens is dialled.
    ///
    /// # Errors
    /// [`IotError::Message`] for what is no message of a hub; [`IotError::Frame`] where it is too long for
    /// the node; [`IotError::TooMany`] where the node has not answered enough yet.
    fn send_for(
        &mut self,
        now: Now,
        ticket: Ticket,
        to: SocketAddr,
        frame: Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let node = self.registry.only_at(to.ip()).and_then(|number| self.registry.get(number));
        let limit = node
            .filter(|node| node.session.is_some())
            .map_or(Limits::UNTIL_AGREED.frame, |node| node.max_frame);
        check_hub_message(&frame, limit)?;
        let window = node.map_or(1, |node| node.window);
        let session = node.and_then(|node| node.session);
        let Some((session, requests)) =
            session.and_then(|id| Some((id, self.sessions.get_mut(id).map(Session::requests)?)))
        else {
            self.dial_for(now, ticket, (to, frame), out);
            return Ok(());
        };
        if requests.in_flight() >= window {
            let limit = u64::try_from(window).unwrap_or(u64::MAX);
            return Err(IotError::TooMany { what: "requests that the node has not answered", limit });
        }
        let correlation = Correlation::Request(requests.begin(Pending::Ask(ticket)));
        out.send_frame(session, &Frame { correlation, ..frame });
        self.asks.insert(ticket, Route::Session(session));
        self.deadlines.set(Timer::Answer(ticket), now.instant + self.config.answer_within);
        Ok(())
    }

    /// The node's answer to a message that was sent for someone.
    pub(crate) fn ask_answered(&mut self, ticket: Ticket, frame: &Frame<'_>, out: &mut Effects) {
        let answer = Answer::Response { kind: frame.kind, body: frame.body.into() };
        self.resolve(ticket, Ok(answer), out);
    }

    /// A message that was sent for someone is not answered.
    pub(crate) fn ask_failed(&mut self, ticket: Ticket, cause: IotError, out: &mut Effects) {
        self.resolve(ticket, Err(cause), out);
    }

    /// Nobody answered a message in time.
    pub(crate) fn ask_due(&mut self, now: Now, ticket: Ticket, out: &mut Effects) {
        let Some(Route::Session(session)) = self.asks.get(&ticket).copied() else { return };
        let limit_s = self.config.answer_within.as_secs();
        self.resolve(ticket, Err(IotError::NoAnswer { limit_s }), out);
        if let Some(state) = self.sessions.get_mut(session) {
            state.requests().forget(Pending::Ask(ticket));
            self.pump_session(now, session, out);
        }
    }

    /// Something on a session was answered or given up, so that more may be sent there.
    pub(crate) fn pump_session(&mut self, now: Now, session: SessionId, out: &mut Effects) {
        if let Some(Phase::Open { node }) = self.sessions.get(session).map(|session| session.phase) {
            self.pump(now, node, out);
        }
    }

    /// Answers a question that waited, once.
    fn resolve(&mut self, ticket: Ticket, answer: Result<Answer, IotError>, out: &mut Effects) {
        self.deadlines.cancel(Timer::Answer(ticket));
        if self.asks.remove(&ticket).is_some() {
            out.resolve(ticket, answer);
        }
    }
}
