//! A world around a hub: sessions, deliveries and questions in virtual time, and what must hold after every input.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use iot_core::{
    Answer, DeliveryId, Effect, Effects, Hub, Input, Instant, NodeId, Now, Request, SessionId, Ticket,
    UnixMillis,
    catalogue::Catalogue,
    config::HubConfig,
    store::Snapshot,
    view::{CommandFilter, Wanted},
};
use iot_proto::{
    Announcement, Body, CommandId, Correlation, Frame, Hello, HubMessage, Identity, Limits, List, MAX_FRAME,
    NodeMessage, OutcomeStatus, OwnedValue, Reading, Register, Report, RequestId,
};

use crate::{
    lines::{Names, frames, lines},
    node::{id, outcome},
    store::Kept,
};

/// Where the wall clock stands when a world begins.
const DAWN: i64 = 1_767_225_600_000;

/// One end of a connection: what it takes, and which requests of the hub it has not answered.
#[derive(Debug)]
struct End {
    limit: usize,
    /// The limit of a hello that is not welcomed yet, and who said it.
    offered: Option<(usize, String)>,
    /// Who is welcome on it.
    node: Option<String>,
    next: RequestId,
    commands: BTreeMap<CommandId, RequestId>,
    /// Any other request, the latest.
    asked: Option<RequestId>,
}

/// A hub and all around it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) hub: Hub,
    config: HubConfig,
    now: Now,
    out: Effects,
    sessions: BTreeMap<u64, End>,
    deliveries: BTreeMap<u64, End>,
    tickets: u64,
    unanswered: BTreeSet<u64>,
    pub(crate) names: Names,
    lines: Vec<String>,
    kept: Kept,
}

impl World {
    /// A world whose hub asks a person about new nodes.
    pub(crate) fn new() -> Self {
        Self::with(HubConfig::default())
    }

    /// A world whose hub lets every node in.
    pub(crate) fn open_to_all() -> Self {
        Self::with(HubConfig { registration: iot_core::config::Registration::Open, ..HubConfig::default() })
    }

    /// A world with this configuration.
    pub(crate) fn with(config: HubConfig) -> Self {
        let now = Now { instant: Instant(0), wall: UnixMillis(DAWN) };
        let catalogue = Arc::new(Catalogue::built_in());
        Self {
            hub: Hub::new(config.clone(), catalogue, Snapshot::default(), now),
            config,
            now,
            out: Effects::new(),
            sessions: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            tickets: 0,
            unanswered: BTreeSet::new(),
            names: Names::default(),
            lines: Vec::new(),
            kept: Kept::default(),
        }
    }

    /// The hub ends without a word, and another starts from what it kept.
    pub(crate) fn restart(&mut self) {
        self.sessions.clear();
        self.deliveries.clear();
        self.unanswered.clear();
        let catalogue = Arc::new(Catalogue::built_in());
        self.hub = Hub::new(self.config.clone(), catalogue, self.kept.snapshot(), self.now);
        self.pass(0);
    }

    /// The present.
    pub(crate) fn now(&self) -> Now {
        self.now
    }

