//! `cargo xtask e2e` and `cargo xtask bench`: build the real hub and the simulated fleet as they are
//! shipped; then walk every way through them, or measure what they promise.
//!
//! Walk and measurements themselves are binaries of the package `iot-tests`.

use clap::Args;
use xshell::{Shell, cmd};

use crate::{exec, out, tally::Tally};

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct BenchOptions {
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
    /// How long the fleet is measured, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u32,
}

/// Builds and walks.
///
/// # Errors
/// When something does not build, or a way through is not as it should be.
pub(crate) fn run(sh: &Shell) -> anyhow::Result<()> {
    let mut tally = Tally::default();
    walk(sh, &mut tally)?;
    out::result(&tally.to_string());
    Ok(())
}

/// Builds and walks, and adds the steps of the walk to `tally`.
///
/// # Errors
/// As [`run`].
pub(crate) fn walk(sh: &Shell, tally: &mut Tally) -> anyhow::Result<()> {
    build(sh)?;
    exec::run_tests(tally, cmd!(sh, "target/release/e2e"))
}

/// Builds and measures.
///
/// # Errors
/// When something does not build, or a figure falls short of its bar.
pub(crate) fn bench(sh: &Shell, options: &BenchOptions) -> anyhow::Result<()> {
    build(sh)?;
    let seconds = options.seconds.to_string();
    let json = options.json.then_some("--json");
    exec::run(cmd!(sh, "target/release/bench --seconds {seconds} {json...}"))
}

fn build(sh: &Shell) -> anyhow::Result<()> {
    exec::run(cmd!(sh, "cargo build --release --bins -p iot-server -p iot-sim -p iot-tests"))
}
