//! The only place where the binary writes to its output: lines for people, or JSON for programs. Where nobody reads any
//! more, as behind `| head`, what the command does goes on without it.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

use clap::CommandFactory as _;

use crate::cli::Cli;

/// Writes a line.
pub(crate) fn line(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}

/// Writes what makes a shell complete the command line.
pub(crate) fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "iot-server", &mut script);
    let _ = stdout().write_all(&script);
    ExitCode::SUCCESS
}

/// Says how it goes, beside what a script reads.
pub(crate) fn progress(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// Says what went wrong.
pub(crate) fn error(text: &str) {
    let _ = writeln!(stderr(), "error: {text}");
}
