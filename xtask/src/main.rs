//! The tasks of this repository: everything that people and CI run on it, as `cargo xtask …`.
//!
//! This file maps a subcommand to its module and the outcome to an exit code. What a task does is in the
//! module of its name.

mod bench;
mod deny;
mod e2e;
mod exec;
mod flags;
mod fuzz;
mod machine;
mod out;
mod prove;
mod sbom;
mod steps;
mod tally;
mod test;
mod tidy;
mod unit;
mod vectors;

use std::process::ExitCode;

use clap::Parser;
use xshell::Shell;

use flags::{Flags, Task};

fn main() -> ExitCode {
    match run(&Flags::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> anyhow::Result<()> {
    let sh = Shell::new()?;
    sh.change_dir(exec::repository());
    match task {
        Task::Test => test::run(&sh),
        Task::Ci => {
            exec::require_cargo_tool("cargo-deny")?; // before the checks, which take minutes
            test::run(&sh)?;
            deny::run(&sh, &deny::Options { advisories: true })
        }
        Task::Tidy => tidy::run(exec::repository()),
        Task::Vectors(options) => vectors::run(&sh, options),
        Task::Fuzz(options) => fuzz::run(&sh, options),
        Task::E2e => e2e::run(&sh),
        Task::Bench(options) => bench::run(&sh, options),
        Task::Prove(proof) => prove::run(&sh, proof),
        Task::Unit => unit::run(&sh),
        Task::Deny(options) => deny::run(&sh, options),
        Task::Sbom => sbom::run(&sh),
    }
}