    /// Compares what happened since the last comparison.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &[&str]) {
        let happened = self.take();
        assert!(happened == expected, "happened:\n{happened:#?}\nexpected:\n{expected:#?}");
    }

    /// What happened since the last comparison.
    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// Forgets what happened, where a scenario is about what comes after it.
    pub(crate) fn skip(&mut self) {
        self.lines.clear();
    }

    /// Feeds one input and checks everything that must hold after it.
    pub(crate) fn feed(&mut self, input: Input<'_>) {
        self.out.clear();
        self.hub.handle(self.now, input, &mut self.out);
        let out = std::mem::take(&mut self.out);
        self.kept.commit(&out.records);
        for effect in &out.list {
            self.execute(effect, &out);
        }
        self.lines.extend(lines(&out, &mut self.names));
        self.out = out;
        self.check();
    }

    /// A node opens a connection.
    pub(crate) fn open(&mut self, session: u64, address: &str) {
        let peer = SocketAddr::new(address.parse().expect("an address"), 40_000);
        self.sessions.insert(session, End::new());
        self.feed(Input::SessionOpened { session: SessionId(session), peer });
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
            Identity::Key(_) => "a key".into(),
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
        self.feed(Input::Received { session: SessionId(session), frame });
    }

    /// A node opens a session from this address, says hello and registers these modules.
    pub(crate) fn join(
        &mut self,
        session: u64,
        address: &str,
        said: &Hello<'_>,
        modules: &[Announcement<'_>],
    ) {
        self.open(session, address);
        self.hello(session, said);
        self.register(session, modules);
    }

    /// A node registers all its modules.
    pub(crate) fn register(&mut self, session: u64, modules: &[Announcement<'_>]) {
        let total = u8::try_from(modules.len()).expect("few modules");
        self.says(session, &Register { total, modules: List::new(modules).expect("few modules") });
    }

    /// A node reports in its first run.
    pub(crate) fn report(&mut self, session: u64, sequence: u32, readings: &[Reading<'_>]) {
        let readings = List::new(readings).expect("few readings");
        self.says(session, &Report { boot: iot_proto::BootId(1), sequence, readings });
    }

    /// A node answers a command on its session.
    pub(crate) fn answers(
        &mut self,
        session: u64,
        name: &str,
        status: OutcomeStatus,
        value: Option<OwnedValue>,
    ) {
        let command = self.names.id(name);
        let end = self.sessions.get_mut(&session).expect("an open session");
        let request = end.commands.remove(&command).expect("a command that was sent there");
        self.sends(session, &outcome(command, status, value.as_ref()), Correlation::Response(request));
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
        value: Option<OwnedValue>,
    ) {
        let command = self.names.id(name);
        let end = self.deliveries.get_mut(&delivery).expect("a delivery under way");
        let request = end.commands.remove(&command).expect("a command that was sent there");
        let outcome = outcome(command, status, value.as_ref());
        self.dialled(delivery, &outcome, Correlation::Response(request));
    }

    /// A delivery comes to nothing.
    pub(crate) fn unreachable(&mut self, delivery: u64, why: &str) {
        self.deliveries.remove(&delivery);
        self.feed(Input::DeliveryEnded { delivery: DeliveryId(delivery), why: why.into() });
    }

    /// Someone asks for something.
    pub(crate) fn ask(&mut self, request: Request) {
        self.tickets += 1;
        self.unanswered.insert(self.tickets);
        self.feed(Input::Ask { ticket: Ticket(self.tickets), by: "ann", request });
    }

    /// Someone wants something of a node.
    pub(crate) fn want(&mut self, node: &str, wanted: Wanted) {
        self.ask(Request::Command { node: id(node), wanted, expires_in_s: None });
    }

    /// Someone switches the first property of a module.
    pub(crate) fn switch(&mut self, node: &str, module: u8, on: bool) {
        self.want(node, Wanted::Set { module, channel: 1, value: OwnedValue::Bool(on) });
    }

    /// Lets time pass, from deadline to deadline.
    pub(crate) fn pass(&mut self, seconds: u64) {
        let end = self.now.instant.0 + seconds * 1000;
        let mut ticks = 0;
        while let Some(deadline) = self.hub.next_deadline().filter(|deadline| deadline.at.0 <= end) {
            self.go_to(deadline.at.0.max(self.now.instant.0));
            self.feed(Input::Tick);
            ticks += 1;
            assert!(ticks < 100_000, "time stands still at {deadline:?}");
        }
        self.go_to(end);
    }

    /// Lets time pass while the hub is down.
    pub(crate) fn sleep_through(&mut self, seconds: u64) {
        self.go_to(self.now.instant.0 + seconds * 1000);
    }

    fn go_to(&mut self, instant: u64) {
        let ahead = i64::try_from(instant - self.now.instant.0).expect("not too far");
        self.now = Now { instant: Instant(instant), wall: UnixMillis(self.now.wall.0 + ahead) };
    }

    /// A node's presence: its state, and why.
    pub(crate) fn presence(&self, name: &str) -> String {
        let presence = self.hub.view(self.now).node(&id(name)).expect("a known node").presence;
        format!("{}: {:?}", presence.state.word(), presence.reason)
    }

    /// A command's states, oldest first.
    pub(crate) fn steps(&self, name: &str) -> Vec<&'static str> {
        let command = self.hub.view(self.now).command(self.names.id(name)).expect("a known command");
        command.steps.iter().map(|step| step.state.word()).collect()
    }

    /// Does what an effect wants, as far as the world is concerned, and checks that it may.
    fn execute(&mut self, effect: &Effect, out: &Effects) {
        match effect {
            Effect::Send { session, frames: at } => {
                let end = self.sessions.get_mut(&session.0).expect("only open sessions are sent to");
                end.take(&out.bytes[at.clone()]);
            }
            Effect::Widen { session, frame } => {
                assert!(self.sessions.contains_key(&session.0) && *frame <= MAX_FRAME);
            }
            Effect::Close { session } => {
                self.sessions.remove(&session.0).expect("a session is closed once");
            }
            Effect::Deliver { delivery, frames: at, .. } => {
                let mut end = End::new();
                end.take(&out.bytes[at.clone()]);
                assert!(self.deliveries.insert(delivery.0, end).is_none(), "a delivery begins once");
            }
            Effect::EndDelivery { delivery } => {
                self.deliveries.remove(&delivery.0).expect("a delivery ends once");
            }
            Effect::Resolve { ticket, answer } => {
                assert!(self.unanswered.remove(&ticket.0), "a question is answered once");
                if let Ok(Answer::Command(id)) = **answer {
                    self.names.of(id);
                }
            }
            Effect::Publish(_) | Effect::Refused { .. } => {}
        }
    }

    /// What holds after every input.
    fn check(&self) {
        if let Some(deadline) = self.hub.next_deadline() {
            assert!(deadline.at > self.now.instant, "{deadline:?} is not later than {:?}", self.now);
        }
        let mut welcome = BTreeSet::new();
        for node in self.sessions.values().filter_map(|end| end.node.as_ref()) {
            assert!(welcome.insert(node), "{node} has two sessions");
        }
        let view = self.hub.view(self.now);
        let overview = view.overview();
        let nodes = view.nodes();
        let admitted = nodes.iter().filter(|node| node.admission == iot_core::AdmissionState::Admitted);
        assert_eq!(overview.presence.total(), admitted.count());
        assert!(overview.waiting <= self.config.max_waiting && nodes.len() <= self.config.max_nodes);
        assert!(nodes.iter().all(|node| known(&view, &node.id)));
        let commands = view.commands(&CommandFilter { limit: usize::MAX, ..CommandFilter::default() });
        let under_way = commands.iter().filter(|command| command.state.is_under_way()).count();
        assert_eq!(under_way, overview.under_way);
        assert!(commands.iter().map(|command| command.id).rev().is_sorted());
    }
}

fn known(view: &iot_core::View<'_>, id: &NodeId) -> bool {
    view.node(id).is_ok()
}

impl Drop for World {
    /// When all connections have ended and enough time has passed, nothing is left open.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for session in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.close(session);
        }
        for _ in 0..2 {
            for delivery in self.deliveries.keys().copied().collect::<Vec<_>>() {
                self.unreachable(delivery, "the world ends");
            }
            self.pass(50 * 3600);
        }
        assert!(self.unanswered.is_empty(), "never answered: {:?}", self.unanswered);
        assert_eq!(self.hub.view(self.now).overview().under_way, 0, "commands end");
        assert_eq!(self.hub.next_deadline(), None, "nothing is left to wait for");
    }
}

