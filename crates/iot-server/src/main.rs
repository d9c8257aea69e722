//! The binary: reads the command line, starts what it says, and turns the result into an exit code.

mod check;
mod cli;
mod demo;
mod kinds;
mod logging;
mod out;
mod run;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Task};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.task.unwrap_or_default() {
        Task::Run => run::run(cli.settings),
        Task::Demo(options) => demo::demo(cli.settings, &options),
        Task::CheckConfig => check::check_config(cli.settings),
        Task::Kinds(task) => kinds::kinds(cli.settings, &task),
        Task::Completions { shell } => Ok(out::completions(shell)),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            out::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
