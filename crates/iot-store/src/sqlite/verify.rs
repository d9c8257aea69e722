//! [`verify`]: looks through all of a file, which a hub may be using, and says what is in it or what is
//! wrong with it.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use thiserror::Error;

use super::{
    fault::Fault,
    inspect::Progress,
    integrity::{self, Contents},
    open::{Schema, SqliteDisk, identify, open_reader},
    schema::NEWEST,
};

/// Why a file cannot be relied on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file was not made by a hub.
    #[error("{} was not made by a hub", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is of another schema, so that this hub cannot say what is right.
    #[error("{} has schema {found} and this hub knows {NEWEST}: use the hub that wrote it, or start this one on it first", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i32,
    },
    /// The file is damaged.
    #[error("{} is damaged ({what}): keep a copy of it, and use a backup in its place; nothing in it was changed", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: Box<str>,
    },
    /// The file could not be read for another reason.
    #[error("{why}")]
    Unreadable {
        /// What happened, and what to do.
        why: Box<str>,
    },
}

impl VerifyError {
    pub(crate) fn of(path: &Path, fault: &Fault) -> Self {
        if fault.is_damage() {
            return Self::Damaged { path: path.into(), what: fault.to_string().into() };
        }
        Self::Unreadable { why: fault.explain(path).why }
    }

    /// The same about the file of which this one is a copy.
    pub(crate) fn about(self, path: &Path) -> Self {
        let path = path.into();
        match self {
            Self::Missing { .. } => Self::Missing { path },
            Self::Foreign { .. } => Self::Foreign { path },
            Self::Schema { found, .. } => Self::Schema { path, found },
            Self::Damaged { what, .. } => Self::Damaged { path, what },
            Self::Unreadable { why } => Self::Unreadable { why },
        }
    }

    /// Whether the file itself is at fault.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}

/// Looks through the whole file: every page, every row, every chunk. It is only read. `watch` is told how
/// many of how many chunks have been unpacked; before that the pages are looked at, which takes about as long.
///
/// A hub may use the file meanwhile. Its log grows until this ends.
///
/// # Errors
/// [`VerifyError`], which names what is wrong.
pub fn verify(path: &Path, watch: &mut dyn FnMut(Progress)) -> Result<Contents, VerifyError> {
    let mut db = open_known(path)?;
    let whole = integrity::whole(&mut db, path, NEWEST, &mut |done, of| watch(Progress { done, of }));
    whole.map_err(|fault| VerifyError::of(path, &fault))
}

/// Opens a store of this hub's schema to be read, while a hub uses it or not.
pub(crate) fn open_known(path: &Path) -> Result<Connection, VerifyError> {
    match open_ours(path)? {
        (db, NEWEST) => Ok(db),
        (_, found) => Err(VerifyError::Schema { path: path.into(), found }),
    }
}

/// Opens a file that this hub or an older one made, to be read; and says of which schema it is.
pub(crate) fn open_ours(path: &Path) -> Result<(Connection, i32), VerifyError> {
    if !path.is_file() {
        return Err(VerifyError::Missing { path: path.into() });
    }
    let of = |fault: Fault| VerifyError::of(path, &fault);
    let db = open_reader(path, SqliteDisk::default()).map_err(of)?;
    match identify(&db).map_err(of)? {
        Schema::Ours(schema) => Ok((db, schema)),
        Schema::Newer(found) => Err(VerifyError::Schema { path: path.into(), found }),
        Schema::Empty | Schema::Foreign => Err(VerifyError::Foreign { path: path.into() }),
    }
}
