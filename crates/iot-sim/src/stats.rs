//! What a fleet has done, in numbers.

use alloc::collections::BTreeMap;
use core::{fmt, time::Duration};

use iot_proto::ErrorCode;
use serde::Serialize;

/// Buckets of a power of two, so that a percentile is exact to an eighth.
const FINE: u32 = 3;

/// What a fleet has done since it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Simulated nodes.
    pub nodes: u64,
    /// Nodes that the hub has welcomed and that are connected now.
    pub online: u64,
    /// Times that the hub welcomed a node.
    pub connects: u64,
    /// Ends of such sessions and failed attempts, by reason.
    pub disconnects: BTreeMap<String, u64>,
    /// Crashes on purpose.
    pub crashes: u64,
    /// Reports made, without those lost on purpose.
    pub reports: u64,
    /// Reports that the hub has acknowledged.
    pub acknowledged: u64,
    /// Reports sent once more.
    pub resent: u64,
    /// Reports lost on purpose: the hub sees a gap for each run of them.
    pub lost: u64,
    /// Reports given up, because memory was full or the hub did not take them.
    pub given_up: u64,
    /// Readings that the hub refused.
    pub rejected_readings: u64,
    /// Commands that were run.
    pub commands: u64,
    /// Commands that came again and were not run again.
    pub repeated_commands: u64,
    /// Errors that the hub sent, and messages of the hub that were refused, by code.
    pub errors: BTreeMap<String, u64>,
    /// Those of them that say that one side broke the protocol.
    pub protocol_errors: u64,
    /// Time from report to acknowledgement.
    pub latency: Latency,
}

/// How long something took, as a distribution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Median in microseconds; 0 where nothing was measured.
    pub p50_us: u64,
    /// 99 of 100 took no longer than this, in microseconds; 0 where nothing was measured.
    pub p99_us: u64,
    #[serde(skip)]
    counts: BTreeMap<u64, u64>,
}

impl Latency {
    /// Counts one.
    pub(crate) fn count(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let coarse = micros.ilog2().saturating_sub(FINE);
        *self.counts.entry((micros >> coarse) << coarse).or_default() += 1;
    }

    /// What was counted after `earlier`, with its percentiles.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut later = Self { counts: self.counts.clone(), ..Self::default() };
        for (micros, count) in &earlier.counts {
            if let Some(left) = later.counts.get_mut(micros) {
                *left = left.saturating_sub(*count);
            }
        }
        later.counts.retain(|_, count| *count > 0);
        later.settle();
        later
    }

    /// Works out the percentiles.
    pub(crate) fn settle(&mut self) {
        self.p50_us = self.percentile(50);
        self.p99_us = self.percentile(99);
    }

    fn percentile(&self, percent: u64) -> u64 {
        let wanted = (self.counts.values().sum::<u64>() * percent).div_ceil(100);
        let mut seen = 0;
        let reached = self.counts.iter().find(|(_, count)| {
            seen += **count;
            seen >= wanted
        });
        reached.map_or(0, |(micros, _)| *micros)
    }
}

impl Stats {
    /// Counts an error.
    pub(crate) fn error(&mut self, code: ErrorCode) {
        *self.errors.entry(code.to_string()).or_default() += 1;
        self.protocol_errors += u64::from(breaks_protocol(code));
    }
}

/// Whether a code says that one side broke the protocol, and not that something was in the way.
fn breaks_protocol(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::UNSUPPORTED_MESSAGE
            | ErrorCode::MALFORMED_MESSAGE
            | ErrorCode::BROKEN_FRAME
            | ErrorCode::FRAME_TOO_LONG
            | ErrorCode::VERSION_UNSUPPORTED
            | ErrorCode::OUT_OF_TURN
    )
}

impl fmt::Display for Stats {
    /// A table for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("nodes", self.nodes),
            ("online", self.online),
            ("connects", self.connects),
            ("crashes", self.crashes),
            ("reports", self.reports),
            ("acknowledged", self.acknowledged),
            ("resent", self.resent),
            ("lost on purpose", self.lost),
            ("given up", self.given_up),
            ("rejected readings", self.rejected_readings),
            ("commands run", self.commands),
            ("commands repeated", self.repeated_commands),
            ("latency p50 in µs", self.latency.p50_us),
            ("latency p99 in µs", self.latency.p99_us),
            ("protocol errors", self.protocol_errors),
        ];
        for (what, count) in rows {
            writeln!(f, "{what:>18}  {count}")?;
        }
        for (code, count) in &self.errors {
            writeln!(f, "{:>18}  {count} times {code}", "error")?;
        }
        for (why, count) in &self.disconnects {
            writeln!(f, "{:>18}  {count} times: {why}", "disconnected")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_to_an_eighth() {
        let mut latency = Latency::default();
        latency.settle();
        assert_eq!((latency.p50_us, latency.p99_us), (0, 0));
        for micros in 1..=10_000 {
            latency.count(Duration::from_micros(micros));
        }
        latency.settle();
        assert!((4_375..=5_000).contains(&latency.p50_us), "{}", latency.p50_us);
        assert!((8_662..=9_900).contains(&latency.p99_us), "{}", latency.p99_us);
    }

    #[test]
    fn what_came_since_is_counted_without_what_was_before() {
        let mut latency = Latency::default();
        (0..1_000).for_each(|_| latency.count(Duration::from_micros(10)));
        let before = latency.clone();
        (0..10).for_each(|_| latency.count(Duration::from_secs(1)));
        let since = latency.since(&before);
        assert!(since.p50_us > 800_000, "{}", since.p50_us);
        assert_eq!(before.since(&latency).p99_us, 0);
    }
}
