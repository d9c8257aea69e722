//! Deletes chunks of nodes that are gone, and those that are too old.

use iot_core::store::Upkeep;
use rusqlite::{Connection, OptionalExtension as _};

use crate::sqlite::fault::Fault;

/// Chunks that one unit deletes at most.
const DELETE: i64 = 16;

/// Deletes a few chunks of a node that is gone, or of which every reading was measured before `until`.
pub(crate) fn unit(db: &Connection, until: Option<i64>) -> Result<Upkeep, Fault> {
    let forgotten: Option<i64> = db
        .prepare_cached("SELECT series FROM forgotten LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if let Some(series) = forgotten {
        let deleted = db
            .prepare_cached("DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE series = ? LIMIT ?)")?
            .execute([series, DELETE])?;
        if deleted == 0 {
            db.prepare_cached("DELETE FROM forgotten WHERE series = ?")?.execute([series])?;
        }
        return Ok(Upkeep::Due);
    }
    let Some(until) = until else { return Ok(Upkeep::Done) };
    let deleted = db
        .prepare_cached(
            "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk INDEXED BY chunk_by_age WHERE latest < ? LIMIT ?)",
        )?
        .execute([until, DELETE])?;
    Ok(if deleted == 0 { Upkeep::Done } else { Upkeep::Due })
}
