//! [`Operation`]: what one method of a path takes and answers. The types stand where they are read and written.

use http::StatusCode;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value as Json, json};

use super::schemas::{Schemas, Shape, without_null};

/// What one method of a path takes and answers.
pub(crate) struct Operation {
    summary: &'static str,
    query: Option<Shape>,
    body: Option<Taken>,
    answers: Vec<Answer>,
}

/// What is in a body that is read.
enum Taken {
    Document(Shape),
    /// A file, of one of these types.
    File(&'static [&'static str]),
}

/// What is answered with one status.
struct Answer {
    status: StatusCode,
    content: Content,
}

enum Content {
    Document(Shape),
    /// Text or bytes, of one of these types.
    Stream(&'static [&'static str]),
}

impl Operation {
    /// Something that is done or told, in one sentence.
    pub(crate) fn new(summary: &'static str) -> Self {
        Self { summary, query: None, body: None, answers: Vec::new() }
    }

    /// Its query is read as this.
    pub(crate) fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(T::json_schema), ..self }
    }

    /// Its body is read as this. Whether there must be one follows from what must be in it.
    pub(crate) fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Some(Taken::Document(T::json_schema)), ..self }
    }

    /// Its body is a file of one of these types.
    pub(crate) fn takes_file(self, types: &'static [&'static str]) -> Self {
        Self { body: Some(Taken::File(types)), ..self }
    }

    /// It is answered with this document.
    pub(crate) fn answers_with<T: JsonSchema>(self, status: StatusCode) -> Self {
        self.and(Answer { status, content: Content::Document(SchemaGenerator::subschema_for::<T>) })
    }

    /// It is answered with a stream of one of these types.
    pub(crate) fn streams(self, types: &'static [&'static str]) -> Self {
        self.and(Answer { status: StatusCode::OK, content: Content::Stream(types) })
    }

    fn and(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    pub(super) fn summary(&self) -> &'static str {
        self.summary
    }

    /// The parameters of its query.
    pub(super) fn parameters(&self, schemas: &mut Schemas) -> Vec<Json> {
        let Some(query) = self.query else { return Vec::new() };
        let schema = schemas.asked(query);
        let needed = needed(&schema);
        let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
        properties.map(|(name, schema)| in_query(name, schema, needed.contains(&name.as_str()))).collect()
    }

    /// Its body.
    pub(super) fn body(&self, schemas: &mut Schemas) -> Option<Json> {
        Some(match self.body.as_ref()? {
            Taken::Document(shape) => {
                let schema = schemas.asked(*shape);
                let required = !needed(&schema).is_empty();
                json!({ "required": required, "content": { "application/json": { "schema": schema } } })
            }
            Taken::File(types) => json!({ "required": true, "content": of_types(types) }),
        })
    }

    /// Its answers by their status.
    pub(super) fn answers(&self, schemas: &mut Schemas) -> Map<String, Json> {
        let answers = self.answers.iter().map(|Answer { status, content }| {
            let content = match content {
                Content::Document(shape) => {
                    json!({ "application/json": { "schema": schemas.answer(*shape) } })
                }
                Content::Stream(types) => of_types(types),
            };
            let description = status.canonical_reason().unwrap_or_default();
            (status.as_str().to_owned(), json!({ "description": description, "content": content }))
        });
        answers.collect()
    }
}

/// Content that has no schema, of each of these types.
fn of_types(types: &[&str]) -> Json {
    types.iter().map(|of| ((*of).to_owned(), json!({}))).collect()
}

/// What must stand in something of this schema.
fn needed(schema: &Json) -> Vec<&str> {
    schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
}

/// A parameter of a query. What may be left out is not `null` there, and a list has commas.
fn in_query(name: &str, schema: &Json, required: bool) -> Json {
    let mut schema = without_null(schema.clone());
    let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    let is_list = schema.get("type").is_some_and(|of| of == "array");
    let mut parameter = json!({ "name": name, "in": "query", "required": required, "schema": schema });
    if let Some(description) = description {
        parameter["description"] = description;
    }
    if is_list {
        parameter["style"] = "form".into();
        parameter["explode"] = false.into();
    }
    parameter
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::*;
    use crate::query::Between;

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its description is of interest")]
    struct Asked {
        /// Whose.
        node: Box<str>,
        module: Option<u8>,
        #[serde(default)]
        limit: Between<1, 1_000, 100>,
    }

    #[test]
    fn parameters_have_the_range_and_the_default_of_what_is_read() {
        let parameters = Operation::new("").query::<Asked>().parameters(&mut Schemas::new());
        let of = |name: &str| parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
        assert_eq!((&of("node")["required"], &of("node")["description"]), (&json!(true), &json!("Whose.")));
        assert_eq!(of("module")["schema"]["type"], "integer", "it is left out, never null");
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": 1_000, "default": 100 });
        assert_eq!((&of("limit")["required"], &of("limit")["schema"]), (&json!(false), &limit));
    }

    #[test]
    fn a_body_is_needed_where_something_must_be_in_it() {
        let body = |operation: Operation| operation.body(&mut Schemas::new()).unwrap()["required"].clone();
        assert_eq!(body(Operation::new("").takes::<Asked>()), true);
        assert_eq!(body(Operation::new("").takes::<Option<u8>>()), false);
        assert_eq!(body(Operation::new("").takes_file(&["application/octet-stream"])), true);
    }
}
