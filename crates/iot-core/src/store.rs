//! The persistence port: what the hub keeps, and what it needs back when it starts.
//!
//! Adapters live in `iot-store`. The driver gives a [`Store`] the records of many inputs at once and
//! releases what depends on them when the commit has returned: an acknowledgement means on disk.

use alloc::{boxed::Box, vec::Vec};
use core::net::SocketAddr;

use iot_proto::{BootId, Capabilities, CommandId, NodeKey, OwnedValue, UnixMillis};
use thiserror::Error;

use crate::{
    AdmissionState, CommandState, NodeId, Series,
    view::{ReadingView, Step, Wanted},
};

/// Keeps records. One owner, one writer.
pub trait Store: Send {
    /// Gives back everything that the hub needs to start.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read whole: a store never guesses.
    fn load(&mut self) -> Result<Snapshot, StoreError>;

    /// Puts all of `batch` on disk, or nothing of it.
    ///
    /// # Errors
    /// [`StoreError`] where it did not become durable. Nothing that depends on it may then be answered.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError>;
}

/// Reads what was stored, beside the writer and from any thread.
pub trait History: Send + Sync {
    /// The readings of one series in a range of time, oldest measurement first.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    fn readings(&self, query: &ReadingQuery) -> Result<Vec<ReadingView>, StoreError>;
}

/// Which readings are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingQuery {
    /// Whose.
    pub series: Series,
    /// Measured at this instant or later.
    pub from: UnixMillis,
    /// Measured before this instant.
    pub to: UnixMillis,
    /// At most so many: the newest of the range.
    pub limit: usize,
}

/// A store failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{why}")]
pub struct StoreError {
    /// What happened, to which thing, and what to do.
    pub why: Box<str>,
}

/// Records of one or more inputs, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The records.
    pub records: Vec<Record>,
    /// The readings that [`Record::Report`]s speak of, report after report.
    pub readings: Vec<StoredReading>,
}

impl Batch {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.readings.clear();
    }
}

/// One thing to keep.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A node as it is now, in place of what was known of it.
    Node(Box<NodeRecord>),
    /// A node is to be forgotten, with everything of it.
    Gone(NodeId),
    /// A report: the next `readings` of the batch's readings.
    Report {
        /// The node.
        node: NodeId,
        /// The run in which the report was made.
        boot: BootId,
        /// Its number in that run; 0 for values that came with the outcome of a command.
        sequence: u32,
        /// Reports before this one that provably never came.
        gap: u32,
        /// When it arrived.
        arrived: UnixMillis,
        /// How many readings it has.
        readings: usize,
    },
    /// A command as it is now, in place of what was known of it.
    Command(Box<CommandRecord>),
}

/// What is kept of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRecord {
    /// The node.
    pub id: NodeId,
    /// The key that it must prove; `None` for a plain node.
    pub key: Option<NodeKey>,
    /// What it is called.
    pub title: Box<str>,
    /// Where it is, as people say; may be empty.
    pub place: Box<str>,
    /// Whether it has been let in.
    pub admission: AdmissionState,
    /// Who disabled it, why and when, if it is disabled.
    pub disabled: Option<Disabling>,
    /// Where it was last seen.
    pub address: Option<SocketAddr>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Longest silence in seconds, as declared.
    pub keepalive_s: u32,
    /// Board or chip.
    pub board: Box<str>,
    /// Name and version of its firmware.
    pub firmware: Box<str>,
    /// When it was first seen.
    pub first_seen: UnixMillis,
    /// Its modules.
    pub modules: Vec<ModuleRecord>,
}

/// A person's word that a node is not to be served for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabling {
    /// Who.
    pub by: Box<str>,
    /// Why; may be empty.
    pub why: Box<str>,
    /// When.
    pub at: UnixMillis,
}

/// What is kept of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleRecord {
    /// Index in its node.
    pub index: u8,
    /// What its node calls it.
    pub title: Box<str>,
    /// What people call it, where they gave it a name.
    pub given: Option<Box<str>>,
    /// Name of its kind.
    pub kind: Box<str>,
    /// Version of its kind.
    pub kind_version: u16,
}

/// A reading as it is kept; its node and arrival stand in its report.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredReading {
    /// Index of the module.
    pub module: u8,
    /// Number of the property or event.
    pub channel: u8,
    /// When it was measured.
    pub measured: UnixMillis,
    /// The value.
    pub value: OwnedValue,
}

/// What is kept of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRecord {
    /// Names it for ever.
    pub id: CommandId,
    /// The node that it is for.
    pub node: NodeId,
    /// What is wanted.
    pub wanted: Wanted,
    /// Who sent it.
    pub author: Box<str>,
    /// Each state that it has been in, oldest first.
    pub steps: Vec<Step>,
    /// When it ends if it is not done.
    pub expires: UnixMillis,
    /// How often it was sent.
    pub attempts: u32,
}

impl CommandRecord {
    /// How far it has come.
    pub fn state(&self) -> CommandState {
        self.steps.last().map_or(CommandState::Queued, |step| step.state)
    }
}

/// What a hub needs to know when it starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// All nodes.
    pub nodes: Vec<NodeRecord>,
    /// The highest sequence stored of each run of each node that may still send.
    pub sequences: Vec<(NodeId, BootId, u32)>,
    /// The latest reading of each series.
    pub latest: Vec<(Series, ReadingView)>,
    /// Commands that are under way, and the last ones that ended.
    pub commands: Vec<CommandRecord>,
}
