//! `cargo xtask unit`: holds the service of systemd to how little of the machine it may touch.

use anyhow::ensure;
use xshell::{Shell, cmd};

use crate::{exec, out};

/// The service.
const UNIT: &str = "packaging/iot-hub.service";

/// Most exposure, in tenths, as systemd judges it: 0 is none, 100 all.
const MOST: &str = "15";

/// Asks systemd.
///
/// # Errors
/// When systemd is not there, or judges the service to be more exposed than that.
pub(crate) fn run(sh: &Shell) -> anyhow::Result<()> {
    ensure!(
        exec::find_program("systemd-analyze").is_some(),
        "systemd-analyze is not installed; it comes with the package systemd"
    );
    exec::run(cmd!(sh, "systemd-analyze security --no-pager --offline=true --threshold={MOST} {UNIT}"))?;
    out::result("the service is exposed by 1.5 at most");
    Ok(())
}
