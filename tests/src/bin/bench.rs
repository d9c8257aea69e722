//! Measures the hub and its peers, and prints it as a table or as JSON.
//!
//! Run by `cargo xtask bench`. Ends without success where a figure falls short of its bar, or where a planted
//! fault was not found.

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use iot_tests::{
    bench::{
        commands,
        cpu::Core,
        figure::{self, Figure},
        fleet, idle, keys,
        peers::{self, Effort, Work},
        server::Peer,
        stores,
    },
    out,
};

/// Measures what the hub promises.
#[derive(Debug, Parser)]
struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// How often each server is measured
    #[arg(long, default_value_t = 5)]
    reps: usize,
    /// For how many seconds, each time
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// For how many seconds the fleet is measured
    #[arg(long, default_value_t = 30)]
    fleet_seconds: u64,
    /// Commands that are timed
    #[arg(long, default_value_t = 500)]
    commands: usize,
    /// Only this, as often as it is given
    #[arg(long)]
    only: Vec<Part>,
    /// Plant a fault that must be found
    #[arg(long)]
    plant: Option<Plant>,
}

/// A part of what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// 1,000 connections with one report outstanding
    Thousand,
    /// 100 connections with 16 outstanding
    Pipelined,
    /// Connect, report, be acknowledged, close
    Visits,
    /// One node alone
    Lone,
    /// Memory of nodes that say nothing
    Idle,
    /// The store beside a row for each reading
    Store,
    /// How long a command takes
    Commands,
    /// A thousand nodes with a report a second
    Fleet,
    /// Nodes that encrypt beside plain ones
    Keys,
}

/// A fault that must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The hub wastes time on each frame
    Slow,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match measure(&args).and_then(|figures| {
        figure::print(&figures, args.json);
        judge(&args, &figures)
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::progress(&format!("bench: FAILED: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> Result<Vec<Figure>> {
    let parts = match (args.only.as_slice(), args.plant) {
        ([], Some(Plant::Slow)) => &[Part::Thousand],
        ([], None) => Part::value_variants(),
        (parts, _) => parts,
    };
    let hub = if args.plant.is_some() { Peer::SlowHub } else { Peer::Hub };
    let time = Duration::from_secs(args.seconds);
    let effort = Effort { repetitions: args.reps, time, hub };
    let mut figures = Vec::new();
    for part in parts {
        let is_everyday = matches!(part, Part::Commands | Part::Fleet | Part::Keys);
        let core = if is_everyday { Core::Any } else { Core::Load };
        core.pin(std::process::id())?;
        figures.extend(match part {
            Part::Thousand => peers::run(Work::Thousand, &effort)?,
            Part::Pipelined => peers::run(Work::Pipelined, &effort)?,
            Part::Visits => peers::run(Work::Visits, &effort)?,
            Part::Lone => peers::run(Work::Lone, &effort)?,
            Part::Idle => idle::run(hub)?,
            Part::Store => stores::run(args.reps, time)?,
            Part::Commands => commands::run(args.commands)?,
            Part::Fleet => fleet::run(args.fleet_seconds)?,
            Part::Keys => keys::run(args.fleet_seconds)?,
        });
    }
    Ok(figures)
}

/// Whether all is as it must be.
///
/// # Errors
/// Which figures fall short, or that the planted fault was not found.
fn judge(args: &Args, figures: &[Figure]) -> Result<()> {
    let short: Vec<_> = figures.iter().filter(|figure| !figure.holds()).map(|figure| &figure.name).collect();
    if args.plant.is_some() {
        ensure!(!short.is_empty(), "the planted fault was not found: the measurement shows nothing");
        out::progress("bench: the planted fault was found");
        return Ok(());
    }
    ensure!(short.is_empty(), "short of the bar: {short:?}");
    Ok(())
}
