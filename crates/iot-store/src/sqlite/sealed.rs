//! [`SealedKey`]: the hub's own key as a backup holds it, under a passphrase. Only backups have one: it is put into
//! the copy, and taken out when a backup becomes a store. How it is sealed is up to whoever composes the hub.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    fault::Fault,
    open::{SqliteDisk, open_reader},
    rows,
    verify::VerifyError,
};

/// The hub's own key, sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// The id of the hub that has this key.
    pub hub: Box<str>,
    /// What only the passphrase opens.
    pub sealed: Box<[u8]>,
}

impl core::fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SealedKey").field("hub", &self.hub).finish_non_exhaustive()
    }
}

/// The hub's key that the backup at `path` holds; `None` where it was made without a passphrase.
///
/// # Errors
/// [`VerifyError`] where it cannot be read, or is damaged there.
pub fn sealed_key(path: &Path) -> Result<Option<SealedKey>, VerifyError> {
    if !path.is_file() {
        return Err(VerifyError::Missing { path: path.into() });
    }
    let read = || {
        let db = open_reader(path, SqliteDisk::default())?;
        // One of an older hub has no place for it; one that no hub made is refused by whoever reads on.
        if db.table_exists(None, "sealed_key")? { read(&db) } else { Ok(None) }
    };
    read().map_err(|fault| VerifyError::of(path, &fault))
}

/// Reads the key of a backup.
pub(crate) fn read(db: &Connection) -> Result<Option<SealedKey>, Fault> {
    let read = |row: &rusqlite::Row<'_>| {
        let key = SealedKey { hub: row.get("hub")?, sealed: row.get::<_, Vec<u8>>("sealed")?.into() };
        Ok(rows::check(row).map(|()| key))
    };
    let found = db.query_row("SELECT * FROM sealed_key", [], read).optional()?;
    found.transpose()
}

/// Puts the key into a copy, in place of any that is there.
pub(crate) fn put(db: &Connection, key: Option<&SealedKey>) -> Result<(), Fault> {
    db.execute("DELETE FROM sealed_key", [])?;
    if let Some(SealedKey { hub, sealed }) = key {
        db.execute("INSERT INTO sealed_key (hub, sealed) VALUES (?, ?)", params![hub, sealed])?;
    }
    Ok(())
}
