//! Queries of the API: what may stand in one is a struct, from which it is read and from which it is described.
//!
//! A field that may be left out is an `Option` or has a default. An unknown name is refused by `deny_unknown_fields`, or
//! a wrong letter would ask for something else than was meant.

use std::borrow::Cow;

use iot_proto::UnixMillis;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        DeserializeOwned, Error as _, IntoDeserializer, Unexpected, Visitor,
        value::{Error as ReadError, MapDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};

use crate::{error::WebError, input::Query, rows};

impl Query {
    /// What stands in it.
    ///
    /// # Errors
    /// [`WebError::Malformed`], with the name of what cannot be read.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, WebError> {
        let fields = self.fields().map(|(name, value)| (name, Field(value)));
        let read = serde_path_to_error::deserialize(MapDeserializer::<'_, _, ReadError>::new(fields));
        read.map_err(|error| WebError::malformed(error.to_string()))
    }
}

/// One value: a text that may be a number, or a word.
#[derive(Clone, Copy, Debug)]
struct Field<'de>(&'de str);

impl<'de> IntoDeserializer<'de, ReadError> for Field<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Field<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_enum(StrDeserializer::<ReadError>::new(self.0))
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0.parse() {
            Ok(number) => visitor.visit_u8(number),
            Err(_) => Err(ReadError::invalid_value(Unexpected::Str(self.0), &visitor)),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0.parse() {
            Ok(number) => visitor.visit_u64(number),
            Err(_) => Err(ReadError::invalid_value(Unexpected::Str(self.0), &visitor)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u16 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// A whole number of this range. Where it has a default, that is `OTHERWISE`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Between<const LEAST: u16, const MOST: u16, const OTHERWISE: u16 = MOST>(u16);

impl<const LEAST: u16, const MOST: u16, const OTHERWISE: u16> Between<LEAST, MOST, OTHERWISE> {
    /// The number.
    pub(crate) fn get<T: From<u16>>(self) -> T {
        self.0.into()
    }
}

impl<const LEAST: u16, const MOST: u16, const OTHERWISE: u16> Default for Between<LEAST, MOST, OTHERWISE> {
    fn default() -> Self {
        Self(OTHERWISE)
    }
}

impl<'de, const LEAST: u16, const MOST: u16, const OTHERWISE: u16> Deserialize<'de>
    for Between<LEAST, MOST, OTHERWISE>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
        let wrong = || D::Error::custom(format!("it is {LEAST} to {MOST}, not {text}"));
        number.map(Self).ok_or_else(wrong)
    }
}

impl<const LEAST: u16, const MOST: u16, const OTHERWISE: u16> JsonSchema for Between<LEAST, MOST, OTHERWISE> {
    fn schema_name() -> Cow<'static, str> {
        format!("Between{LEAST}And{MOST}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

/// A time: milliseconds since 1970, or as RFC 3339 writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(pub(crate) UnixMillis);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        rows::time(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "integer", "format": "int64" }, { "type": "string", "format": "date-time" }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        node: Option<Box<str>>,
        module: Option<u8>,
        #[serde(default)]
        limit: Between<1, 1_000, 100>,
        from: Option<Moment>,
    }

    fn read(query: &str) -> Result<Asked, String> {
        Query::parse(Some(query)).read().map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let asked = read("module=7&from=1970-01-01T00:00:01Z").unwrap();
        assert_eq!((asked.node, asked.module, asked.limit.get::<u64>()), (None, Some(7), 100));
        assert_eq!(asked.from.map(|from| from.0), Some(UnixMillis(1_000)));
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_value_and_its_limit() {
        for (query, why) in [
            ("limit=0", "limit: it is 1 to 1000, not 0"),
            ("limit=x", "limit: it is 1 to 1000, not x"),
            ("module=256", "module: invalid value: string \"256\", expected u8"),
            ("limit=", "limit: it is 1 to 1000, not "),
            ("from=now", "from: \"now\" is neither milliseconds"),
            ("limt=5", "unknown field `limt`"),
        ] {
            let said = read(query).unwrap_err();
            assert!(said.contains(why), "{query}: {said}");
        }
    }
}
