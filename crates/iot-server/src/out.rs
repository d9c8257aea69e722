//! The only place where the binary writes to its output: lines for people, or JSON for programs.

/// Writes a line.
#[expect(clippy::print_stdout, reason = "this is what the command was run for")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Says what went wrong.
#[expect(clippy::print_stderr, reason = "the log may not have been set up yet")]
pub(crate) fn error(text: &str) {
    eprintln!("error: {text}");
}
