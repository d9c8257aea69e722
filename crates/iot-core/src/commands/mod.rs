//! The ledger: every command with its whole life, and the queue of each node.
//!
//! Owns which state a command is in and what may follow; how it reaches its node is the flows'.

mod command;
mod dials;
mod ids;

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};
use core::ops::Bound;

pub(crate) use command::{Command, Measured};
pub(crate) use dials::{Dial, Dials};
pub(crate) use ids::CommandIds;
use iot_proto::CommandId;

use crate::{
    CommandState, IotError, NodeId,
    registry::NodeNumber,
    view::{CommandFilter, Wanted},
};

/// All commands that are under way, and the last ones that ended.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    commands: BTreeMap<CommandId, Command>,
    /// For each node the commands under way, oldest first.
    open: BTreeMap<NodeNumber, Vec<CommandId>>,
    /// Commands that ended, in the order in which they did.
    ended: VecDeque<CommandId>,
}

impl Ledger {
    /// Takes a command that is new, or was stored.
    pub(crate) fn add(&mut self, command: Command) {
        let id = command.id();
        if command.state().is_under_way() {
            self.open.entry(command.node).or_default().push(id);
        } else {
            self.ended.push_back(id);
        }
        self.commands.insert(id, command);
    }

    /// A command.
    pub(crate) fn get(&self, id: CommandId) -> Option<&Command> {
        self.commands.get(&id)
    }

    /// A command, to change it. After a step, [`settle`](Self::settle) must follow.
    pub(crate) fn get_mut(&mut self, id: CommandId) -> Option<&mut Command> {
        self.commands.get_mut(&id)
    }

    /// Takes a command that has ended off its node's queue, and forgets the oldest that ended.
    pub(crate) fn settle(&mut self, id: CommandId, remembered: usize) {
        let Some(command) = self.commands.get(&id).filter(|command| !command.state().is_under_way()) else {
            return;
        };
        if let Some(open) = self.open.get_mut(&command.node) {
            open.retain(|known| *known != id);
            if open.is_empty() {
                self.open.remove(&command.node);
            }
        }
        self.ended.push_back(id);
        self.trim(remembered);
    }

    /// Forgets the commands that ended first, where more than so many have.
    pub(crate) fn trim(&mut self, remembered: usize) {
        while self.ended.len() > remembered {
            if let Some(oldest) = self.ended.pop_front() {
                self.commands.remove(&oldest);
            }
        }
    }

    /// Forgets all commands of a node and gives their ids.
    pub(crate) fn forget(&mut self, node: NodeNumber) -> Vec<CommandId> {
        self.open.remove(&node);
        let of_node = self.commands.iter().filter(|(_, command)| command.node == node);
        let ids: Vec<_> = of_node.map(|(id, _)| *id).collect();
        for id in &ids {
            self.commands.remove(id);
        }
        self.ended.retain(|id| !ids.contains(id));
        ids
    }

    /// Commands of a node that are under way, oldest first.
    pub(crate) fn open(&self, node: NodeNumber) -> impl Iterator<Item = &Command> {
        self.open.get(&node).into_iter().flatten().filter_map(|id| self.commands.get(id))
    }

    /// Ids of a node's commands in one state, oldest first.
    pub(crate) fn in_state(&self, node: NodeNumber, state: CommandState) -> Vec<CommandId> {
        self.open(node).filter(|command| command.state() == state).map(Command::id).collect()
    }

    /// How many commands wait for a node.
    pub(crate) fn queued(&self, node: NodeNumber) -> usize {
        self.open(node).filter(|command| command.state() == CommandState::Queued).count()
    }

    /// How many commands are under way in all.
    pub(crate) fn under_way(&self) -> usize {
        self.open.values().map(Vec::len).sum()
    }

