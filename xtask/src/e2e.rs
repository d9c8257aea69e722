//! `cargo xtask e2e`: builds the real hub and the simulated fleet as they are shipped, and walks every way
//! through them.
//!
//! The walk itself is the test `e2e` of the package `iot-tests`. It may be marked `#[ignore]` there, since the
//! ordinary tests do not build what it starts; here it runs all the same.

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

/// Builds and walks, and adds the tests of the walk to `tally`.
///
/// # Errors
/// As [`run`].
pub(crate) fn walk(sh: &Shell, tally: &mut Tally) -> anyhow::Result<()> {
    exec::run(cmd!(sh, "cargo build --release -p iot-server -p iot-sim"))?;
    exec::run_tests(
        tally,
        cmd!(sh, "cargo test --release -p iot-tests --test e2e -- --include-ignored --nocapture"),
    )
}
