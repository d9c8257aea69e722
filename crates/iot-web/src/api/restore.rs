//! Restoring a backup: what would become of the hub, and that it has been begun.

use http::StatusCode;
use iot_core::{
    people::UserName,
    view::{Changed, Held},
};
use serde_json::{Value as Json, json};

use crate::{
    Backend, RestoreView,
    body::{self, Reply},
    error::WebError,
    web::Web,
};

/// `GET /api/v1/backups/{name}/restore`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn difference<B: Backend>(web: &Web<B>, name: &str) -> Result<Reply, WebError> {
    let shown = web.backend.difference(name).await?;
    let document = json!({
        "backup": name,
        "then": held(&shown.then),
        "now": held(&shown.now),
        "lost_readings": shown.lost_readings,
        "left_out": shown.left_out.iter().map(changed).collect::<Vec<_>>(),
        "let_in": shown.let_in.iter().map(changed).collect::<Vec<_>>(),
        "users_lost": names(&shown.users_lost),
        "users_back": names(&shown.users_back),
        "tokens_back": shown.tokens_back,
    });
    Ok(body::json(StatusCode::OK, &document))
}

/// A restore has been begun.
pub(crate) fn restoring(name: &str) -> Reply {
    body::json(StatusCode::ACCEPTED, &json!({ "backup": name, "location": "/api/v1/store" }))
}

/// How restoring is going.
pub(super) fn view(restore: &RestoreView) -> Json {
    let under_way = restore.under_way.as_ref();
    json!({
        "under_way": under_way.map(|restoring| json!({ "backup": restoring.name, "percent": restoring.percent })),
        "failed": restore.failed.as_ref().map(|(at, why)| json!({ "at": at.0, "why": why })),
    })
}

fn held(held: &Held) -> Json {
    json!({ "nodes": held.nodes, "modules": held.modules, "users": held.users })
}

fn changed(node: &Changed) -> Json {
    json!({ "id": node.id.as_str(), "title": node.title, "otherwise": node.otherwise.word() })
}

fn names(users: &[UserName]) -> Vec<&str> {
    users.iter().map(UserName::as_str).collect()
}
