//! Replacing hardware: what people call a node and keep of it moves to another board, in one commit.
//!
//! Name, place, tags, history and commands belong to the place that the node has in people's lives; id, modules,
//! runs and the numbers of reports belong to the hardware. The hardware that goes is put into the archive, so
//! that it does not come back by itself.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use iot_proto::CommandId;

use super::audit::Asker;
use crate::{
    AdmissionState, CommandState, Effects, Event, Hub, IotError, NodeId, Now,
    audit::Deed,
    commands::Command,
    deadlines::Timer,
    registry::{Module, NodeNumber},
    store::Record,
    view::{Fate, ModuleChange, Replacement, Wanted},
};

impl Hub {
    /// Lets new hardware take a node's place.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Irreplaceable`]; [`IotError::TooMany`] for one plain node more.
    pub(crate) fn replace(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        (old_id, new_id): (&NodeId, &NodeId),
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let (old, new) = self.replaceable(old_id, new_id)?;
        let changes = self.changes(old, new);
        let moving = moving(&changes);
        if let Some(old) = self.registry.get(old) {
            let (before, after) = (old.admission.word(), AdmissionState::Archived.word());
            out.audit(asker, Deed::Archive, old.target(), before, after);
        }
        self.registry.set_admission(old, AdmissionState::Archived);
        self.registry.set_admission(new, AdmissionState::Admitted);
        self.settle(new);
        // What was on its way to the old hardware waits anew, and moves like the rest.
        self.take_away(now, old, old_id, out);
        self.deadlines.cancel(Timer::Redial(old));
        self.dials.reached(old);
        for (id, stays) in self.under_way((old, new), &moving) {
            self.settle_for(now, id, stays, new_id, out);
        }
        out.records.records.push(Record::Replaced {
            old: old_id.clone(),
            new: new_id.clone(),
            modules: moving.clone(),
        });
        self.ledger.move_to(old, (new, new_id), &moving);
        for id in self.ledger.in_state(new, CommandState::Queued) {
            if let Some(by) = self.ledger.outdated_by(id) {
                self.transition(now, id, CommandState::Cancelled, Some(IotError::Superseded { by }), out);
            }
        }
        self.move_names(asker, (old, new), &changes, out);
        self.admission_changed(now, new, &format!("put in the place of {old_id} by {}", asker.by), out);
        for id in [old_id, new_id] {
            out.publish(Event::Node { node: id.clone() });
            out.publish(Event::Modules { node: id.clone() });
        }
        self.pump(now, new, out);
        Ok(())
    }

    /// What would happen if the hardware `new` took the place of `old`.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Irreplaceable`]; [`IotError::TooMany`] for one plain node more.
    pub(crate) fn replacement(&self, old_id: &NodeId, new_id: &NodeId) -> Result<Replacement, IotError> {
        let (old, new) = self.replaceable(old_id, new_id)?;
        let modules = self.changes(old, new);
        let commands = self.under_way((old, new), &moving(&modules));
        let cancelled = commands.iter().filter(|(_, stays)| *stays == Stays::Behind).count();
        let (node, by) = (old_id.clone(), new_id.clone());
        Ok(Replacement { node, by, modules, moving: commands.len() - cancelled, cancelled })
    }

    /// Checks that new hardware can take a node's place.
    fn replaceable(&self, old_id: &NodeId, new_id: &NodeId) -> Result<(NodeNumber, NodeNumber), IotError> {
        let (old, new) = (self.registry.number(old_id)?, self.registry.number(new_id)?);
        let admission = |number| self.registry.get(number).map(|node| node.admission);
        let refused = |why| Err(IotError::Irreplaceable { node: old_id.clone(), by: new_id.clone(), why });
        match (admission(old), admission(new)) {
            _ if old == new => refused("they are the same"),
            (Some(AdmissionState::Pending), _) => refused("a node that waits has nothing to move"),
            (Some(AdmissionState::Matched), _) | (_, Some(AdmissionState::Matched)) => {
                refused("a node that has not confirmed its digits takes no place and has none")
            }
            (_, Some(AdmissionState::Revoked)) => refused("the new one is revoked"),
            (_, Some(AdmissionState::Archived)) => refused("the new one is in the archive"),
            _ => self.check_room_for_plain(new, Some(old)).map(|()| (old, new)),
        }
    }

