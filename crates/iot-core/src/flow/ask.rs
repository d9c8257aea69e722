//! Questions of people and programs, and messages to an address. Each is answered once; what is asked is done by
//! the other flows.

use core::net::SocketAddr;

use iot_proto::{Correlation, Frame, Limits};

use super::{audit::Asker, send::check_hub_message};
use crate::{
    Answer, Effects, Hub, IotError, Now, Request, SessionId, Ticket,
    audit::Deed,
    deadlines::Timer,
    sessions::{Pending, Phase, Route, Session},
};

impl Hub {
    /// Someone asks for something.
    pub(crate) fn ask(
        &mut self,
        now: Now,
        ticket: Ticket,
        (by, why): (&str, &str),
        request: Request,
        out: &mut Effects,
    ) {
        if let Request::Send { address, port, kind, body } = request {
            let frame = Frame { kind, correlation: Correlation::OneWay, body: &body };
            if let Err(error) = self.send_for(now, ticket, SocketAddr::new(address, port), frame, out) {
                out.resolve(ticket, Err(error));
            }
            return;
        }
        let asker = Asker::new(now.wall, by, why);
        let answer = asker.and_then(|asker| self.serve(now, asker, request, out));
        out.resolve(ticket, answer);
    }

    /// Does what can be done at once.
    fn serve(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        request: Request,
        out: &mut Effects,
    ) -> Result<Answer, IotError> {
        match request {
            Request::Command { node, wanted, expires_in_s } => {
                return self
                    .take_command(now, asker, (&node, wanted, expires_in_s), out)
                    .map(Answer::Command);
            }
            Request::Cancel { id } => self.cancel(now, asker, id, out),
            Request::Admit { node } => self.admit(now, asker, &node, out),
            Request::Reject { node } => self.reject(now, asker, &node, out),
            Request::Name { node, title, place } => self.name_node(now, asker, &node, (&title, &place), out),
            Request::NameModule { node, module, title } => {
                self.name_module(now, asker, (&node, module), &title, out)
            }
            Request::Tag { node, tags } => self.tag(asker, &node, &tags, out),
            Request::Disable { node } => self.set_disabled(now, asker, &node, Deed::Disable, out),
            Request::Enable { node } => self.set_disabled(now, asker, &node, Deed::Enable, out),
            Request::Permit { node } => self.permit(now, asker, &node, out),
            Request::Forbid { node } => self.forbid(now, asker, &node, out),
            Request::AcceptAddress { node, address } => {
                self.accept_address(now, asker, (&node, address), out)
            }
            Request::Revoke { node } => self.revoke(now, asker, &node, out),
            Request::Archive { node } => self.archive(now, asker, &node, out),
            Request::Unarchive { node } => self.unarchive(now, asker, &node, out),
            Request::Forget { node } => self.forget(now, asker, &node, out),
            Request::OpenWindow { for_s, secret } => self.open_window(now, asker, for_s, secret, out),
            Request::AddSecret { secret } => self.add_secret(asker, secret, out),
            Request::CloseWindow => self.close_window(now, asker, out),
            Request::EnterDigits { digits } => self.enter_digits(now, asker, digits, out),
            Request::AllowUnverified => self.allow_unverified(now, asker, out),
            Request::AdmitUnverified { session } => self.admit_unverified(now, asker, session, out),
            Request::EndJoining { session } => self.end_joining(now, asker, session, out),
            Request::Replace { node, by } => self.replace(now, asker, (&node, &by), out),
            Request::HubKeys { keys } => {
                self.change_hub_keys(now, asker, *keys, out);
                Ok(())
            }
            Request::AuditHubKeys { before } => {
                self.audit_hub_keys(asker, before, out);
                Ok(())
            }
            // Not done at once: it has been dealt with before.
            Request::Send { .. } => Ok(()),
        }?;
        Ok(Answer::Done)
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
            .map_or(Limits::UNTIL_AGREED.frame, |node| node.max_frame.into());
        check_hub_message(&frame, limit)?;
        let window = node.map_or(1, |node| node.window.into());
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
        if let Some(Phase::Open { node }) = self.sessions.get(session).map(Session::phase) {
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
