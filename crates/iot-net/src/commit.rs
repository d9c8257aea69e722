//! [`GroupCommit`]: which effects may be executed now, and which wait for the disk.
//!
//! Effects gather in one buffer. While nothing has to be stored they are free at once. Records are
//! committed one batch at a time; whatever gathers meanwhile forms the next batch, so that batches grow
//! with the load. A few reports of several nodes may wait for company first ([`GroupCommit::may_gather`]);
//! the driver says for how long. Order is never changed. This file neither commits nor executes.
//!
//! Invariant: effects are given out only after every record that was gathered before them is on disk;
//! where a commit failed its records stay in front of the next batch, and its effects are given out as
//! [`Released::Refused`].

use core::{mem, time::Duration};

use iot_core::{
    Effects, NodeId,
    store::{Batch, Record, StoreError},
};

/// Bytes, and items, that an emptied buffer may keep for the next use; a burst does not stay in memory.
const KEPT_BYTES: usize = 64 * 1024;
const KEPT_ITEMS: usize = 8 * 1024;

/// So many records or readings are worth a commit of their own: more make it no cheaper for each.
const ENOUGH: usize = 2048;

/// How long reports may wait for those of other nodes, counted from the commit before. It costs an
/// acknowledgement little and saves most commits of a fleet that reports one by one.
pub const GATHER: Duration = Duration::from_millis(5);

/// Effects on their way to being executed. The hub's driver lives by it; so does a simulation of one.
#[derive(Debug, Default)]
pub struct GroupCommit {
    /// What has gathered since the last commit began.
    open: Effects,
    /// What waits for the commit that runs; its records are with the store.
    flying: Option<Effects>,
    /// An emptied buffer.
    spare: Effects,
    /// Whose report the last commit ended with.
    last: Option<NodeId>,
    /// How many of the open records have been looked at, and whether one of them does not wait.
    seen: usize,
    urgent: bool,
    /// Batches given out so far.
    released: u64,
}

/// A batch of effects whose turn has come.
#[derive(Debug)]
pub enum Released {
    /// To be executed.
    Stored(Effects),
    /// What they depend on could not be stored: nobody may be told that it was.
    Refused(Effects, StoreError),
}

impl GroupCommit {
    /// Where the hub puts what it wants done.
    pub fn open(&mut self) -> &mut Effects {
        &mut self.open
    }

    /// Whether there are effects that wait for nothing.
    pub fn has_free(&self) -> bool {
        self.flying.is_none() && self.open.records.is_empty() && !self.open.is_empty()
    }

    /// Takes them.
    pub fn take_free(&mut self) -> Option<Effects> {
        self.has_free().then(|| {
            self.released += 1;
            mem::replace(&mut self.open, mem::take(&mut self.spare))
        })
    }

    /// Whether a commit can begin.
    pub fn can_begin(&self) -> bool {
        self.flying.is_none() && !self.open.records.is_empty()
    }

    /// Whether what has gathered may wait for company: a few reports, and none of the node whose report was
    /// committed last, since that one may be waiting to send on. What people want never waits.
    pub fn may_gather(&mut self) -> bool {
        let Batch { records, readings } = &self.open.records;
        let mut new = records.get(self.seen..).unwrap_or_default().iter();
        self.urgent |= new.any(|record| reporter(record).is_none_or(|node| Some(node) == self.last.as_ref()));
        self.seen = records.len();
        !records.is_empty() && records.len().max(readings.len()) < ENOUGH && !self.urgent
    }

    /// Begins a commit: everything gathered so far waits for the records that are given out here.
    pub fn begin(&mut self) -> Option<Batch> {
        self.can_begin().then(|| {
            let mut flying = mem::replace(&mut self.open, mem::take(&mut self.spare));
            let batch = mem::take(&mut flying.records);
            self.last = batch.records.last().and_then(reporter).cloned();
            (self.seen, self.urgent) = (0, false);
            self.flying = Some(flying);
            batch
        })
    }

    /// The commit that began last has ended; `batch` is what it was given.
    pub fn ended(&mut self, batch: Batch, result: Result<(), StoreError>) -> Option<Released> {
        let mut effects = self.flying.take()?;
        self.released += 1;
        Some(match result {
            Ok(()) => {
                effects.records = batch;
                Released::Stored(effects)
            }
            Err(error) => {
                let later = mem::replace(&mut self.open.records, batch);
                (self.seen, self.urgent) = (0, false);
                self.open.records.records.extend(later.records);
                self.open.records.readings.extend(later.readings);
                Released::Refused(effects, error)
            }
        })
    }

    /// Takes back a buffer whose effects have been executed.
    pub fn give_back(&mut self, mut effects: Effects) {
        effects.clear();
        let items = [
            effects.list.capacity(),
            effects.records.records.capacity(),
            effects.records.readings.capacity(),
        ];
        if effects.bytes.capacity() <= KEPT_BYTES && items.iter().all(|items| *items <= KEPT_ITEMS) {
            self.spare = effects;
        }
    }

    /// Records and readings that wait for the next commit, and effects that wait for one.
    pub fn unstored(&self) -> usize {
        self.open.records.records.len() + self.open.records.readings.len() + self.open.list.len()
    }

