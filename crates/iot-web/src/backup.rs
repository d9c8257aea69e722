//! What people and scripts do about backups: begin one, with the hub's key in it where they give a passphrase for it.
//! The passphrase comes in the body alone, and is in no answer, whatever is wrong with it.

use iot_core::people::{Passphrase, Role};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Backend, api,
    body::{self, Reply},
    error::WebError,
    route::{May, Surface},
    web::{Asked, Web},
};

/// The body of a script that begins a backup.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupBody {
    /// Takes the hub's own key along, sealed under these words; only from an admin.
    #[schemars(length(min = Passphrase::SHORTEST))]
    passphrase: Option<String>,
}

/// What the body of a script is.
const SHAPE: &str = "{} or {\"passphrase\": \"…\"}";

/// Begins a backup.
///
/// # Errors
/// Why none is begun.
pub(crate) fn begin<B: Backend>(web: &Web<B>, surface: Surface, asked: &Asked) -> Result<Reply, WebError> {
    let passphrase = match surface {
        Surface::Page => asked.form()?.get("passphrase").map(str::to_owned),
        Surface::Api => asked.secret_document::<BackupBody>(SHAPE)?.passphrase,
    };
    let passphrase = passphrase.map(|words| Passphrase::new(&words)).transpose()?;
    if passphrase.is_some() {
        for_admins(web)?;
    }
    let name = web.backend.back_up(passphrase)?;
    Ok(match surface {
        Surface::Page => body::see_other("/store"),
        Surface::Api => api::begun(&name),
    })
}

/// Whoever chooses the passphrase can take the key out of the file.
fn for_admins<B>(web: &Web<B>) -> Result<(), WebError> {
    let who = web.who.as_deref().ok_or(WebError::NotLoggedIn)?;
    if who.role == Role::Admin {
        return Ok(());
    }
    let (needs, role) = (May::Role(Role::Admin), who.role.to_string().into());
    Err(WebError::Forbidden { needs, user: who.user.as_str().into(), role })
}
