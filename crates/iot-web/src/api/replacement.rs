//! What would become of a node if new hardware took its place.

use http::StatusCode;
use iot_core::{IotError, NodeId, view::ModuleFacts};
use serde_json::{Value as Json, json};

use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    input::Query,
    web::Web,
};

/// `GET /api/v1/nodes/{node}/replacement?by=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] without the other node.
pub(crate) async fn replacement<B: Backend>(
    web: &Web<B>,
    node: &NodeId,
    query: &Query,
) -> Result<Reply, WebError> {
    let by = query.get("by").ok_or_else(|| WebError::malformed("by is missing in the query"))?;
    let by = NodeId::parse(by).ok_or_else(|| IotError::UnknownNode { node: by.into() })?;
    let shown = web.backend.replacement(node, &by).await?;
    let modules = shown.modules.iter().map(|change| {
        json!({
            "index": change.index,
            "fate": change.fate.word(),
            "before": change.before.as_ref().map(facts),
            "after": change.after.as_ref().map(facts),
        })
    });
    let document = json!({
        "node": shown.node.as_str(),
        "by": shown.by.as_str(),
        "modules": modules.collect::<Vec<_>>(),
        "commands": { "moving": shown.moving, "cancelled": shown.cancelled },
    });
    Ok(body::json(StatusCode::OK, &document))
}

fn facts(facts: &ModuleFacts) -> Json {
    json!({ "title": facts.title, "kind": facts.kind, "kind_version": facts.kind_version })
}
