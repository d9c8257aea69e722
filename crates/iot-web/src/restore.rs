//! Restoring a backup: how it is going, why it is refused, and what a form or a script asks. What a restore does with
//! the store is the backend's. A passphrase comes in the body alone, and is in no answer.

use http::StatusCode;
use iot_core::{audit::reason, people::Passphrase};
use iot_proto::UnixMillis;
use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;

use crate::{
    Backend, api,
    body::{self, Reply},
    details::Why,
    error::WebError,
    route::Surface,
    web::{Asked, Web},
};

/// How restoring is going.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreView {
    /// The one that is under way.
    pub under_way: Option<Restoring>,
    /// When the last one failed, and why, if it did.
    pub failed: Option<(UnixMillis, Box<str>)>,
}

/// A backup that is being made ready; when it is, the hub stops and starts again with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restoring {
    /// Name of its file.
    pub name: Box<str>,
    /// How much of it is copied, in percent. It is looked through after that.
    pub percent: u8,
}

/// Whether a backup has the hub's own key, under a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupKey {
    /// It has none.
    Absent,
    /// That of this hub.
    Same,
    /// That of another hub: of the one that made it.
    Other,
}

/// Why a backup is not restored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RestoreRefused {
    /// There is no backup of this name.
    #[error("there is no backup of this name")]
    Unknown,
    /// It cannot be relied on, or not be compared with the store.
    #[error("{0}")]
    Unreadable(Box<str>),
    /// The hub's key cannot be had from it.
    #[error("{0}")]
    Key(Box<str>),
    /// Another one is being restored.
    #[error("a backup is being restored already")]
    UnderWay,
    /// There is no file.
    #[error("everything is kept in memory: there is no file that a backup could replace")]
    InMemory,
    /// The program around the hub does not start it again.
    #[error("the program that runs this hub does not restore from its page")]
    NotHere,
    /// The hub stops.
    #[error("the hub is stopping")]
    Stopping,
}

impl RestoreRefused {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Key(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unreadable(_) | Self::UnderWay | Self::InMemory | Self::NotHere | Self::Stopping => {
                StatusCode::CONFLICT
            }
        }
    }

    /// What a person does about it.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Unknown => "Look at the list of backups.",
            Self::Unreadable(_) => "Take another backup; the store is as it was.",
            Self::Key(_) => "Give the passphrase of this backup, or none to keep the key that this hub has.",
            Self::UnderWay => "Wait until the hub has started with it.",
            Self::InMemory => "Start the hub with store = \"disk\" to keep anything at all.",
            Self::NotHere => "Stop it, and say iot-server restore.",
            Self::Stopping => "Try again when it has started anew.",
        }
    }
}

/// The body of a script that restores a backup.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreBody {
    #[serde(default)]
    why: Why,
    /// Under which the backup has the hub's key; without it this hub keeps the one that it has.
    #[schemars(length(min = Passphrase::SHORTEST))]
    passphrase: Option<String>,
}

/// What the body of a script is.
const SHAPE: &str = "{}, or an object with \"why\" and \"passphrase\"";

/// Begins to restore the backup of this name. A form leads to the page that says how it goes.
///
/// # Errors
/// Why it is not begun.
pub(crate) async fn restore<B: Backend>(
    web: &Web<B>,
    name: &str,
    surface: Surface,
    asked: &Asked,
) -> Result<Reply, WebError> {
    match surface {
        Surface::Page => {
            let form = asked.form()?;
            let passphrase = form.get("passphrase").map(Passphrase::new).transpose()?;
            let why = reason(form.get("why").unwrap_or_default())?;
            web.backend.restore(name, &web.author(), why, passphrase).await?;
            Ok(body::see_other("/store"))
        }
        Surface::Api => {
            let RestoreBody { why, passphrase } = asked.secret_document(SHAPE)?;
            let passphrase = passphrase.as_deref().map(Passphrase::new).transpose()?;
            web.backend.restore(name, &web.author(), reason(&why.0)?, passphrase).await?;
            Ok(api::restoring(name))
        }
    }
}
