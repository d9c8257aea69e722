//! What waits for a node goes out: on its session, or by dialling it where it has none.

use core::{net::SocketAddr, ops::Range};

use iot_proto::{
    CommandId, Correlation, Frame, FrameError, Get, HEADER_LEN, HubMessage, Identify, Invoke, Limits,
    RequestId, Restart, Set,
};

use crate::{
    CommandState, Effect, Effects, Hub, IotError, NamedBy, Now, SessionId,
    commands::Dial,
    deadlines::Timer,
    registry::NodeNumber,
    sessions::{Pending, Requests, Route, Session},
    view::Wanted,
};

impl Hub {
    /// Sends what waits for a node, as far as the node can be reached now.
    pub(crate) fn pump(&mut self, now: Now, number: NodeNumber, out: &mut Effects) {
        let Some(node) = self.registry.get(number) else { return };
        if node.check_admission().is_err() {
            return;
        }
        let mut queued = self.ledger.in_state(number, CommandState::Queued);
        queued.retain(|id| self.is_still_possible(now, number, *id, out));
        let (Some(node), false) = (self.registry.get(number), queued.is_empty()) else { return };
        let takes = |session| self.sessions.get(session).is_some_and(|session| !session.is_stalled);
        match node.session {
            Some(session) if node.presence.hears(now) && takes(session) => {
                self.send_queued(now, session, number, &queued, out);
            }
            // It sleeps with its session open, or nothing comes through, and it will say so when it is back.
            Some(_) => {}
            None => self.dial(now, number, &queued, out),
        }
    }

    /// Whether the node can still be wanted to do this: it may have registered other modules since, and a hub whose
    /// registration was open may not be any more.
    fn is_still_possible(&mut self, now: Now, number: NodeNumber, id: CommandId, out: &mut Effects) -> bool {
        let (Some(node), Some(command)) = (self.registry.get(number), self.ledger.get(id)) else {
            return false;
        };
        match self.check_permitted(node).and_then(|()| node.check_wanted(&command.record.wanted)) {
            Ok(()) => true,
            Err(cause) => {
                self.transition(now, id, CommandState::Failed, Some(cause), out);
                false
            }
        }
    }

    /// Sends as many commands on a session as the node takes at one time.
    fn send_queued(
        &mut self,
        now: Now,
        session: SessionId,
        number: NodeNumber,
        queued: &[CommandId],
        out: &mut Effects,
    ) {
        let window = self.registry.get(number).map_or(0, |node| node.window.into());
        for id in queued {
            let Some(requests) = self.sessions.get_mut(session).map(Session::requests) else { return };
            if requests.in_flight() >= window {
                return;
            }
            let request = requests.begin(Pending::Command(*id));
            let limit = self.registry.get(number).map_or(0, |node| node.max_frame.into());
            if let Some(frames) = self.encode_command(now, *id, request, limit, out) {
                self.sent(now, *id, Route::Session(session), out);
                out.list.push(Effect::Send { session, frames });
            } else if let Some(requests) = self.sessions.get_mut(session).map(Session::requests) {
                requests.forget(Pending::Command(*id));
            }
        }
    }

    /// A command is on its way.
    pub(super) fn sent(&mut self, now: Now, id: CommandId, on: Route, out: &mut Effects) {
        if let Some(command) = self.ledger.get_mut(id) {
            command.sent_on = Some(on);
            command.first_sent.get_or_insert(now.instant);
            self.transition(now, id, CommandState::Sent, None, out);
        }
    }

