//! [`Sweep`]: looks after each series once a day: packs the buckets of days that are over, and deletes what
//! is too old. What is left of nodes that are gone goes first.

use iot_core::store::Resolution;
use rusqlite::{Connection, OptionalExtension as _};

use super::age::Age;
use crate::{
    RetentionPolicy,
    sqlite::{fault::Fault, nodes::parse_id, rollup},
};

/// Chunks that one unit deletes at most.
const DELETE: i64 = 16;

/// How far the series have been looked after.
#[derive(Debug)]
pub(crate) struct Sweep {
    /// The number of the series before the next one.
    done: i64,
    /// Days that ended before this are over.
    until: i64,
}

/// What one unit has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swept {
    /// Something, and there may be more.
    Some,
    /// Nothing that is left to do.
    All,
}

impl Sweep {
    /// Begins with the first series.
    pub(crate) fn begin(until: i64) -> Self {
        Self { done: 0, until }
    }

    /// Does a little for the next series that needs it.
    pub(crate) fn unit(
        &mut self,
        db: &Connection,
        age: &Age,
        policy: &RetentionPolicy,
    ) -> Result<Swept, Fault> {
        let next = "SELECT series.number, source.number, source.node, series.module, kind
                    FROM series JOIN source ON source.number = series.source
                    LEFT JOIN module ON module.node = source.node AND module.number = series.module
                    WHERE series.number > ? ORDER BY series.number LIMIT 1";
        let mut next = db.prepare_cached(next)?;
        let mut rows = next.query([self.done])?;
        let Some(row) = rows.next()? else {
            db.prepare_cached("UPDATE state SET present = ?")?.execute([age.present()])?;
            return Ok(Swept::All);
        };
        let series = row.get(0)?;
        let node = parse_id(&row.get::<_, Box<str>>(2)?)?;
        let retention = policy.of(&node, row.get(3)?, row.get::<_, Option<Box<str>>>(4)?.as_deref());
        if rollup::seal(db, series, self.until)? {
            return Ok(Swept::Some);
        }
        let mut has_deleted = false;
        if let Some(until) = age.before(retention.readings) {
            // The row is asked again, since an index that is damaged leads to another one.
            let old = "SELECT id FROM chunk WHERE series = ?1 AND latest < ?2 LIMIT ?3";
            let delete = format!("DELETE FROM chunk WHERE id IN ({old}) AND +series = ?1 AND +latest < ?2");
            has_deleted |= db.prepare_cached(&delete)?.execute([series, until, DELETE])? > 0;
            let gaps = "DELETE FROM gap WHERE source = ? AND arrived < ?";
            db.prepare_cached(gaps)?.execute([row.get(1)?, until])?;
        }
        for resolution in Resolution::ALL {
            if let Some(until) = age.before(retention.of(resolution)) {
                has_deleted |= rollup::delete(db, series, resolution, until)?;
            }
        }
        if !has_deleted {
            self.done = series;
        }
        Ok(Swept::Some)
    }
}

/// Deletes a little of what is left of nodes that are gone.
pub(crate) fn forget(db: &Connection) -> Result<Swept, Fault> {
    let series = "SELECT series FROM forgotten LIMIT 1";
    let series: Option<i64> = db.prepare_cached(series)?.query_row([], |row| row.get(0)).optional()?;
    let Some(series) = series else { return Ok(Swept::All) };
    let chunks =
        "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE series = ?1 LIMIT ?2) AND +series = ?1";
    let deleted = db.prepare_cached(chunks)?.execute([series, DELETE])?;
    if !rollup::forget(db, series)? && deleted == 0 {
        db.prepare_cached("DELETE FROM forgotten WHERE series = ?")?.execute([series])?;
    }
    Ok(Swept::Some)
}
