//! [`Schemas`]: the schemas of types, collected for one document. What is read and what is written are described apart:
//! a field with a default may be left out of the one and is always in the other.

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value as Json};

/// Makes the schema of a type.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// The schemas of one document.
pub(super) struct Schemas {
    written: SchemaGenerator,
    read: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let of = |contract| {
            let settings = SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.contract = contract;
                settings.meta_schema = None;
            });
            settings.into_generator()
        };
        Self { written: of(Contract::Serialize), read: of(Contract::Deserialize) }
    }

    /// The schema of something that is read.
    pub(super) fn asked(&mut self, shape: Shape) -> Json {
        let mut schema = shape(&mut self.read).to_value();
        bound(&mut schema);
        schema
    }

    /// The schema of something that is written.
    pub(super) fn answer(&mut self, shape: Shape) -> Json {
        shape(&mut self.written).to_value()
    }

    /// The schema of this type, which is written.
    pub(super) fn answered<T: JsonSchema>(&mut self) -> Json {
        self.answer(SchemaGenerator::subschema_for::<T>)
    }

    /// All schemas that others refer to, by their names.
    pub(super) fn into_components(mut self) -> Map<String, Json> {
        let mut all = self.read.take_definitions(true);
        // Words and values are in both, and alike.
        all.extend(self.written.take_definitions(true));
        all
    }
}

/// Gives whole numbers the range of what they are read into, which their schema only names.
fn bound(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            object.values_mut().for_each(bound);
            let (least, most): (Json, Json) = match object.get("format").and_then(Json::as_str) {
                Some("uint32") => (0.into(), u32::MAX.into()),
                Some("uint64") => (0.into(), u64::MAX.into()),
                Some("int64") => (i64::MIN.into(), i64::MAX.into()),
                Some(_) | None => return,
            };
            object.entry("minimum").or_insert(least);
            object.entry("maximum").or_insert(most);
        }
        Json::Array(list) => list.iter_mut().for_each(bound),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// The schema without `null`, for a place where what is unknown is left out.
pub(super) fn without_null(mut schema: Json) -> Json {
    let is_null = |one: &Json| one.is_null() || *one == "null" || one["type"] == "null";
    for list in ["type", "enum", "anyOf"] {
        if let Some(some) = schema.get_mut(list).and_then(Json::as_array_mut) {
            some.retain(|one| !is_null(one));
        }
    }
    if let Some([only]) = schema.get("type").and_then(Json::as_array).map(Vec::as_slice) {
        schema["type"] = only.clone();
    }
    match schema.get("anyOf").and_then(Json::as_array).map(Vec::as_slice) {
        Some([only]) => merged(only.clone(), schema),
        Some(_) | None => schema,
    }
}

/// The one that is left of several, with what stood beside them.
fn merged(mut only: Json, around: Json) -> Json {
    if let (Some(only), Json::Object(mut around)) = (only.as_object_mut(), around) {
        around.remove("anyOf");
        only.extend(around);
    }
    only
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_has_the_range_of_what_it_is_read_into() {
        let of = |shape| Schemas::new().asked(shape);
        assert_eq!(of(u64::json_schema)["maximum"], u64::MAX);
        assert_eq!(of(Option::<u32>::json_schema)["maximum"], u32::MAX);
        assert_eq!(of(u8::json_schema)["maximum"], 255);
        assert_eq!(of(i64::json_schema)["minimum"], i64::MIN);
    }

    #[test]
    fn null_is_taken_out_wherever_it_stands() {
        for (schema, without) in [
            (
                json!({ "type": ["integer", "null"], "minimum": 0 }),
                json!({ "type": "integer", "minimum": 0 }),
            ),
            (
                json!({ "description": "x", "anyOf": [{ "$ref": "#/a" }, { "type": "null" }] }),
                json!({ "description": "x", "$ref": "#/a" }),
            ),
            (json!({ "enum": ["a", "b", null] }), json!({ "enum": ["a", "b"] })),
            (json!({ "type": "string" }), json!({ "type": "string" })),
        ] {
            assert_eq!(without_null(schema), without);
        }
    }
}
