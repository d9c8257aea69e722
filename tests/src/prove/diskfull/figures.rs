//! [`Figures`]: what a run counted, as a table and as JSON.

use std::time::Duration;

use serde_json::{Value, json};

/// Breaches that are told in words.
const TOLD: usize = 10;

/// What a run counted.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// How often the disk was filled.
    pub(super) rounds: u32,
    pub(super) acknowledged: u64,
    pub(super) acknowledged_while_full: u64,
    pub(super) lost: u64,
    pub(super) phantom: u64,
    pub(super) duplicate: u64,
    /// From the full disk to the hub's word that it does not store.
    pub(super) noticed: Vec<Duration>,
    /// From room on the disk to the acknowledgement of every node.
    pub(super) recovered: Vec<Duration>,
    /// Pages and answers of the API while the disk was full.
    pub(super) pages: Vec<Duration>,
    /// What was broken, in words; the first of them.
    pub(super) seen: Vec<String>,
    pub(super) elapsed: Duration,
}

impl Figures {
    /// A promise was broken.
    pub(super) fn breach(&mut self, what: String) {
        if self.seen.len() < TOLD {
            self.seen.push(what);
        }
    }

    /// For scripts.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "rounds": self.rounds,
            "acknowledged": self.acknowledged,
            "acknowledged_while_full": self.acknowledged_while_full,
            "lost": self.lost,
            "phantom": self.phantom,
            "duplicate": self.duplicate,
            "pages": self.pages.len(),
            "page_most_ms": most(&self.pages),
            "noticed_most_ms": most(&self.noticed),
            "recovered_most_ms": most(&self.recovered),
            "seen": self.seen,
            "seconds": (self.elapsed.as_secs_f64() * 10.0).round() / 10.0,
        })
    }

    /// For people, one line for each figure.
    pub(super) fn to_lines(&self) -> Vec<String> {
        let entries = self.to_json();
        let entries = entries.as_object().into_iter().flatten().filter(|(name, _)| *name != "seen");
        let mut lines: Vec<_> = entries.map(|(name, value)| format!("{name:<24} {value:>12}")).collect();
        lines.extend(self.seen.iter().map(|what| format!("  {what}")));
        lines
    }
}

/// The longest of them in milliseconds; `None` where there is none.
fn most(times: &[Duration]) -> Option<f64> {
    times.iter().max().map(|time| (time.as_secs_f64() * 10_000.0).round() / 10.0)
}
