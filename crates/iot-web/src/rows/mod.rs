//! Readings as text, a line each: what a [`RowWriter`] writes, a [`RowReader`] reads back to the same.
//!
//! Neither holds more than a line. Which readings, from where and into what is up to their users.

mod read;
mod row;
mod write;

use std::io;

use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;

pub use self::{
    read::RowReader,
    row::{Row, time},
    write::RowWriter,
};

/// How a reading stands on its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Format {
    /// Comma-separated, with a line of names first. Times as RFC 3339 writes them.
    #[serde(rename = "csv")]
    Csv,
    /// One JSON object a line. Times in milliseconds since 1970.
    #[serde(rename = "jsonl")]
    JsonLines,
}

impl Format {
    /// As it ends the name of a file: `csv`, `jsonl`.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    /// The format whose files' names end so.
    pub fn from_extension(extension: &str) -> Option<Self> {
        [Self::Csv, Self::JsonLines].into_iter().find(|format| format.extension() == extension)
    }
}

/// Why rows could not be written or read.
#[derive(Debug, Error)]
pub enum RowError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is no reading.
    #[error("line {line}: {why}")]
    Line {
        /// Its number in the file, from 1.
        line: u64,
        /// What is wrong with it.
        why: Box<str>,
    },
}

#[cfg(test)]
mod tests {
    use iot_core::{NodeId, Series, UnixMillis, view::ReadingView};
    use iot_proto::{Finite, OwnedValue};

    use super::*;

    fn rows() -> Vec<Row> {
        let values = [
            OwnedValue::Bool(true),
            OwnedValue::Int(i64::MIN),
            OwnedValue::Int(23),
            OwnedValue::Float(Finite::new(23.0).unwrap()),
            OwnedValue::Float(Finite::new(-0.0).unwrap()),
            OwnedValue::Float(Finite::new(0.1 + 0.2).unwrap()),
            OwnedValue::Float(Finite::new(f64::MIN_POSITIVE / 3.0).unwrap()),
            OwnedValue::Float(Finite::new(f64::MAX).unwrap()),
            OwnedValue::Text("".into()),
            OwnedValue::Text("a \"quoted\", text\r\nof lines, =1+1 ü".into()),
        ];
        let times = [0, 1, -1, 1_794_666_247_123, i64::MAX, i64::MIN, 999, 1_000, -62_135_596_800_000, 5];
        let series = Series { node: NodeId::parse("plain:north-bay-1").unwrap(), module: 255, channel: 1 };
        let row = |(value, time): (OwnedValue, i64)| Row {
            series: series.clone(),
            reading: ReadingView { value, measured: UnixMillis(time), arrived: UnixMillis(time ^ 1) },
        };
        values.into_iter().zip(times).map(row).collect()
    }

    fn written(format: Format, rows: &[Row]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = RowWriter::new(format, &mut bytes).unwrap();
        for row in rows {
            writer.write(row).unwrap();
        }
        writer.flush().unwrap();
        drop(writer);
        bytes
    }

    fn read(format: Format, bytes: &[u8]) -> Result<Vec<Row>, RowError> {
        let mut reader = RowReader::new(format, bytes);
        let mut rows = Vec::new();
        while let Some((_, row)) = reader.read()? {
            rows.push(row);
        }
        Ok(rows)
    }

    #[test]
    fn what_is_written_is_read_back_bit_for_bit() {
        for format in [Format::Csv, Format::JsonLines] {
            let rows = rows();
            let bytes = written(format, &rows);
            let back = read(format, &bytes).unwrap();
            assert_eq!(back, rows, "{format:?}");
            // A negative zero equals a positive one, so bits are compared as text too.
            assert_eq!(written(format, &back), bytes, "{format:?}");
        }
    }

    #[test]
    fn a_csv_line_can_be_read_by_people() {
        let text = String::from_utf8(written(Format::Csv, &rows()[3..4])).unwrap();
        assert_eq!(
            text,
            "node,module,channel,measured,arrived,type,value\n\
             plain:north-bay-1,255,1,2026-11-14T14:24:07.123Z,2026-11-14T14:24:07.122Z,float,23.0\n"
        );
    }

    #[test]
    fn a_line_that_is_no_reading_is_named() {
        let header = "node,module,channel,measured,arrived,type,value\n";
        let good = "plain:a,0,1,5,6,int,7\n";
        for (line, why) in [
            ("plain:a,0,1,5,6,int,7.5\n", "line 3: \"7.5\" is no int"),
            ("plain:a,0,1,noon,6,int,7\n", "line 3: \"noon\" is neither milliseconds"),
            ("plain:a,0,1,5,6,float,inf\n", "line 3: "),
            ("plain:a,0,1,5,6,dog,7\n", "line 3: type is bool, int, float or text, not \"dog\""),
            ("nowhere,0,1,5,6,int,7\n", "line 3: \"nowhere\" is no id of a node"),
            ("plain:a,0,300,5,6,int,7\n", "line 3: "),
            ("plain:a,0\n", "line 3: "),
        ] {
            let error = read(Format::Csv, format!("{header}{good}{line}").as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(why), "{error}");
        }
        let good = r#"{"node":"plain:a","module":0,"channel":1,"measured":5,"arrived":6,"value":7}"#;
        for (line, why) in [
            (good.replace(":7}", ":null}"), "line 3: a value is true, false, a number or a text, not null"),
            (good.replace(":7}", ":9999999999999999999}"), "line 3: 9999999999999999999 is too large"),
            (good.replace("\"module\":0,", ""), "line 3: missing field `module`"),
            ("x".repeat(70_000), "line 3: it is longer than 65536 bytes"),
        ] {
            let error = read(Format::JsonLines, format!("{good}\n\n{line}\n").as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(why), "{error}");
        }
    }
}
