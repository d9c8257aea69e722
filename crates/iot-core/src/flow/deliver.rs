//! Delivery: waiting commands go out on the node's session, or by dialling it where it has none.

use alloc::boxed::Box;
use core::{net::SocketAddr, ops::Range, time::Duration};

use iot_proto::{
    CommandId, Correlation, Dial as DialMessage, Frame, FrameError, Get, HEADER_LEN, HubMessage, Identify,
    Identity, Invoke, Limits, NodeMessage, RequestId, Restart, Set, VersionRange,
};

use crate::{
    CommandState, DeliveryId, Effect, Effects, Hub, IotError, NamedBy, NodeId, Now, SessionId,
    commands::Dial,
    deadlines::Timer,
    registry::{Node, NodeNumber},
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

    /// Whether the node can still be wanted to do this: it may have registered other modules since.
    fn is_still_possible(&mut self, now: Now, number: NodeNumber, id: CommandId, out: &mut Effects) -> bool {
        let (Some(node), Some(command)) = (self.registry.get(number), self.ledger.get(id)) else {
            return false;
        };
        match node.check_wanted(&command.record.wanted) {
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
        let window = self.registry.get(number).map_or(0, |node| node.window);
        for id in queued {
            let Some(requests) = self.sessions.get_mut(session).map(Session::requests) else { return };
            if requests.in_flight() >= window {
                return;
            }
            let request = requests.begin(Pending::Command(*id));
            let limit = self.registry.get(number).map_or(0, |node| node.max_frame);
            if let Some(frames) = self.encode_command(now, *id, request, limit, out) {
                self.sent(now, *id, Route::Session(session), out);
                out.list.push(Effect::Send { session, frames });
            } else if let Some(requests) = self.sessions.get_mut(session).map(Session::requests) {
                requests.forget(Pending::Command(*id));
            }
        }
    }

    /// A command is on its way.
    fn sent(&mut self, now: Now, id: CommandId, on: Route, out: &mut Effects) {
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
        let (Some(address), true, false) = (node.address, listens, waits) else { return };
        let to = match self.config.dialling.check(SocketAddr::new(address.ip(), self.config.node_port)) {
            Ok(to) => to,
            Err(why) => return self.no_way(now, queued, &IotError::NoWay { address, why }, out),
        };
        if let Some(at) = self.dials.not_before(to, now.instant) {
            self.deadlines.set(Timer::Redial(number), at);
            return;
        }
        let limit = node.max_frame.min(Limits::UNTIL_AGREED.frame);
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

    /// Dials an address with one message for someone who asks.
    pub(crate) fn dial_for(
        &mut self,
        now: Now,
        ticket: crate::Ticket,
        (to, frame): (SocketAddr, Frame<'_>),
        out: &mut Effects,
    ) {
        let mut requests = Requests::new();
        let start = out.bytes.len();
        let node = self.registry.only_at(to.ip());
        // Where it is known who lives there, the message is for that node and no other.
        if let Some(number) = node {
            self.encode_dial(now, number, requests.begin(Pending::Hello), out);
        }
        let correlation = Correlation::Request(requests.begin(Pending::Ask(ticket)));
        let _ = out.encode_frame(&Frame { correlation, ..frame });
        let dial = Dial { node, to, requests };
        let delivery = self.start_delivery(now, (dial, NamedBy::Asker), start..out.bytes.len(), out);
        self.asks.insert(ticket, Route::Delivery(delivery));
    }

    fn start_delivery(
        &mut self,
        now: Now,
        (dial, named_by): (Dial, NamedBy),
        frames: Range<usize>,
        out: &mut Effects,
    ) -> DeliveryId {
        let to = dial.to;
        let key = dial.node.and_then(|number| self.registry.get(number)?.key);
        let delivery = self.dials.begin(dial, now.instant);
        out.list.push(Effect::Deliver { delivery, to, named_by, key, frames });
        delivery
    }

    /// A delivery's time runs from its turn: waiting behind others is no fault of its node.
    pub(crate) fn delivery_started(&mut self, now: Now, delivery: DeliveryId) {
        if self.dials.started(delivery, now.instant) {
            self.deadlines.set(Timer::Delivery(delivery), now.instant + self.delivery_within());
        }
    }

    /// A dialled connection must have been made and everything on it answered by then.
    fn delivery_within(&self) -> Duration {
        self.config.dial_within + self.config.answer_within
    }

    /// A dialled node took too long: to say who it is, or to answer.
    pub(crate) fn delivery_due(&mut self, now: Now, delivery: DeliveryId, out: &mut Effects) {
        let Some(dial) = self.dials.get(delivery) else { return };
        let limit_s = self.delivery_within().as_secs();
        let cause = if dial.requests.awaits(Pending::Hello) {
            let why = alloc::format!("no hello within {limit_s} s").into();
            IotError::Unreachable { address: dial.to, why }
        } else {
            IotError::NoAnswer { limit_s }
        };
        self.end_delivery(now, delivery, Some(&cause), out);
    }

    /// A frame arrived on a connection that the hub dialled.
    pub(crate) fn delivery_received(
        &mut self,
        now: Now,
        delivery: DeliveryId,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) {
        let Some(dial) = self.dials.get_mut(delivery) else { return };
        let (peer, number) = (dial.to, dial.node);
        let Correlation::Response(id) = frame.correlation else {
            let error = IotError::OutOfTurn { kind: frame.kind, why: "a dialled node only answers" };
            out.list.push(Effect::Refused { peer, node: self.node_id(number), error });
            return;
        };
        let is_known = !dial.requests.awaits(Pending::Hello);
        let result = match dial.requests.end(id) {
            None => Err(IotError::OutOfTurn { kind: frame.kind, why: "it answers no request" }),
            Some(Pending::Hello) => self.check_dialled(number, frame).map(|()| {
                self.reached(now, number, delivery, out);
            }),
            Some(pending) if is_known => self.answered(now, pending, Route::Delivery(delivery), frame, out),
            Some(pending) => {
                // Kept, so that whoever waits for it is told why there is none.
                dial.requests.begin(pending);
                Err(IotError::OutOfTurn { kind: frame.kind, why: "a dialled node says hello first" })
            }
        };
        if let Err(error) = &result
            && !is_known
        {
            out.list.push(Effect::Refused { peer, node: self.node_id(number), error: error.clone() });
            return self.end_delivery(now, delivery, Some(error), out);
        }
        if let Err(error) = result {
            out.list.push(Effect::Refused { peer, node: self.node_id(number), error });
        }
        if self.dials.get_mut(delivery).is_some_and(|dial| dial.requests.is_empty()) {
            self.end_delivery(now, delivery, None, out);
        }
    }

    /// Whether the node that answers is the one that was meant.
    fn check_dialled(&self, number: Option<NodeNumber>, frame: &Frame<'_>) -> Result<(), IotError> {
        let kind = frame.kind;
        let Some(meant) = self.node_id(number) else { return Ok(()) };
        let message = NodeMessage::decode(kind, frame.body);
        let message = message.map_err(|source| IotError::Message { kind, source })?;
        if let NodeMessage::Error(error) = message {
            return Err(IotError::Node { code: error.code, detail: error.detail.as_str().into() });
        }
        let NodeMessage::Hello(hello) = message else {
            return Err(IotError::OutOfTurn { kind, why: "a dialled node says hello" });
        };
        // A key was proven before anything was said, and it was the one that was meant.
        let key = number.and_then(|number| self.registry.get(number)?.key);
        match hello.identity {
            Identity::Name(name) if NodeId::plain(name) == meant => Ok(()),
            Identity::Name(name) => Err(IotError::WrongNode { node: meant, answered: name.as_str().into() }),
            Identity::Key(said) if key == Some(said) => Ok(()),
            Identity::Key(_) => Err(IotError::UnprovenKey),
        }
    }

    /// The node that was meant has answered: it is reachable, and has what was sent behind the dial.
    fn reached(&mut self, now: Now, number: Option<NodeNumber>, delivery: DeliveryId, out: &mut Effects) {
        let Some(number) = number else { return };
        self.dials.answered(delivery);
        self.dials.reached(number);
        self.deadlines.cancel(Timer::Redial(number));
        if let Some(node) = self.registry.get_mut(number) {
            node.presence.answered(now);
        }
        let sent = self.dials.get(delivery).and_then(|dial| dial.requests.command());
        let waits = |id: &CommandId| {
            self.ledger.get(*id).is_some_and(|command| command.state() == CommandState::Queued)
        };
        if let Some(id) = sent.filter(waits) {
            self.sent(now, id, Route::Delivery(delivery), out);
        }
    }

    /// A connection that the hub dialled was not made, or has ended.
    pub(crate) fn delivery_ended(
        &mut self,
        now: Now,
        delivery: DeliveryId,
        why: Box<str>,
        out: &mut Effects,
    ) {
        if let Some(dial) = self.dials.get_mut(delivery) {
            let cause = IotError::Unreachable { address: dial.to, why };
            self.finish_delivery(now, delivery, Some(&cause), out);
        }
    }

    /// Ends a delivery from the hub's side.
    pub(crate) fn end_delivery(
        &mut self,
        now: Now,
        delivery: DeliveryId,
        failure: Option<&IotError>,
        out: &mut Effects,
    ) {
        out.list.push(Effect::EndDelivery { delivery });
        self.finish_delivery(now, delivery, failure, out);
    }

    fn finish_delivery(
        &mut self,
        now: Now,
        delivery: DeliveryId,
        failure: Option<&IotError>,
        out: &mut Effects,
    ) {
        self.deadlines.cancel(Timer::Delivery(delivery));
        let Some(mut dial) = self.dials.end(delivery) else { return };
        let node = dial.node.and_then(|number| self.registry.get_mut(number));
        // A question stands beside the node's own delivery and says nothing of it.
        let of_node = node.filter(|node| node.delivery == Some(delivery)).map(|node| node.delivery = None);
        let pending = dial.requests.drain();
        self.give_up(now, pending, Route::Delivery(delivery), failure.unwrap_or(&IotError::Cut), out);
        let Some(number) = dial.node else { return };
        if failure.is_some() && of_node.is_some() {
            let wait = self.dials.failed(number, self.ids.random());
            self.deadlines.set(Timer::Redial(number), now.instant + wait);
        }
        self.pump(now, number, out);
    }

    /// Encodes the first message on a connection that the hub opens.
    fn encode_dial(&self, now: Now, number: NodeNumber, request: RequestId, out: &mut Effects) {
        if let Some(to) = self.registry.get(number).and_then(Node::identity) {
            let dial = DialMessage { versions: VersionRange::OURS, to, time: now.wall };
            let _ = out.encode(&dial, Correlation::Request(request));
        }
    }

    /// The id of a node.
    pub(crate) fn node_id(&self, number: Option<NodeNumber>) -> Option<NodeId> {
        number.and_then(|number| self.registry.get(number)).map(|node| node.id.clone())
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
