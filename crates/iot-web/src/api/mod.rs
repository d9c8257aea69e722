//! The JSON API: every document, as `docs/api.md` describes it. Times are milliseconds since 1970.

mod account;
mod audit;
mod catalogue;
mod command;
mod export;
mod hub_key;
mod joining;
mod node;
mod overview;
mod reading;
mod replacement;
mod restore;
mod series;
mod store;

pub(crate) use account::account;
pub(crate) use audit::{audit, audit_export, query as audit_query};
pub(crate) use catalogue::{catalogue, kind};
pub(crate) use command::{accepted, command, command_when_ended, commands, wait};
pub(crate) use export::export;
pub(crate) use hub_key::hub_key;
pub(crate) use joining::joining;
pub(crate) use node::{module, node, nodes};
pub(crate) use overview::{activity, overview};
pub(crate) use reading::{gaps, readings, rollups};
pub(crate) use replacement::replacement;
pub(crate) use restore::{difference, restoring};
pub(crate) use store::{backup_file, backups, begun, health, store};

use iot_core::IotError;
use serde::Serialize;

use crate::{
    body::{self, Reply},
    error::WebError,
    input::Query,
};

#[derive(Serialize)]
struct ErrorDocument {
    error: Error,
}

/// An error: what happened, and what to do.
#[derive(Debug, Serialize)]
pub(crate) struct Error {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    name: &'static str,
    message: String,
    advice: &'static str,
}

impl From<&WebError> for Error {
    fn from(error: &WebError) -> Self {
        Self {
            code: error.code().map(|code| code.0),
            name: error.name(),
            message: error.to_string(),
            advice: error.advice(),
        }
    }
}

impl From<&IotError> for Error {
    fn from(error: &IotError) -> Self {
        Self::from(&WebError::Hub(error.clone()))
    }
}

/// The answer for an error.
pub(crate) fn error(error: &WebError) -> Reply {
    body::json(error.status(), &ErrorDocument { error: error.into() })
}

/// The `limit` of a query, at most `most`.
fn limit(query: &Query, default: usize, most: usize) -> Result<usize, WebError> {
    let Some(text) = query.get("limit") else { return Ok(default) };
    let limit = text.parse().map_err(|_| WebError::malformed(format!("limit is no number: {text}")))?;
    if (1..=most).contains(&limit) {
        Ok(limit)
    } else {
        Err(WebError::malformed(format!("limit is 1 to {most}, not {limit}")))
    }
}
