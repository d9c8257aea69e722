//! The page for an error: what happened, and what to do.

use askama::Template;
use http::StatusCode;

use super::{
    door::stranger,
    shell::{Shell, rendered},
};
use crate::{Backend, body::Reply, error::WebError, web::Web, wording};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    shell: Shell,
    status: String,
    sentence: String,
    advice: &'static str,
    code: Option<String>,
}

/// The page for an error. It does without the hub where the hub does not answer or a handler broke.
pub(crate) async fn error<B: Backend>(web: &Web<B>, error: &WebError) -> Reply {
    if web.who.is_none() {
        return stranger(web, error).await;
    }
    let without_hub = Shell { hub: "IoT hub".into(), now: web.now().0, ..Shell::of(web, "") };
    let broken = error.status() == StatusCode::INTERNAL_SERVER_ERROR;
    let shell = if broken { None } else { Shell::load(web, "").await.ok() };
    let page = ErrorPage {
        shell: shell.unwrap_or(without_hub),
        status: error.status().to_string(),
        sentence: wording::sentence(&error.to_string()),
        advice: error.advice(),
        code: error.code().map(|code| code.to_string()),
    };
    rendered(error.status(), &page)
}