impl End {
    fn new() -> Self {
        Self {
            limit: Limits::UNTIL_AGREED.frame,
            offered: None,
            node: None,
            next: RequestId::FIRST,
            commands: BTreeMap::new(),
            asked: None,
        }
    }

    /// Takes what the hub sends, if it may send it.
    fn take(&mut self, bytes: &[u8]) {
        for (frame, message) in frames(bytes) {
            if let HubMessage::Welcome(_) = message {
                let (limit, node) = self.offered.take().expect("a welcome answers a hello");
                (self.limit, self.node) = (limit, Some(node));
            }
            let len = iot_proto::HEADER_LEN + frame.body.len();
            assert!(len <= self.limit, "{} of {len} bytes for a limit of {}", frame.kind, self.limit);
            let Correlation::Request(request) = frame.correlation else { continue };
            match command_of(&message) {
                Some(command) => drop(self.commands.insert(command, request)),
                None => self.asked = Some(request),
            }
        }
    }
}

fn command_of(message: &HubMessage<'_>) -> Option<CommandId> {
    match message {
        HubMessage::Set(set) => Some(set.command),
        HubMessage::Get(get) => Some(get.command),
        HubMessage::Invoke(invoke) => Some(invoke.command),
        HubMessage::Identify(identify) => Some(identify.command),
        HubMessage::Restart(restart) => Some(restart.command),
        _ => None,
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
