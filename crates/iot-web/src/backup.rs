//! What people and scripts do about backups: begin one, with the hub's key in it where they give a passphrase for it.
//! The passphrase comes in the body alone, and is in no answer, whatever is wrong with it.

use iot_core::people::{Passphrase, Role};
use serde::Deserialize;

use crate::{
    Backend, api,
    body::{self, Reply},
    error::WebError,
    route::{May, Surface},
    web::{Asked, Web},
};

/// What may be given.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Given {
    passphrase: Option<String>,
}

/// Begins a backup.
///
/// # Errors
/// Why none is begun.
pub(crate) fn begin<B: Backend>(web: &Web<B>, surface: Surface, asked: &Asked) -> Result<Reply, WebError> {
    let passphrase = match surface {
        Surface::Page => asked.form()?.get("passphrase").map(str::to_owned),
        Surface::Api => by_script(asked)?.passphrase,
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

fn by_script(asked: &Asked) -> Result<Given, WebError> {
    asked.is("application/json")?;
    if asked.body.is_empty() {
        return Ok(Given::default());
    }
    // What the reader says of a document may quote it.
    let unread = |_| WebError::malformed("the body must be {} or {\"passphrase\": \"…\"}");
    serde_json::from_slice(&asked.body).map_err(unread)
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
