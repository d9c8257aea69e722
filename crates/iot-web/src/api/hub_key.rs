//! The hub's own keys in the API. What is secret of them is nowhere here.

use http::StatusCode;
use iot_core::{NumberedKey, view::LackingView};
use serde_json::{Value as Json, json};

use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    web::Web,
};

/// `GET /api/v1/hub-key`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn hub_key<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    let view = web.backend.hub_keys().await?;
    let former = view.keys.former.as_ref().map(|key| {
        let mut document = numbered(key);
        document["taken_until"] = key.taken_until().0.into();
        document
    });
    let document = json!({
        "id": view.keys.id.to_string(),
        "current": numbered(&view.keys.current),
        "next": view.keys.next.as_ref().map(numbered),
        "former": former,
        "have": view.have,
        "lack": view.lack,
        "lacking": view.lacking.iter().map(lacking).collect::<Vec<_>>(),
    });
    Ok(body::json(StatusCode::OK, &document))
}

fn numbered(key: &NumberedKey) -> Json {
    json!({
        "number": key.number,
        "id": key.key.id().to_string(),
        "key": key.key.to_string(),
        "since": key.since.map(|since| since.0),
    })
}

fn lacking(node: &LackingView) -> Json {
    json!({
        "node": node.node.as_str(),
        "title": node.title,
        "last_heard": node.last_heard.map(|at| at.0),
    })
}
