//! The window for joining in the API. Secrets stand only in the answer to whoever had them made.

use http::StatusCode;
use iot_core::view::{EndedView, SecretView, ShowingView, WindowView};
use serde_json::{Value as Json, json};

use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    feed::notice_json,
    web::Web,
};

/// `GET /api/v1/joining`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn joining<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    let joining = web.backend.joining().await?;
    let document = json!({
        "window": joining.window.as_ref().map(window),
        "last": joining.last.as_ref().map(last),
    });
    Ok(body::json(StatusCode::OK, &document))
}

fn window(window: &WindowView) -> Json {
    json!({
        "opened_by": window.opened_by,
        "closes": window.closes.0,
        "secrets": window.secrets.iter().map(secret).collect::<Vec<_>>(),
        "no_digits": window.no_digits,
        "showing": window.showing.iter().map(showing).collect::<Vec<_>>(),
        "unfinished": window.unfinished,
        "news": window.news.iter().map(notice_json).collect::<Vec<_>>(),
    })
}

fn secret(secret: &SecretView) -> Json {
    json!({ "taken": secret.taken.as_ref().map(iot_core::NodeId::as_str) })
}

fn showing(showing: &ShowingView) -> Json {
    json!({
        "session": showing.session.0,
        "node": showing.node.as_str(),
        "address": showing.peer.to_string(),
        "since": showing.since.0,
    })
}

fn last(last: &EndedView) -> Json {
    json!({
        "why": last.why,
        "at": last.at.0,
        "unfinished": last.unfinished,
        "news": last.news.iter().map(notice_json).collect::<Vec<_>>(),
    })
}
