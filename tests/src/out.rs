//! The only place where the suite writes to its output.

/// Writes a line for whoever runs the suite.
#[expect(clippy::print_stdout, reason = "this is what the command was run for")]
pub fn line(text: &str) {
    println!("{text}");
}

/// Says how it goes, beside what a script reads.
#[expect(clippy::print_stderr, reason = "a long run tells the person who waits for it")]
pub fn progress(text: &str) {
    eprintln!("{text}");
}
