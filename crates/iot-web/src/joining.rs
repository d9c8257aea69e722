//! What people and scripts do about joining: the window, its secrets, the digits of nodes, and nodes that have none.

use http::StatusCode;
use iot_core::{MAX_WINDOW_S, Request, SessionId};
use iot_proto::{Digits, JoinSecret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Backend, api,
    body::{self, Reply},
    details::{Why, WhyBody},
    error::WebError,
    input::{Query, Whole},
    page,
    route::JoinAct,
    web::{Asked, Web},
};

/// For how long nodes may join where nobody says, in minutes.
const OPEN_FOR_MIN: u32 = 5;

/// What may be given. A secret that is not given is a new one.
#[derive(Debug, Default)]
struct Given {
    minutes: Option<u32>,
    secret: Option<String>,
    digits: String,
    session: Option<u64>,
    why: Box<str>,
}

/// The body of a script that lets nodes join.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenBody {
    /// For so long; 5 where nobody says.
    #[schemars(range(max = MAX_WINDOW_S / 60))]
    minutes: Option<Whole<u32>>,
    /// One that is printed on a node; a new one where nobody says.
    secret: Option<String>,
    #[serde(default)]
    why: Why,
}

/// The body of a script that lets one more node join with a secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretBody {
    /// One that is printed on a node; a new one where nobody says.
    secret: Option<String>,
    #[serde(default)]
    why: Why,
}

/// The body of a script that lets the node in that shows these digits.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DigitsBody {
    /// Twelve; or six of a node with a button, which is to be pressed afterwards.
    digits: String,
    #[serde(default)]
    why: Why,
}

/// The body of a script that turns a node away that joins, or lets one in unverified.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneBody {
    /// As `GET /api/v1/joining` tells it.
    session: Whole<u64>,
    #[serde(default)]
    why: Why,
}

/// A secret that was made or given.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SecretDocument {
    secret: String,
    /// What a node needs to join.
    invitation: String,
}

impl Given {
    /// Whom it is about.
    fn session(&self) -> Result<SessionId, WebError> {
        self.session.map(SessionId).ok_or_else(|| WebError::malformed("the session is missing"))
    }

    /// What a script gives.
    fn of_script(act: JoinAct, asked: &Asked) -> Result<Self, WebError> {
        Ok(match act {
            JoinAct::Open => {
                let OpenBody { minutes, secret, why } = asked.document()?;
                Self { minutes: minutes.map(Whole::get), secret, why: why.0, ..Self::default() }
            }
            JoinAct::Secret => {
                let SecretBody { secret, why } = asked.document()?;
                Self { secret, why: why.0, ..Self::default() }
            }
            JoinAct::Digits => {
                let DigitsBody { digits, why } = asked.document()?;
                Self { digits, why: why.0, ..Self::default() }
            }
            JoinAct::Admit | JoinAct::End => {
                let OneBody { session, why } = asked.document()?;
                Self { session: Some(session.get()), why: why.0, ..Self::default() }
            }
            JoinAct::Unverified | JoinAct::Close => {
                let WhyBody { why } = asked.document()?;
                Self { why: why.0, ..Self::default() }
            }
        })
    }
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
        why: text("why").into(),
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
    let given = Given::of_script(act, asked)?;
    Ok(match done(web, act, given).await? {
        Some(secret) => {
            let (secret, invitation) = (secret.to_string(), invitation(web, &secret));
            body::json(StatusCode::OK, &SecretDocument { secret, invitation })
        }
        None => api::Done::reply(),
    })
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
        JoinAct::Unverified => (Request::AllowUnverified, None),
        JoinAct::Admit => (Request::AdmitUnverified { session: given.session()? }, None),
        JoinAct::End => (Request::EndJoining { session: given.session()? }, None),
    };
    web.backend.ask(&web.author(), &given.why, request).await?;
    Ok(secret)
}
