//! [`Ledger`]: commands and what people changed, in memory. Which of them are kept is decided here; when they are
//! added is up to the store.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use iot_core::{
    NodeId, UnixMillis,
    audit::{AuditEntry, AuditQuery, AuditRecord},
    store::CommandRecord,
    view::CommandFilter,
};
use iot_proto::CommandId;

use crate::batch::RECALLED;

/// Commands with their steps, and the audit.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By id, which is by age.
    commands: BTreeMap<CommandId, CommandRecord>,
    /// Those of `commands` that have ended, by when they did.
    ended: BTreeSet<(UnixMillis, CommandId)>,
    /// What people changed, oldest first.
    audit: VecDeque<AuditEntry>,
    /// How many changes there have been.
    changes: u64,
}

impl Ledger {
    /// Keeps a command in place of what was known of it. Of those that ended at most `limit` stay.
    pub(super) fn keep_command(&mut self, command: &CommandRecord, limit: usize) {
        let before = self.commands.insert(command.id, command.clone());
        if let Some(at) = before.and_then(|before| before.ended()) {
            self.ended.remove(&(at, command.id));
        }
        self.ended.extend(command.ended().map(|at| (at, command.id)));
        while self.ended.len() > limit {
            if let Some((_, oldest)) = self.ended.pop_first() {
                self.commands.remove(&oldest);
            }
        }
    }

    /// Keeps a change, and at most `limit` of all.
    pub(super) fn keep_change(&mut self, record: &AuditRecord, limit: usize) {
        self.changes += 1;
        self.audit.push_back(AuditEntry { number: self.changes, record: record.clone() });
        while self.audit.len() > limit {
            self.audit.pop_front();
        }
    }

    /// Commands for these modules of a node, and for all of it, are another node's from now on.
    pub(super) fn give(&mut self, (old, new): (&NodeId, &NodeId), modules: &[u8]) {
        for command in self.commands.values_mut().filter(|command| command.node == *old) {
            if command.wanted.module().is_none_or(|module| modules.contains(&module)) {
                command.node = new.clone();
            }
        }
    }

    /// The node is gone; what was changed of it stays.
    pub(super) fn forget(&mut self, node: &NodeId) {
        self.commands.retain(|_, command| command.node != *node);
        let commands = &self.commands;
        self.ended.retain(|(_, id)| commands.contains_key(id));
    }

    /// Commands under way, and the last ones that ended, by id.
    pub(super) fn recalled(&self) -> Vec<CommandRecord> {
        let last: BTreeSet<_> = self.ended.iter().rev().take(RECALLED).map(|(_, id)| *id).collect();
        let is_recalled = |command: &&CommandRecord| command.ended().is_none() || last.contains(&command.id);
        self.commands.values().filter(is_recalled).cloned().collect()
    }

    /// The commands that are asked for, newest first.
    pub(super) fn commands(&self, filter: &CommandFilter) -> Vec<CommandRecord> {
        let fits = |command: &&CommandRecord| {
            filter.node.as_ref().is_none_or(|node| command.node == *node)
                && filter.module.is_none_or(|module| command.wanted.module() == Some(module))
                && filter.before.is_none_or(|before| command.id < before)
                && (filter.states.is_empty() || filter.states.contains(&command.state()))
        };
        self.commands.values().rev().filter(fits).take(filter.limit).cloned().collect()
    }

    /// One command.
    pub(super) fn command(&self, id: CommandId) -> Option<CommandRecord> {
        self.commands.get(&id).cloned()
    }

    /// The changes that are asked for, newest first.
    pub(super) fn audit(&self, query: &AuditQuery) -> Vec<AuditEntry> {
        let fitting = self.audit.iter().rev().filter(|entry| query.fits(entry));
        fitting.take(query.limit).cloned().collect()
    }
}
