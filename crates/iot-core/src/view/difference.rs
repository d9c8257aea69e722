//! [`Difference`]: what becomes of the hub if a backup takes the place of its store. Telling it is a store's; restoring
//! is not the core's.

use alloc::{boxed::Box, vec::Vec};

use super::AdmissionState;
use crate::{NodeId, people::UserName};

/// What becomes of the hub if a backup takes the place of its store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What the backup holds.
    pub then: Held,
    /// What the store holds.
    pub now: Held,
    /// Readings that were measured after the backup and would be lost.
    pub lost_readings: usize,
    /// Nodes that are let in and would have to be admitted again, by id.
    pub left_out: Vec<Changed>,
    /// Nodes that are not let in and would be again, by id.
    pub let_in: Vec<Changed>,
    /// Nodes that prove nothing, to which commands would be taken and are not now, by id.
    pub commands_back: Vec<Named>,
    /// Users whom the backup does not know.
    pub users_lost: Vec<UserName>,
    /// Users who would have the role and the password that they had then, and have not now.
    pub users_back: Vec<UserName>,
    /// Tokens that would be taken again and are not now.
    pub tokens_back: usize,
}

/// How much of what people count there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Nodes, waiting ones included.
    pub nodes: usize,
    /// Modules of all nodes.
    pub modules: usize,
    /// Users.
    pub users: usize,
}

/// A node that is let in either by the backup or by the store, and not by the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Which.
    pub id: NodeId,
    /// What it is called by the one that lets it in.
    pub title: Box<str>,
    /// How it stands with the other.
    pub otherwise: Otherwise,
}

/// A node, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Which.
    pub id: NodeId,
    /// What it was called when the backup was made.
    pub title: Box<str>,
}

/// Why a node is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// It is not known.
    Unknown,
    /// A person has disabled it for now.
    Disabled,
    /// It has not been admitted, or is no more.
    Not(AdmissionState),
}

impl Otherwise {
    /// Its word in the API and on pages, such as `disabled`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Disabled => "disabled",
            Self::Not(admission) => admission.word(),
        }
    }
}
