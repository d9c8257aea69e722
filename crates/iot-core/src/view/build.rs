//! [`View`]: makes snapshots of the hub for those who read. Changes nothing.

use alloc::{sync::Arc, vec::Vec};
use core::cmp::Reverse;

use iot_proto::CommandId;

use super::{
    AdmissionState, CommandFilter, CommandView, Desired, ModuleView, Need, NodeFilter, NodeView, Notice,
    Overview, Permission, Presence, PresenceCounts, PresenceReason, PresenceState, PropertyView, Replacement,
};
use crate::{
    Hub, IotError, NodeId, Now,
    catalogue::Catalogue,
    commands::{Command, unknown},
    config::Registration,
    registry::{Module, Node, NodeNumber},
    store::CommandRecord,
};

/// How long a stranger who said a node's name needs a person, in milliseconds: who has not come back since is no news. The
/// page of the node goes on saying it.
const STRANGER_IS_NEWS_MS: i64 = 7 * 24 * 3_600_000;

/// Failed commands that the overview names at most.
const FAILED_SHOWN: usize = 20;

/// The hub at one instant, for those who read: every call makes plain data.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(super) hub: &'a Hub,
    pub(super) now: Now,
}

impl<'a> View<'a> {
    pub(crate) fn new(hub: &'a Hub, now: Now) -> Self {
        Self { hub, now }
    }

