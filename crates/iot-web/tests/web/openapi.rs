//! The document of the API: what the hub really answers is what it says, with nothing left out and nothing more.

use http::{Request, StatusCode, header};
use iot_core::people::Role;
use iot_proto::UnixMillis;
use iot_web::{Checked, Found, Refuses};
use jsonschema::Validator;
use serde_json::{Value as Json, json};

use crate::client::{Answer, Hub};

const LEVEL: &str = "/api/v1/nodes/plain:south-bay-3/modules/0/properties/level";
const BACKUP: &str = "hub-20261114T132400Z.db";

/// The document of a hub.
struct Document {
    document: Json,
}

impl Document {
    /// As a program gets it. Clients must take keys that come later; here each key that is not described is a fault.
    async fn of(hub: &Hub) -> Self {
        let mut document = hub.get("/api/v1/openapi.json").await.json();
        for schema in document["components"]["schemas"].as_object_mut().expect("schemas").values_mut() {
            let schema = schema.as_object_mut().expect("a schema");
            if !schema.contains_key("additionalProperties") {
                schema.insert("unevaluatedProperties".into(), false.into());
            }
        }
        Self { document }
    }

    /// Where the document says what is answered at a path with a status.
    fn schema(&self, method: &str, path: &str, status: StatusCode) -> Option<String> {
        let path = path.split('?').next().unwrap_or_default();
        let parts: Vec<_> = path.split('/').collect();
        let fits = |known: &&String| {
            let known: Vec<_> = known.split('/').collect();
            known.len() == parts.len()
                && known.iter().zip(&parts).all(|(known, part)| known.starts_with('{') || known == part)
        };
        let named = |known: &&String| known.matches('{').count();
        let paths = self.document["paths"].as_object().expect("paths");
        let known = paths.keys().filter(fits).min_by_key(named)?;
        let answers = &paths[known][method]["responses"];
        let of = if answers.get(status.as_str()).is_some() { status.as_str() } else { "default" };
        let known = known.replace('/', "~1");
        Some(if of == "default" {
            "/components/responses/Error/content/application~1json/schema".to_owned()
        } else {
            format!("/paths/{known}/{method}/responses/{of}/content/application~1json/schema")
        })
    }

