//! [`Figures`]: what a run counted, as a table and as JSON, and whether it holds.

use std::time::Duration;

use serde_json::{Value, json};

use super::verify::Breaches;

/// Longest time to be ready again, at the 99th percentile.
const READY: Duration = Duration::from_secs(2);

/// What a run counted.
#[derive(Debug)]
pub struct Figures {
    /// How often the hub was killed.
    pub(super) kills: u32,
    /// How many of these fell into its start.
    pub(super) kills_at_start: u32,
    pub(super) acknowledged_readings: u64,
    pub(super) acknowledged_commands: usize,
    /// What was found at the end, or at the first look that found something.
    pub(super) breaches: Breaches,
    /// From each start to the first answer of the API.
    pub(super) ready: Vec<Duration>,
    pub(super) elapsed: Duration,
    pub(super) seed: u64,
}

impl Figures {
    /// Whether something was lost, invented, kept twice, run twice or ended wrongly.
    pub fn is_breached(&self) -> bool {
        !self.breaches.is_empty()
    }

    /// How many acknowledged readings, commands and nodes were lost.
    pub fn lost(&self) -> u64 {
        self.breaches.lost
    }

    /// Whether the hub was ready again in time.
    pub fn is_ready_in_time(&self) -> bool {
        self.percentile(99) <= READY
    }

    /// Breaches in words, the first ten.
    pub fn seen(&self) -> &[String] {
        &self.breaches.seen
    }

    /// For scripts.
    pub fn to_json(&self) -> Value {
        let Breaches { lost, phantom, duplicate, ran_twice, inconsistent, seen } = &self.breaches;
        json!({
            "kills": self.kills,
            "kills_at_start": self.kills_at_start,
            "acknowledged_readings": self.acknowledged_readings,
            "acknowledged_commands": self.acknowledged_commands,
            "lost": lost,
            "phantom": phantom,
            "duplicate": duplicate,
            "ran_twice": ran_twice,
            "inconsistent": inconsistent,
            "seen": seen,
            "ready_p50_ms": millis(self.percentile(50)),
            "ready_p99_ms": millis(self.percentile(99)),
            "seconds": (self.elapsed.as_secs_f64() * 10.0).round() / 10.0,
            "seed": self.seed,
        })
    }

    /// For people, one line for each figure.
    pub fn to_lines(&self) -> Vec<String> {
        let entries = self.to_json();
        let entries = entries.as_object().into_iter().flatten().filter(|(name, _)| *name != "seen");
        let mut lines: Vec<_> = entries.map(|(name, value)| format!("{name:<24} {value:>12}")).collect();
        lines.extend(self.breaches.seen.iter().map(|what| format!("  {what}")));
        lines
    }

    fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.ready.clone();
        times.sort();
        let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(at).copied().unwrap_or(Duration::MAX)
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
