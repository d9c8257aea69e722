//! Values on disk: [`Kept`] in blobs, a type and a value in columns. Each comes back bit for bit.

use iot_proto::{Finite, OwnedValue};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// A value in a blob. Variants are only ever added at the end.
// Laid out as the value that it is of.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[repr(C)]
pub(crate) enum Kept<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

impl<'a> From<&'a OwnedValue> for Kept<'a> {
    fn from(value: &'a OwnedValue) -> Self {
        match value {
            OwnedValue::Bool(value) => Self::Bool(*value),
            OwnedValue::Int(value) => Self::Int(*value),
            OwnedValue::Float(value) => Self::Float(value.get()),
            OwnedValue::Text(value) => Self::Text(value),
        }
    }
}

impl Kept<'_> {
    /// The value as the hub knows it.
    #[inline]
    pub(crate) fn restore(self) -> Result<OwnedValue, Fault> {
        Ok(match self {
            Self::Bool(value) => OwnedValue::Bool(value),
            Self::Int(value) => OwnedValue::Int(value),
            Self::Float(value) => OwnedValue::Float(finite(value)?),
            Self::Text(value) => OwnedValue::Text(value.into()),
        })
    }
}

/// A value in JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Typed {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
}

impl From<&OwnedValue> for Typed {
    fn from(value: &OwnedValue) -> Self {
        match value {
            OwnedValue::Bool(value) => Self::Bool(*value),
            OwnedValue::Int(value) => Self::Int(*value),
            OwnedValue::Float(value) => Self::Float(value.get()),
            OwnedValue::Text(value) => Self::Text(value.clone()),
        }
    }
}

impl Typed {
    /// The value as the hub knows it.
    pub(crate) fn restore(self) -> Result<OwnedValue, Fault> {
        Ok(match self {
            Self::Bool(value) => OwnedValue::Bool(value),
            Self::Int(value) => OwnedValue::Int(value),
            Self::Float(value) => OwnedValue::Float(finite(value)?),
            Self::Text(value) => OwnedValue::Text(value),
        })
    }
}

/// A number that a hub stored is finite.
#[inline]
pub(crate) fn finite(value: f64) -> Result<Finite, Fault> {
    Finite::new(value).map_err(|why| Fault::unreadable("a value", &why))
}

/// The word for a value's type, and the value, as they stand in columns.
pub(crate) fn to_columns(value: &OwnedValue) -> (&'static str, ToSqlOutput<'_>) {
    match value {
        OwnedValue::Bool(value) => ("bool", ToSqlOutput::Owned(Value::Integer((*value).into()))),
        OwnedValue::Int(value) => ("int", ToSqlOutput::Owned(Value::Integer(*value))),
        // SQLite makes a zero of a negative zero.
        OwnedValue::Float(value) if value.get() == 0.0 && value.get().is_sign_negative() => {
            ("float", ToSqlOutput::Borrowed(ValueRef::Text(b"-0.0")))
        }
        OwnedValue::Float(value) => ("float", ToSqlOutput::Owned(Value::Real(value.get()))),
        OwnedValue::Text(value) => ("text", ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes()))),
    }
}

/// Reads what [`to_columns`] wrote.
pub(crate) fn from_columns(value_type: &str, value: ValueRef<'_>) -> Result<OwnedValue, Fault> {
    let text = |bytes| str::from_utf8(bytes).map_err(|why| Fault::unreadable("a text", &why));
    Ok(match (value_type, value) {
        ("bool", ValueRef::Integer(value)) => OwnedValue::Bool(value != 0),
        ("int", ValueRef::Integer(value)) => OwnedValue::Int(value),
        ("float", ValueRef::Real(value)) => OwnedValue::Float(finite(value)?),
        ("float", ValueRef::Text(b"-0.0")) => OwnedValue::Float(finite(-0.0)?),
        ("text", ValueRef::Text(bytes)) => OwnedValue::Text(text(bytes)?.into()),
        (value_type, value) => {
            return Err(Fault::Unreadable(format!("a {value_type} is kept as {}", value.data_type())));
        }
    })
}

#[cfg(test)]
pub(crate) mod drawn {
    //! Values for tests.

    use proptest::prelude::*;

    use super::*;

    /// Of each type.
    pub(crate) fn values() -> impl Strategy<Value = OwnedValue> {
        prop_oneof![
            any::<bool>().prop_map(OwnedValue::Bool),
            any::<i64>().prop_map(OwnedValue::Int),
            any::<f64>().prop_filter_map("finite", |value| Finite::new(value).ok().map(OwnedValue::Float)),
            "[a-zü]{0,9}".prop_map(|text| OwnedValue::Text(text.into())),
        ]
    }
}
