//! `cargo xtask bench`: builds the real hub as it is shipped and measures it, beside its peers and on a day as
//! every other.
//!
//! The measurements themselves are a binary of the package `iot-tests`; `docs/figures.md` says what each one is.

use clap::{Args, ValueEnum};
use xshell::{Shell, cmd};

use crate::{exec, machine};

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
    /// How often each server is measured.
    #[arg(long, default_value_t = 5)]
    reps: u32,
    /// For how many seconds, each time.
    #[arg(long, default_value_t = 3)]
    seconds: u32,
    /// For how many seconds the fleet is measured.
    #[arg(long, default_value_t = 30)]
    fleet_seconds: u32,
    /// Measure only this; may be given several times.
    #[arg(long)]
    only: Vec<Part>,
    /// Plant a fault, which must be found.
    #[arg(long)]
    plant: Option<Plant>,
}

/// A part of what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// 1,000 connections with one report outstanding.
    Thousand,
    /// 100 connections with 16 outstanding.
    Pipelined,
    /// Connect, report, be acknowledged, close.
    Visits,
    /// One node alone.
    Lone,
    /// Memory of nodes that say nothing.
    Idle,
    /// The store beside a row for each reading.
    Store,
    /// How long a command takes.
    Commands,
    /// A thousand nodes with a report a second.
    Fleet,
}

/// A fault that must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The hub wastes time on each frame.
    Slow,
}

/// Installs the peers where they are missing, builds, and measures.
///
/// # Errors
/// When something does not build, a figure falls short of its bar, or a planted fault is not found.
pub(crate) fn run(sh: &Shell, options: &Options) -> anyhow::Result<()> {
    machine::prepare_peers(sh)?;
    exec::run(cmd!(sh, "cargo build --release --bins -p iot-server -p iot-sim -p iot-tests"))?;
    let arguments = arguments(options);
    exec::run(cmd!(sh, "target/release/bench {arguments...}"))
}

fn arguments(options: &Options) -> Vec<String> {
    let Options { json, reps, seconds, fleet_seconds, only, plant } = options;
    let mut arguments: Vec<_> = json.then(|| "--json".to_string()).into_iter().collect();
    let numbers = [("--reps", reps), ("--seconds", seconds), ("--fleet-seconds", fleet_seconds)];
    arguments.extend(numbers.iter().flat_map(|(name, number)| [name.to_string(), number.to_string()]));
    arguments.extend(only.iter().flat_map(|part| ["--only".into(), name_of(part)]));
    arguments.extend(plant.iter().flat_map(|plant| ["--plant".into(), name_of(plant)]));
    arguments
}

fn name_of(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_handed_on() {
        let options = Options {
            json: true,
            reps: 3,
            seconds: 2,
            fleet_seconds: 20,
            only: vec![Part::Lone],
            plant: Some(Plant::Slow),
        };
        let given = "--json --reps 3 --seconds 2 --fleet-seconds 20 --only lone --plant slow";
        assert_eq!(arguments(&options).join(" "), given);
    }
}
