//! The persistence port: what the hub keeps, and what it needs back when it starts.
//!
//! Adapters live in `iot-store`. The driver gives a [`Store`] the records of many inputs at once and
//! releases what depends on them when the commit has returned: an acknowledgement means on disk.

mod error;
mod history;
mod terms;

use alloc::{boxed::Box, vec::Vec};
use core::net::SocketAddr;

use iot_proto::{BootId, Capabilities, CommandId, NodeKey, OwnedValue, UnixMillis};

pub use self::{
    error::StoreError,
    history::{Bucket, GapQuery, GapView, History, Pages, Place, ReadingQuery, Resolution, RollupQuery},
    terms::{Stranger, Terms},
};
use crate::{
    AdmissionState, CommandState, NodeId, Series,
    audit::{AuditEntry, AuditQuery, AuditRecord},
    view::{CommandFilter, ReadingView, Step, Wanted},
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

    /// Does one short step, about a millisecond, of what is due behind commits, such as packing what was
    /// committed. Whoever owns the store calls it while nobody waits for a commit; nothing that was
    /// committed depends on it.
    ///
    /// # Errors
    /// [`StoreError`] where the step was not done. It is tried again behind the next commit.
    fn upkeep(&mut self) -> Result<Upkeep, StoreError> {
        Ok(Upkeep::Done)
    }
}

/// Whether there is more to do behind commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// Another step is due.
    Due,
    /// Nothing is due until something is committed.
    Done,
}

/// Reads the ledger of commands and the audit, beside the writer and from any thread.
pub trait Chronicle: Send + Sync {
    /// Commands that fit, newest first; the newest that came before [`CommandFilter::before`].
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    fn commands(&self, filter: &CommandFilter) -> Result<Vec<CommandRecord>, StoreError>;

    /// One command; `None` where it is not kept.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    fn command(&self, id: CommandId) -> Result<Option<CommandRecord>, StoreError>;

    /// What people changed, newest first.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError>;
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

    /// Adds a report, whose readings are the last ones that were added. It becomes one with the report before it where that
    /// is the one before it of the same node too, and came at the same time.
    pub fn report(
        &mut self,
        node: &NodeId,
        (boot, sequence): (BootId, u32),
        gap: u32,
        arrived: UnixMillis,
        readings: usize,
    ) {
        if let Some(Record::Report {
            node: last,
            boot: run,
            sequence: number,
            reports,
            gap: 0,
            arrived: at,
            readings: count,
        }) = self.records.last_mut()
            && (*run, *at, gap) == (boot, arrived, 0)
            && number.checked_add(1) == Some(sequence)
            && *number > 0
            && node.is_same(last)
        {
            (*number, *reports) = (sequence, *reports + 1);
            *count += readings;
            return;
        }
        let node = node.clone();
        self.records.push(Record::Report { node, boot, sequence, reports: 1, gap, arrived, readings });
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
    /// A report, or some that came at the same time, one after the other: the next `readings` of the batch's readings.
    Report {
        /// The node.
        node: NodeId,
        /// The run in which the report was made.
        boot: BootId,
        /// Its number in that run, of several the last one's; 0 for values that came with the outcome of a command.
        sequence: u32,
        /// How many reports it is.
        reports: u32,
        /// Reports before this one that provably never came; 0 for several.
        gap: u32,
        /// When it arrived.
        arrived: UnixMillis,
        /// How many readings it has.
        readings: usize,
    },
    /// A command as it is now, in place of what was known of it.
    Command(Box<CommandRecord>),
    /// New hardware takes a node's place. Of each module named, all readings of `old` are from now on those of
    /// `new`, beside what `new` reported itself, and so are its commands and those for the node as a whole.
    /// Which reports are stored stays with the hardware that sent them.
    Replaced {
        /// The node whose hardware goes.
        old: NodeId,
        /// The hardware that comes.
        new: NodeId,
        /// Indices of the modules that move.
        modules: Vec<u8>,
    },
    /// A person changed something: kept beside all others, and numbered by the store.
    Audit(Box<AuditRecord>),
}

/// What is kept of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRecord {
    /// The node.
    pub id: NodeId,
    /// The key that it must prove; `None` for a plain node.
    pub key: Option<NodeKey>,
    /// Those beside it: the next one, and those that it had.
    pub keys: Vec<KeyRecord>,
    /// The newest of the hub's keys that it is known to have, by number; `None` where that is not known.
    pub hub_key: Option<u8>,
    /// What it is called.
    pub title: Box<str>,
    /// Where it is, as people say; may be empty.
    pub place: Box<str>,
    /// Whether it has been let in.
    pub admission: AdmissionState,
    /// Short words that people gave it, in order and each once.
    pub tags: Vec<Box<str>>,
    /// Who disabled it, why and when, if it is disabled.
    pub disabled: Option<Decision>,
    /// On what terms it is let in, where it proves nothing.
    pub terms: Terms,
    /// The sleep that it declared and has not come back from.
    pub sleep: Option<SleepRecord>,
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

/// A key of a node beside the one that it must prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key. No two nodes have one.
    pub key: NodeKey,
    /// What it is to the node.
    pub state: KeyState,
    /// Since when.
    pub at: UnixMillis,
}

