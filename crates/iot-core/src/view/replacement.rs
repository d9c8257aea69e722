//! What would become of a node's modules and commands if new hardware took its place: shown before it is done.

use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};

use crate::{
    NodeId,
    registry::{Module, Node},
};

/// New hardware beside the node whose place it would take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The node whose hardware would go.
    pub node: NodeId,
    /// The hardware that would come.
    pub by: NodeId,
    /// The modules of both, by index.
    pub modules: Vec<ModuleChange>,
    /// Commands under way that would move.
    pub moving: usize,
    /// Commands under way that would be cancelled: their module does not move, or the hardware that goes may
    /// have run them already.
    pub cancelled: usize,
}

/// One index, at which one or both have a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleChange {
    /// Index of the module.
    pub index: u8,
    /// What becomes of it.
    pub fate: Fate,
    /// The module that there is.
    pub before: Option<ModuleFacts>,
    /// The module of the new hardware.
    pub after: Option<ModuleFacts>,
}

/// What tells one module from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFacts {
    /// What it is called.
    pub title: Box<str>,
    /// Name of its kind.
    pub kind: Box<str>,
    /// Version of its kind as announced.
    pub kind_version: u16,
}

/// What becomes of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// Both have it, of one kind: name, history and commands move.
    Moves,
    /// Both have one there, of different kinds: the history stays with the old hardware.
    Differs,
    /// The new hardware has none: the history stays with the old hardware.
    Missing,
    /// Only the new hardware has it.
    New,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Moves, Self::Differs, Self::Missing, Self::New];

    /// The word in the API and on pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Moves => "moves",
            Self::Differs => "differs",
            Self::Missing => "missing",
            Self::New => "new",
        }
    }
}

impl Node {
    /// What would become of the modules if `new` took this node's place.
    pub(crate) fn compare(&self, new: &Self) -> Vec<ModuleChange> {
        let indices = self.modules.iter().chain(&new.modules).map(|module| module.index);
        let change = |index| {
            let (before, after) = (self.module(index).ok(), new.module(index).ok());
            let fate = match (before, after) {
                (Some(before), Some(after)) if before.kind_name() == after.kind_name() => Fate::Moves,
                (Some(_), Some(_)) => Fate::Differs,
                (Some(_), None) => Fate::Missing,
                (None, _) => Fate::New,
            };
            ModuleChange { index, fate, before: before.map(facts), after: after.map(facts) }
        };
        indices.collect::<BTreeSet<_>>().into_iter().map(change).collect()
    }
}

fn facts(module: &Module) -> ModuleFacts {
    ModuleFacts {
        title: module.title().into(),
        kind: module.kind_name().into(),
        kind_version: module.kind_version,
    }
}
