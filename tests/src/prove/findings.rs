//! [`Findings`]: the figures of a run, each with what it must be, and [`Seen`]: what broke a promise, in words.

use core::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

/// Breaches that are told in words.
const TOLD: usize = 10;

/// What a run has found.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    figures: Map<String, Value>,
    seen: Seen,
}

/// What broke a promise: how often, and the first of it in words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    all: usize,
    told: Vec<String>,
}

impl Findings {
    /// A figure that may be anything.
    pub(super) fn tell(&mut self, name: &str, figure: impl Into<Value>) {
        self.figures.insert(name.to_owned(), figure.into());
    }

    /// A figure that must be this one.
    pub(super) fn exactly(&mut self, name: &str, figure: impl Into<Value>, must: impl Into<Value>) {
        let (figure, must) = (figure.into(), must.into());
        if figure != must {
            self.seen.tell(format!("{name} is {figure} and must be {must}"));
        }
        self.tell(name, figure);
    }

    /// A figure that counts what must never happen.
    pub(super) fn zero(&mut self, name: &str, figure: impl Into<Value>) {
        self.exactly(name, figure, 0);
    }

    /// A promise was broken.
    pub(super) fn breach(&mut self, what: String) {
        self.seen.tell(what);
    }

    /// Adds what broke a promise elsewhere.
    pub(super) fn add(&mut self, seen: &Seen) {
        self.seen.add(seen);
    }

    /// What broke a promise.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// All of it for scripts, with the fault that was planted.
    pub(super) fn into_document(mut self, plant: Option<String>) -> Value {
        self.tell("plant", plant);
        let told = core::mem::take(&mut self.seen.told);
        self.tell("seen", told);
        Value::Object(self.figures)
    }
}

impl Seen {
    /// One more.
    pub(crate) fn tell(&mut self, what: String) {
        self.all += 1;
        if self.told.len() < TOLD {
            self.told.push(what);
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all
    }

    /// Adds others.
    pub(crate) fn add(&mut self, others: &Self) {
        self.all += others.all;
        self.told.extend_from_slice(&others.told);
        self.told.truncate(TOLD);
    }

    /// Whether no promise was broken.
    pub(crate) fn is_empty(&self) -> bool {
        self.all == 0
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seen: {}", self.all, self.told.join("; "))
    }
}

/// In seconds, to a tenth.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}

/// In milliseconds, to a tenth.
pub(super) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The longest of them in milliseconds; `None` where there is none.
pub(super) fn most(times: &[Duration]) -> Option<f64> {
    times.iter().max().copied().map(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_not_what_it_must_be_is_a_breach() {
        let mut findings = Findings::default();
        findings.tell("runs", 7);
        findings.exactly("owners", 1_usize, 1);
        findings.zero("lost", 0_u64);
        assert!(findings.seen().is_empty());
        findings.exactly("owners", 2_usize, 1);
        findings.zero("lost", 3_u64);
        assert_eq!(findings.seen().to_string(), "2 seen: owners is 2 and must be 1; lost is 3 and must be 0");
        let document = findings.into_document(None);
        assert_eq!(
            (&document["runs"], &document["lost"], &document["plant"]),
            (&7.into(), &3.into(), &Value::Null)
        );
        assert_eq!(document["seen"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn all_breaches_count_and_the_first_ten_are_told() {
        let mut seen = Seen::default();
        (0..12).for_each(|number| seen.tell(number.to_string()));
        assert_eq!(seen.to_string(), "12 seen: 0; 1; 2; 3; 4; 5; 6; 7; 8; 9");
    }

    #[test]
    fn times_are_told_to_a_tenth() {
        assert_eq!(seconds(Duration::from_millis(1_250)).to_string(), "1.3");
        assert_eq!(millis(Duration::from_micros(1_250)).to_string(), "1.3");
    }
}
