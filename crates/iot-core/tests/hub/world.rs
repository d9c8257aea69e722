//! A world around a hub: sessions, deliveries and questions in virtual time, and what must hold after every input.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use iot_core::{
    Answer, DeliveryId, Effect, Effects, Hub, HubKeys, Input, Instant, JoinTurn, NodeId, Now, Request,
    Ticket, UnixMillis, catalogue::Catalogue, config::HubConfig, store::Snapshot, view::CommandFilter,
};
use iot_proto::{CommandId, MAX_FRAME};

use crate::{
    end::End,
    lines::{Names, lines},
    node::id,
    store::Kept,
};

/// Where the wall clock stands when a world begins.
const DAWN: i64 = 1_767_225_600_000;

/// A hub and all around it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) hub: Hub,
    config: HubConfig,
    catalogue: Arc<Catalogue>,
    now: Now,
    out: Effects,
    /// The nodes' ends of their sessions, and of what the hub dialled.
    pub(crate) sessions: BTreeMap<u64, End>,
    pub(crate) deliveries: BTreeMap<u64, End>,
    tickets: u64,
    unanswered: BTreeSet<u64>,
    pub(crate) names: Names,
    lines: Vec<String>,
    pub(crate) kept: Kept,
    /// Everything that the hub wanted done, where that is recorded.
    recorded: Option<Vec<String>>,
    /// Whether deliveries wait for the scenario to say that their turn has come.
    pub(crate) is_crowded: bool,
    /// Every moment at which the hub could have ended, where they are collected.
    ends: Option<Vec<Moment>>,
    /// Commands that nodes were sent, and those that whoever asked was told of.
    pub(crate) sent: BTreeSet<CommandId>,
    told: BTreeSet<CommandId>,
}