    /// All module kinds.
    pub fn catalogue(&self) -> &'a Arc<Catalogue> {
        &self.hub.catalogue
    }

    /// How all is, at one glance.
    pub fn overview(&self) -> Overview {
        let admitted = |node: &&Node| node.admission == AdmissionState::Admitted;
        let mut overview = Overview {
            hub: self.hub.config.name.clone(),
            waiting: self.hub.registry.waiting(),
            under_way: self.hub.ledger.under_way(),
            open_registration: self.hub.config.registration == Registration::Open,
            limits_reached: self.hub.reached.counts().collect(),
            ..Overview::default()
        };
        for (number, node) in self.hub.registry.iter().filter(|(_, node)| admitted(node)) {
            overview.presence.count(self.presence(number, node).state);
            overview.modules += node.modules.iter().filter(|module| module.kind.is_ok()).count();
        }
        overview.needs = self.needs(overview.waiting);
        overview
    }

    /// What needs a person, worst first.
    fn needs(&self, waiting: usize) -> Vec<Need> {
        let (mut lost, mut overdue, mut unsupported) = (Vec::new(), Vec::new(), Vec::new());
        for (number, node) in
            self.hub.registry.iter().filter(|(_, node)| node.admission == AdmissionState::Admitted)
        {
            let (id, title, presence) = (node.id.clone(), node.title.clone(), self.presence(number, node));
            match presence.state {
                PresenceState::Lost => lost.push(Need::Lost { node: id, title, presence }),
                PresenceState::Overdue => overdue.push(Need::Overdue { node: id, title, presence }),
                PresenceState::Connecting
                | PresenceState::Online
                | PresenceState::Asleep
                | PresenceState::Disabled => {}
            }
            unsupported.extend(node.modules.iter().filter_map(|module| {
                let error = module.kind.as_ref().err()?.why.clone();
                let (node, title) = (node.id.clone(), node.title.clone());
                Some(Need::Unsupported { node, title, module: module.title().into(), error })
            }));
        }
        let failed = self.hub.ledger.failed().take(FAILED_SHOWN);
        let failed = failed.map(|command| Need::Failed(self.command_view(command).into()));
        let mut needs = self.strangers();
        needs.append(&mut lost);
        needs.extend(failed);
        needs.append(&mut overdue);
        needs.append(&mut unsupported);
        if waiting > 0 {
            needs.push(Need::Waiting { count: waiting });
        }
        needs
    }

    /// Those whose name somebody said at another address than their own.
    fn strangers(&self) -> Vec<Need> {
        let asks = |node: &&Node| !self.hub.is_open() && node.admission == AdmissionState::Admitted;
        let nodes = self.hub.registry.iter().map(|(_, node)| node).filter(asks);
        let strangers = nodes.filter_map(|node| {
            let (home, stranger) = node.home().zip(node.stranger())?;
            let is_news = self.now.wall.0.saturating_sub(stranger.at.0) < STRANGER_IS_NEWS_MS;
            let (id, title) = (node.id.clone(), node.title.clone());
            is_news.then_some(Need::Stranger { node: id, title, home, stranger })
        });
        strangers.collect()
    }

    /// All nodes, by title.
    pub fn nodes(&self) -> Vec<NodeView> {
        let nodes = self.hub.registry.iter().map(|(number, node)| self.node_view(number, node));
        let mut nodes: Vec<_> = nodes.collect();
        nodes.sort_by(|a, b| a.title.cmp(&b.title).then_with(|| a.id.cmp(&b.id)));
        nodes
    }

    /// The nodes that are asked for, by id.
    pub fn nodes_that_fit(&self, filter: &NodeFilter) -> Vec<NodeView> {
        let known = self.hub.registry.after(filter.after.as_ref());
        let fitting = known.filter(|(_, node)| filter.fits(node.admission, &node.extras().tags));
        fitting.take(filter.limit).map(|(number, node)| self.node_view(number, node)).collect()
    }

    /// What would happen if the hardware `by` took the place of `node`.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Irreplaceable`]; [`IotError::TooMany`] for one plain node more.
    pub fn replacement(&self, node: &NodeId, by: &NodeId) -> Result<Replacement, IotError> {
        self.hub.replacement(node, by)
    }

    /// One node.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`].
    pub fn node(&self, id: &NodeId) -> Result<NodeView, IotError> {
        let number = self.hub.registry.number(id)?;
        let node = self.hub.registry.get(number);
        node.map(|node| self.node_view(number, node))
            .ok_or_else(|| IotError::UnknownNode { node: id.as_str().into() })
    }

    /// Commands that the hub remembers and that fit, newest first.
    pub fn commands(&self, filter: &CommandFilter) -> Vec<CommandView> {
        self.remembered(filter).into_iter().map(|command| self.command_view(command)).collect()
    }

    /// Commands that fit, newest first, of which a store gave `stored`, newest first. A store is behind the hub by what it has
    /// yet to put on disk, so what the hub remembers stands among them, and as it is now.
    pub fn ledger(&self, filter: &CommandFilter, stored: &[CommandRecord]) -> Vec<CommandView> {
        let is_stored = |id: CommandId| stored.binary_search_by(|record| id.cmp(&record.id)).is_ok();
        let mut commands: Vec<_> = stored.iter().map(|record| self.words_for(record)).collect();
        let fresh = self.remembered(filter).into_iter().filter(|command| !is_stored(command.id()));
        commands.extend(fresh.map(|command| self.command_view(command)));
        commands.sort_unstable_by_key(|command| Reverse(command.id));
        commands.truncate(filter.limit);
        commands
    }

    /// A command as a store gave it, with the words that the hub has for it; as the hub remembers it, where it does.
    pub fn words_for(&self, record: &CommandRecord) -> CommandView {
        match self.hub.ledger.get(record.id) {
            Some(command) => self.command_view(command),
            None => self.record_view(record),
        }
    }

    fn remembered(&self, filter: &CommandFilter) -> Vec<&'a Command> {
        match filter.node.as_ref().map(|id| self.hub.registry.find(id)) {
            Some(None) => Vec::new(),
            known => self.hub.ledger.select(known.flatten(), filter),
        }
    }

    /// One command.
    ///
    /// # Errors
    /// [`IotError::UnknownCommand`].
    pub fn command(&self, id: CommandId) -> Result<CommandView, IotError> {
        self.hub.ledger.get(id).map(|command| self.command_view(command)).ok_or_else(|| unknown(id))
    }

    /// Whether a module of a node is registered, so that it may report and be commanded.
    ///
    /// # Errors
    /// As [`Hub::check_module_registration`].
    pub fn check_module_registration(&self, node: &NodeId, module: u8) -> Result<(), IotError> {
        self.hub.check_module_registration(node, module)
    }

    /// What happened, newest first, at most `limit`.
    pub fn activity(&self, limit: usize) -> Vec<Notice> {
        self.hub.activity.newest(limit)
    }

    fn node_view(&self, number: NodeNumber, node: &Node) -> NodeView {
        let permission = self.hub.permission(node);
        let permitted = node.terms().and_then(|terms| terms.commands.clone());
        NodeView {
            id: node.id.clone(),
            keys: node.key_views(self.now.wall).collect(),
            title: node.title.clone(),
            place: node.place().into(),
            tags: node.extras().tags.clone(),
            admission: node.admission,
            permission,
            unverified: node.terms().and_then(|terms| terms.unverified.clone()),
            permitted: permitted.filter(|_| permission == Permission::Given),
            home: node.home().filter(|_| !self.hub.is_open()),
            stranger: node.stranger().filter(|_| !self.hub.is_open()),
            presence: self.presence(number, node),
            sleep: node.extras().sleep,
            address: node.address,
            capabilities: node.facts.capabilities,
            board: node.facts.board.clone(),
            firmware: node.facts.firmware.clone(),
            boot: node.boot,
            first_seen: node.first_seen,
            last_heard: node.presence.last_heard(),
            reports: node.reports,
            duplicates: node.duplicates,
            lost_reports: node.lost_reports,
            queued: self.hub.ledger.queued(number),
            modules: node.modules.iter().map(|module| self.module_view(number, module)).collect(),
        }
    }

    /// A node's presence. Over it is laid that it is connecting, and over that a person's word that it is disabled.
    fn presence(&self, number: NodeNumber, node: &Node) -> Presence {
        let (state, reason, since) = if let Some(disabling) = &node.extras().disabled {
            let (by, why) = (disabling.by.clone(), disabling.why.clone());
            (PresenceState::Disabled, PresenceReason::DisabledBy { by, why }, disabling.at)
        } else if let Some(since) = self.hub.sessions.expected_since(number) {
            (PresenceState::Connecting, PresenceReason::SayingHello, since)
        } else {
            return node.presence.view(self.now);
        };
        Presence { state, reason, since, next_contact: None, overdue_from: None, lost_from: None }
    }

    fn module_view(&self, number: NodeNumber, module: &Module) -> ModuleView {
        let properties = module.kind.iter().flat_map(|kind| &kind.properties);
        let properties = properties.map(|property| PropertyView {
            latest: module.latest(property.channel).cloned(),
            desired: self.desired(number, module.index, property.channel),
            property: property.clone(),
        });
        ModuleView {
            index: module.index,
            title: module.title().into(),
            kind_name: module.kind_name().into(),
            kind_version: module.kind_version,
            registered_with: module.registered_with,
            properties: properties.collect(),
            kind: module.kind.clone().map_err(|unsupported| unsupported.why),
        }
    }

    fn desired(&self, number: NodeNumber, module: u8, channel: u8) -> Option<Desired> {
        let command = self.hub.ledger.desired(number, module, channel)?;
        let step = command.record.steps.last()?;
        Some(Desired {
            value: command.record.wanted.set_value()?.clone(),
            command: command.id(),
            state: step.state,
            since: step.at,
        })
    }

    fn command_view(&self, command: &Command) -> CommandView {
        self.record_view(&command.record)
    }

    fn record_view(&self, record: &CommandRecord) -> CommandView {
        let number = self.hub.registry.find(&record.node);
        let node = number.and_then(|number| self.hub.registry.get(number));
        let module = record.wanted.module().map(|index| {
            let known = node.and_then(|node| node.module(index).ok());
            (index, known.map_or_else(|| "unknown module".into(), |module| module.title().into()))
        });
        CommandView {
            id: record.id,
            node: record.node.clone(),
            node_title: node.map_or_else(|| record.node.as_str().into(), |node| node.title.clone()),
            is_node_unverified: node.is_some_and(Node::is_unverified),
            module,
            wanted: record.wanted.clone(),
            summary: node.map_or_else(Default::default, |node| node.summarise(&record.wanted)),
            author: record.author.clone(),
            why: record.why.clone(),
            state: record.state(),
            steps: record.steps.clone(),
            expires: record.expires,
            attempts: record.attempts,
        }
    }
}

impl PresenceCounts {
    fn count(&mut self, state: PresenceState) {
        let counter = match state {
            PresenceState::Connecting => &mut self.connecting,
            PresenceState::Online => &mut self.online,
            PresenceState::Asleep => &mut self.asleep,
            PresenceState::Overdue => &mut self.overdue,
            PresenceState::Lost => &mut self.lost,
            PresenceState::Disabled => &mut self.disabled,
        };
        *counter += 1;
    }
}
