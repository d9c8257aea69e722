//! [`Frame`]: what all proofs have in common: the options of every run, what it prints, and how it ends.
//!
//! What is done, and to what, is each proof's own; what it has found stands in its [`Findings`].

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum, builder::EnumValueParser};

use super::findings::Findings;
use crate::out;

/// The options that every proof has. `Plant` names the faults that it must find.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Frame<Plant: ValueEnum + Clone + Send + Sync + 'static> {
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Plant a fault that must be found
    #[arg(long, value_parser = EnumValueParser::<Plant>::new())]
    pub(super) plant: Option<Plant>,
}

impl<Plant: ValueEnum + Clone + Send + Sync + 'static> Frame<Plant> {
    /// Whether a fault is planted.
    pub(super) fn is_planted(&self) -> bool {
        self.plant.is_some()
    }

    /// Prints the figures of a run and judges it. `is_found` says whether they show a planted fault, `well` what holds
    /// where nothing was broken.
    ///
    /// # Errors
    /// When a promise was broken; with a planted fault, when it was not found.
    pub(super) fn conclude(
        &self,
        proof: &str,
        findings: Findings,
        is_found: impl FnOnce(&Plant) -> bool,
        well: &str,
    ) -> Result<()> {
        let seen = findings.seen().clone();
        out::figures(&findings.into_document(self.plant.as_ref().map(word)), self.json);
        if let Some(plant) = &self.plant {
            let word = word(plant);
            ensure!(
                is_found(plant),
                "the planted fault {word} was not found: the proof proves nothing; {seen}"
            );
            out::progress(&format!("{proof}: the planted fault {word} was found: {seen}"));
        } else {
            ensure!(seen.is_empty(), "a promise was broken: {seen}");
            out::progress(&format!("{proof}: {well}"));
        }
        Ok(())
    }
}

/// How a planted fault is called on the command line.
fn word(plant: &impl ValueEnum) -> String {
    plant.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, ValueEnum)]
    enum Plant {
        LooseScrew,
    }

    fn conclude(plant: Option<Plant>, broken: u64) -> Result<()> {
        let mut findings = Findings::default();
        findings.zero("broken", broken);
        Frame { json: true, plant }.conclude("a", findings, |Plant::LooseScrew| broken > 0, "well")
    }

    #[test]
    fn a_fault_that_is_not_found_and_a_breach_that_was_not_planted_end_without_success() {
        assert!(conclude(None, 0).is_ok());
        assert!(conclude(None, 1).is_err());
        assert!(conclude(Some(Plant::LooseScrew), 1).is_ok());
        let missed = conclude(Some(Plant::LooseScrew), 0).unwrap_err();
        assert!(missed.to_string().contains("loose-screw was not found"), "{missed}");
    }
}
