//! A hub that is made up: every state and every built-in kind, with hostile names among them.
//!
//! It remembers what it was asked and does with commands what a node would, when it is told to.

mod backend;
mod kept;
mod lists;
mod past;
mod people;
mod scene;
pub(crate) mod uploads;

use self::uploads::Uploads;
pub(crate) use self::{
    kept::hub_keys,
    lists::Lists,
    people::{PASSWORD, People},
};

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use iot_core::{
    Answer, CommandState, Event, IotError, NodeId, Request,
    catalogue::{Catalogue, ValueType},
    store::StoreError,
    view::{
        CommandView, Desired, HubKeysView, JoiningView, NodeView, PropertyView, ReadingView, Step, Wanted,
    },
};
use iot_proto::{CommandId, Finite, Name, OwnedValue, UnixMillis};
use iot_web::StoreView;
use tokio::sync::{broadcast, watch};

/// A hub that is made up.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    catalogue: Arc<Catalogue>,
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) store: watch::Sender<StoreView>,
    pub(crate) people: People,
    pub(crate) joining: watch::Sender<JoiningView>,
    pub(crate) hub_keys: watch::Sender<HubKeysView>,
    pub(crate) lists: Lists,
    /// Who restored a backup, and why.
    pub(crate) restored: Arc<Mutex<Vec<(String, String)>>>,
    /// Backups that were taken.
    pub(crate) uploads: Uploads,
}

/// What the hub knows, and what it was asked.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) nodes: Vec<NodeView>,
    pub(crate) commands: Vec<CommandView>,
    /// Who asked, why and what.
    pub(crate) asked: Vec<(String, String, Request)>,
    /// The words with which the last backup was begun.
    pub(crate) passphrase: Option<String>,
    open: bool,
    pub(crate) stopping: bool,
    /// Whether every question ends in a panic.
    pub(crate) broken: bool,
    /// Commands that are done just before the ledger is read.
    pub(crate) soon_done: Vec<CommandId>,
}

/// The plain node of this name.
pub(crate) fn id(name: &str) -> NodeId {
    NodeId::plain(Name::new(name).expect("names of the scene are valid"))
}

/// The present.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    UnixMillis(i64::try_from(since.as_millis()).expect("before the year 292278994"))
}

impl Fake {
    /// A hub with the whole scene.
    pub(crate) fn new() -> Self {
        let catalogue = scene::catalogue();
        let nodes = scene::nodes(&catalogue);
        let commands = past::commands();
        let state = State { nodes, commands, ..State::default() };
        let (events, _) = broadcast::channel(64);
        let store = watch::Sender::new(kept::store());
        let (catalogue, state) = (Arc::new(catalogue), Arc::new(Mutex::new(state)));
        let joining = watch::Sender::new(JoiningView::default());
        let hub_keys = watch::Sender::new(hub_keys());
        let (people, lists) = (People::with_everybody(), Lists::default());
        let (restored, uploads) = (Arc::default(), Arc::default());
        Self { catalogue, state, events, store, people, joining, hub_keys, lists, restored, uploads }
    }

    /// A hub that nobody owns.
    pub(crate) fn unclaimed() -> Self {
        Self { people: People::nobody(), ..Self::new() }
    }

    /// Lets everyone in from now on.
    pub(crate) fn open_registration(&self) {
        self.state().open = true;
    }

