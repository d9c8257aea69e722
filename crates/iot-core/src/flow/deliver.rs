//! A delivery: one connection that the hub dials, from its turn until everything on it is answered or it has failed.

use alloc::boxed::Box;
use core::{net::SocketAddr, ops::Range, time::Duration};

use iot_proto::{
    CommandId, Correlation, Dial as DialMessage, Frame, Identity, NodeMessage, RequestId, VersionRange,
};

use crate::{
    CommandState, DeliveryId, Effect, Effects, Hub, IotError, NamedBy, NodeId, Now,
    commands::Dial,
    deadlines::Timer,
    registry::{Node, NodeNumber},
    sessions::{Pending, Requests, Route},
};

impl Hub {
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

    pub(super) fn start_delivery(
        &mut self,
        now: Now,
        (dial, named_by): (Dial, NamedBy),
        frames: Range<usize>,
        out: &mut Effects,
    ) -> DeliveryId {
        let to = dial.to;
        let key = dial.node.and_then(|number| self.registry.get(number)?.key());
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
            out.list.push(Effect::Refused { peer, node: self.node_id(number), error: Box::new(error) });
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
            out.list.push(Effect::Refused {
                peer,
                node: self.node_id(number),
                error: Box::new(error.clone()),
            });
            return self.end_delivery(now, delivery, Some(error), out);
        }
        if let Err(error) = result {
            out.list.push(Effect::Refused { peer, node: self.node_id(number), error: Box::new(error) });
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
        let key = number.and_then(|number| self.registry.get(number)?.key());
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
    pub(super) fn encode_dial(&self, now: Now, number: NodeNumber, request: RequestId, out: &mut Effects) {
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
