//! What stands in many answers of the API: [`Word`], one of a few things by its word, and [`Time`].
//!
//! Each is written, and where a query has it read, as it is described: the list of the words is that of the thing itself.

use std::borrow::Cow;

use iot_core::{
    CommandState, PresenceState,
    audit::Deed,
    people::Role,
    view::{AdmissionState, Fate, KeyStanding, Permission},
};
use iot_proto::UnixMillis;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One of a few things, each of which has a word in the API.
pub(crate) trait Worded: Copy + 'static {
    /// How all of them together are called in the document of the API.
    const NAME: &'static str;
    /// All of them.
    const EACH: &'static [Self];

    /// Its word.
    fn called(self) -> &'static str;
}

macro_rules! worded {
    ($($type:ident)+) => {
        $(impl Worded for $type {
            const NAME: &'static str = stringify!($type);
            const EACH: &'static [Self] = &Self::ALL;

            fn called(self) -> &'static str {
                self.word()
            }
        })+
    };
}

worded! { AdmissionState CommandState Deed Fate KeyStanding Permission PresenceState Role }

/// A thing that stands in the API as its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<T>(pub(crate) T);

impl<T: Worded> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.called())
    }
}

impl<T: Worded> Word<T> {
    /// The thing of this word.
    fn read<E: de::Error>(word: &str) -> Result<Self, E> {
        let mut each = T::EACH.iter();
        let found = each.find(|thing| thing.called() == word);
        found.map(|thing| Self(*thing)).ok_or_else(|| E::custom(format!("there is no {} {word}", T::NAME)))
    }
}

impl<'de, T: Worded> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?)
    }
}

impl<T: Worded> JsonSchema for Word<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<_> = T::EACH.iter().map(|thing| thing.called()).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

/// Several of them, with commas between their words.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T>(pub(crate) Vec<T>);

impl<'de, T: Worded> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.split(',').map(|word| Ok(Word::read::<D::Error>(word)?.0)).collect::<Result<_, _>>().map(Self)
    }
}

impl<T: Worded> JsonSchema for Listed<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}s", T::NAME).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<Word<T>>(), "minItems": 1 })
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Time(i64);

impl From<UnixMillis> for Time {
    fn from(time: UnixMillis) -> Self {
        Self(time.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, json};

    use super::*;

    #[test]
    fn a_word_is_written_read_and_described_from_one_list() {
        assert_eq!(json!(Word(Role::Admin)), "admin");
        assert_eq!(from_str::<Word<Role>>("\"admin\"").unwrap(), Word(Role::Admin));
        assert!(
            from_str::<Word<Role>>("\"owner\"").unwrap_err().to_string().contains("there is no Role owner")
        );
        let schema = Word::<Role>::json_schema(&mut SchemaGenerator::default());
        assert_eq!(schema.get("enum"), Some(&json!(["viewer", "operator", "admin"])));
        assert!(from_str::<Listed<CommandState>>("\"done,undone\"").is_err());
    }
}