/// What a key is to a node that must prove another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// The node has announced it.
    Next,
    /// The node had it.
    Former,
}

impl KeyState {
    /// The state's word in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Former => "former",
        }
    }

    /// The state of this [word](Self::word).
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Next, Self::Former].into_iter().find(|state| state.word() == word)
    }
}

/// A person's word on a node, such as that it is not to be served for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who.
    pub by: Box<str>,
    /// Why; may be empty.
    pub why: Box<str>,
    /// When.
    pub at: UnixMillis,
}

/// A sleep as a node declared it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SleepRecord {
    /// When it stopped listening.
    pub since: UnixMillis,
    /// For how long it said that it sleeps, in seconds.
    pub for_s: u32,
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
    /// Version of its kind that its firmware was built for.
    pub kind_version: u16,
    /// Version of its kind in the catalogue when it was registered; `None` where it was not, or where that is
    /// not known.
    pub registered_with: Option<u16>,
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
    /// Why, in their words; may be empty.
    pub why: Box<str>,
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

    /// When it ended; `None` while it is under way.
    pub fn ended(&self) -> Option<UnixMillis> {
        self.steps.last().filter(|step| !step.state.is_under_way()).map(|step| step.at)
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
    /// Commands that are under way, and the last ones that ended, by id.
    pub commands: Vec<CommandRecord>,
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn reports_become_one_only_where_nothing_lies_between_them() {
        let (node, run) = (NodeId::parse("plain:a").unwrap(), BootId(1));
        let other = NodeId::parse("plain:b").unwrap();
        let mut batch = Batch::default();
        let mut report = |node: &NodeId, boot, sequence, gap, arrived| {
            batch.report(node, (boot, sequence), gap, UnixMillis(arrived), 2);
        };
        report(&node, run, 1, 0, 10);
        report(&node, run, 2, 0, 10);
        report(&node, run, 3, 0, 10);
        report(&node, run, 4, 0, 11);
        report(&node, run, 6, 1, 11);
        report(&node, run, 7, 0, 11);
        report(&other, run, 8, 0, 11);
        report(&node, run, 8, 0, 11);
        report(&node, BootId(2), 9, 0, 11);
        let told = batch.records.iter().map(|record| {
            let Record::Report { sequence, reports, gap, readings, .. } = record else {
                panic!("{record:?}")
            };
            (*sequence, *reports, *gap, *readings)
        });
        let expected = vec![
            (3, 3, 0, 6),
            (4, 1, 0, 2),
            (6, 1, 1, 2),
            (7, 1, 0, 2),
            (8, 1, 0, 2),
            (8, 1, 0, 2),
            (9, 1, 0, 2),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}
