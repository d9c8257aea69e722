//! Runs a proof in a mount namespace of its own, so that nobody else on this machine sees its disks, and they go with it.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

/// How a proof that is in its own is told so.
const OWN: &str = "in-own-namespace";

/// Where a proof runs.
#[derive(Debug, Args)]
pub(super) struct Namespace {
    /// Set where it is in its own mount namespace
    #[arg(long = OWN, hide = true)]
    is_own: bool,
}

impl Namespace {
    /// Whether the proof is in its own.
    pub(super) fn is_own(&self) -> bool {
        self.is_own
    }
}

/// What is mounted in the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mounts {
    /// A file system in memory, which most machines allow everybody.
    Memory,
    /// One in a file, which takes root.
    File,
}

/// Runs this program anew in a mount namespace of its own, which goes with it.
///
/// # Errors
/// Where that cannot be, or the run falls short; it has said itself of what.
pub(super) fn run_in_own(mounts: Mounts) -> Result<()> {
    let ways: &[&[&str]] = match mounts {
        Mounts::Memory => &[&["--mount", "--map-root-user"], &["--mount"]],
        Mounts::File => &[&["--mount"]],
    };
    let works = |way: &&&[&str]| {
        let tried = Command::new("unshare").args(**way).arg("true").stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let way = ways.iter().find(works).context(
        "this machine allows no mount namespace (unshare --mount): what its disk does cannot be shown here",
    )?;
    let own = std::env::current_exe().context("where this program lies")?;
    let arguments = std::env::args_os().skip(1);
    let inside = Command::new("unshare")
        .args(*way)
        .arg("--")
        .arg(own)
        .args(arguments)
        .arg(format!("--{OWN}"))
        .status();
    ensure!(inside.context("run unshare")?.success(), "the run in a mount namespace fell short");
    Ok(())
}