    /// Dials a node with the first command that waits, where it listens and is not dialled already.
    ///
    /// The command counts as sent when the node has said that it is the one that was meant.
    fn dial(&mut self, now: Now, number: NodeNumber, queued: &[CommandId], out: &mut Effects) {
        let Some(node) = self.registry.get(number) else { return };
        let listens = node.facts.capabilities.has(iot_proto::Capabilities::LISTENS);
        let waits = node.delivery.is_some()
            || node.presence.sleeps()
            || self.deadlines.get(Timer::Redial(number)).is_some();
        // Where it was told to live it may never have been; there it comes by itself first.
        let address = node.address.filter(|address| self.is_let_in_at(node, address.ip()));
        let (Some(address), true, false) = (address, listens, waits) else { return };
        let to = match self.config.dialling.check(SocketAddr::new(address.ip(), self.config.node_port)) {
            Ok(to) => to,
            Err(why) => return self.no_way(now, queued, &IotError::NoWay { address, why }, out),
        };
        if let Some(at) = self.dials.not_before(to, now.instant) {
            self.deadlines.set(Timer::Redial(number), at);
            return;
        }
        let limit = usize::from(node.max_frame).min(Limits::UNTIL_AGREED.frame);
        for id in queued {
            let mut requests = Requests::new();
            let start = out.bytes.len();
            self.encode_dial(now, number, requests.begin(Pending::Hello), out);
            let request = requests.begin(Pending::Command(*id));
            if self.encode_command(now, *id, request, limit, out).is_some() {
                let dial = Dial { node: Some(number), to, requests };
                let delivery = self.start_delivery(now, (dial, NamedBy::Hub), start..out.bytes.len(), out);
                if let Some(node) = self.registry.get_mut(number) {
                    node.delivery = Some(delivery);
                }
                return;
            }
            out.bytes.truncate(start);
        }
    }

    /// A node is not dialled: its commands wait for a session of its own, and say why.
    fn no_way(&mut self, now: Now, queued: &[CommandId], cause: &IotError, out: &mut Effects) {
        for id in queued {
            let last = self.ledger.get(*id).and_then(|command| command.record.steps.last());
            if last.is_some_and(|step| step.cause.as_ref() != Some(cause)) {
                self.transition(now, *id, CommandState::Queued, Some(cause.clone()), out);
            }
        }
    }

    /// Encodes a command for one more try. One that the node's frames cannot carry fails.
    fn encode_command(
        &mut self,
        now: Now,
        id: CommandId,
        request: RequestId,
        limit: usize,
        out: &mut Effects,
    ) -> Option<Range<usize>> {
        let command = self.ledger.get_mut(id)?;
        let frames = encode_wanted(id, &command.record.wanted, Correlation::Request(request), out);
        if frames.len() > limit {
            out.bytes.truncate(frames.start);
            let limit = u64::try_from(limit).unwrap_or(u64::MAX);
            let cause = IotError::TooMany { what: "bytes of the command", limit };
            self.transition(now, id, CommandState::Failed, Some(cause), out);
            return None;
        }
        command.record.attempts += 1;
        Some(frames)
    }
}

/// Encodes what is wanted of a node.
fn encode_wanted(
    command: CommandId,
    wanted: &Wanted,
    correlation: Correlation,
    out: &mut Effects,
) -> Range<usize> {
    match wanted {
        Wanted::Set { module, channel, value } => {
            let set = Set { command, module: *module, channel: *channel, value: value.borrow() };
            out.encode(&set, correlation)
        }
        Wanted::Get { module, channel } => {
            out.encode(&Get { command, module: *module, channel: *channel }, correlation)
        }
        Wanted::Invoke { module, channel, argument } => {
            let argument = argument.as_ref().map(iot_proto::OwnedValue::borrow);
            out.encode(&Invoke { command, module: *module, channel: *channel, argument }, correlation)
        }
        Wanted::Identify { for_s } => out.encode(&Identify { command, for_s: *for_s }, correlation),
        Wanted::Restart => out.encode(&Restart { command }, correlation),
    }
}

/// Checks that a body is a message that a hub sends, so that nobody sends a node nonsense, and that the
/// node takes its frame.
///
/// # Errors
/// [`IotError::Message`], [`IotError::Frame`].
pub(crate) fn check_hub_message(frame: &Frame<'_>, limit: usize) -> Result<(), IotError> {
    let kind = frame.kind;
    HubMessage::decode(kind, frame.body).map_err(|source| IotError::Message { kind, source })?;
    let len = HEADER_LEN + frame.body.len();
    if len > limit {
        return Err(FrameError::TooLong { len, limit }.into());
    }
    Ok(())
}
