//! `cargo xtask deny`: licences, bans and sources of all dependencies against `deny.toml`.

use xshell::{Shell, cmd};

use crate::exec;

/// Options of `cargo xtask deny`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Also look for known vulnerabilities, from an advisory database that is fetched first.
    #[arg(long)]
    pub(crate) advisories: bool,
}

/// Checks.
///
/// # Errors
/// When cargo-deny is not installed, or a dependency breaks a rule.
pub(crate) fn run(sh: &Shell, options: &Options) -> anyhow::Result<()> {
    exec::require_cargo_tool("cargo-deny")?;
    let advisories = options.advisories.then_some("advisories");
    exec::run(cmd!(sh, "cargo deny --workspace check licenses bans sources {advisories...}"))
}
