//! In whose name a program asks.

use http::StatusCode;
use serde_json::json;

use crate::{
    body::{self, Reply},
    door::With,
    web::Web,
};

/// `GET /api/v1/account`.
pub(crate) fn account<B>(web: &Web<B>) -> Reply {
    let who = web.who.as_deref();
    let token = who.and_then(|who| match &who.with {
        With::Token(token) => {
            Some(json!({ "number": token.number, "label": token.label.as_str(), "until": token.until.0 }))
        }
        With::Login(_) => None,
    });
    let document = json!({
        "user": who.map(|who| who.user.as_str()),
        "role": who.map(|who| who.role.word()),
        "token": token,
    });
    body::json(StatusCode::OK, &document)
}
