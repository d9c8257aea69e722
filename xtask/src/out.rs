//! What a task says: its progress on standard error, its result on standard output, where a script reads it.
//!
//! The only file that prints. Colour appears on a terminal and nowhere else, and never with `NO_COLOR`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to the person who runs it")]

use std::{
    env,
    fmt::Write as _,
    io::{self, IsTerminal as _},
};

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";

/// How a row of a table ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Failed,
    /// An earlier row failed.
    NotRun,
}

/// Whether output may be coloured.
pub(crate) fn coloured() -> bool {
    io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none()
}

/// Begins a part of a task.
pub(crate) fn headline(text: &str) {
    eprintln!("\n{}", paint(BOLD, &format!("== {text}")));
}

/// Shows a command before it runs, as it can be typed.
pub(crate) fn command(text: &str) {
    eprintln!("{}", paint(DIM, &format!("$ {text}")));
}

/// Says one line about the progress.
pub(crate) fn line(text: &str) {
    eprintln!("{text}");
}

/// Says one line of the result.
pub(crate) fn result(text: &str) {
    println!("{text}");
}

/// Says why the task ends without success.
pub(crate) fn failure(text: &str) {
    eprintln!("{} {text}", paint(RED, "error:"));
}

/// Shows what became of each row: its name, what it took or found, and how it ended.
pub(crate) fn table(title: &str, rows: &[(&str, String, Mark)]) {
    headline(title);
    eprint!("{}", table_text(rows));
}

fn table_text(rows: &[(&str, String, Mark)]) -> String {
    let name_width = rows.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
    let value_width = rows.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value, mark) in rows {
        let mark = match mark {
            Mark::Ok => paint(GREEN, "ok"),
            Mark::Failed => paint(RED, "failed"),
            Mark::NotRun => paint(DIM, "not run"),
        };
        writeln!(text, "  {name:name_width$}  {value:>value_width$}  {mark}")
            .expect("a String takes any text");
    }
    text
}

fn paint(colour: &str, text: &str) -> String {
    if coloured() { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_table_are_aligned() {
        let rows = [("fmt", "0.8 s".to_owned(), Mark::Ok), ("clippy", "12.0 s".to_owned(), Mark::NotRun)];
        let text = table_text(&rows);
        let columns: Vec<_> = text.lines().map(|line| line.find(" s").unwrap()).collect();
        assert_eq!(columns[0], columns[1], "{text}");
    }
}
