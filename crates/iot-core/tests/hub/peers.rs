//! What nodes and people do in a world: connections, messages as bytes, answers, wishes.

use std::net::SocketAddr;

use iot_core::{DeliveryId, Input, Request, SessionId, view::Wanted};
use iot_proto::{
    Announcement, Body, BootId, CommandId, Correlation, Frame, Hello, Identity, List, MAX_FRAME, NodeKey,
    NodeMessage, OutcomeStatus, OwnedValue, Reading, Register, Report, RequestId, Value,
};

use crate::{
    end::End,
    node::{id, outcome},
    world::World,
};

impl World {
    /// A node opens a connection.
    pub(crate) fn open(&mut self, session: u64, address: &str) {
        let peer = SocketAddr::new(address.parse().expect("an address"), 40_000);
        self.sessions.insert(session, End::new());
        self.feed(Input::SessionOpened { session: SessionId(session), peer });
    }

    /// The peer of a session proves that it has a key.
    pub(crate) fn proves(&mut self, session: u64, key: NodeKey) {
        self.proves_to(session, key, 1);
    }

    /// The same, by the hub's key of this number.
    pub(crate) fn proves_to(&mut self, session: u64, key: NodeKey, hub_key: u8) {
        self.feed(Input::SessionProven { session: SessionId(session), key, hub_key });
    }

    /// A node's connection ends.
    pub(crate) fn close(&mut self, session: u64) {
        self.sessions.remove(&session);
        self.feed(Input::SessionClosed { session: SessionId(session) });
    }

    /// A node sends a request.
    pub(crate) fn says<'b>(&mut self, session: u64, body: &impl Body<'b>) {
        let end = self.sessions.get_mut(&session).expect("an open session");
        let id = end.next;
        end.next = id.next();
        self.sends(session, body, Correlation::Request(id));
    }

    /// A node says hello, as a request.
    pub(crate) fn hello(&mut self, session: u64, hello: &Hello<'_>) {
        let end = self.sessions.get_mut(&session).expect("an open session");
        let name = match hello.identity {
            Identity::Name(name) => name.as_str().into(),
            Identity::Key(key) => format!("the key {:02x}", key.0[0]),
        };
        end.offered = Some((usize::from(hello.max_frame), name));
        self.says(session, hello);
    }

    /// A node sends a message.
    pub(crate) fn sends<'b>(&mut self, session: u64, body: &impl Body<'b>, correlation: Correlation) {
        let bytes = encoded(body, correlation);
        self.receives(session, &bytes);
    }

    /// A whole frame arrives on a session.
    pub(crate) fn receives(&mut self, session: u64, bytes: &[u8]) {
        let (frame, _) = Frame::split(bytes, MAX_FRAME).expect("a frame").expect("a whole frame");
        self.feed(Input::Received { session: SessionId(session), frame: &frame });
    }

    /// A node opens a session from this address, says hello and registers these modules, if it is let in.
    pub(crate) fn join(
        &mut self,
        session: u64,
        address: &str,
        said: &Hello<'_>,
        modules: &[Announcement<'_>],
    ) {
        self.open(session, address);
        if self.is_open(session) {
            self.hello(session, said);
        }
        if self.is_open(session) {
            self.register(session, modules);
        }
    }

    /// A node registers all its modules.
    pub(crate) fn register(&mut self, session: u64, modules: &[Announcement<'_>]) {
        let total = u8::try_from(modules.len()).expect("few modules");
        self.says(session, &Register { total, modules: List::new(modules).expect("few modules") });
    }

    /// A node reports in its first run.
    pub(crate) fn report(&mut self, session: u64, sequence: u32, readings: &[Reading<'_>]) {
        let readings = List::new(readings).expect("few readings");
        self.says(session, &Report { boot: BootId(1), sequence, readings });
    }

    /// A node answers a command on its session.
    pub(crate) fn answers(
        &mut self,
        session: u64,
        name: &str,
        status: OutcomeStatus,
        value: Option<Value<'_>>,
    ) {
        let command = self.names.id(name);
        let end = self.sessions.get_mut(&session).expect("an open session");
        let request = end.commands.remove(&command).expect("a command that was sent there");
        self.sends(session, &outcome(command, status, value), Correlation::Response(request));
    }

    /// One of the commands that a node was sent on a session, and the request that brought it.
    pub(crate) fn sent(&self, session: u64, number: usize) -> Option<(CommandId, RequestId)> {
        let sent = &self.sessions.get(&session)?.commands;
        sent.iter().nth(number % sent.len().max(1)).map(|(command, request)| (*command, *request))
    }

    /// A node answers a command with something else than an outcome.
    pub(crate) fn answers_with<'b>(&mut self, session: u64, name: &str, body: &impl Body<'b>) {
        let command = self.names.id(name);
        let end = self.sessions.get_mut(&session).expect("an open session");
        let request = end.commands.remove(&command).expect("a command that was sent there");
        self.sends(session, body, Correlation::Response(request));
    }

    /// A node answers the latest request on its session that is no command.
    pub(crate) fn replies<'b>(&mut self, session: u64, body: &impl Body<'b>) {
        let end = self.sessions.get_mut(&session).expect("an open session");
        let request = end.asked.take().expect("a request");
        self.sends(session, body, Correlation::Response(request));
    }

    /// A dialled node sends a message.
    pub(crate) fn dialled<'b>(&mut self, delivery: u64, body: &impl Body<'b>, correlation: Correlation) {
        let bytes = encoded(body, correlation);
        let (frame, _) = Frame::split(&bytes, MAX_FRAME).expect("a frame").expect("a whole frame");
        self.feed(Input::DeliveryReceived { delivery: DeliveryId(delivery), frame });
    }

    /// A dialled node says who it is.
    pub(crate) fn dialled_hello(&mut self, delivery: u64, hello: &Hello<'_>) {
        self.dialled(delivery, hello, Correlation::Response(RequestId::FIRST));
    }

    /// A dialled node answers a command.
    pub(crate) fn dialled_answers(
        &mut self,
        delivery: u64,
        name: &str,
        status: OutcomeStatus,
        value: Option<Value<'_>>,
    ) {
        let command = self.names.id(name);
        let end = self.deliveries.get_mut(&delivery).expect("a delivery under way");
        let request = end.commands.remove(&command).expect("a command that was sent there");
        let outcome = outcome(command, status, value);
        self.dialled(delivery, &outcome, Correlation::Response(request));
    }

    /// A delivery comes to nothing.
    pub(crate) fn unreachable(&mut self, delivery: u64, why: &str) {
        self.deliveries.remove(&delivery);
        self.feed(Input::DeliveryEnded { delivery: DeliveryId(delivery), why: why.into() });
    }

    /// Someone wants something of a node.
    pub(crate) fn want(&mut self, node: &str, wanted: Wanted) {
        self.ask(Request::Command { node: id(node), wanted, expires_in_s: None });
    }

    /// Someone switches the first property of a module.
    pub(crate) fn switch(&mut self, node: &str, module: u8, on: bool) {
        self.want(node, Wanted::Set { module, channel: 1, value: OwnedValue::Bool(on) });
    }
}

/// A message as bytes, which must be one that a node sends.
pub(crate) fn encoded<'b>(body: &impl Body<'b>, correlation: Correlation) -> Vec<u8> {
    let mut bytes = Vec::new();
    iot_proto::encode_to_vec(body, correlation, &mut bytes).expect("a message that fits");
    let (frame, _) = Frame::split(&bytes, MAX_FRAME).expect("a frame").expect("a whole frame");
    NodeMessage::decode(frame.kind, frame.body).expect("a message of a node");
    bytes
}
