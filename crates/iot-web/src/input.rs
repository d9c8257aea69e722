//! What people and scripts give: queries, forms and JSON bodies, read against the definition that they are for.

use std::{borrow::Cow, collections::BTreeMap, str::FromStr};

use iot_core::catalogue::{ValueError, ValueType};
use iot_proto::{Finite, OwnedValue};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Number, Value as Json};

/// Names and values of a query or a form. Of a name that comes twice, the last counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    fields: BTreeMap<String, String>,
}

impl Query {
    /// Reads the query of an address.
    pub(crate) fn parse(query: Option<&str>) -> Self {
        Self::form(query.unwrap_or_default().as_bytes())
    }

    /// Reads the body of a form.
    pub(crate) fn form(body: &[u8]) -> Self {
        Self { fields: form_urlencoded::parse(body).into_owned().collect() }
    }

    /// The value of this name, where it is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of this name, empty or not.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// All names with their values, empty ones too.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The query without what is empty: a form sends each of its fields, filled or not.
    pub(crate) fn filled(&self) -> Self {
        let filled = self.fields.iter().filter(|(_, value)| !value.is_empty());
        Self { fields: filled.map(|(name, value)| (name.clone(), value.clone())).collect() }
    }

    /// The query with one name set to another value, for links that keep the rest.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let mut fields = self.fields.clone();
        for place in ["page", "before"] {
            fields.remove(place);
        }
        fields.insert(name.to_owned(), value.to_owned());
        fields.retain(|_, value| !value.is_empty());
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }
}

/// A value as it was given, before it is read against a definition.
#[derive(Clone, Debug)]
pub(crate) enum Given<'a> {
    /// The field of a form.
    Field(Cow<'a, str>),
    /// A part of a JSON document.
    Json(Json),
}

impl Given<'_> {
    /// Reads the value; `name` names the property or action in what is said about it.
    ///
    /// # Errors
    /// [`ValueError::WrongType`]. Ranges are checked by the hub.
    pub(crate) fn read(&self, name: &str, value: &ValueType) -> Result<OwnedValue, ValueError> {
        let read = match self {
            Self::Field(text) => from_text(text, value),
            Self::Json(json) => from_json(json, value),
        };
        read.ok_or_else(|| ValueError::WrongType { name: name.into(), expected: value.expected() })
    }
}

fn from_text(text: &str, value: &ValueType) -> Option<OwnedValue> {
    match value {
        ValueType::Bool { .. } => text.parse().ok().map(OwnedValue::Bool),
        ValueType::Int { .. } => text.trim().parse().ok().map(OwnedValue::Int),
        ValueType::Float { .. } => {
            // A decimal comma is how most of Europe writes it.
            let number = text.trim().replace(',', ".").parse().ok()?;
            Finite::new(number).ok().map(OwnedValue::Float)
        }
        ValueType::Enum { .. } | ValueType::Colour | ValueType::Text { .. } => named(text, value),
    }
}

fn from_json(json: &Json, value: &ValueType) -> Option<OwnedValue> {
    match value {
        ValueType::Bool { .. } => json.as_bool().map(OwnedValue::Bool),
        ValueType::Int { .. } => whole(json.as_number()?).map(OwnedValue::Int),
        ValueType::Float { .. } => Finite::new(json.as_f64()?).ok().map(OwnedValue::Float),
        ValueType::Enum { .. } | ValueType::Colour | ValueType::Text { .. } => named(json.as_str()?, value),
    }
}

/// Values that are text in forms and in JSON alike.
fn named(text: &str, value: &ValueType) -> Option<OwnedValue> {
    match value {
        ValueType::Enum { options } => {
            let index = options.iter().position(|option| *option.name == *text)?;
            i64::try_from(index).ok().map(OwnedValue::Int)
        }
        ValueType::Colour => {
            let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
            let digits = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            i64::from_str_radix(digits, 16).ok().map(OwnedValue::Int)
        }
        ValueType::Text { .. } => Some(OwnedValue::Text(text.into())),
        ValueType::Bool { .. } | ValueType::Int { .. } | ValueType::Float { .. } => None,
    }
}

/// A whole number in a document. `5.0` is 5, as JSON Schema has it, and as programs write it whose numbers all have points.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Whole<T>(T);

impl<T> Whole<T> {
    /// The number.
    pub(crate) fn get(self) -> T {
        self.0
    }
}

