//! [`Transaction`]: what one commit writes. Its beginning and its end are statements that are kept: those of rusqlite are
//! parsed anew each time, which is a quarter of what a commit of one reading takes of the processor.

use core::ops::Deref;

use rusqlite::Connection;

/// A transaction that writes. Dropping it takes back what was written.
#[derive(Debug)]
pub(crate) struct Transaction<'a>(&'a Connection);

impl<'a> Transaction<'a> {
    /// Begins one, once nobody else writes.
    pub(crate) fn begin(db: &'a Connection) -> rusqlite::Result<Self> {
        db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self(db))
    }

    /// Puts on disk what was written.
    pub(crate) fn commit(self) -> rusqlite::Result<()> {
        self.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // After a commit there is none, and after some failures SQLite has ended it by itself.
        if !self.0.is_autocommit() {
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}
