//! Merges small chunks of a series into such that fill a page.

use std::collections::VecDeque;

use rusqlite::Connection;

use crate::sqlite::{
    chunk::{self, Place, fill_page},
    fault::Fault,
};

/// So many chunks of a series that are not full are merged, and no more at a time.
const MERGE: i64 = 32;

/// They are merged before where they have so many bytes: one page and the half of another, so that what is
/// left over is not written again for each reading.
const ENOUGH: i64 = 6_000;

/// Series that have chunks that are not full.
pub(crate) fn open_series(db: &Connection) -> Result<VecDeque<i64>, Fault> {
    let mut open = db.prepare("SELECT DISTINCT series FROM chunk INDEXED BY chunk_open WHERE sealed = 0")?;
    Ok(open.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Merges chunks of a series that are not full, where they are many or large enough. Tells whether there may
/// be more to merge.
///
/// Chunks keep the order of their commits: those that are full have lower numbers than those that are not.
pub(crate) fn unit(db: &Connection, series: i64) -> Result<bool, Fault> {
    let open = "SELECT count(*), coalesce(sum(length(bits)), 0) FROM
                (SELECT bits FROM chunk INDEXED BY chunk_open WHERE series = ? AND sealed = 0 ORDER BY id LIMIT ?)";
    let (chunks, bytes): (i64, i64) =
        db.prepare_cached(open)?.query_row([series, MERGE], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if chunks < MERGE && (bytes < ENOUGH || chunks < 2) {
        return Ok(false);
    }
    let mut readings = Vec::new();
    let mut ids: Vec<i64> = Vec::new();
    let mut select = db.prepare_cached(
        "SELECT * FROM chunk INDEXED BY chunk_open WHERE series = ? AND sealed = 0 ORDER BY id LIMIT ?",
    )?;
    let mut rows = select.query([series, MERGE])?;
    while let Some(row) = rows.next()? {
        ids.push(row.get("id")?);
        readings.extend(chunk::read(row)?);
    }
    drop(rows);
    readings.sort_by_key(|reading| reading.measured);
    let mut rest = readings.as_slice();
    for id in ids {
        let (page, chunk) = fill_page(rest)?;
        rest = rest.get(page.len()..).unwrap_or_default();
        if page.is_empty() {
            db.prepare_cached("DELETE FROM chunk WHERE id = ?")?.execute([id])?;
        }
        let place = Place { id: Some(id), series, sealed: !rest.is_empty() };
        chunk::write(db, place, page, &chunk)?;
    }
    // More than there was room for, because columns of readings that came out of order are wider.
    chunk::insert(db, series, rest)?;
    Ok(true)
}
