//! [`Figures`]: what a run counted, and what of it must hold.

use std::time::Duration;

use super::verify::Breaches;
use crate::prove::findings::{Findings, millis, seconds};

/// Longest time to be ready again, at the 99th percentile.
const READY: Duration = Duration::from_secs(2);

/// What a run counted.
#[derive(Debug)]
pub(super) struct Figures {
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
    pub(super) fn to_findings(&self) -> Findings {
        let Breaches { lost, phantom, duplicate, ran_twice, inconsistent, seen } = &self.breaches;
        let mut findings = Findings::default();
        findings.add(seen);
        findings.tell("kills", self.kills);
        findings.tell("kills_at_start", self.kills_at_start);
        findings.tell("acknowledged_readings", self.acknowledged_readings);
        findings.tell("acknowledged_commands", self.acknowledged_commands);
        findings.zero("lost", *lost);
        findings.zero("phantom", *phantom);
        findings.zero("duplicate", *duplicate);
        findings.zero("ran_twice", *ran_twice);
        findings.zero("inconsistent", *inconsistent);
        let slowest = self.percentile(99);
        if slowest > READY {
            findings.breach(format!("the hub was ready again within {slowest:?}, 99th percentile"));
        }
        findings.tell("ready_p50_ms", millis(self.percentile(50)));
        findings.tell("ready_p99_ms", millis(slowest));
        findings.tell("seconds", seconds(self.elapsed));
        findings.tell("seed", self.seed);
        findings
    }

    fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.ready.clone();
        times.sort();
        let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(at).copied().unwrap_or(Duration::MAX)
    }
}
