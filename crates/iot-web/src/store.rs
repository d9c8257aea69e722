//! [`StoreView`]: how the store is, whether its file was found whole, and its backups, as pages and the API
//! show them. Whoever composes the server fills it.

use std::{fs::File, time::Duration};

use iot_proto::UnixMillis;
use thiserror::Error;

use crate::{RestoreView, UploadView};

/// How the store is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreView {
    /// Where its file lies; `None` where everything is kept in memory.
    pub file: Option<Box<str>>,
    /// Set while it refuses what it is given: nothing is acknowledged then.
    pub refuses: Option<Refuses>,
    /// Whether its file was found whole.
    pub check: CheckView,
    /// Its backups.
    pub backups: BackupsView,
    /// Whether one of them is being restored.
    pub restore: RestoreView,
}

/// The store refuses what it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refuses {
    /// What it says, and what to do.
    pub why: Box<str>,
    /// Since when.
    pub since: UnixMillis,
}

/// The looks through the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckView {
    /// How much of the one that is under way is done, in percent.
    pub percent: Option<u8>,
    /// What the last one found; `None` before the first has ended.
    pub last: Option<Checked>,
    /// How often the file is looked through; `None` where it never is.
    pub every: Option<Duration>,
}

/// What a look through the file found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// When it ended.
    pub at: UnixMillis,
    /// What it found.
    pub found: Found,
}

/// What a look through the file can find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing that is wrong.
    Whole,
    /// Damage: what, and what to do.
    Damage(Box<str>),
    /// Nothing could be found out, and why.
    Nothing(Box<str>),
}

/// The backups that the hub has made, and what people send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupsView {
    /// How much of the one that is under way is copied, in percent.
    pub percent: Option<u8>,
    /// Why the last one failed, and when, if it did.
    pub failed: Option<(UnixMillis, Box<str>)>,
    /// Those that are kept, newest first.
    pub kept: Vec<BackupFile>,
    /// How many are kept.
    pub keep: usize,
    /// How often one is made; `None` where only people make them.
    pub every: Option<Duration>,
    /// Those that people send.
    pub upload: UploadView,
}

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFile {
    /// Name of its file.
    pub name: Box<str>,
    /// When it was begun; of one that was sent, when the last thing happened that it knows of.
    pub at: UnixMillis,
    /// Its size.
    pub bytes: u64,
}

/// A backup's file, to be sent.
#[derive(Debug)]
pub struct BackupData {
    /// The file.
    pub file: File,
    /// Its size.
    pub bytes: u64,
}

/// Why a backup is not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BackupRefused {
    /// Another one is under way.
    #[error("a backup is under way already")]
    UnderWay,
    /// There is no file.
    #[error("everything is kept in memory: there is no file to back up")]
    InMemory,
    /// The hub stops.
    #[error("the hub is stopping")]
    Stopping,
}

impl BackupRefused {
    /// What a person does about it.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::UnderWay => "Wait until it has ended.",
            Self::InMemory => "Start the hub with store = \"disk\" to keep anything at all.",
            Self::Stopping => "Try again when it has started anew.",
        }
    }
}
