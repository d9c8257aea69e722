//! [`Figures`]: what a run of many seeds found, as a table and as JSON.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::Outcome;

/// What was found.
#[derive(Clone, Debug)]
pub struct Figures {
    from: u64,
    seeds: u64,
    sum: Outcome,
    lives: u64,
    boots: u64,
    /// The seed with a breach, and which; the lowest of those that were found.
    breach: Option<(u64, String)>,
    pub(super) elapsed: Duration,
}

impl Figures {
    pub(super) fn new(from: u64) -> Self {
        let sum = Outcome::default();
        Self { from, seeds: 0, sum, lives: 0, boots: 0, breach: None, elapsed: Duration::ZERO }
    }

    pub(super) fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.seeds += 1;
        // The order in which seeds end is not theirs, so the sum must not depend on it.
        self.sum.hash = self.sum.hash.wrapping_add(outcome.hash);
        self.sum.events += outcome.events;
        self.sum.simulated_ms += outcome.simulated_ms;
        self.sum.acknowledged_reports += outcome.acknowledged_reports;
        self.sum.stored_readings += outcome.stored_readings;
        self.sum.acknowledged_commands += outcome.acknowledged_commands;
        self.sum.faults += outcome.faults;
        self.sum.ticks += outcome.ticks;
        self.lives += u64::from(outcome.lives);
        self.boots += u64::from(outcome.boots);
        for (state, count) in &outcome.ended {
            *self.sum.ended.entry(state).or_default() += count;
        }
        if let Some(breach) = &outcome.breach
            && self.breach.as_ref().is_none_or(|(known, _)| seed < *known)
        {
            self.breach = Some((seed, breach.clone()));
        }
    }

    /// The seed with a breach, and which.
    pub fn breach(&self) -> Option<&(u64, String)> {
        self.breach.as_ref()
    }

    /// As one JSON document.
    pub fn to_json(&self) -> Value {
        let seconds = self.elapsed.as_secs_f64();
        json!({
            "seeds": self.seeds,
            "from": self.from,
            "breach": self.breach.as_ref().map(|(seed, what)| json!({ "seed": seed, "what": what })),
            "trace": format!("{:016x}", self.sum.hash),
            "events": self.sum.events,
            "simulated_hours": hours(self.sum.simulated_ms),
            "acknowledged_reports": self.sum.acknowledged_reports,
            "stored_readings": self.sum.stored_readings,
            "acknowledged_commands": self.sum.acknowledged_commands,
            "ended": self.sum.ended,
            "faults": self.sum.faults,
            "hub_starts": self.lives,
            "node_starts": self.boots,
            "seconds": seconds,
            "seeds_per_second": rate(self.seeds, seconds),
        })
    }

    /// As lines of a table.
    pub fn to_lines(&self) -> Vec<String> {
        let seconds = self.elapsed.as_secs_f64();
        let ended: BTreeMap<_, _> = self.sum.ended.iter().collect();
        let mut lines = vec![
            format!(
                "seeds                  {} from {}, {:.0} a second",
                self.seeds,
                self.from,
                rate(self.seeds, seconds)
            ),
            format!("events                 {}", self.sum.events),
            format!("simulated hours        {:.1}", hours(self.sum.simulated_ms)),
            format!("acknowledged reports   {}", self.sum.acknowledged_reports),
            format!("stored readings        {}", self.sum.stored_readings),
            format!("acknowledged commands  {}, ended {ended:?}", self.sum.acknowledged_commands),
            format!(
                "faults                 {}, starts of the hub {}, of nodes {}",
                self.sum.faults, self.lives, self.boots
            ),
            format!("trace                  {:016x}", self.sum.hash),
        ];
        lines.extend(
            self.breach.as_ref().map(|(seed, what)| format!("breach                 seed {seed}: {what}")),
        );
        lines
    }
}

fn hours(millis: u64) -> f64 {
    Duration::from_millis(millis).as_secs_f64() / 3_600.0
}

fn rate(count: u64, seconds: f64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / seconds.max(1e-9)
}
