//! A hub that is made up: every state and every built-in kind, with hostile names among them.
//!
//! It remembers what it was asked and does with commands what a node would, when it is told to.

mod kept;
mod lists;
mod people;
mod scene;

pub(crate) use self::{
    lists::Lists,
    people::{PASSWORD, People},
};

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use iot_core::{
    Answer, CommandState, Event, IotError, Limit, NodeId, Request,
    audit::{AuditEntry, AuditQuery},
    catalogue::{Catalogue, ValueType},
    people::Passphrase,
    store::{Bucket, GapQuery, GapView, ReadingQuery, RollupQuery},
    view::{
        CommandFilter, CommandView, Desired, Difference, JoiningView, Need, NodeFilter, NodeView, Notice,
        Overview, PresenceCounts, PropertyView, ReadingView, Replacement, Step, Wanted,
    },
};
use iot_proto::{BootId, CommandId, Finite, JoinSecret, Name, OwnedValue, UnixMillis};
use iot_web::{Backend, BackupData, BackupRefused, RestoreRefused, Restoring, StoreView};
use tokio::sync::{
    broadcast,
    mpsc::{Receiver, channel},
    watch,
};

/// A hub that is made up.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    catalogue: Arc<Catalogue>,
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) store: watch::Sender<StoreView>,
    pub(crate) people: People,
    pub(crate) joining: watch::Sender<JoiningView>,
    pub(crate) lists: Lists,
    /// Who restored a backup, and why.
    pub(crate) restored: Arc<Mutex<Vec<(String, String)>>>,
}

