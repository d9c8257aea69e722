//! Merges small chunks of a series into one.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use crate::sqlite::{chunk, fault::Fault};

/// A chunk with so many readings is full.
const FULL: i64 = 1_000;

/// So many chunks of a series that are not full are merged.
const MERGE: i64 = 32;

/// Series that have chunks that are not full.
pub(crate) fn open_series(db: &Connection) -> Result<VecDeque<i64>, Fault> {
    let mut open = db.prepare("SELECT DISTINCT series FROM chunk INDEXED BY chunk_open WHERE sealed = 0")?;
    Ok(open.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Makes one chunk of all of a series that are not full, where they are many or have enough readings. It
/// takes the place of the oldest.
pub(crate) fn unit(db: &Connection, series: i64) -> Result<(), Fault> {
    let open = "SELECT count(*), coalesce(sum(readings), 0) FROM chunk INDEXED BY chunk_open
                WHERE series = ? AND sealed = 0";
    let (chunks, readings): (i64, i64) =
        db.prepare_cached(open)?.query_row([series], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if chunks < MERGE && readings < FULL {
        return Ok(());
    }
    let mut readings = Vec::new();
    let mut ids: Vec<i64> = Vec::new();
    let mut select = db.prepare_cached(
        "SELECT id, readings, columns FROM chunk WHERE series = ? AND sealed = 0 ORDER BY id",
    )?;
    let mut rows = select.query([series])?;
    while let Some(row) = rows.next()? {
        ids.push(row.get(0)?);
        let count = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        readings.extend(chunk::decode(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?, count)?);
    }
    readings.sort_by_key(|reading| reading.measured);
    let (Some((oldest, others)), Some(first), Some(last)) =
        (ids.split_first(), readings.first(), readings.last())
    else {
        return Ok(());
    };
    let mut remove = db.prepare_cached("DELETE FROM chunk WHERE id = ?")?;
    for id in others {
        remove.execute([id])?;
    }
    let count = chunk::count(&readings);
    db.prepare_cached(
        "UPDATE chunk SET earliest = ?, latest = ?, readings = ?, sealed = ?, columns = ? WHERE id = ?",
    )?
    .execute(params![
        first.measured.0,
        last.measured.0,
        count,
        count >= FULL,
        chunk::encode(&readings)?,
        oldest
    ])?;
    Ok(())
}
