//! Adds readings to a series: as a chunk beside others, or merged with those that are not full into such that
//! fill a page.

use iot_core::view::ReadingView;
use rusqlite::Connection;

use crate::sqlite::{
    chunk::{self, PAGE, Place, fill_page, likely_of},
    fault::Fault,
};

/// So many chunks of a series that are not full are merged.
const MERGE: i64 = 32;

/// They are merged before where they would have so many bytes: three pages, so that what is left over is not written again
/// for each reading.
const ENOUGH: usize = 3 * PAGE;

/// So many bytes that come at once are merged at once: to write what was left over again, half a page, costs less than to
/// write them twice.
const MANY: usize = PAGE / 2;

/// So many readings are tried for a page of which nothing is known: four bytes for each.
const LIKELY: usize = PAGE / 4;

/// Moves readings that are ordered by when they were measured to their series.
///
/// Chunks keep the order of their commits: those that are full have lower numbers than those that are not.
pub(crate) fn add(db: &Connection, series: i64, mut readings: Vec<ReadingView>) -> Result<(), Fault> {
    let open = "SELECT count(*), coalesce(sum(length(bits)), 0), coalesce(sum(length(columns)), 0), coalesce(sum(readings), 0)
                FROM chunk INDEXED BY chunk_open WHERE series = ? AND sealed = 0";
    let (chunks, bytes, columns, open): (i64, i64, i64, i64) = db
        .prepare_cached(open)?
        .query_row([series], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let (of_open, bytes_of_open) = (to_usize(open), to_usize(bytes));
    let head = to_usize(columns.checked_div(chunks).unwrap_or(0));
    let likely = likely_of(of_open, bytes_of_open, head).unwrap_or(LIKELY);
    let bytes = readings.len() * PAGE / likely.max(1);
    let is_small = bytes < MANY && bytes + bytes_of_open < ENOUGH;
    if (1..MERGE - 1).contains(&chunks) && is_small {
        let (page, chunk) = fill_page(&readings, likely)?;
        if page.len() == readings.len() {
            return chunk::write(db, Place { id: None, series, sealed: false }, page, &chunk);
        }
    }
    let mut all = Vec::with_capacity(of_open + readings.len());
    let ids = if chunks > 0 { read_open(db, series, &mut all)? } else { Vec::new() };
    all.append(&mut readings);
    all.sort_by_key(|reading| reading.measured);
    let (mut rest, mut ids, mut likely) = (all.as_slice(), ids.into_iter(), likely);
    while !rest.is_empty() {
        let (page, chunk) = fill_page(rest, likely)?;
        likely = page.len();
        rest = rest.get(page.len()..).unwrap_or_default();
        let place = Place { id: ids.next(), series, sealed: !rest.is_empty() || chunk.is_full() };
        chunk::write(db, place, page, &chunk)?;
    }
    let mut delete = db.prepare_cached("DELETE FROM chunk WHERE id = ?")?;
    for id in ids {
        delete.execute([id])?;
    }
    Ok(())
}

fn to_usize(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// Reads the chunks of a series that are not full, in the order of their commits, and gives their numbers.
fn read_open(db: &Connection, series: i64, readings: &mut Vec<ReadingView>) -> Result<Vec<i64>, Fault> {
    let mut ids = Vec::new();
    let mut select = db.prepare_cached(
        "SELECT * FROM chunk INDEXED BY chunk_open WHERE series = ? AND sealed = 0 ORDER BY id",
    )?;
    let mut rows = select.query([series])?;
    while let Some(row) = rows.next()? {
        let (id, is_sealed): (i64, bool) = (row.get("id")?, row.get("sealed")?);
        // An index that is damaged leads to another row, and what is merged twice would be there twice.
        if is_sealed || ids.last().is_some_and(|last| *last >= id) {
            return Err(Fault::Unreadable(format!("chunk {id} stands in the wrong place of its index")));
        }
        ids.push(id);
        readings.extend(chunk::read(row)?);
    }
    Ok(ids)
}
