//! `time`: clocks that step, stop, start in 1970 and run past 2038; nothing promised may be broken by any of it.
//!
//! Each case is a quiet world of the simulation in which something happens to the clocks. The model there judges what
//! is stored, labelled, run, shown and expired; here timers are counted, against the same world without the case.

mod case;

use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::Args;
use serde_json::json;

use self::case::{Case, cases};
use super::sim::{Outcome, Plant, Weather, run_script};
use crate::out;

/// Ticks of the hub that a case may cost beside twice those of the same world without it.
const SPARE_TICKS: u64 = 50;

/// Which worlds to run.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Worlds for each case
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Plant a fault that must be found: deadlines are taken from the wall clock
    #[arg(long)]
    plant: Option<Planted>,
}

/// The fault that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Planted {
    /// The hub takes its deadlines from the wall clock.
    WallDeadlines,
}

/// What was found in one case.
#[derive(Debug, Default)]
struct Found {
    breach: Option<String>,
    acknowledged: u64,
    ticks: u64,
    ticks_without: u64,
}

/// Runs all cases, prints what was found, and judges it.
///
/// # Errors
/// A promise was broken, or the planted fault was not found.
pub fn command(options: &Options) -> Result<()> {
    let started = Instant::now();
    let plant = options.plant.map(|Planted::WallDeadlines| Plant::WallDeadlines);
    let mut found = Vec::new();
    for case in cases() {
        let result = run(&case, options, plant)?;
        found.push((case.name, result));
    }
    print(options, &found, started.elapsed().as_secs_f64());
    let breach = found.iter().find_map(|(name, found)| Some((name, found.breach.as_ref()?)));
    match (plant, breach) {
        (None, None) => out::progress("time: no clock broke a promise"),
        (Some(_), Some((name, what))) => {
            out::progress(&format!("time: the planted fault was found in {name}: {what}"));
        }
        (Some(_), None) => bail!("the planted fault was not found: the proof proves nothing"),
        (None, Some((name, what))) => bail!("{name}: {what}"),
    }
    Ok(())
}

fn run(case: &Case, options: &Options, plant: Option<Plant>) -> Result<Found> {
    let mut found = Found::default();
    for seed in options.from..options.from.saturating_add(options.seeds) {
        let weather = Weather { dawn: case.dawn, ..Weather::quiet() };
        let with = run_script(seed, weather.clone(), &case.script, plant)?;
        let without = run_script(seed, weather, &[], plant)?;
        found.acknowledged += with.acknowledged_reports + with.acknowledged_commands;
        found.ticks += with.ticks;
        found.ticks_without += without.ticks;
        found.breach = breach(&with, &without).map(|what| format!("seed {seed}: {what}"));
        if found.breach.is_some() {
            return Ok(found);
        }
    }
    ensure!(found.acknowledged > 0, "{}: nothing was acknowledged, so nothing was shown", case.name);
    Ok(found)
}

fn breach(with: &Outcome, without: &Outcome) -> Option<String> {
    let most = 2 * without.ticks + SPARE_TICKS;
    let storm = || (with.ticks > most).then(|| format!("{} ticks where {most} are enough", with.ticks));
    with.breach.clone().or_else(storm)
}

fn print(options: &Options, found: &[(&str, Found)], seconds: f64) {
    if options.json {
        let cases: Vec<_> = found
            .iter()
            .map(|(name, found)| {
                json!({
                    "case": name,
                    "acknowledged": found.acknowledged,
                    "ticks": found.ticks,
                    "ticks_without": found.ticks_without,
                    "breach": found.breach,
                })
            })
            .collect();
        let plant = options.plant.map(|plant| format!("{plant:?}"));
        let document = json!({ "seeds": options.seeds, "cases": cases, "seconds": seconds, "plant": plant });
        return out::line(&document.to_string());
    }
    for (name, found) in found {
        let Found { breach, acknowledged, ticks, ticks_without } = found;
        let breach = breach.as_deref().unwrap_or("held");
        out::line(&format!(
            "{name:<28} {acknowledged:>8} acknowledged, {ticks:>7} ticks for {ticks_without:>7}  {breach}"
        ));
    }
}
