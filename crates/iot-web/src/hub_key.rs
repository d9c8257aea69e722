//! What people and scripts do about the hub's own key: have a next one announced, and change to it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Backend, api,
    body::{self, Reply},
    details::{Why, WhyBody},
    error::WebError,
    input::Whole,
    page,
    route::{HubKeyAct, Surface},
    web::{Asked, Web},
};

/// The body of a script that changes the hub's key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeHubKeyBody {
    /// So many nodes may lack the next key; none where nobody says.
    #[serde(default)]
    lacking: Whole<usize>,
    /// Must be said where any node lacks it.
    #[serde(default)]
    why: Why,
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
            match done(web, act, lacking, form.get("why").unwrap_or_default()).await {
                Ok(()) => Ok(body::see_other("/hub-key")),
                Err(error) => page::hub_key(web, Some(&error)).await,
            }
        }
        Surface::Api => {
            let (lacking, why) = match act {
                HubKeyAct::Announce => (0, asked.document::<WhyBody>()?.why),
                HubKeyAct::Change => {
                    let ChangeHubKeyBody { lacking, why } = asked.document()?;
                    (lacking.get(), why)
                }
            };
            done(web, act, lacking, &why.0).await?;
            Ok(api::Done::reply())
        }
    }
}

async fn done<B: Backend>(web: &Web<B>, act: HubKeyAct, lacking: usize, why: &str) -> Result<(), WebError> {
    match act {
        HubKeyAct::Announce => web.backend.announce_hub_key(&web.author(), why).await?,
        HubKeyAct::Change => web.backend.change_hub_key(&web.author(), why, lacking).await?,
    }
    Ok(())
}
