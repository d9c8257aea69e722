//! Who may use the hub, for admins; and the own account, for everybody who is logged in.

use askama::Template;
use http::StatusCode;
use iot_core::people::{People, Role, Token};

use super::{
    door::sentences,
    shell::{Shell, rendered},
};
use crate::{
    Backend,
    body::Reply,
    door::{Who, With},
    error::WebError,
    web::Web,
    wording::Words,
};

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    shell: Shell,
    refused: Option<String>,
    users: Vec<UserRow>,
    roles: Vec<&'static str>,
    name: String,
    tokens: Vec<TokenRow>,
}

struct UserRow {
    name: String,
    role: &'static str,
    is_self: bool,
    time: String,
    iso: String,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    shell: Shell,
    refused: Option<String>,
    /// A token that was just made.
    shown: Option<String>,
    time: String,
    iso: String,
    roles: Vec<&'static str>,
    tokens: Vec<TokenRow>,
}

struct TokenRow {
    number: u64,
    label: String,
    user: String,
    role: &'static str,
    used: String,
    until: String,
    iso: String,
}

/// What the page of an account tells beside what is always on it.
pub(crate) enum Told<'a> {
    /// Something was refused.
    Refused(&'a WebError),
    /// A token was made: its text.
    Token(String),
}

/// `GET /people`, and what a form of it that was refused comes back with, and the name in it.
///
/// # Errors
/// As the backend's.
pub(crate) async fn people<B: Backend>(
    web: &Web<B>,
    refused: Option<(&WebError, &str)>,
) -> Result<Reply, WebError> {
    let (users, tokens) = web.door.ask(|people| Ok((people.users()?, people.tokens()?))).await?;
    let words = web.words();
    let own = web.who.as_ref().map(|who| who.user.clone());
    let users = users.into_iter().map(|user| UserRow {
        is_self: own.as_ref() == Some(&user.name),
        name: user.name.to_string(),
        role: user.role.word(),
        time: words.time(user.since),
        iso: Words::iso(user.since),
    });
    let page = PeoplePage {
        shell: Shell::load(web, "people").await?,
        refused: refused.map(|(error, _)| sentences(error)),
        users: users.collect(),
        roles: Role::ALL.map(Role::word).to_vec(),
        name: refused.map(|(_, name)| name.to_owned()).unwrap_or_default(),
        tokens: rows(tokens, &words),
    };
    Ok(rendered(refused.map_or(StatusCode::OK, |(error, _)| error.status()), &page))
}

/// `GET /account`, and what its forms come back with.
///
/// # Errors
/// [`WebError::NotLoggedIn`]; as the backend's.
pub(crate) async fn account<B: Backend>(web: &Web<B>, told: Option<Told<'_>>) -> Result<Reply, WebError> {
    let Some(Who { user, role, with: With::Login(login) }) = web.who.as_deref() else {
        return Err(WebError::NotLoggedIn);
    };
    let (words, own) = (web.words(), user.clone());
    let mut tokens = web.door.ask(People::tokens).await?;
    tokens.retain(|token| token.user == own);
    let (refused, shown, status) = match told {
        None => (None, None, StatusCode::OK),
        Some(Told::Refused(error)) => (Some(sentences(error)), None, error.status()),
        Some(Told::Token(text)) => (None, Some(text), StatusCode::OK),
    };
    let page = AccountPage {
        shell: Shell::load(web, "account").await?,
        refused,
        shown,
        time: words.time(login.began),
        iso: Words::iso(login.began),
        roles: Role::ALL.into_iter().filter(|less| less <= role).map(Role::word).collect(),
        tokens: rows(tokens, &words),
    };
    Ok(rendered(status, &page))
}

fn rows(tokens: Vec<Token>, words: &Words) -> Vec<TokenRow> {
    let row = |token: Token| TokenRow {
        number: token.number,
        label: token.label.to_string(),
        user: token.user.to_string(),
        role: token.role.word(),
        used: token.used.map_or_else(|| "never".to_owned(), |used| words.time(used)),
        until: if token.is_valid(words.now()) { words.time(token.until) } else { "has ended".to_owned() },
        iso: Words::iso(token.until),
    };
    tokens.into_iter().map(row).collect()
}
