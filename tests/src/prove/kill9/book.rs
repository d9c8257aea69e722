//! [`Book`]: what the hub was given, and what it promised, kept outside of it.
//!
//! Each node numbers its readings from 0, and value and time of a reading follow from node and number. So
//! two counters say all of a node: readings below `acknowledged` must be there, and none from `sent` on.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;

/// How long before the run the first reading is said to have been measured, in milliseconds. Readings are a
/// millisecond apart and must not come to lie in the future.
const BACK_MS: i64 = 6 * 3_600 * 1_000;

/// Readings that one node can have: their numbers and the node's share 32 bits.
const READINGS_BITS: u32 = 24;

/// Most nodes, so that every value is in the range of a temperature.
pub(super) const MAX_NODES: u8 = 64;

/// What was given and promised.
#[derive(Debug)]
pub(super) struct Book {
    /// When reading 0 of every node was measured, in milliseconds since 1970.
    pub(super) epoch: i64,
    /// A page for each node.
    pub(super) pages: Vec<Page>,
    ledger: Mutex<Ledger>,
}

/// What is known of one node.
#[derive(Debug)]
pub(super) struct Page {
    /// Its id in the API.
    pub(super) id: String,
    /// Its name on the wire.
    pub(super) name: String,
    /// Number of the first reading that was never sent.
    pub(super) sent: AtomicU32,
    /// Number of the first reading that was not acknowledged.
    pub(super) acknowledged: AtomicU32,
    /// Whether the hub has confirmed its modules.
    pub(super) registered: AtomicBool,
}

/// Commands, and what else came to light.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By id.
    pub(super) commands: BTreeMap<String, Command>,
    /// Requests that were never answered: the hub may have taken the command.
    pub(super) unanswered: usize,
    /// What the hub no longer knew although it had promised it.
    pub(super) forgotten: Vec<String>,
    /// The last trouble of a node, to explain a run that stands still.
    pub(super) trouble: String,
}

/// One command.
#[derive(Clone, Debug, Default)]
pub(super) struct Command {
    /// The node that it is for, by number, once the hub has acknowledged it.
    pub(super) acknowledged: Option<usize>,
    /// The nodes that ran it, one entry each time.
    pub(super) runs: Vec<usize>,
    /// Whether it was found to have ended as it should.
    pub(super) settled: bool,
}

impl Book {
    /// A book of so many nodes.
    ///
    /// # Errors
    /// When the clock stands before 1970.
    pub(super) fn new(nodes: u8) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let pages = (0..nodes).map(|number| Page::new(&format!("prove-{number}"))).collect();
        Ok(Self { epoch: i64::try_from(now)? - BACK_MS, pages, ledger: Mutex::default() })
    }

    /// When a reading was measured, in milliseconds since 1970.
    pub(super) fn measured(&self, number: u32) -> i64 {
        self.epoch + i64::from(number)
    }

    /// Readings acknowledged so far, of all nodes.
    pub(super) fn acknowledged(&self) -> u64 {
        self.pages.iter().map(|page| u64::from(page.acknowledged.load(Ordering::SeqCst))).sum()
    }

    /// Whether every reading that was sent has been acknowledged.
    pub(super) fn all_acknowledged(&self) -> bool {
        let mut pages = self.pages.iter();
        pages.all(|page| page.acknowledged.load(Ordering::SeqCst) == page.sent.load(Ordering::SeqCst))
    }

    /// The commands.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    fn new(name: &str) -> Self {
        Self {
            id: format!("plain:{name}"),
            name: name.to_string(),
            sent: AtomicU32::new(0),
            acknowledged: AtomicU32::new(0),
            registered: AtomicBool::new(false),
        }
    }
}

impl Ledger {
    /// The hub has promised to do a command.
    pub(super) fn acknowledge(&mut self, id: String, node: usize) {
        self.commands.entry(id).or_default().acknowledged = Some(node);
    }

    /// A node has run a command.
    pub(super) fn ran(&mut self, id: String, node: usize) {
        self.commands.entry(id).or_default().runs.push(node);
    }

    /// Acknowledged commands that were not yet found to have ended.
    pub(super) fn open(&self) -> Vec<String> {
        let open = self.commands.iter().filter(|(_, command)| command.is_open());
        open.map(|(id, _)| id.clone()).collect()
    }

    /// How many these are.
    pub(super) fn count_open(&self) -> usize {
        self.commands.values().filter(|command| command.is_open()).count()
    }
}

impl Command {
    fn is_open(&self) -> bool {
        self.acknowledged.is_some() && !self.settled
    }
}

/// The value of a reading: node and number as a fraction, exact in a float and from 0 to 128.
pub(super) fn value(node: u8, number: u32) -> f64 {
    f64::from((u32::from(node) << READINGS_BITS) | number) / f64::from(1 << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_readings_have_one_value_and_all_are_temperatures() {
        assert!(value(0, 1) > value(0, 0));
        assert!(value(1, 0) > value(0, (1 << READINGS_BITS) - 1));
        assert!(value(MAX_NODES - 1, (1 << READINGS_BITS) - 1) < 150.0);
    }

    #[test]
    fn a_command_is_open_from_its_acknowledgement_until_it_is_settled() {
        let mut ledger = Ledger::default();
        ledger.ran("a".into(), 1);
        assert_eq!(ledger.count_open(), 0, "it ran, and nobody was promised anything");
        ledger.acknowledge("a".into(), 1);
        assert_eq!(ledger.open(), ["a"]);
        ledger.commands.get_mut("a").unwrap().settled = true;
        assert_eq!(ledger.count_open(), 0);
    }
}
