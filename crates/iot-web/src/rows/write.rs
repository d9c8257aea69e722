//! [`RowWriter`]: rows into a file.

use std::io::{self, Write};

use super::{
    Format, Row, RowError,
    row::{CsvRow, JsonRow},
};

/// Writes rows, a line each.
#[derive(Debug)]
pub struct RowWriter<W: Write> {
    lines: Lines<W>,
}

#[derive(Debug)]
enum Lines<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Json(W),
}

impl<W: Write> RowWriter<W> {
    /// Begins a file in `out`. CSV buffers by itself; JSON lines need a buffer around a file.
    ///
    /// # Errors
    /// [`RowError::Io`]: CSV has a line of names even where no row follows.
    pub fn new(format: Format, out: W) -> Result<Self, RowError> {
        let mut writer = Self::going_on(format, out);
        if let Lines::Csv(csv) = &mut writer.lines {
            csv.write_record(CsvRow::NAMES).map_err(io_error)?;
        }
        Ok(writer)
    }

    /// Goes on with a file whose begin has been written.
    pub fn going_on(format: Format, out: W) -> Self {
        let lines = match format {
            Format::Csv => {
                Lines::Csv(Box::new(csv::WriterBuilder::new().has_headers(false).from_writer(out)))
            }
            Format::JsonLines => Lines::Json(out),
        };
        Self { lines }
    }

    /// Writes a row.
    ///
    /// # Errors
    /// [`RowError::Io`].
    pub fn write(&mut self, row: &Row) -> Result<(), RowError> {
        match &mut self.lines {
            Lines::Csv(csv) => csv.serialize(CsvRow::from(row)).map_err(io_error),
            Lines::Json(out) => {
                serde_json::to_writer(&mut *out, &JsonRow::from(row)).map_err(io::Error::from)?;
                Ok(out.write_all(b"\n")?)
            }
        }
    }

    /// Sees to it that everything has left.
    ///
    /// # Errors
    /// [`RowError::Io`].
    pub fn flush(&mut self) -> Result<(), RowError> {
        match &mut self.lines {
            Lines::Csv(csv) => csv.flush()?,
            Lines::Json(out) => out.flush()?,
        }
        Ok(())
    }
}

/// A row can always be written as CSV, so what fails is the file.
fn io_error(error: csv::Error) -> RowError {
    RowError::Io(error.into())
}
