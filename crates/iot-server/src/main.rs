//! The binary: reads the command line, starts what it says, and turns the result into an exit code.

mod check;
mod cli;
mod demo;
mod kinds;
mod logging;
mod out;
mod people;
mod readings_file;
mod run;
mod store_file;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Task};

/// Gives memory back to the operating system by itself, some seconds after a burst; glibc's keeps it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.task.unwrap_or_default() {
        Task::Run => run::run(cli.settings),
        Task::Demo(options) => demo::demo(cli.settings, &options),
        Task::CheckConfig => check::check_config(cli.settings),
        Task::Backup(options) => store_file::backup(cli.settings, &options),
        Task::Verify(options) => store_file::verify(cli.settings, &options),
        Task::Restore(options) => store_file::restore(cli.settings, &options),
        Task::Export(options) => readings_file::export(cli.settings, &options),
        Task::Import(options) => readings_file::import(cli.settings, &options),
        Task::User(task) => people::user(cli.settings, task),
        Task::Token(task) => people::token(cli.settings, task),
        Task::Kinds(task) => kinds::kinds(cli.settings, &task),
        Task::Completions { shell } => Ok(out::completions(shell)),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            logging::tell_failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
