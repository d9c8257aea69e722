//! The log: to the standard error stream, as text or JSON; `IOT_LOG` says what is in it.
//!
//! An event is a line, whatever peers call themselves: [`OneLine`] writes no character of theirs that could
//! begin another.

use core::fmt::Write as _;
use std::{
    io::{self, IsTerminal as _, Write},
    sync::OnceLock,
};

use tracing::error;
use tracing_subscriber::{EnvFilter, fmt};

use crate::{cli::LogFormat, out};

/// Set where the log is written for programs.
static IN_JSON: OnceLock<()> = OnceLock::new();

/// Sets up the log. Without `IOT_LOG` it has what matters to whoever runs the hub. Panics go there too.
pub(crate) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("IOT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = fmt().with_env_filter(filter).with_target(false).with_writer(|| OneLine(io::stderr()));
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => {
            log.json().flatten_event(true).init();
            // Set once, since a program has one log.
            let _ = IN_JSON.set(());
        }
    }
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("a panic without words");
        let place = panic.location().map(tracing::field::display);
        error!(place, panic = message, "something went wrong inside the hub; please report it");
    }));
}

/// Says why the program fails: in the log where programs read that, else as a line for people.
pub(crate) fn tell_failure(why: &str) {
    // Whoever has switched the log off must still learn of it.
    if IN_JSON.get().is_some() && tracing::enabled!(tracing::Level::ERROR) {
        error!(why, "the hub does not run");
    } else {
        out::error(why);
    }
}

/// Writes each event as one line: control characters inside it, line ends of other scripts, and characters that
/// turn the direction of text are written as `\u2028`. Colours are let through: the log escapes the
/// character that begins them wherever it is not its own.
#[derive(Debug)]
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    /// Takes a whole event, which the log gives in one piece.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut clean = String::with_capacity(line.len() + 1);
        for character in line.chars() {
            if is_misleading(character) {
                // In four digits, as JSON has it; none of them needs more.
                let _ = write!(clean, "\\u{:04x}", u32::from(character));
            } else {
                clean.push(character);
            }
        }
        clean.push('\n');
        self.0.write_all(clean.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn is_misleading(character: char) -> bool {
    let turns =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends_line = matches!(character, '\u{2028}' | '\u{2029}');
    turns || ends_line || (character.is_control() && character != '\u{1b}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &str) -> String {
        let mut line = OneLine(Vec::new());
        line.write_all(event.as_bytes()).unwrap();
        String::from_utf8(line.0).unwrap()
    }

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        assert_eq!(written("a\nERROR b\r\u{85}c\u{2028}d\n"), "a\\u000aERROR b\\u000d\\u0085c\\u2028d\n");
        assert_eq!(written("\u{202e}abc"), "\\u202eabc\n");
        assert_eq!(written("Küche – 21 °C\n"), "Küche – 21 °C\n");
    }
}
