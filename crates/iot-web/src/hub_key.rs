//! What people and scripts do about the hub's own key: have a next one announced, and change to it.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    page,
    route::{HubKeyAct, Surface},
    web::{Asked, Web},
};

/// What may be given.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Given {
    /// How many nodes may lack the next key.
    lacking: usize,
    why: String,
}

/// Does what a form or a script asks. What is refused to a form is said on the page.
///
/// # Errors
/// What is no form or document; why it is not done, to a script.
pub(crate) async fn asked<B: Backend>(
    web: &Web<B>,
    act: HubKeyAct,
    surface: Surface,
    asked: &Asked,
) -> Result<Reply, WebError> {
    match surface {
        Surface::Page => {
            let form = asked.form()?;
            let lacking = form.get("lacking").and_then(|lacking| lacking.parse().ok()).unwrap_or_default();
            let why = form.get("why").unwrap_or_default().to_owned();
            match done(web, act, Given { lacking, why }).await {
                Ok(()) => Ok(body::see_other("/hub-key")),
                Err(error) => page::hub_key(web, Some(&error)).await,
            }
        }
        Surface::Api => {
            asked.is("application/json")?;
            let given = if asked.body.is_empty() {
                Ok(Given::default())
            } else {
                serde_json::from_slice(&asked.body)
            };
            done(web, act, given.map_err(|error| WebError::malformed(error.to_string()))?).await?;
            Ok(body::json(StatusCode::OK, &json!({ "done": true })))
        }
    }
}

async fn done<B: Backend>(web: &Web<B>, act: HubKeyAct, given: Given) -> Result<(), WebError> {
    let Given { lacking, why } = given;
    match act {
        HubKeyAct::Announce => web.backend.announce_hub_key(&web.author(), &why).await?,
        HubKeyAct::Change => web.backend.change_hub_key(&web.author(), &why, lacking).await?,
    }
    Ok(())
}
