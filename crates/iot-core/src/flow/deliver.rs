//! Delivery: waiting commands go out on the node's session, or by dialling it where it has none.

use alloc::{boxed::Box, vec::Vec};
use core::{net::SocketAddr, ops::Range};

use iot_proto::{
    CommandId, Correlation, Dial as DialMessage, Frame, Get, HubMessage, Identify, Identity, Invoke,
    NodeMessage, RequestId, Restart, Set, VersionRange,
};

use crate::{
    CommandState, DeliveryId, Effect, Effects, Hub, IotError, NodeId, Now, SessionId,
    commands::Dial,
    deadlines::Timer,
    flow::ask::Route,
    registry::NodeNumber,
    sessions::{Pending, Requests},
    view::Wanted,
};

/// How often a command is sent to a node that takes it and does not answer.
const ATTEMPTS: u32 = 3;

impl Hub {
    /// Sends what waits for a node, as far as the node can be reached now.
    pub(crate) fn pump(&mut self, now: Now, number: NodeNumber, out: &mut Effects) {
        let Some(node) = self.registry.get(number) else { return };
        if node.check_admission().is_err() {
            return;
        }
        let queued = self.ledger.in_state(number, CommandState::Queued);
        if queued.is_empty() {
            return;
        }
        let (window, session) = (node.window, node.session);
        if let Some(session) = session {
            let free = window.saturating_sub(self.ledger.in_state(number, CommandState::Sent).len());
            for id in queued.into_iter().take(free) {
                self.send_command(now, session, id, out);
            }
            return;
        }
        let listens = node.facts.capabilities.has(iot_proto::Capabilities::LISTENS);
        let waits = node.delivery.is_some() || node.presence.sleeps();
        let backs_off = self.deadlines.get(Timer::Redial(number)).is_some();
        if let Some(address) = node.address
            && listens
            && !waits
            && !backs_off
        {
            let to = SocketAddr::new(address.ip(), self.config.node_port);
            self.dial(now, number, to, &queued, out);
        }
    }

    fn send_command(&mut self, now: Now, session: SessionId, id: CommandId, out: &mut Effects) {
        let Some(requests) = self.sessions.get_mut(session).map(crate::sessions::Session::requests) else {
            return;
        };
        let Some(command) = self.ledger.get_mut(id) else { return };
        let correlation = Correlation::Request(requests.begin(Pending::Command(id)));
        command.sent_on = Some(session);
        command.record.attempts += 1;
        let frames = encode_command(id, &command.record.wanted, correlation, out);
        self.transition(now, id, CommandState::Sent, None, out);
        out.list.push(Effect::Send { session, frames });
    }

    /// Dials a node with as many waiting commands as it takes at one time.
    fn dial(
        &mut self,
        now: Now,
        number: NodeNumber,
        to: SocketAddr,
        queued: &[CommandId],
        out: &mut Effects,
    ) {
        let Some(node) = self.registry.get(number) else { return };
        let (id, window) = (node.id.clone(), node.window);
        let mut requests = Requests::new();
        let start = out.bytes.len();
        encode_dial(now, &id, requests.begin(Pending::Hello), out);
        for command in queued.iter().take(window) {
            let Some(known) = self.ledger.get_mut(*command) else { continue };
            known.sent_on = None;
            known.record.attempts += 1;
            let correlation = Correlation::Request(requests.begin(Pending::Command(*command)));
            encode_command(*command, &known.record.wanted, correlation, out);
            self.transition(now, *command, CommandState::Sent, None, out);
        }
        let dial = Dial { node: Some(number), to, requests };
        self.start_delivery(now, dial, start..out.bytes.len(), out);
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
        let node = match self.registry.at_address(to.ip())[..] {
            [number] => Some(number),
            _ => None,
        };
        // Where it is known who lives there, the message is for that node and no other.
        if let Some(id) = node.and_then(|number| self.registry.get(number)).map(|node| node.id.clone()) {
            encode_dial(now, &id, requests.begin(Pending::Hello), out);
        }
        let correlation = Correlation::Request(requests.begin(Pending::Ask(ticket)));
        let _ = out.encode_frame(&Frame { correlation, ..frame });
        // A question stands beside the node's own delivery and does not count as one.
        let dial = Dial { node: None, to, requests };
        let delivery = self.start_delivery(now, dial, start..out.bytes.len(), out);
        self.asks.insert(ticket, Route::Delivery(delivery));
    }

