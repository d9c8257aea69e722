//! [`Row`]: a reading with its series, and its two shapes on a line.

use iot_core::{NodeId, Series, UnixMillis, view::ReadingView};
use iot_proto::{Finite, OwnedValue};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A reading with its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Whose.
    pub series: Series,
    /// The reading.
    pub reading: ReadingView,
}

/// A row in CSV. The fields' names are the first line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CsvRow {
    node: Box<str>,
    module: u8,
    channel: u8,
    measured: Box<str>,
    arrived: Box<str>,
    /// `bool`, `int`, `float` or `text`.
    r#type: Box<str>,
    value: Box<str>,
}

/// A row as a JSON object. A float always has a point or an exponent, so that it is told from an integer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JsonRow {
    node: Box<str>,
    module: u8,
    channel: u8,
    measured: i64,
    arrived: i64,
    value: serde_json::Value,
}

impl From<&Row> for CsvRow {
    fn from(row: &Row) -> Self {
        let (r#type, value) = match &row.reading.value {
            OwnedValue::Bool(value) => ("bool", value.to_string().into()),
            OwnedValue::Int(value) => ("int", value.to_string().into()),
            // The shortest digits that give back every bit.
            OwnedValue::Float(value) => ("float", format!("{:?}", value.get()).into()),
            OwnedValue::Text(value) => ("text", value.clone()),
        };
        let Series { node, module, channel } = &row.series;
        let (measured, arrived) = (time_text(row.reading.measured), time_text(row.reading.arrived));
        Self {
            node: node.as_str().into(),
            module: *module,
            channel: *channel,
            measured,
            arrived,
            r#type: r#type.into(),
            value,
        }
    }
}

impl CsvRow {
    pub(super) const NAMES: [&str; 7] = ["node", "module", "channel", "measured", "arrived", "type", "value"];

    /// # Errors
    /// What is wrong with which field.
    pub(super) fn into_row(self) -> Result<Row, String> {
        let wrong = || format!("{:?} is no {}", self.value, self.r#type);
        let value = match &*self.r#type {
            "bool" => OwnedValue::Bool(self.value.parse().map_err(|_| wrong())?),
            "int" => OwnedValue::Int(self.value.parse().map_err(|_| wrong())?),
            "float" => OwnedValue::Float(finite(self.value.parse().map_err(|_| wrong())?)?),
            "text" => OwnedValue::Text(self.value),
            other => return Err(format!("type is bool, int, float or text, not {other:?}")),
        };
        let (measured, arrived) = (time(&self.measured)?, time(&self.arrived)?);
        row(&self.node, self.module, self.channel, ReadingView { value, measured, arrived })
    }
}

impl From<&Row> for JsonRow {
    fn from(row: &Row) -> Self {
        let value = match &row.reading.value {
            OwnedValue::Bool(value) => (*value).into(),
            OwnedValue::Int(value) => (*value).into(),
            OwnedValue::Float(value) => value.get().into(),
            OwnedValue::Text(value) => (&**value).into(),
        };
        let Series { node, module, channel } = &row.series;
        let (measured, arrived) = (row.reading.measured.0, row.reading.arrived.0);
        Self { node: node.as_str().into(), module: *module, channel: *channel, measured, arrived, value }
    }
}

impl JsonRow {
    /// # Errors
    /// What is wrong with which field.
    pub(super) fn into_row(self) -> Result<Row, String> {
        use serde_json::Value;
        let value = match self.value {
            Value::Bool(value) => OwnedValue::Bool(value),
            Value::String(value) => OwnedValue::Text(value.into()),
            Value::Number(number) => match number.as_i64() {
                Some(value) => OwnedValue::Int(value),
                None if number.is_u64() => return Err(format!("{number} is too large a number")),
                None => OwnedValue::Float(finite(number.as_f64().unwrap_or(f64::NAN))?),
            },
            other @ (Value::Null | Value::Array(_) | Value::Object(_)) => {
                return Err(format!("a value is true, false, a number or a text, not {other}"));
            }
        };
        let (measured, arrived) = (UnixMillis(self.measured), UnixMillis(self.arrived));
        row(&self.node, self.module, self.channel, ReadingView { value, measured, arrived })
    }
}

fn row(node: &str, module: u8, channel: u8, reading: ReadingView) -> Result<Row, String> {
    let node = NodeId::parse(node).ok_or_else(|| format!("{node:?} is no id of a node"))?;
    Ok(Row { series: Series { node, module, channel }, reading })
}

fn finite(value: f64) -> Result<Finite, String> {
    Finite::new(value).map_err(|why| why.to_string())
}

/// RFC 3339 where a calendar has the time, and else milliseconds since 1970.
fn time_text(time: UnixMillis) -> Box<str> {
    let text = Timestamp::from_millisecond(time.0).map(|time| format!("{time:.3}"));
    text.unwrap_or_else(|_| time.0.to_string()).into()
}

/// Reads a time: milliseconds since 1970, or as RFC 3339 writes it.
///
/// # Errors
/// That it is neither, in words.
pub fn time(text: &str) -> Result<UnixMillis, String> {
    let millis = text.parse().ok();
    let millis = millis.or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond));
    let wrong = || format!("{text:?} is neither milliseconds since 1970 nor an RFC 3339 time");
    millis.map(UnixMillis).ok_or_else(wrong)
}
