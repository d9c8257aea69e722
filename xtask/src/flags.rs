//! The command line of `cargo xtask`. Options of one task are declared in the module of the task.

use clap::{Parser, Subcommand};

use crate::{deny, fuzz, prove, vectors};

/// The tasks of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub(crate) struct Flags {
    /// What to do.
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// One task.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Run all checks that a change must pass, and install what they need where it is missing.
    Test,
    /// Run what the workflows run: `test`, then `deny --advisories`.
    Ci,
    /// Hold the rules of this repository that no lint knows.
    Tidy,
    /// Hold the wire to its golden vectors, and record those of a released version.
    Vectors(vectors::Options),
    /// Look for bytes that break a decoder, and print what was tried as JSON, a line for each target.
    Fuzz(fuzz::Options),
    /// Start the real hub and simulated nodes, and walk every way through them.
    E2e,
    /// Measure the hub beside its peers, and fail where a figure falls short.
    Bench(prove::Passed),
    /// Do harm to the real hub, and show that its promises hold.
    #[command(subcommand)]
    Prove(prove::Proof),
    /// Hold the service of systemd to how little of the machine it may touch.
    Unit,
    /// Hold licences, bans and sources of all dependencies to deny.toml.
    Deny(deny::Options),
    /// Write down which crates the hub is made of, in the format `CycloneDX`.
    Sbom,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Flags::command().debug_assert();
    }

    #[test]
    fn one_fuzz_target_is_run_as_often_as_asked() {
        let flags = Flags::parse_from(["xtask", "fuzz", "frame", "--runs", "7"]);
        let Task::Fuzz(options) = flags.task else { panic!("{flags:?}") };
        assert_eq!((options.target.as_deref(), options.runs, options.plant), (Some("frame"), 7, false));
        assert!(Flags::try_parse_from(["xtask", "fuzz", "frame", "--plant"]).is_err());
    }
}