    fn start_delivery(
        &mut self,
        now: Now,
        dial: Dial,
        frames: Range<usize>,
        out: &mut Effects,
    ) -> DeliveryId {
        let (node, to) = (dial.node, dial.to);
        let delivery = self.dials.begin(dial);
        if let Some(node) = node.and_then(|number| self.registry.get_mut(number)) {
            node.delivery = Some(delivery);
        }
        let within = self.config.dial_within + self.config.answer_within;
        self.deadlines.set(Timer::Delivery(delivery), now.instant + within);
        out.list.push(Effect::Deliver { delivery, to, frames });
        delivery
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
        let result = match dial.requests.end(id) {
            None => Err(IotError::OutOfTurn { kind: frame.kind, why: "it answers no request" }),
            Some(Pending::Hello) => match self.check_dialled(number, frame) {
                Ok(()) => {
                    self.reached(now, number);
                    Ok(())
                }
                Err(error) => {
                    out.list.push(Effect::Refused { peer, node: self.node_id(number), error: error.clone() });
                    return self.end_delivery(now, delivery, Some(&error), out);
                }
            },
            Some(pending) => self.answered(now, pending, frame, out),
        };
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
        match hello.identity {
            Identity::Name(name) if NodeId::plain(name) == meant => Ok(()),
            Identity::Name(name) => Err(IotError::WrongNode { node: meant, answered: name.as_str().into() }),
            Identity::Key(_) => Err(IotError::UnprovenKey),
        }
    }

    fn reached(&mut self, now: Now, number: Option<NodeNumber>) {
        if let Some(number) = number {
            self.dials.reached(number);
            if let Some(node) = self.registry.get_mut(number) {
                node.presence.answered(now);
            }
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
        if let Some(node) = dial.node.and_then(|number| self.registry.get_mut(number)) {
            node.delivery = None;
        }
        let pending = dial.requests.drain();
        let cause = failure.cloned().unwrap_or(IotError::Cut);
        let (tired, waiting): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|pending| self.is_tired(*pending, &cause));
        for pending in tired {
            if let Pending::Command(id) = pending {
                self.transition(now, id, CommandState::Failed, Some(cause.clone()), out);
            }
        }
        self.give_up(now, waiting, &cause, out);
        let Some(number) = dial.node else { return };
        if failure.is_some() {
            let wait = self.dials.failed(number, self.ids.random());
            self.deadlines.set(Timer::Redial(number), now.instant + wait);
        }
        self.pump(now, number, out);
    }

    /// Whether a command has been taken and not answered so often that it is given up.
    fn is_tired(&self, pending: Pending, cause: &IotError) -> bool {
        let Pending::Command(id) = pending else { return false };
        let attempts = self.ledger.get(id).map_or(0, |command| command.record.attempts);
        matches!(cause, IotError::NoAnswer { .. }) && attempts >= ATTEMPTS
    }

    /// A command was sent and not answered in time, or accepted and not done in time.
    pub(crate) fn command_due(&mut self, now: Now, id: CommandId, out: &mut Effects) {
        let Some(command) = self.ledger.get(id) else { return };
        let (number, state, attempts) = (command.node, command.state(), command.record.attempts);
        let (session, limit) = (command.sent_on, self.step_within(state).unwrap_or_default());
        let cause = IotError::NoAnswer { limit_s: limit.as_secs() };
        match (state, session) {
            // A dialled node's answer is waited for by the delivery.
            (CommandState::Sent, None) => {}
            (CommandState::Sent, Some(session)) if attempts < ATTEMPTS => {
                if let Some(session) = self.sessions.get_mut(session) {
                    session.requests().forget(Pending::Command(id));
                }
                self.transition(now, id, CommandState::Queued, Some(cause), out);
            }
            _ => self.transition(now, id, CommandState::Failed, Some(cause), out),
        }
        self.pump(now, number, out);
    }

    /// The id of a node.
    pub(crate) fn node_id(&self, number: Option<NodeNumber>) -> Option<NodeId> {
        number.and_then(|number| self.registry.get(number)).map(|node| node.id.clone())
    }
}

/// Encodes the first message on a connection that the hub opens.
fn encode_dial(now: Now, node: &NodeId, request: RequestId, out: &mut Effects) {
    if let Some(name) = node.plain_name() {
        let dial = DialMessage { versions: VersionRange::OURS, to: Identity::Name(name), time: now.wall };
        let _ = out.encode(&dial, Correlation::Request(request));
    }
}

/// Encodes what is wanted of a node.
fn encode_command(
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

/// Checks that a body is a message that a hub sends, so that nobody sends a node nonsense.
///
/// # Errors
/// [`IotError::Message`].
pub(crate) fn check_hub_message(frame: &Frame<'_>) -> Result<(), IotError> {
    let kind = frame.kind;
    HubMessage::decode(kind, frame.body).map(|_| ()).map_err(|source| IotError::Message { kind, source })
}
