//! The only place where the binary writes to its output: lines for people, or JSON for programs.

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::Cli;

/// Writes a line.
#[expect(clippy::print_stdout, reason = "this is what the command was run for")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Writes what makes a shell complete the command line.
pub(crate) fn completions(shell: clap_complete::Shell) -> ExitCode {
    clap_complete::generate(shell, &mut Cli::command(), "iot-server", &mut std::io::stdout());
    ExitCode::SUCCESS
}

/// Says how it goes, beside what a script reads.
#[expect(clippy::print_stderr, reason = "a long task tells the person who waits for it")]
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

/// Says what went wrong.
#[expect(clippy::print_stderr, reason = "the log may not have been set up yet")]
pub(crate) fn error(text: &str) {
    eprintln!("error: {text}");
}