    /// Batches given out so far.
    pub fn released(&self) -> u64 {
        self.released
    }

    /// How many batches will have been given out once everything gathered so far has.
    pub fn end(&self) -> u64 {
        self.released + u64::from(self.flying.is_some()) + u64::from(!self.open.is_empty())
    }
}

/// Whose report a record is, if it is one.
fn reporter(record: &Record) -> Option<&NodeId> {
    match record {
        Record::Report { node, .. } => Some(node),
        Record::Node(_)
        | Record::Gone(_)
        | Record::Command(_)
        | Record::Replaced { .. }
        | Record::Audit(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use iot_core::{Effect, SessionId, UnixMillis};
    use iot_proto::{BootId, Name};

    use super::*;

    #[test]
    fn effects_without_records_are_free_at_once() {
        let mut commit = GroupCommit::default();
        close(&mut commit, 1);
        assert_eq!(commit.take_free().map(|effects| sessions(&effects)), Some(vec![1]));
        assert!(commit.take_free().is_none() && commit.begin().is_none());
        assert_eq!(commit.released(), commit.end());
    }

    #[test]
    fn what_gathers_during_a_commit_waits_and_forms_the_next() {
        let mut commit = GroupCommit::default();
        record(&mut commit, "a");
        close(&mut commit, 1);
        assert!(commit.take_free().is_none(), "a record comes before");
        let first = commit.begin().unwrap();
        assert_eq!(first.records.len(), 1);

        close(&mut commit, 2);
        assert!(commit.take_free().is_none(), "order is kept");
        record(&mut commit, "b");
        record(&mut commit, "c");
        assert!(commit.begin().is_none(), "one at a time");
        assert_eq!(commit.end(), 2);

        let Some(Released::Stored(effects)) = commit.ended(first, Ok(())) else { panic!("stored") };
        assert_eq!(sessions(&effects), [1]);
        let second = commit.begin().unwrap();
        assert_eq!(second.records.len(), 2, "one commit holds many inputs");
        let Some(Released::Stored(effects)) = commit.ended(second, Ok(())) else { panic!("stored") };
        assert_eq!((sessions(&effects), commit.released()), (vec![2], 2));
    }

    #[test]
    fn what_could_not_be_stored_comes_first_in_the_next_commit() {
        let mut commit = GroupCommit::default();
        record(&mut commit, "a");
        close(&mut commit, 1);
        let batch = commit.begin().unwrap();
        record(&mut commit, "b");
        let full = StoreError { why: "the disk is full".into() };
        let Some(Released::Refused(effects, why)) = commit.ended(batch, Err(full.clone())) else {
            panic!("refused")
        };
        assert_eq!((sessions(&effects), why), (vec![1], full));
        let retry = commit.begin().unwrap();
        assert_eq!(retry.records, [gone("a"), gone("b")]);
    }

    #[test]
    fn only_a_few_reports_of_other_nodes_may_wait_for_company() {
        let mut commit = GroupCommit::default();
        assert!(!commit.may_gather(), "nothing waits");
        report(&mut commit, "a");
        assert!(commit.may_gather());
        let batch = commit.begin().unwrap();
        commit.ended(batch, Ok(())).unwrap();

        report(&mut commit, "a");
        assert!(!commit.may_gather(), "a lone node is not held up");
        let batch = commit.begin().unwrap();
        commit.ended(batch, Ok(())).unwrap();

        report(&mut commit, "b");
        assert!(commit.may_gather());
        record(&mut commit, "c");
        assert!(!commit.may_gather(), "nothing but reports waits");
        let batch = commit.begin().unwrap();
        commit.ended(batch, Ok(())).unwrap();

        (0..ENOUGH).for_each(|_| report(&mut commit, "b"));
        assert!(!commit.may_gather(), "these are enough");
    }

    fn report(commit: &mut GroupCommit, name: &str) {
        let node = NodeId::plain(Name::new(name).unwrap());
        let (boot, arrived) = (BootId(1), UnixMillis(0));
        let report = Record::Report { node, boot, sequence: 1, reports: 1, gap: 0, arrived, readings: 0 };
        commit.open().records.records.push(report);
    }

    fn close(commit: &mut GroupCommit, session: u64) {
        commit.open().list.push(Effect::Close { session: SessionId(session) });
    }

    fn record(commit: &mut GroupCommit, name: &str) {
        commit.open().records.records.push(gone(name));
    }

    fn gone(name: &str) -> Record {
        Record::Gone(NodeId::plain(Name::new(name).unwrap()))
    }

    fn sessions(effects: &Effects) -> Vec<u64> {
        let session = |effect: &Effect| match effect {
            Effect::Close { session } => session.0,
            Effect::Send { .. }
            | Effect::Join { .. }
            | Effect::Widen { .. }
            | Effect::Deliver { .. }
            | Effect::EndDelivery { .. }
            | Effect::Resolve { .. }
            | Effect::Publish(_)
            | Effect::Refused { .. } => panic!("{effect:?}"),
        };
        effects.list.iter().map(session).collect()
    }
}
