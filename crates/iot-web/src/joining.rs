//! What people and scripts do about joining: the window, its secrets, and the digits of nodes.

use http::StatusCode;
use iot_core::{Request, SessionId};
use iot_proto::{Digits, JoinSecret};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    input::Query,
    page,
    route::JoinAct,
    web::{Asked, Web},
};

/// For how long nodes may join where nobody says, in minutes.
const OPEN_FOR_MIN: u32 = 5;

/// What may be given. A secret that is not given is a new one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Given {
    minutes: Option<u32>,
    secret: Option<String>,
    digits: String,
    session: Option<u64>,
    why: String,
}

/// Does what a form asks; what is refused is said on the page.
///
/// # Errors
/// What is no form.
pub(crate) async fn by_form<B: Backend>(
    web: &Web<B>,
    act: JoinAct,
    asked: &Asked,
) -> Result<Reply, WebError> {
    asked.is("application/x-www-form-urlencoded")?;
    let form = Query::form(&asked.body);
    let text = |name| form.get(name).unwrap_or_default().to_owned();
    let given = Given {
        minutes: form.get("minutes").and_then(|minutes| minutes.parse().ok()),
        secret: form.get("secret").map(str::to_owned),
        digits: text("digits"),
        session: form.get("session").and_then(|session| session.parse().ok()),
        why: text("why"),
    };
    match done(web, act, given).await {
        Ok(_) => Ok(body::see_other("/joining")),
        Err(error) => page::joining(web, Some(&error)).await,
    }
}

/// Does what a script asks, and gives the secret where there is a new one.
///
/// # Errors
/// Why it is not done.
pub(crate) async fn by_script<B: Backend>(
    web: &Web<B>,
    act: JoinAct,
    asked: &Asked,
) -> Result<Reply, WebError> {
    asked.is("application/json")?;
    let given =
        if asked.body.is_empty() { Ok(Given::default()) } else { serde_json::from_slice(&asked.body) };
    let given = given.map_err(|error| WebError::malformed(error.to_string()))?;
    let document = match done(web, act, given).await? {
        Some(secret) => json!({ "secret": secret.to_string(), "invitation": invitation(web, &secret) }),
        None => json!({ "done": true }),
    };
    Ok(body::json(StatusCode::OK, &document))
}

/// What a node needs to join: the secret, and where the hub is.
pub(crate) fn invitation<B: Backend>(web: &Web<B>, secret: &JoinSecret) -> String {
    format!("iot1:{secret}@{}", web.backend.hub_address())
}

/// Does it; the secret that it was done with.
async fn done<B: Backend>(web: &Web<B>, act: JoinAct, given: Given) -> Result<Option<JoinSecret>, WebError> {
    let secret = || match &given.secret {
        Some(text) => {
            text.parse().map_err(|error: iot_proto::KeyTextError| WebError::malformed(error.to_string()))
        }
        None => Ok(web.backend.new_secret()?),
    };
    let (request, secret) = match act {
        JoinAct::Open => {
            let for_s = given.minutes.unwrap_or(OPEN_FOR_MIN).saturating_mul(60);
            let secret = secret()?;
            (Request::OpenWindow { for_s, secret: secret.clone() }, Some(secret))
        }
        JoinAct::Secret => {
            let secret = secret()?;
            (Request::AddSecret { secret: secret.clone() }, Some(secret))
        }
        JoinAct::Close => (Request::CloseWindow, None),
        JoinAct::Digits => {
            let digits = given.digits.parse::<Digits>();
            (
                Request::EnterDigits {
                    digits: digits.map_err(|error| WebError::malformed(error.to_string()))?,
                },
                None,
            )
        }
        JoinAct::End => {
            let session = given.session.ok_or_else(|| WebError::malformed("the session is missing"))?;
            (Request::EndJoining { session: SessionId(session) }, None)
        }
    };
    web.backend.ask(&web.author(), &given.why, request).await?;
    Ok(secret)
}
