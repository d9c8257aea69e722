//! [`RowReader`]: rows out of a file.

use std::io::{BufRead, Read as _};

use super::{
    Format, Row, RowError,
    row::{CsvRow, JsonRow},
};

/// A line may have so many bytes; no reading has more.
const LONGEST_LINE: u64 = 64 * 1024;

/// Reads rows, each with the number of its line.
#[derive(Debug)]
pub struct RowReader<R: BufRead> {
    lines: Lines<R>,
}

#[derive(Debug)]
enum Lines<R: BufRead> {
    Csv(Box<csv::Reader<R>>),
    Json { from: R, line: u64, text: String },
}

impl<R: BufRead> RowReader<R> {
    /// Reads from `from`.
    pub fn new(format: Format, from: R) -> Self {
        Self {
            lines: match format {
                Format::Csv => Lines::Csv(Box::new(csv::Reader::from_reader(from))),
                Format::JsonLines => Lines::Json { from, line: 0, text: String::new() },
            },
        }
    }

    /// The next row and the number of its line; `None` at the end.
    ///
    /// # Errors
    /// [`RowError::Line`], [`RowError::Io`].
    pub fn read(&mut self) -> Result<Option<(u64, Row)>, RowError> {
        match &mut self.lines {
            Lines::Csv(from) => read_csv(from),
            Lines::Json { from, line, text } => read_json(from, line, text),
        }
    }
}

fn read_csv<R: BufRead>(from: &mut csv::Reader<R>) -> Result<Option<(u64, Row)>, RowError> {
    let line = from.position().line();
    let Some(row) = from.deserialize::<CsvRow>().next() else { return Ok(None) };
    let bad = |line, why: String| RowError::Line { line, why: why.into() };
    let row = row.map_err(|error| {
        if error.is_io_error() {
            return RowError::Io(error.into());
        }
        bad(error.position().map_or(line, csv::Position::line), error.to_string())
    })?;
    Ok(Some((line, row.into_row().map_err(|why| bad(line, why))?)))
}

fn read_json(
    from: &mut impl BufRead,
    line: &mut u64,
    text: &mut String,
) -> Result<Option<(u64, Row)>, RowError> {
    loop {
        text.clear();
        *line += 1;
        let bad = |why: String| RowError::Line { line: *line, why: why.into() };
        let length = from.by_ref().take(LONGEST_LINE).read_line(text)?;
        if length == 0 {
            return Ok(None);
        }
        if !text.ends_with('\n') && u64::try_from(length).is_ok_and(|length| length == LONGEST_LINE) {
            return Err(bad(format!("it is longer than {LONGEST_LINE} bytes")));
        }
        if text.trim().is_empty() {
            continue;
        }
        let row: JsonRow = serde_json::from_str(text).map_err(|why| bad(why.to_string()))?;
        return Ok(Some((*line, row.into_row().map_err(bad)?)));
    }
}
