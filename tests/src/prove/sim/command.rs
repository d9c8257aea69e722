//! The command `prove sim`: its options, what it prints, and when it ends without success.

use anyhow::{Result, bail};
use clap::Args;

use super::{Plan, Plant, Traced, run, run_seed};
use crate::out;

/// Lines of the trace that are shown where a promise was broken.
const LAST_LINES: usize = 80;

/// Which seeds to run.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// How many seeds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Run this seed alone
    #[arg(long)]
    seed: Option<u64>,
    /// Print its trace
    #[arg(long, requires = "seed")]
    trace: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Plant a fault that must be found
    #[arg(long)]
    plant: Option<Plant>,
}

/// Runs the seeds, prints what was found, and judges it.
///
/// # Errors
/// A promise was broken, or a planted fault was not found.
pub fn command(options: &Options) -> Result<()> {
    if let (Some(seed), true) = (options.seed, options.trace) {
        let outcome = run_seed(seed, options.plant, Traced::Lines)?;
        outcome.trace.iter().for_each(|line| out::line(line));
        out::line(&format!("seed {seed}, {} events, trace {:016x}", outcome.events, outcome.hash));
    }
    let (from, seeds) = options.seed.map_or((options.from, options.seeds), |seed| (seed, 1));
    let figures = run(&Plan { from, seeds, plant: options.plant })?;
    if options.json {
        let mut document = figures.to_json();
        document["plant"] =
            options.plant.map_or(serde_json::Value::Null, |plant| format!("{plant:?}").into());
        out::line(&document.to_string());
    } else {
        figures.to_lines().iter().for_each(|line| out::line(line));
    }
    match (options.plant, figures.breach()) {
        (None, None) => {
            out::progress("sim: no promise was broken");
            Ok(())
        }
        (Some(plant), Some((seed, what))) => {
            out::progress(&format!("sim: the planted fault {plant:?} was found by seed {seed}: {what}"));
            Ok(())
        }
        (Some(plant), None) => bail!("the planted fault {plant:?} was not found: the proof proves nothing"),
        (None, Some((seed, what))) => {
            let outcome = run_seed(*seed, None, Traced::Lines)?;
            let first = outcome.trace.len().saturating_sub(LAST_LINES);
            outcome.trace.iter().skip(first).for_each(|line| out::progress(line));
            bail!("seed {seed}: {what}. To see it again: cargo xtask prove sim --seed {seed} --trace")
        }
    }
}