    /// Compares an answer with what the document says of it.
    fn compare(&self, method: &str, path: &str, answer: &Answer) {
        let at =
            self.schema(method, path, answer.status).unwrap_or_else(|| panic!("{path} is not described"));
        let schema = self.document.pointer(&at);
        let schema = schema.unwrap_or_else(|| panic!("{method} {path}: {} is not described", answer.status));
        let root = json!({ "allOf": [schema], "components": self.document["components"] });
        let validator: Validator = jsonschema::draft202012::new(&root).expect("a valid schema");
        let wrong: Vec<_> = validator.iter_errors(&answer.json()).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{method} {path} is not {at}: {wrong:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_is_told_is_as_the_document_says() {
    let hub = Hub::start().await;
    let document = Document::of(&hub).await;
    let series = "node=plain:north-bay-1&module=0&channel=1";
    for path in [
        "/api/v1/overview".to_owned(),
        "/api/v1/activity?limit=3".to_owned(),
        "/api/v1/nodes?archived=show".to_owned(),
        "/api/v1/nodes/plain:main-gate".to_owned(),
        "/api/v1/nodes/plain:x/modules/1".to_owned(),
        "/api/v1/nodes/plain:pump-house/modules/0".to_owned(),
        "/api/v1/nodes/plain:south-bay-3/replacement?by=plain:mist-bench".to_owned(),
        format!("/api/v1/readings?{series}"),
        format!("/api/v1/rollups?{series}&resolution=hour"),
        "/api/v1/gaps?node=plain:north-bay-1".to_owned(),
        "/api/v1/commands".to_owned(),
        "/api/v1/commands/02020202-0202-0202-0202-020202020202".to_owned(),
        "/api/v1/joining".to_owned(),
        "/api/v1/store".to_owned(),
        "/api/v1/backup".to_owned(),
        format!("/api/v1/backups/{BACKUP}/restore"),
        "/api/v1/audit".to_owned(),
        "/api/v1/catalogue".to_owned(),
        "/api/v1/catalogue/relay".to_owned(),
        "/api/v1/account".to_owned(),
        "/api/v1/openapi.json".to_owned(),
        "/healthz".to_owned(),
    ] {
        let answer = hub.get(&path).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        document.compare("get", &path, &answer);
    }
    let account = Request::get("/api/v1/account").header(header::AUTHORIZATION, hub.token(Role::Viewer));
    document.compare("get", "/api/v1/account", &hub.send(account, "").await);
    for (path, status) in
        [("/api/v1/nodes/plain:nobody", 404), ("/api/v1/readings", 400), ("/api/v1/nodes?no=1", 400)]
    {
        let answer = hub.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        document.compare("get", path, &answer);
    }
    hub.stop().await;
}

#[tokio::test]
async fn what_is_answered_to_something_that_is_done_is_as_the_document_says() {
    let hub = Hub::start().await;
    let document = Document::of(&hub).await;
    for (path, body, status) in [
        (LEVEL.to_owned(), r#"{"value": 40, "why": "frost tonight", "expires_in_s": 60}"#, 202),
        (format!("{LEVEL}?wait=0"), r#"{"value": 40}"#, 200),
        (format!("{LEVEL}/read?wait=0"), "", 200),
        ("/api/v1/nodes/plain:well/identify?wait=0".to_owned(), r#"{"for_s": 5}"#, 200),
        ("/api/v1/nodes/plain:well/restart?wait=0".to_owned(), "", 200),
        ("/api/v1/nodes/plain:well/tags".to_owned(), r#"{"tags": ["wet"]}"#, 200),
        ("/api/v1/nodes/plain:well/forget".to_owned(), r#"{"why": "sold"}"#, 200),
        ("/api/v1/joining/open".to_owned(), r#"{"minutes": 5}"#, 200),
        (LEVEL.to_owned(), r#"{"value": 40.0, "expires_in_s": 60.0}"#, 202),
        ("/api/v1/nodes/plain:well/identify?wait=0".to_owned(), r#"{"for_s": 5.0}"#, 200),
        ("/api/v1/joining/open".to_owned(), r#"{"minutes": 5.0}"#, 200),
        ("/api/v1/joining/open".to_owned(), r#"{"minutes": 5.5}"#, 400),
        ("/api/v1/joining/close".to_owned(), "", 200),
        ("/api/v1/backup".to_owned(), "", 202),
        (format!("/api/v1/backups/{BACKUP}/restore"), r#"{"why": "again"}"#, 202),
        (LEVEL.to_owned(), r#"{"value": 165}"#, 422),
        (LEVEL.to_owned(), r#"{"value": 40, "unless": "rain"}"#, 400),
        ("/api/v1/joining/open".to_owned(), "[5, null]", 400),
    ] {
        let answer = hub.json(&path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        document.compare("post", &path, &answer);
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_store_in_trouble_is_told_as_the_document_says() {
    let hub = Hub::start().await;
    let document = Document::of(&hub).await;
    let checked = Checked { at: UnixMillis(0), found: Found::Damage("hub.db is damaged".into()) };
    hub.fake.store.send_modify(|store| {
        store.check.last = Some(checked);
        store.backups.failed = Some((UnixMillis(0), "the disk is full".into()));
        store.restore.failed = Some((UnixMillis(0), "the backup is damaged".into()));
    });
    for path in ["/healthz", "/api/v1/store", "/api/v1/backup"] {
        document.compare("get", path, &hub.get(path).await);
    }
    let refuses = Refuses { why: "the disk is full".into(), since: UnixMillis(0) };
    hub.fake.store.send_modify(|store| store.refuses = Some(refuses));
    for path in ["/healthz", "/api/v1/store"] {
        document.compare("get", path, &hub.get(path).await);
    }
    hub.stop().await;
}

#[tokio::test]
#[should_panic(expected = "is not")]
async fn an_answer_with_something_else_in_it_is_found() {
    let hub = Hub::start().await;
    let document = Document::of(&hub).await;
    let mut answer = hub.get("/api/v1/nodes/plain:well").await;
    answer.text = answer.text.replacen("\"reports\"", "\"reposts\"", 1);
    document.compare("get", "/api/v1/nodes/plain:well", &answer);
}