impl<'de, T: FromStr> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(deserializer)?;
        let wrong = || D::Error::custom(format!("{number} is no whole number that can stand here"));
        whole(&number).map(Self).ok_or_else(wrong)
    }
}

impl<T: JsonSchema> JsonSchema for Whole<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// The number, where it is a whole one of this type.
fn whole<T: FromStr>(number: &Number) -> Option<T> {
    // Written out, a number with a point has one only where something is behind it.
    let text = if number.is_f64() { number.as_f64()?.to_string() } else { number.to_string() };
    text.parse().ok()
}

/// A value as it stands in JSON: options by name, colours as `#rrggbb`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Value")]
pub(crate) enum Told {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
}

impl From<&OwnedValue> for Told {
    fn from(value: &OwnedValue) -> Self {
        match value {
            OwnedValue::Bool(value) => Self::Bool(*value),
            OwnedValue::Int(value) => Self::Int(*value),
            OwnedValue::Float(value) => Self::Float(value.get()),
            OwnedValue::Text(value) => Self::Text(value.clone()),
        }
    }
}

/// A value as scripts take it, by its definition.
pub(crate) fn told(value: &OwnedValue, definition: &ValueType) -> Told {
    match (definition, value) {
        (ValueType::Enum { options }, OwnedValue::Int(index)) => {
            let option = usize::try_from(*index).ok().and_then(|index| options.get(index));
            option.map_or(Told::Int(*index), |option| Told::Text(option.name.clone()))
        }
        (ValueType::Colour, OwnedValue::Int(_)) => Told::Text(definition.text(value)),
        (_, value) => Told::from(value),
    }
}

#[cfg(test)]
mod tests {
    use iot_core::catalogue::Choice;

    use super::*;

    fn mode() -> ValueType {
        let option = |name: &str| Choice { name: name.into(), title: name.to_uppercase().into() };
        ValueType::Enum { options: vec![option("off"), option("auto")] }
    }

    fn float() -> ValueType {
        ValueType::Float { unit: "°C".into(), range: (5.0, 30.0), step: 0.5 }
    }

    #[test]
    fn a_field_is_read_as_its_definition_says() {
        let read = |text: &'static str, value: &ValueType| Given::Field(text.into()).read("x", value).ok();
        let switch = ValueType::Bool { off: "Off".into(), on: "On".into() };
        assert_eq!(read("true", &switch), Some(OwnedValue::Bool(true)));
        assert_eq!(read("on", &switch), None);
        assert_eq!(read("19,5", &float()), Some(OwnedValue::Float(Finite::new(19.5).unwrap())));
        assert_eq!(read("NaN", &float()), None);
        assert_eq!(read("auto", &mode()), Some(OwnedValue::Int(1)));
        assert_eq!(read("boost", &mode()), None);
        assert_eq!(read("#ffb347", &ValueType::Colour), Some(OwnedValue::Int(0xFF_B3_47)));
        assert_eq!(read("#+fb347", &ValueType::Colour), None);
        assert_eq!(read("", &ValueType::Text { max_chars: 4 }), Some(OwnedValue::Text("".into())));
    }

    #[test]
    fn a_whole_number_may_have_a_point_and_nothing_behind_it() {
        let read = |text: &str| serde_json::from_str::<Whole<u16>>(text).map(Whole::get).ok();
        assert_eq!(["5", "5.0", "5e2", "65535.0"].map(read), [Some(5), Some(5), Some(500), Some(65_535)]);
        assert_eq!(["5.5", "-5.0", "65536.0", "1e300", "\"5\"", "true"].map(read), [None; 6]);
        let int = ValueType::Int { unit: "%".into(), range: (0, 100), step: 1 };
        let given = |json: f64| Given::Json(json.into()).read("x", &int).ok();
        assert_eq!((given(5.0), given(-5.0)), (Some(OwnedValue::Int(5)), Some(OwnedValue::Int(-5))));
        assert_eq!((given(5.5), given(1e300)), (None, None));
    }

    #[test]
    fn json_and_back_gives_the_same() {
        for (definition, json) in [
            (mode(), Json::from("auto")),
            (float(), Json::from(19.5)),
            (ValueType::Colour, Json::from("#0a0b0c")),
            (ValueType::Text { max_chars: 9 }, Json::from("hello")),
        ] {
            let value = Given::Json(json.clone()).read("x", &definition).unwrap();
            assert_eq!(serde_json::json!(told(&value, &definition)), json);
        }
        assert!(Given::Json(Json::from("19.5")).read("x", &float()).is_err(), "a number is not a text");
    }
}
