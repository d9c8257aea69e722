//! Values of readings and commands.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use thiserror::Error;

use crate::Text;

/// A value of a module's property, borrowed from the frame that it came in.
///
/// What a value means (its unit, range, step, the names of an enumeration's options, that an integer is
/// a colour) stands in the definition of the module's kind, never on the wire.
// Laid out so that no payload shares a word with the tag: a copy is whole words, which a processor has at hand.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[repr(C)]
pub enum Value<'a> {
    /// On or off, open or closed.
    Bool(bool),
    /// A whole number, the index of an option, or a colour as 0xRRGGBB.
    Int(i64),
    /// A finite number.
    Float(Finite),
    /// Text of at most 256 bytes.
    #[serde(borrow)]
    Text(Text<'a, 256>),
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value<'_> {
    /// The number, or 0 where it is not finite. To tell the difference, use [`Finite::new`].
    fn from(value: f64) -> Self {
        Self::Float(Finite::new(value).unwrap_or(Finite(0.0)))
    }
}

/// A number that is neither infinite nor NaN.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Finite(f64);

/// A number was infinite or not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the number is not finite")]
pub struct NotFinite;

impl Finite {
    /// Checks `value`.
    ///
    /// # Errors
    /// [`NotFinite`] for an infinity or NaN.
    pub fn new(value: f64) -> Result<Self, NotFinite> {
        if value.is_finite() { Ok(Self(value)) } else { Err(NotFinite) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Finite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for Finite {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A value that stands on its own.
#[cfg(feature = "alloc")]
// Laid out as a `Value`, for the same reason.
#[derive(Clone, Debug, PartialEq)]
#[repr(C)]
pub enum OwnedValue {
    /// As [`Value::Bool`].
    Bool(bool),
    /// As [`Value::Int`].
    Int(i64),
    /// As [`Value::Float`].
    Float(Finite),
    /// As [`Value::Text`]; the text has been checked when it was borrowed.
    Text(alloc::boxed::Box<str>),
}

#[cfg(feature = "alloc")]
impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::Int(value) => Self::Int(value),
            Value::Float(value) => Self::Float(value),
            Value::Text(value) => Self::Text(value.as_str().into()),
        }
    }
}

#[cfg(feature = "alloc")]
impl OwnedValue {
    /// The value as it travels. Text that grew beyond the wire's limit is cut there.
    pub fn borrow(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Text(value) => Value::Text(Text::clipped(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_finite_do_not_decode() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut bytes = [2; 9];
            bytes[1..].copy_from_slice(&bad.to_le_bytes());
            assert!(postcard::from_bytes::<Value<'_>>(&bytes).is_err(), "{bad}");
        }
    }
}