    /// The waiting commands that a newer one for the same property makes pointless. The one that is `called`
    /// about lies at its node perhaps already, so that it cannot be taken back.
    pub(crate) fn superseded_by(
        &self,
        node: NodeNumber,
        wanted: &Wanted,
        called: Option<CommandId>,
    ) -> Vec<CommandId> {
        let Wanted::Set { module, channel, .. } = wanted else { return Vec::new() };
        let same = |command: &&Command| {
            command.state() == CommandState::Queued
                && Some(command.id()) != called
                && matches!(&command.record.wanted,
                    Wanted::Set { module: m, channel: c, .. } if m == module && c == channel)
        };
        self.open(node).filter(same).map(Command::id).collect()
    }

    /// The newest command under way that wants a property set.
    pub(crate) fn desired(&self, node: NodeNumber, module: u8, channel: u8) -> Option<&Command> {
        let sets = |command: &&Command| {
            matches!(&command.record.wanted,
                Wanted::Set { module: m, channel: c, .. } if *m == module && *c == channel)
        };
        self.open(node).filter(sets).last()
    }

    /// Accepted commands that a report of this property, measured then, can end.
    pub(crate) fn awaiting(
        &self,
        node: NodeNumber,
        (module, channel): (u8, u8),
        measured: Measured,
    ) -> impl Iterator<Item = &Command> {
        self.open(node).filter(move |command| {
            command.state() == CommandState::Accepted
                && command.record.wanted.place() == Some((module, channel))
                && command.was_sent_before(measured)
        })
    }

    /// The newest command for the same property that is under way or done: sending this one again would undo
    /// it.
    pub(crate) fn outdated_by(&self, id: CommandId) -> Option<CommandId> {
        let command = self.get(id)?;
        let Wanted::Set { module, channel, .. } = &command.record.wanted else { return None };
        let later = self.commands.range((Bound::Excluded(id), Bound::Unbounded));
        let undone = |other: &&Command| {
            other.node == command.node
                && (other.state().is_under_way() || other.state() == CommandState::Done)
                && matches!(&other.record.wanted,
                    Wanted::Set { module: m, channel: c, .. } if m == module && c == channel)
        };
        later.map(|(_, other)| other).rfind(undone).map(Command::id)
    }

    /// Gives commands of one node that are wanted of these modules, or of the node itself, to another.
    pub(crate) fn move_to(&mut self, from: NodeNumber, to: (NodeNumber, &NodeId), modules: &[u8]) {
        let moves = |command: &Command| {
            let module = command.record.wanted.module();
            command.node == from && module.is_none_or(|module| modules.contains(&module))
        };
        for command in self.commands.values_mut().filter(|command| moves(command)) {
            (command.node, command.record.node) = (to.0, to.1.clone());
        }
        let open = self.commands.values().filter(|command| command.state().is_under_way());
        self.open.clear();
        for command in open {
            self.open.entry(command.node).or_default().push(command.id());
        }
    }

    /// Commands, newest first.
    pub(crate) fn select(&self, node: Option<NodeNumber>, filter: &CommandFilter) -> Vec<&Command> {
        let fits = |command: &&Command| {
            node.is_none_or(|node| command.node == node)
                && filter.before.is_none_or(|before| command.id() < before)
                && filter.module.is_none_or(|module| command.record.wanted.module() == Some(module))
                && (filter.states.is_empty() || filter.states.contains(&command.state()))
        };
        self.commands.values().rev().filter(fits).take(filter.limit).collect()
    }

    /// Commands that failed or expired, and after which nothing was wanted of the same place.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &Command> {
        let failed =
            |command: &&Command| matches!(command.state(), CommandState::Failed | CommandState::Expired);
        let unanswered = |command: &&Command| {
            let place = (command.node, command.record.wanted.place());
            let later = self.commands.range((Bound::Excluded(command.id()), Bound::Unbounded));
            !later.into_iter().any(|(_, other)| (other.node, other.record.wanted.place()) == place)
        };
        self.commands.values().rev().filter(failed).filter(unanswered)
    }
}

/// Which command does not exist.
pub(crate) fn unknown(id: CommandId) -> IotError {
    IotError::UnknownCommand { id: alloc::format!("{id}").into() }
}
