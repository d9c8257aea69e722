//! [`Fault`]: what can go wrong inside the store, and what a person is told to do about it.

use std::{io, path::Path};

use iot_core::store::StoreError;
use rusqlite::ErrorCode;
use thiserror::Error;

/// Why a step of the store failed.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    /// SQLite refused.
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    /// The operating system could not put a file on disk.
    #[error("{0}")]
    Disk(io::Error),
    /// What the file holds cannot be what a hub wrote.
    #[error("{0}")]
    Unreadable(String),
}

impl Fault {
    /// A part of the file cannot be read.
    pub(crate) fn unreadable(what: &str, why: &impl ToString) -> Self {
        Self::Unreadable(format!("{what} cannot be read: {}", why.to_string()))
    }

    /// Whether the file itself is at fault, and trying again cannot help.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Sql(error) => {
                matches!(
                    error.sqlite_error_code(),
                    Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
                )
            }
            Self::Disk(_) => false,
            Self::Unreadable(_) => true,
        }
    }

    /// What happened to which file, and what to do.
    pub(crate) fn explain(&self, path: &Path) -> StoreError {
        let file = path.display();
        let code = match self {
            Self::Sql(error) => error.sqlite_error_code(),
            Self::Disk(_) | Self::Unreadable(_) => None,
        };
        let is_full = matches!(self, Self::Disk(error) if error.kind() == io::ErrorKind::StorageFull);
        let why = if self.is_damage() {
            format!(
                "{file} is damaged ({self}): stop the hub, keep a copy of the file, and put a backup in its place"
            )
        } else if is_full || code == Some(ErrorCode::DiskFull) {
            format!("the disk of {file} is full: make room; the hub tries again by itself")
        } else if code == Some(ErrorCode::ReadOnly) || code == Some(ErrorCode::PermissionDenied) {
            format!("{file} cannot be written ({self}): check owner, mode and mount of its directory")
        } else if code == Some(ErrorCode::DatabaseBusy) {
            format!("another program writes to {file}: end it; the hub tries again by itself")
        } else {
            format!("cannot read or write {file} ({self}): check the disk; the hub tries again by itself")
        };
        StoreError { why: why.into() }
    }
}
