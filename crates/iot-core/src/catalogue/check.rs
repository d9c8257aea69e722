//! Checks values against their property, and words them for people.

use alloc::{boxed::Box, format, string::ToString};
use core::fmt::Write as _;

use iot_proto::{ErrorCode, OwnedValue, Value};
use thiserror::Error;

use super::kind::{Access, Action, ModuleKind, Property, ValueType};

/// Why a value does not fit, or what it was meant for does not exist.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The kind has no such property, action or event.
    #[error("module kind {kind} has no channel {channel}")]
    UnknownChannel {
        /// Name of the kind.
        kind: Box<str>,
        /// Number or name that was asked for.
        channel: Box<str>,
    },
    /// The property is only reported.
    #[error("{name} cannot be set")]
    NotWritable {
        /// Name of the property.
        name: Box<str>,
    },
    /// The value is of another type.
    #[error("{name} takes {expected}")]
    WrongType {
        /// Name of the property or action.
        name: Box<str>,
        /// What it takes, in words.
        expected: Box<str>,
    },
    /// The value is outside the range, off the steps, or too long.
    #[error("{name} takes {expected}, not {value}")]
    OutOfRange {
        /// Name of the property or action.
        name: Box<str>,
        /// What it takes, in words.
        expected: Box<str>,
        /// The value.
        value: Box<str>,
    },
}

impl ValueError {
    /// The error's number.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownChannel { .. } => ErrorCode::UNKNOWN_CHANNEL,
            Self::NotWritable { .. } => ErrorCode::NOT_WRITABLE,
            Self::WrongType { .. } => ErrorCode::WRONG_TYPE,
            Self::OutOfRange { .. } => ErrorCode::OUT_OF_RANGE,
        }
    }
}

/// How far from a step a settable number may be, as a part of the step: room for binary fractions.
///
/// Where the numbers are so large beside the step that their own rounding exceeds it, that counts.
const STEP_TOLERANCE: f64 = 1e-6;

impl ValueType {
    /// Checks that `value` is of this type and in its range, as every reading must be.
    ///
    /// # Errors
    /// [`ValueError::WrongType`] or [`ValueError::OutOfRange`], naming `name`.
    pub fn check(&self, name: &str, value: Value<'_>) -> Result<(), ValueError> {
        let fits = match (self, value) {
            (Self::Bool { .. }, Value::Bool(_)) => true,
            (Self::Int { range, .. }, Value::Int(value)) => (range.0..=range.1).contains(&value),
            (Self::Float { range, .. }, Value::Float(value)) => (range.0..=range.1).contains(&value.get()),
            (Self::Enum { options }, Value::Int(value)) => {
                usize::try_from(value).is_ok_and(|index| index < options.len())
            }
            (Self::Colour, Value::Int(value)) => (0..=0xFF_FF_FF).contains(&value),
            (Self::Text { max_chars }, Value::Text(text)) => text.chars().count() <= usize::from(*max_chars),
            (
                Self::Bool { .. }
                | Self::Int { .. }
                | Self::Float { .. }
                | Self::Enum { .. }
                | Self::Colour
                | Self::Text { .. },
                _,
            ) => {
                return Err(ValueError::WrongType { name: name.into(), expected: self.expected() });
            }
        };
        if fits { Ok(()) } else { Err(self.out_of_range(name, value)) }
    }

    /// Checks that `value` may be set: as [`check`](Self::check), and on a step.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_settable(&self, name: &str, value: Value<'_>) -> Result<(), ValueError> {
        self.check(name, value)?;
        let on_step = match (self, value) {
            (Self::Int { range, step, .. }, Value::Int(value)) => {
                value.checked_sub(range.0).is_some_and(|distance| distance % step == 0)
            }
            (Self::Float { range, step, .. }, Value::Float(value)) => {
                let rest = (value.get() - range.0) % step / step;
                let rounding = 4.0 * f64::EPSILON * (value.get().abs() + range.0.abs()) / step;
                rest.min(1.0 - rest) < STEP_TOLERANCE.max(rounding)
            }
            _ => true,
        };
        if on_step { Ok(()) } else { Err(self.out_of_range(name, value)) }
    }

    /// The value's unit; empty where it has none.
    pub fn unit(&self) -> &str {
        match self {
            Self::Int { unit, .. } | Self::Float { unit, .. } => unit,
            Self::Bool { .. } | Self::Enum { .. } | Self::Colour | Self::Text { .. } => "",
        }
    }

    /// The value as people read it, without its unit: `21.5`, `Open`, `#ffb347`.
    pub fn text(&self, value: &OwnedValue) -> Box<str> {
        match (self, value) {
            (Self::Bool { off, on }, OwnedValue::Bool(value)) => if *value { on } else { off }.clone(),
            (Self::Float { step, .. }, OwnedValue::Float(value)) => {
                let text = format!("{:.*}", decimals(*step), value.get());
                // A value that rounds to zero has no sign for people.
                match text.strip_prefix('-') {
                    Some(zero) if zero.bytes().all(|b| matches!(b, b'0' | b'.')) => zero.into(),
                    _ => text.into(),
                }
            }
            (Self::Enum { options }, OwnedValue::Int(value)) => usize::try_from(*value)
                .ok()
                .and_then(|index| options.get(index))
                .map_or_else(|| value.to_string().into(), |option| option.title.clone()),
            (Self::Colour, OwnedValue::Int(value)) if (0..=0xFF_FF_FF).contains(value) => {
                format!("#{value:06x}").into()
            }
            _ => plain(value),
        }
    }

    /// The value as people read it, with its unit: `21.5 °C`. A no-break space keeps the two together.
    pub fn text_with_unit(&self, value: &OwnedValue) -> Box<str> {
        with_unit(self.text(value), self.unit())
    }

    /// What values are taken, in words: `0 to 100 % in steps of 5`.
    pub fn expected(&self) -> Box<str> {
        match self {
            Self::Bool { off, on } => format!("false ({off}) or true ({on})").into(),
            Self::Int { range, step, .. } => {
                in_words(&range.0.to_string(), &range.1.to_string(), self.unit(), &step.to_string()).into()
            }
            Self::Float { range, step, .. } => {
                in_words(&range.0.to_string(), &range.1.to_string(), self.unit(), &step.to_string()).into()
            }
            Self::Enum { options } => {
                let mut text = alloc::string::String::from("one of");
                for (index, option) in options.iter().enumerate() {
                    let _ = write!(text, "{} {}", if index == 0 { "" } else { "," }, option.name);
                }
                text.into()
            }
            Self::Colour => "a colour from #000000 to #ffffff".into(),
            Self::Text { max_chars } => format!("text of at most {max_chars} characters").into(),
        }
    }

    fn out_of_range(&self, name: &str, value: Value<'_>) -> ValueError {
        // Never rounded: 21.04 that is off the steps of 0.1 must not read as 21.0.
        let value = match value {
            Value::Text(text) => format!("{} characters", text.chars().count()).into(),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => with_unit(plain(&value.into()), self.unit()),
        };
        ValueError::OutOfRange { name: name.into(), expected: self.expected(), value }
    }
}

