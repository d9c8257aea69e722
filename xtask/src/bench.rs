//! `cargo xtask bench`: builds the real hub as it is shipped and measures it, beside its peers and on a day as
//! every other.
//!
//! The measurements themselves are a binary of the package `iot-tests`, which reads its own options;
//! `docs/figures.md` says what each one is.

use xshell::{Shell, cmd};

use crate::{exec, machine, prove::Passed};

/// Installs the peers where they are missing, builds, and measures.
///
/// # Errors
/// When something does not build, a figure falls short of its bar, or a planted fault is not found.
pub(crate) fn run(sh: &Shell, Passed { options }: &Passed) -> anyhow::Result<()> {
    machine::prepare_peers(sh)?;
    exec::run(cmd!(sh, "cargo build --release --bins -p iot-server -p iot-sim -p iot-tests"))?;
    exec::run(cmd!(sh, "target/release/bench {options...}"))
}