/// A moment at which the hub may end: right after a commit, or once all that depends on it has been done.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) kept: Kept,
    now: Now,
    /// Commands that nodes have been sent by then.
    pub(crate) sent: BTreeSet<CommandId>,
    /// Commands that whoever asked has been told of by then.
    pub(crate) told: BTreeSet<CommandId>,
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
        Self::start(config, Catalogue::built_in())
    }

    /// A world open to all, whose hub knows one more kind.
    pub(crate) fn with_kind(name: &str, definition: &str) -> Self {
        let mut catalogue = Catalogue::built_in();
        let files = [("module.toml".into(), definition.as_bytes().into())];
        catalogue.add_folder(name, files.into()).expect("a valid kind");
        let registration = iot_core::config::Registration::Open;
        Self::start(HubConfig { registration, ..HubConfig::default() }, catalogue)
    }

    fn start(config: HubConfig, catalogue: Catalogue) -> Self {
        let now = Now { instant: Instant(0), wall: UnixMillis(DAWN) };
        let catalogue = Arc::new(catalogue);
        Self {
            hub: Hub::new(config.clone(), Arc::clone(&catalogue), Snapshot::default(), now),
            config,
            catalogue,
            now,
            out: Effects::new(),
            sessions: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            tickets: 0,
            unanswered: BTreeSet::new(),
            names: Names::default(),
            lines: Vec::new(),
            kept: Kept::default(),
            recorded: None,
            is_crowded: false,
            ends: None,
            sent: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    /// Collects from now on every moment at which the hub could end.
    pub(crate) fn collect_ends(&mut self) {
        self.ends = Some(Vec::new());
    }

    /// The moments that were collected.
    pub(crate) fn ends(&mut self) -> Vec<Moment> {
        self.ends.take().unwrap_or_default()
    }

    /// A world in which the hub ended at that moment, and another starts from what it kept.
    pub(crate) fn from_end(moment: &Moment) -> Self {
        let mut world = Self::open_to_all();
        (world.kept, world.now) = (moment.kept.clone(), moment.now);
        (world.sent, world.told) = (moment.sent.clone(), moment.told.clone());
        world.restart();
        world
    }

    /// This moment.
    fn note_end(&mut self) {
        let moment = Moment {
            kept: self.kept.clone(),
            now: self.now,
            sent: self.sent.clone(),
            told: self.told.clone(),
        };
        self.ends.iter_mut().for_each(|ends| ends.push(moment.clone()));
    }

    /// The hub ends without a word, and another starts from what it kept.
    pub(crate) fn restart(&mut self) {
        self.sessions.clear();
        self.deliveries.clear();
        self.unanswered.clear();
        let (config, catalogue) = (self.config.clone(), Arc::clone(&self.catalogue));
        self.hub = Hub::new(config, catalogue, self.kept.snapshot(), self.now);
        self.pass(0);
    }

    /// The same with another configuration.
    pub(crate) fn restart_with(&mut self, config: HubConfig) {
        self.config = config;
        self.restart();
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

    /// Records from now on everything that the hub wants done, to the last bit.
    pub(crate) fn record(&mut self) {
        self.recorded = Some(Vec::new());
    }

    /// What was recorded.
    pub(crate) fn recorded(&mut self) -> Vec<String> {
        self.recorded.take().unwrap_or_default()
    }

    /// The sessions that are open.
    pub(crate) fn sessions(&self) -> Vec<u64> {
        self.sessions.keys().copied().collect()
    }

    /// Whether a session is open.
    pub(crate) fn is_open(&self, session: u64) -> bool {
        self.sessions.contains_key(&session)
    }

    /// Whether a delivery is under way.
    pub(crate) fn is_dialling(&self, delivery: u64) -> bool {
        self.deliveries.contains_key(&delivery)
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
        if self.ends.is_some() && !out.records.is_empty() {
            self.note_end();
        }
        for effect in &out.list {
            self.execute(effect, &out);
        }
        let deliver = |effect: &Effect| {
            if let Effect::Deliver { delivery, .. } = effect { Some(*delivery) } else { None }
        };
        let dialled: Vec<_> = out.list.iter().filter_map(deliver).collect();
        let ends = self.sessions.values().chain(self.deliveries.values());
        self.sent.extend(ends.flat_map(|end| end.commands.keys()));
        if self.ends.is_some() && !out.records.is_empty() {
            self.note_end();
        }
        self.lines.extend(lines(&out, &mut self.names));
        if let Some(recorded) = &mut self.recorded {
            recorded.push(format!("{out:?}"));
        }
        self.out = out;
        self.check();
        if !self.is_crowded {
            for delivery in dialled {
                self.turn(delivery.0);
            }
        }
    }

    /// The turn of a delivery comes.
    pub(crate) fn turn(&mut self, delivery: u64) {
        self.feed(Input::DeliveryStarted { delivery: DeliveryId(delivery) });
    }

    /// Someone asks for something.
    pub(crate) fn ask(&mut self, request: Request) {
        self.ask_because("", request);
    }

    /// Someone asks for something and says why.
    pub(crate) fn ask_because(&mut self, why: &str, request: Request) {
        self.tickets += 1;
        self.unanswered.insert(self.tickets);
        self.feed(Input::Ask { ticket: Ticket(self.tickets), by: "ann", why, request });
    }

    /// Whoever keeps the hub's keys has stored these, and says so; a hub that starts again goes by them too.
    pub(crate) fn change_hub_keys(&mut self, keys: HubKeys) {
        self.config.keys = Some(keys.clone());
        self.ask(Request::HubKeys { keys: keys.into() });
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

    /// The wall clock steps; the monotonic one goes on.
    pub(crate) fn step_clock(&mut self, seconds: i64) {
        self.now.wall.0 += seconds * 1000;
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
            Effect::Join { session, turn: JoinTurn::Begin(_) | JoinTurn::Say(_) } => {
                assert!(self.sessions.contains_key(&session.0), "only open sessions are told anything");
            }
            Effect::Join { session, turn: JoinTurn::SayLast(_) | JoinTurn::Refuse(_) }
            | Effect::Close { session } => {
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
                    self.told.insert(id);
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
        let mut called = BTreeSet::new();
        let brings = self.deliveries.values().filter(|end| !end.commands.is_empty());
        for node in brings.filter_map(|end| end.dialled.as_ref()) {
            assert!(called.insert(node), "{node} is called twice");
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
        // The longest sleep that a node may declare, and 2.5 times that until it is lost.
        self.pass(3 * 366 * 24 * 3600);
        assert!(self.unanswered.is_empty(), "never answered: {:?}", self.unanswered);
        assert_eq!(self.hub.view(self.now).overview().under_way, 0, "commands end");
        assert_eq!(self.hub.next_deadline(), None, "nothing is left to wait for");
    }
}