/// The value as it is, whatever its type means.
fn plain(value: &OwnedValue) -> Box<str> {
    match value {
        OwnedValue::Bool(value) => value.to_string().into(),
        OwnedValue::Int(value) => value.to_string().into(),
        OwnedValue::Float(value) => value.to_string().into(),
        OwnedValue::Text(value) => value.clone(),
    }
}

fn with_unit(text: Box<str>, unit: &str) -> Box<str> {
    if unit.is_empty() { text } else { format!("{text}\u{a0}{unit}").into() }
}

fn in_words(low: &str, high: &str, unit: &str, step: &str) -> alloc::string::String {
    let space = if unit.is_empty() { "" } else { " " };
    format!("{low} to {high}{space}{unit} in steps of {step}")
}

/// Digits after the point that a step of this size needs, at most 6.
fn decimals(step: f64) -> usize {
    let mut scaled = step;
    for digits in 0..6 {
        let rest = scaled % 1.0;
        if rest.min(1.0 - rest) < STEP_TOLERANCE && scaled >= 1.0 - STEP_TOLERANCE {
            return digits;
        }
        scaled *= 10.0;
    }
    6
}

impl Property {
    /// Checks that a command may set the property to `value`.
    ///
    /// # Errors
    /// [`ValueError::NotWritable`], or as [`ValueType::check_settable`].
    pub fn check_command(&self, value: Value<'_>) -> Result<(), ValueError> {
        match self.access {
            Access::Read => Err(ValueError::NotWritable { name: self.name.clone() }),
            Access::ReadWrite => self.value.check_settable(&self.name, value),
        }
    }
}

impl Action {
    /// Checks that a command may run the action with `argument`.
    ///
    /// # Errors
    /// [`ValueError::WrongType`] where an argument is missing or not taken; otherwise as
    /// [`ValueType::check_settable`].
    pub fn check_argument(&self, argument: Option<Value<'_>>) -> Result<(), ValueError> {
        match (&self.argument, argument) {
            (None, None) => Ok(()),
            (Some(taken), Some(value)) => taken.value.check_settable(&self.name, value),
            (Some(taken), None) => {
                Err(ValueError::WrongType { name: self.name.clone(), expected: taken.value.expected() })
            }
            (None, Some(_)) => {
                Err(ValueError::WrongType { name: self.name.clone(), expected: "no argument".into() })
            }
        }
    }
}

impl ModuleKind {
    /// The property with this number.
    ///
    /// # Errors
    /// [`ValueError::UnknownChannel`].
    pub fn property(&self, channel: u8) -> Result<&alloc::sync::Arc<Property>, ValueError> {
        let found = self.properties.iter().find(|property| property.channel == channel);
        found.ok_or_else(|| self.unknown(channel))
    }

    /// The action with this number.
    ///
    /// # Errors
    /// [`ValueError::UnknownChannel`].
    pub fn action(&self, channel: u8) -> Result<&alloc::sync::Arc<Action>, ValueError> {
        self.actions.iter().find(|action| action.channel == channel).ok_or_else(|| self.unknown(channel))
    }

    /// Checks a reading of the property or event with this number.
    ///
    /// # Errors
    /// [`ValueError`].
    pub fn check_reading(&self, channel: u8, value: Value<'_>) -> Result<(), ValueError> {
        if let Some(event) = self.events.iter().find(|event| event.channel == channel) {
            return event.value.check(&event.name, value);
        }
        let property = self.property(channel)?;
        property.value.check(&property.name, value)
    }

    fn unknown(&self, channel: u8) -> ValueError {
        ValueError::UnknownChannel { kind: self.name.clone(), channel: channel.to_string().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_needs_as_many_digits_as_it_has() {
        let steps = [50.0, 1.0, 0.5, 0.25, 0.1, 0.01, 0.001, 1.5, 1e-6, 1e-9, 1.0 / 3.0];
        assert_eq!(steps.map(decimals), [0, 0, 1, 2, 1, 2, 3, 1, 6, 6, 6]);
    }
}
