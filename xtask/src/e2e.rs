//! `cargo xtask e2e`: builds the real hub and the simulated fleet as they are shipped, then walks every way
//! through them.
//!
//! The walk itself is a binary of the package `iot-tests`.

use xshell::{Shell, cmd};

use crate::{exec, out, tally::Tally};

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

fn build(sh: &Shell) -> anyhow::Result<()> {
    exec::run(cmd!(sh, "cargo build --release --bins -p iot-server -p iot-sim -p iot-tests"))
}