    /// Tells observers.
    pub(crate) fn publish(&self, event: Event) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }

    /// A property reports a value.
    pub(crate) fn report(&self, node: &NodeId, module: u8, channel: u8, value: OwnedValue) {
        let reading = ReadingView { value, measured: now(), arrived: now() };
        if let Some(property) = property(&mut self.state().nodes, node, module, channel) {
            property.latest = Some(reading.clone());
        }
        self.publish(Event::Reading { node: node.clone(), module, channel, reading });
    }

    /// The node does what an accepted command wants, and reports it.
    pub(crate) fn finish(&self, id: CommandId) {
        let done = {
            let mut state = self.state();
            let Some(command) = state.commands.iter_mut().find(|command| command.id == id) else { return };
            command.state = CommandState::Done;
            command.steps.push(Step { state: CommandState::Done, at: now(), cause: None });
            command.clone()
        };
        if let Wanted::Set { module, channel, value } = done.wanted {
            if let Some(property) = property(&mut self.state().nodes, &done.node, module, channel) {
                property.desired = None;
            }
            self.report(&done.node, module, channel, value);
        }
        self.publish(Event::Command { id, node: done.node, state: CommandState::Done });
    }

    /// The commands that nodes have accepted and not done.
    pub(crate) fn accepted(&self) -> Vec<CommandId> {
        let state = self.state();
        let accepted = state.commands.iter().filter(|command| command.state == CommandState::Accepted);
        accepted.map(|command| command.id).collect()
    }

    /// The state, which tests look at.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> Result<MutexGuard<'_, State>, IotError> {
        let broken = self.state().broken;
        assert!(!broken, "this hub is broken, as the test wants it");
        Some(self.state()).filter(|state| !state.stopping).ok_or(IotError::Stopping)
    }

    /// What the store tells.
    fn past(&self) -> Result<MutexGuard<'_, State>, IotError> {
        let silent = StoreError::silent(Duration::from_secs(5)).into();
        if *self.people.disk_hangs.borrow() { Err(silent) } else { self.alive() }
    }

    fn command(&self, node: &NodeId, wanted: Wanted, author: &str, why: &str) -> Result<Answer, IotError> {
        let mut state = self.alive()?;
        let view = state.nodes.iter().find(|view| view.id == *node);
        let view = view.ok_or_else(|| IotError::UnknownNode { node: node.as_str().into() })?.clone();
        if let Wanted::Set { module, channel, value } = &wanted {
            let property = property(&mut state.nodes, node, *module, *channel).expect("checked by the page");
            property.property.check_command(value.borrow())?;
        }
        let at = now();
        let number = u64::try_from(state.asked.len()).expect("few");
        let id = CommandId((u128::from(at.0.unsigned_abs()) << 64 | u128::from(number)).to_be_bytes());
        let online = view.presence.state == iot_core::PresenceState::Online;
        let last = if online { CommandState::Accepted } else { CommandState::Queued };
        let path: &[_] = if online { &[CommandState::Queued, CommandState::Sent] } else { &[] };
        let steps = path.iter().chain([&last]).map(|state| Step { state: *state, at, cause: None });
        let (module, summary) = past::summary(&view, &wanted);
        if let Wanted::Set { module, channel, value } = &wanted {
            let property = property(&mut state.nodes, node, *module, *channel).expect("as above");
            property.desired = Some(Desired { value: value.clone(), command: id, state: last, since: at });
        }
        let command = CommandView {
            id,
            node: node.clone(),
            node_title: view.title,
            is_node_unverified: view.unverified.is_some(),
            module,
            wanted,
            summary,
            author: author.into(),
            why: why.into(),
            state: last,
            steps: steps.collect(),
            expires: UnixMillis(at.0 + 3_600_000),
            attempts: 1,
        };
        state.commands.insert(0, command);
        drop(state);
        self.publish(Event::Command { id, node: node.clone(), state: last });
        Ok(Answer::Command(id))
    }
}

fn property<'a>(
    nodes: &'a mut [NodeView],
    node: &NodeId,
    module: u8,
    channel: u8,
) -> Option<&'a mut PropertyView> {
    let node = nodes.iter_mut().find(|view| view.id == *node)?;
    let module = node.modules.iter_mut().find(|view| view.index == module)?;
    module.properties.iter_mut().find(|view| view.property.channel == channel)
}

/// A value that fits a definition, near the middle of its range; `at` moves it.
pub(crate) fn value(definition: &ValueType, at: f64) -> OwnedValue {
    let wave = at.sin();
    match definition {
        ValueType::Bool { .. } => OwnedValue::Bool(wave > 0.3),
        ValueType::Int { range, .. } => {
            let middle = range.0.midpoint(range.1.min(1_100));
            OwnedValue::Int(middle + (wave * 9.0).round().to_string().parse::<i64>().unwrap_or(0))
        }
        ValueType::Float { step, .. } => {
            let number = (21.0 + 3.0 * wave + 0.4 * (at * 7.0).sin()) / step;
            OwnedValue::Float(Finite::new(number.round() * step).expect("finite"))
        }
        ValueType::Enum { options } => OwnedValue::Int(i64::from(options.len() > 1 && wave > 0.0)),
        ValueType::Colour => OwnedValue::Int(0xFF_B3_47),
        ValueType::Text { .. } => OwnedValue::Text("Seedlings. Keep shut.".into()),
    }
}
