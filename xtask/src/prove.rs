//! `cargo xtask prove`: does harm to the real binary and shows that its promises hold.
//!
//! The proofs themselves are a binary of the package `iot-tests`; `docs/proofs.md` says what each one shows.

use clap::{Args, Subcommand, ValueEnum};
use xshell::{Shell, cmd};

use crate::exec;

/// Kills of the short run that is part of the checks.
const SHORT_KILLS: u32 = 5;

/// Readings that it acknowledges.
const SHORT_ACKNOWLEDGED: u64 = 20_000;

/// One proof.
#[derive(Debug, Subcommand)]
pub(crate) enum Proof {
    /// Kill the hub at random moments under load: nothing acknowledged is lost, nothing runs twice.
    Kill9(Kill9),
    /// Fill the disk under load: nothing is acknowledged that is not kept, and the pages stay up.
    Diskfull(Diskfull),
}

/// How to fill the disk.
#[derive(Debug, Args)]
pub(crate) struct Diskfull {
    /// How often the disk is filled.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
    /// Plant a fault, which must be found.
    #[arg(long)]
    plant: Option<Plant>,
}

/// How to kill.
#[derive(Debug, Args)]
pub(crate) struct Kill9 {
    /// How often the hub is killed.
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// Readings that are acknowledged in all, at least.
    #[arg(long, default_value_t = 50_000)]
    acknowledged: u64,
    /// Where what is random begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
    /// Plant a fault, which must be found.
    #[arg(long)]
    plant: Option<Plant>,
}

/// A fault that a proof must find.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Plant {
    /// The hub keeps everything in memory.
    Memory,
}

/// Builds what is shipped and runs a proof.
///
/// # Errors
/// When something does not build, a promise is broken, or a planted fault is not found.
pub(crate) fn run(sh: &Shell, proof: &Proof) -> anyhow::Result<()> {
    build(sh)?;
    match proof {
        Proof::Kill9(options) => kill9(sh, options),
        Proof::Diskfull(options) => diskfull(sh, options),
    }
}

/// The short runs that are part of the checks, each with its control.
///
/// # Errors
/// As [`run`].
pub(crate) fn short(sh: &Shell) -> anyhow::Result<()> {
    build(sh)?;
    for plant in [None, Some(Plant::Memory)] {
        let (kills, acknowledged) = (SHORT_KILLS, SHORT_ACKNOWLEDGED);
        kill9(sh, &Kill9 { kills, acknowledged, seed: 1, json: true, plant })?;
        diskfull(sh, &Diskfull { rounds: 1, json: true, plant })?;
    }
    Ok(())
}

fn kill9(sh: &Shell, options: &Kill9) -> anyhow::Result<()> {
    let [kills, acknowledged, seed] =
        [options.kills.into(), options.acknowledged, options.seed].map(|number: u64| number.to_string());
    let json = options.json.then_some("--json");
    let plant = match options.plant {
        Some(Plant::Memory) => ["--plant", "memory"].as_slice(),
        None => &[],
    };
    exec::run(cmd!(
        sh,
        "target/release/prove kill9 --kills {kills} --acknowledged {acknowledged} --seed {seed} {json...} {plant...}"
    ))
}

fn diskfull(sh: &Shell, options: &Diskfull) -> anyhow::Result<()> {
    let rounds = options.rounds.to_string();
    let json = options.json.then_some("--json");
    let plant = options.plant.map_or([].as_slice(), |Plant::Memory| &["--plant", "memory"]);
    exec::run(cmd!(sh, "target/release/prove diskfull --rounds {rounds} {json...} {plant...}"))
}

fn build(sh: &Shell) -> anyhow::Result<()> {
    exec::run(cmd!(sh, "cargo build --release --bins -p iot-server -p iot-tests"))
}
