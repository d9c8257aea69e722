//! The pages for whoever is not known yet: claiming the hub, logging in, and what is said to strangers.

use askama::Template;
use http::StatusCode;
use iot_core::people::PeopleError;

use super::shell::rendered;
use crate::{
    Backend,
    body::{self, Reply},
    door,
    error::WebError,
    input::Query,
    web::{Asked, Web},
    wording,
};

#[derive(Template)]
#[template(path = "claim.html")]
struct ClaimPage {
    hub: Box<str>,
    refused: Option<String>,
    at_this_machine: bool,
    code: String,
    name: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LogInPage {
    hub: Box<str>,
    refused: Option<String>,
    next: String,
    name: String,
}

#[derive(Template)]
#[template(path = "stranger.html")]
struct StrangerPage {
    hub: Box<str>,
    status: String,
    sentence: String,
    advice: &'static str,
}

/// `GET /claim`, and what a claim that was refused comes back with.
pub(crate) async fn claim<B: Backend>(
    web: &Web<B>,
    asked: &Asked,
    refused: Option<(&WebError, &Query)>,
) -> Reply {
    let entered = |name| refused.and_then(|(_, form)| form.get(name)).unwrap_or_default().to_owned();
    let page = ClaimPage {
        hub: name(web).await,
        refused: refused.map(|(error, _)| sentences(error)),
        // Whoever typed a code that is wrong must be able to mend it.
        at_this_machine: door::is_at_this_machine(web.peer, &asked.headers) && entered("code").is_empty(),
        code: entered("code"),
        name: entered("name"),
    };
    rendered(refused.map_or(StatusCode::OK, |(error, _)| error.status()), &page)
}

/// `GET /login`, and what a try that failed comes back with.
pub(crate) async fn log_in<B: Backend>(web: &Web<B>, form: &Query, refused: Option<&WebError>) -> Reply {
    let next = form.get("next").map_or("/", door::local);
    if web.who.is_some() && refused.is_none() {
        return body::see_other(next);
    }
    let page = LogInPage {
        hub: name(web).await,
        refused: refused.map(sentences),
        next: next.to_owned(),
        name: form.get("name").unwrap_or_default().to_owned(),
    };
    let mut reply = rendered(refused.map_or(StatusCode::OK, WebError::status), &page);
    if let Some(WebError::People(PeopleError::Wait { seconds })) = refused {
        reply.headers_mut().insert(http::header::RETRY_AFTER, (*seconds).into());
    }
    reply
}

/// An error, told to somebody who is not known: nothing of the hub stands around it.
pub(super) async fn stranger<B: Backend>(web: &Web<B>, error: &WebError) -> Reply {
    let page = StrangerPage {
        hub: if error.status().is_server_error() { "IoT hub".into() } else { name(web).await },
        status: error.status().to_string(),
        sentence: wording::sentence(&error.to_string()),
        advice: error.advice(),
    };
    rendered(error.status(), &page)
}

/// The page that a browser is sent to instead of the one that it asked for, where there is one.
pub(crate) fn instead(error: &WebError, asked: &str) -> Option<String> {
    if matches!(error, WebError::Unclaimed) {
        Some("/claim".to_owned())
    } else if matches!(error, WebError::People(PeopleError::Claimed)) {
        Some("/".to_owned())
    } else if matches!(error, WebError::NotLoggedIn) {
        let mut query = form_urlencoded::Serializer::new(String::new());
        Some(format!("/login?{}", query.append_pair("next", door::local(asked)).finish()))
    } else {
        None
    }
}

/// What the hub is called, as far as it tells.
async fn name<B: Backend>(web: &Web<B>) -> Box<str> {
    web.backend.overview().await.map_or_else(|_| "IoT hub".into(), |overview| overview.hub)
}

/// What was refused and what to do, as sentences.
pub(super) fn sentences(error: &WebError) -> String {
    format!("{} {}", wording::sentence(&error.to_string()), error.advice())
}
