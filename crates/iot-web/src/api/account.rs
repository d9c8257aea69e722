//! In whose name a program asks.

use http::StatusCode;
use iot_core::people::Role;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    body::{self, Reply},
    door::With,
    web::Web,
    word::{Time, Word},
};

/// In whose name a request was made.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Account<'a> {
    user: Option<&'a str>,
    role: Option<Word<Role>>,
    /// `null` for whoever is logged in.
    token: Option<Token<'a>>,
}

/// What the program has shown.
#[derive(Serialize, JsonSchema)]
struct Token<'a> {
    number: u64,
    label: &'a str,
    until: Time,
}

/// `GET /api/v1/account`.
pub(crate) fn account<B>(web: &Web<B>) -> Reply {
    let who = web.who.as_deref();
    let token = who.and_then(|who| match &who.with {
        With::Token(token) => {
            Some(Token { number: token.number, label: token.label.as_str(), until: token.until.into() })
        }
        With::Login(_) => None,
    });
    let user = who.map(|who| who.user.as_str());
    let document = Account { user, role: who.map(|who| Word(who.role)), token };
    body::json(StatusCode::OK, &document)
}
