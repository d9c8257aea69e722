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

pub(crate) use account::{Account, account};
pub(crate) use audit::{AskedAudit, Audit, audit, audit_export, query as audit_query};
pub(crate) use catalogue::{Catalogue, Kind, catalogue, kind};
pub(crate) use command::{
    Accepted, AskedCommands, AskedWait, Command, Commands, accepted, command, command_when_ended, commands,
    wait,
};
pub(crate) use export::{AskedExport, export};
pub(crate) use hub_key::{HubKeys, hub_key};
pub(crate) use joining::{Joining, joining};
pub(crate) use node::{AskedNodes, Module, Node, Nodes, module, node, nodes};
pub(crate) use overview::{Activity, AskedActivity, Happened, Overview, activity, overview};
pub(crate) use reading::{
    AskedGaps, AskedReadings, AskedRollups, MissingReports, Reading, Readings, Rollups, gaps, readings,
    rollups,
};
pub(crate) use replacement::{AskedReplacement, Replacement, replacement};
pub(crate) use restore::{Begun, Difference, difference, restoring};
pub(crate) use store::{
    Backup, Health, KeptBackups, Store, backup_file, backups, begun, health, store, taken,
};

use http::StatusCode;
use iot_core::IotError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    body::{self, Reply},
    error::WebError,
};

/// What is answered where a request is not answered as asked.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErrorDocument {
    error: Error,
}

/// That what was asked is done.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Done {
    done: bool,
}

impl Done {
    /// The answer.
    pub(crate) fn reply() -> Reply {
        body::json(StatusCode::OK, &Self { done: true })
    }
}

/// An error: what happened, and what to do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Error {
    /// As on the wire; not there for what concerns only HTTP.
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