/// What the hub knows, and what it was asked.
#[derive(Debug, Default)]
pub(crate) struct State {
    nodes: Vec<NodeView>,
    commands: Vec<CommandView>,
    /// Who asked, why and what.
    pub(crate) asked: Vec<(String, String, Request)>,
    /// The words with which the last backup was begun.
    pub(crate) passphrase: Option<String>,
    open: bool,
    pub(crate) stopping: bool,
    /// Whether every question ends in a panic.
    pub(crate) broken: bool,
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
        let commands = scene::commands();
        let state = State { nodes, commands, ..State::default() };
        let (events, _) = broadcast::channel(64);
        let store = watch::Sender::new(kept::store());
        let (catalogue, state) = (Arc::new(catalogue), Arc::new(Mutex::new(state)));
        let joining = watch::Sender::new(JoiningView::default());
        let (people, lists, restored) = (People::with_everybody(), Lists::default(), Arc::default());
        Self { catalogue, state, events, store, people, joining, lists, restored }
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
        let (module, summary) = scene::summary(&view, &wanted);
        if let Wanted::Set { module, channel, value } = &wanted {
            let property = property(&mut state.nodes, node, *module, *channel).expect("as above");
            property.desired = Some(Desired { value: value.clone(), command: id, state: last, since: at });
        }
        let command = CommandView {
            id,
            node: node.clone(),
            node_title: view.title,
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

impl Backend for Fake {
    fn now(&self) -> UnixMillis {
        now()
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue)
    }

    async fn overview(&self) -> Result<Overview, IotError> {
        let state = self.alive()?;
        let mut presence = PresenceCounts::default();
        let admitted =
            || state.nodes.iter().filter(|node| node.admission == iot_core::AdmissionState::Admitted);
        for node in admitted() {
            use iot_core::PresenceState as P;
            *match node.presence.state {
                P::Connecting => &mut presence.connecting,
                P::Online => &mut presence.online,
                P::Asleep => &mut presence.asleep,
                P::Overdue => &mut presence.overdue,
                P::Lost => &mut presence.lost,
                P::Disabled => &mut presence.disabled,
            } += 1;
        }
        let failed = state.commands.iter().filter(|command| command.state == CommandState::Failed);
        let failed = failed.map(|command| Need::Failed(Box::new(command.clone())));
        let mut needs = scene::needs(&state.nodes);
        needs.extend(failed);
        let pending = |node: &&NodeView| node.admission == iot_core::AdmissionState::Pending;
        let waiting = state.nodes.iter().filter(pending).count();
        needs.push(Need::Waiting { count: waiting });
        Ok(Overview {
            hub: "Lindenhof".into(),
            presence,
            modules: admitted().map(|node| node.modules.len()).sum(),
            waiting,
            under_way: state.commands.iter().filter(|command| command.state.is_under_way()).count(),
            needs,
            open_registration: state.open,
            limits_reached: [(Limit::Sessions, 3)].into(),
        })
    }

    async fn nodes(&self, filter: NodeFilter) -> Result<Vec<NodeView>, IotError> {
        self.lists.pass().await;
        let mut nodes = self.alive()?.nodes.clone();
        nodes.retain(|node| filter.fits(node.admission, &node.tags));
        nodes.retain(|node| filter.after.as_ref().is_none_or(|after| node.id > *after));
        nodes.sort_by(|a, b| a.id.cmp(&b.id));
        nodes.truncate(filter.limit);
        Ok(nodes)
    }

    async fn joining(&self) -> Result<JoiningView, IotError> {
        drop(self.alive()?);
        Ok(self.joining.borrow().clone())
    }

    fn new_secret(&self) -> Result<JoinSecret, IotError> {
        Ok(JoinSecret::new([9; 16]))
    }

    fn hub_address(&self) -> SocketAddr {
        SocketAddr::from(([192, 168, 137, 1], 5070))
    }

    async fn replacement(&self, node: &NodeId, by: &NodeId) -> Result<Replacement, IotError> {
        let (old, new) = (self.node(node).await?, self.node(by).await?);
        if node == by {
            let (node, by) = (node.clone(), by.clone());
            return Err(IotError::Irreplaceable { node, by, why: "they are the same" });
        }
        Ok(scene::replacement(&old, &new))
    }

    async fn ledger(&self, filter: CommandFilter) -> Result<Vec<CommandView>, IotError> {
        self.commands(filter).await
    }

    async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, IotError> {
        drop(self.alive()?);
        let fitting = scene::changes().into_iter().filter(|entry| query.fits(entry));
        Ok(fitting.take(query.limit).collect())
    }

    async fn node(&self, id: &NodeId) -> Result<NodeView, IotError> {
        let found = self.alive()?.nodes.iter().find(|node| node.id == *id).cloned();
        found.ok_or_else(|| IotError::UnknownNode { node: id.as_str().into() })
    }

    async fn commands(&self, filter: CommandFilter) -> Result<Vec<CommandView>, IotError> {
        let state = self.alive()?;
        let fits = |command: &&CommandView| {
            filter.node.as_ref().is_none_or(|node| command.node == *node)
                && filter
                    .module
                    .is_none_or(|index| command.module.as_ref().is_some_and(|(at, _)| *at == index))
                && filter.before.is_none_or(|before| command.id < before)
                && (filter.states.is_empty() || filter.states.contains(&command.state))
        };
        Ok(state.commands.iter().filter(fits).take(filter.limit).cloned().collect())
    }

    async fn command(&self, id: CommandId) -> Result<CommandView, IotError> {
        let found = self.alive()?.commands.iter().find(|command| command.id == id).cloned();
        found.ok_or_else(|| IotError::UnknownCommand { id: id.to_string().into() })
    }

    async fn activity(&self, limit: usize) -> Result<Vec<Notice>, IotError> {
        drop(self.alive()?);
        Ok(scene::notices().into_iter().take(limit).collect())
    }

    async fn readings(&self, query: ReadingQuery) -> Result<Vec<ReadingView>, IotError> {
        let mut state = self.alive()?;
        let series = &query.series;
        let property = property(&mut state.nodes, &series.node, series.module, series.channel);
        Ok(property.map(|property| scene::readings(property, &query)).unwrap_or_default())
    }

    fn pages(&self, query: ReadingQuery) -> Receiver<Result<Vec<ReadingView>, IotError>> {
        let (sender, pages) = channel(1);
        let backend = self.clone();
        tokio::spawn(async move {
            let all = backend.readings(ReadingQuery { limit: usize::MAX, ..query }).await;
            for page in all.unwrap_or_default().chunks(query.limit) {
                if sender.send(Ok(page.to_vec())).await.is_err() {
                    return;
                }
            }
        });
        pages
    }

    async fn rollup(&self, query: RollupQuery) -> Result<Vec<Bucket>, IotError> {
        let mut state = self.alive()?;
        let series = &query.series;
        let property = property(&mut state.nodes, &series.node, series.module, series.channel);
        Ok(property.map(|property| scene::buckets(property, &query)).unwrap_or_default())
    }

    async fn gaps(&self, query: GapQuery) -> Result<Vec<GapView>, IotError> {
        drop(self.alive()?);
        Ok(vec![GapView { arrived: query.from, boot: BootId(7), before: 12, missing: 3 }])
    }

    async fn ask(&self, by: &str, why: &str, request: Request) -> Result<Answer, IotError> {
        self.alive()?.asked.push((by.to_owned(), why.to_owned(), request.clone()));
        match request {
            Request::Command { node, wanted, .. } => self.command(&node, wanted, by, why),
            Request::Cancel { id } => {
                let mut state = self.alive()?;
                let command = state.commands.iter_mut().find(|command| command.id == id);
                let command =
                    command.ok_or_else(|| IotError::UnknownCommand { id: id.to_string().into() })?;
                if !command.state.is_under_way() {
                    return Err(IotError::CommandEnded);
                }
                command.state = CommandState::Cancelled;
                let cause = Some(IotError::Cancelled { by: by.into() });
                command.steps.push(Step { state: CommandState::Cancelled, at: now(), cause });
                Ok(Answer::Done)
            }
            Request::Admit { node } => {
                let mut state = self.alive()?;
                let view = state.nodes.iter_mut().find(|view| view.id == node);
                view.ok_or_else(|| IotError::UnknownNode { node: node.as_str().into() })?.admission =
                    iot_core::AdmissionState::Admitted;
                Ok(Answer::Done)
            }
            Request::Forget { .. } if why.is_empty() => {
                Err(IotError::ReasonMissing { what: "forgetting a node" })
            }
            Request::Reject { .. }
            | Request::Name { .. }
            | Request::NameModule { .. }
            | Request::Disable { .. }
            | Request::Enable { .. }
            | Request::Revoke { .. }
            | Request::Tag { .. }
            | Request::Archive { .. }
            | Request::Unarchive { .. }
            | Request::Forget { .. }
            | Request::OpenWindow { .. }
            | Request::AddSecret { .. }
            | Request::CloseWindow
            | Request::EnterDigits { .. }
            | Request::EndJoining { .. }
            | Request::Replace { .. } => Ok(Answer::Done),
            Request::Send { .. } => Err(IotError::Stopping),
        }
    }

    fn people(&self) -> Arc<dyn iot_core::people::People> {
        Arc::new(self.people.store.clone())
    }

    fn store(&self) -> watch::Receiver<StoreView> {
        self.store.subscribe()
    }

    fn back_up(&self, passphrase: Option<Passphrase>) -> Result<Box<str>, BackupRefused> {
        let words = passphrase.map(|words| String::from_utf8_lossy(words.as_bytes()).into_owned());
        self.state().passphrase = words;
        let mut begun = Err(BackupRefused::UnderWay);
        self.store.send_if_modified(|store| {
            let is_free = store.backups.percent.is_none();
            if is_free {
                store.backups.percent = Some(0);
                begun = Ok(kept::BACKUP.into());
            }
            is_free
        });
        begun
    }

    async fn backup(&self, name: &str) -> Option<BackupData> {
        if name != kept::BACKUP {
            return None;
        }
        let file =
            std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).expect("it is there");
        let bytes = file.metadata().expect("it is there").len();
        Some(BackupData { file, bytes })
    }

    async fn difference(&self, name: &str) -> Result<Difference, RestoreRefused> {
        drop(self.alive().map_err(|_| RestoreRefused::Stopping)?);
        if name == kept::BACKUP { Ok(kept::difference()) } else { Err(RestoreRefused::Unknown) }
    }

    fn restore(&self, name: &str, by: &str, why: &str) -> Result<(), RestoreRefused> {
        if name != kept::BACKUP {
            return Err(RestoreRefused::Unknown);
        }
        let mut begun = Err(RestoreRefused::UnderWay);
        self.store.send_if_modified(|store| {
            let is_free = store.restore.under_way.is_none();
            if is_free {
                store.restore.under_way = Some(Restoring { name: name.into(), percent: 0 });
                begun = Ok(());
            }
            is_free
        });
        if begun.is_ok() {
            self.restored.lock().unwrap_or_else(PoisonError::into_inner).push((by.into(), why.into()));
        }
        begun
    }

    fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
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
