//! [`Backend`] of the made-up hub: it tells its scene, and remembers what it was asked.

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
};

use iot_core::{
    Answer, CommandState, Event, HubKeys, IotError, Limit, NodeId, NumberedKey, Request,
    audit::{AuditEntry, AuditQuery},
    catalogue::Catalogue,
    people::Passphrase,
    store::{Bucket, GapQuery, GapView, ReadingQuery, RollupQuery},
    view::{
        CommandFilter, CommandView, Difference, HubKeysView, JoiningView, Need, NodeFilter, NodeView, Notice,
        Overview, PresenceCounts, ReadingView, Replacement, Step,
    },
};
use iot_proto::{BootId, CommandId, HubKey, JoinSecret, UnixMillis};
use iot_web::{
    Backend, BackupData, BackupKey, BackupRefused, RestoreRefused, Restoring, StoreView, Taking,
    UploadRefused,
};
use tokio::sync::{
    broadcast,
    mpsc::{Receiver, channel},
    watch,
};

use super::{Fake, State, kept, now, past, property, scene};

impl Fake {
    async fn go_by(&self, keys: HubKeys, by: &str, why: &str) -> Result<(), IotError> {
        self.hub_keys.send_modify(|view| view.keys = keys.clone());
        self.ask(by, why, Request::HubKeys { keys: keys.into() }).await.map(drop)
    }
}

impl Backend for Fake {
    fn now(&self) -> UnixMillis {
        now()
    }

    fn is_called(&self, name: &str) -> bool {
        name == "iot-hub-2.local"
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

    async fn hub_keys(&self) -> Result<HubKeysView, IotError> {
        drop(self.alive()?);
        Ok(self.hub_keys.borrow().clone())
    }

    async fn announce_hub_key(&self, by: &str, why: &str) -> Result<(), IotError> {
        let keys = self.hub_keys.borrow().keys.clone();
        if keys.next.is_some() {
            return Err(IotError::HubKey("key 2 is announced already".into()));
        }
        let next = NumberedKey { number: 2, key: HubKey([2; 32]), since: Some(now()) };
        self.go_by(HubKeys { next: Some(next), ..keys }, by, why).await
    }

    async fn change_hub_key(&self, by: &str, why: &str, lacking: usize) -> Result<(), IotError> {
        let HubKeysView { keys, lack, .. } = self.hub_keys.borrow().clone();
        let why_not = format!("{lack} nodes lack the next key, and {lacking} may");
        let next = keys.next.filter(|_| lack <= lacking).ok_or_else(|| IotError::HubKey(why_not.into()))?;
        self.go_by(HubKeys { current: next, former: Some(keys.current), next: None, ..keys }, by, why).await
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
        {
            let mut past = self.past()?;
            let State { commands, soon_done, .. } = &mut *past;
            let done = commands.iter_mut().filter(|command| soon_done.contains(&command.id));
            done.for_each(|command| command.state = CommandState::Done);
        }
        self.commands(filter).await
    }

    async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, IotError> {
        drop(self.past()?);
        let fitting = past::changes().into_iter().filter(|entry| query.fits(entry));
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
        Ok(past::notices().into_iter().take(limit).collect())
    }

    async fn readings(&self, query: ReadingQuery) -> Result<Vec<ReadingView>, IotError> {
        let mut state = self.past()?;
        let series = &query.series;
        let property = property(&mut state.nodes, &series.node, series.module, series.channel);
        Ok(property.map(|property| past::readings(property, &query)).unwrap_or_default())
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
        let mut state = self.past()?;
        let series = &query.series;
        let property = property(&mut state.nodes, &series.node, series.module, series.channel);
        Ok(property.map(|property| past::buckets(property, &query)).unwrap_or_default())
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
            | Request::Permit { .. }
            | Request::Forbid { .. }
            | Request::AcceptAddress { .. }
            | Request::Tag { .. }
            | Request::Archive { .. }
            | Request::Unarchive { .. }
            | Request::Forget { .. }
            | Request::OpenWindow { .. }
            | Request::AddSecret { .. }
            | Request::CloseWindow
            | Request::EnterDigits { .. }
            | Request::AllowUnverified
            | Request::AdmitUnverified { .. }
            | Request::EndJoining { .. }
            | Request::Replace { .. }
            | Request::HubKeys { .. }
            | Request::AuditHubKeys { .. } => Ok(Answer::Done),
            Request::Send { .. } => Err(IotError::Stopping),
        }
    }

    fn people(&self) -> Arc<dyn iot_core::people::People> {
        Arc::new(self.people.clone())
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

    fn take_backup(&self, by: &str, bytes: Option<u64>) -> Result<Taking, UploadRefused> {
        self.take(by, bytes)
    }

    async fn difference(&self, name: &str) -> Result<Difference, RestoreRefused> {
        drop(self.alive().map_err(|_| RestoreRefused::Stopping)?);
        if name == kept::BACKUP { Ok(kept::difference()) } else { Err(RestoreRefused::Unknown) }
    }

    async fn backup_key(&self, name: &str) -> Result<BackupKey, RestoreRefused> {
        if name == kept::BACKUP { Ok(BackupKey::Other) } else { Err(RestoreRefused::Unknown) }
    }

    async fn restore(
        &self,
        name: &str,
        by: &str,
        why: &str,
        passphrase: Option<Passphrase>,
    ) -> Result<(), RestoreRefused> {
        let words = passphrase.map(|words| String::from_utf8_lossy(words.as_bytes()).into_owned());
        if words.as_ref().is_some_and(|words| *words != kept::PASSPHRASE) {
            return Err(RestoreRefused::Key("the passphrase is not the one of this backup".into()));
        }
        self.state().passphrase = words;
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