    fn changes(&self, old: NodeNumber, new: NodeNumber) -> Vec<ModuleChange> {
        match (self.registry.get(old), self.registry.get(new)) {
            (Some(old), Some(new)) => old.compare(new),
            _ => Vec::new(),
        }
    }

    /// The commands under way of the hardware that goes, and which of them do not move: none does where the new hardware
    /// proves nothing, for leave to command it is given to each node anew.
    fn under_way(&self, (old, new): (NodeNumber, NodeNumber), moving: &[u8]) -> Vec<(CommandId, Stays)> {
        let takes = self.registry.get(new).is_some_and(|new| self.check_permitted(new).is_ok());
        let stays = |command| if takes { stays(command, moving) } else { Stays::Behind };
        self.ledger.open(old).map(|command| (command.id(), stays(command))).collect()
    }

    /// Makes a command ready to move, or ends it.
    fn settle_for(&mut self, now: Now, id: CommandId, stays: Stays, by: &NodeId, out: &mut Effects) {
        let cause = Some(IotError::HardwareReplaced { by: by.clone() });
        let state = self.ledger.get(id).map(Command::state);
        match (stays, state) {
            (Stays::Behind, _) => self.transition(now, id, CommandState::Cancelled, cause, out),
            (Stays::Moves, Some(CommandState::Accepted)) => {
                self.transition(now, id, CommandState::Queued, cause, out);
            }
            (Stays::Moves, _) => {}
        }
    }

    /// Moves what people say of a node, and the latest readings of its modules.
    fn move_names(
        &mut self,
        asker: Asker<'_>,
        (old, new): (NodeNumber, NodeNumber),
        changes: &[ModuleChange],
        out: &mut Effects,
    ) {
        let moving = moving(changes);
        let Some(old) = self.registry.get_mut(old) else { return };
        let (title, place) = (old.title.clone(), Box::<str>::from(old.place()));
        let tags = old.change_extras(|extras| core::mem::take(&mut extras.tags));
        old.name("", "");
        let modules = core::mem::take(&mut old.modules).into_iter();
        let (moved, left): (Vec<Module>, _) = modules.partition(|module| moving.contains(&module.index));
        old.modules = left;
        out.records.records.extend(old.record());
        let before = old.id.clone();
        let Some(new) = self.registry.get_mut(new) else { return };
        new.name(&title, &place);
        new.change_extras(|extras| extras.tags = tags);
        for module in moved {
            if let Some(own) = new.module_mut(module.index) {
                own.take_over(&module);
            }
        }
        let after = format!("{}: {}", new.id, summary(changes));
        out.audit(asker, Deed::Replace, new.target(), before.as_str(), after);
    }
}

/// Whether a command under way goes to the new hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stays {
    Moves,
    Behind,
}

/// What the old hardware may have run already is only sent to the new one where twice is the same as once.
fn stays(command: &Command, moving: &[u8]) -> Stays {
    let wanted = &command.record.wanted;
    let is_there = wanted.module().is_none_or(|module| moving.contains(&module));
    let may_have_run = command.record.attempts > 0;
    let twice_is_once = matches!(wanted, Wanted::Set { .. } | Wanted::Get { .. });
    if is_there && (twice_is_once || !may_have_run) { Stays::Moves } else { Stays::Behind }
}

/// Indices of the modules that move.
fn moving(changes: &[ModuleChange]) -> Vec<u8> {
    changes.iter().filter(|change| change.fate == Fate::Moves).map(|change| change.index).collect()
}

/// What becomes of the modules: `module 0 moves, module 1 missing`.
fn summary(changes: &[ModuleChange]) -> String {
    let words = changes.iter().map(|change| format!("module {} {}", change.index, change.fate.word()));
    let words: Vec<_> = words.collect();
    if words.is_empty() { "no modules".into() } else { words.join(", ") }
}
