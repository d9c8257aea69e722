//! The only place where the suite writes to its output.

/// Writes a line for whoever runs the suite.
#[expect(clippy::print_stdout, reason = "this is what the command was run for")]
pub fn line(text: &str) {
    println!("{text}");
}
