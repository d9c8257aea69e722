//! The API describes itself: the OpenAPI document at `GET /api/v1/openapi.json`, made anew from the table of the routes.
//!
//! Nothing of it is a copy. Method, path and whom a route is for come from the table; its query, body and answers are the
//! types from which the handler reads and which it writes, by `serde` and `schemars` alike; `route/describe.rs` puts the two
//! together as an [`Operation`].
//!
//! To describe a new route, give each type that it reads or writes `#[derive(JsonSchema)]` beside its `Deserialize` or
//! `Serialize`, with a sentence on each field that is not plain, and add an arm to the match in `route/describe.rs`: without
//! one it does not compile. What is read has `#[serde(deny_unknown_fields)]`. Then write the route down in `docs/api.md`.

mod operation;
mod schemas;

use http::StatusCode;
use serde_json::{Map, Value as Json, json};

pub(crate) use self::operation::Operation;
use self::schemas::Schemas;
use crate::{
    api::ErrorDocument,
    body::{self, Reply},
    route::{Described, May, described, parts},
    web::Web,
};

/// `GET /api/v1/openapi.json`.
pub(crate) fn openapi<B>(web: &Web<B>) -> Reply {
    body::json(StatusCode::OK, &document(web.door.cookie_name()))
}

/// The whole document, of a hub whose logins have this cookie.
fn document(cookie: &str) -> Json {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Json> = Map::new();
    for route in described() {
        let (path, method) = (route.path.clone(), route.method.to_ascii_lowercase());
        paths.entry(path).or_insert_with(|| json!({}))[method] = operation(&route, &mut schemas);
    }
    let error = schemas.answered::<ErrorDocument>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "IoT hub",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Everything that the pages show and do, for programs.",
            "description": "Times are milliseconds since 1970-01-01T00:00:00Z. What nobody knows is null: it is never 0.",
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas.into_components(),
            "responses": {
                "Error": {
                    "description": "Why it is not answered as asked, and what to do.",
                    "content": { "application/json": { "schema": error } },
                },
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "What a program shows. It is made on the page of the account, or at the hub's own machine.",
                },
                "login": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": cookie,
                    "description": "What a browser has from logging in. A request that changes something must say in `Origin` that it comes from the hub's own page.",
                },
            },
        },
    })
}

/// What the document says of one method of a path.
fn operation(route: &Described, schemas: &mut Schemas) -> Json {
    let Described { method, path, may, operation } = route;
    let mut parameters: Vec<_> = parts(path).map(in_path).collect();
    parameters.extend(operation.parameters(schemas));
    let mut answers = operation.answers(schemas);
    answers.insert("default".into(), json!({ "$ref": "#/components/responses/Error" }));
    let mut document = json!({
        "operationId": id(method, path),
        "tags": [tag(path)],
        "summary": operation.summary(),
        "description": format!("For {may}."),
        "security": security(*may),
        "parameters": parameters,
        "responses": answers,
    });
    if let Some(body) = operation.body(schemas) {
        document["requestBody"] = body;
    }
    document
}

fn in_path((name, (what, schema)): (&str, (&str, Json))) -> Json {
    json!({ "name": name, "in": "path", "required": true, "description": what, "schema": schema })
}

/// Who may: either a token or a login of so much.
fn security(may: May) -> Json {
    match may {
        May::Always | May::Anyone | May::ToClaim => json!([]),
        May::Role(role) => json!([{ "token": [role.word()] }, { "login": [role.word()] }]),
        May::Person(role) => json!([{ "login": [role.word()] }]),
    }
}

/// Names an operation for programs that are made from the document: method and path with nothing but letters.
fn id(method: &str, path: &str) -> String {
    let path = path.trim_start_matches("/api/v1/");
    let words =
        path.split(['/', '.', '-']).map(|part| part.trim_matches(['{', '}'])).filter(|part| !part.is_empty());
    words.fold(method.to_ascii_lowercase(), |id, word| id + "_" + word)
}

/// What an operation is listed under: the first word of its path.
fn tag(path: &str) -> &str {
    let path = path.trim_start_matches("/api/v1");
    path.split('/').nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_operation_has_a_name_of_its_own() {
        let all: Vec<_> = described().iter().map(|route| id(route.method, &route.path)).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
        assert!(all.contains(&"post_nodes_node_modules_module_properties_channel_read".to_owned()));
    }

    #[test]
    fn every_reference_leads_to_something() {
        let document = document("iot-hub-80");
        let text = document.to_string();
        let references = text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next());
        let mut count = 0;
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
            count += 1;
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn who_may_stands_beside_each_operation() {
        let document = document("iot-hub-80");
        let of = |path: &str, method: &str| document["paths"][path][method]["security"].clone();
        assert_eq!(of("/healthz", "get"), json!([]));
        assert_eq!(
            of("/api/v1/nodes/{node}/forget", "post"),
            json!([{ "token": ["admin"] }, { "login": ["admin"] }])
        );
        assert_eq!(document["components"]["securitySchemes"]["login"]["name"], "iot-hub-80");
    }
}
