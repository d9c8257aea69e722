//! [`SqliteHistory`]: reads chunks and journal on a connection of its own, beside the writer.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use iot_core::{
    UnixMillis,
    store::{History, ReadingQuery, StoreError},
    view::ReadingView,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{chunk, fault::Fault, journal};

/// Reads what a [`SqliteStore`](super::SqliteStore) has stored, from any thread and without holding it up.
#[derive(Debug)]
pub struct SqliteHistory {
    path: Box<Path>,
    db: Mutex<Connection>,
}

impl SqliteHistory {
    pub(crate) fn new(path: &Path, db: Connection) -> Self {
        Self { path: path.into(), db: Mutex::new(db) }
    }
}

impl History for SqliteHistory {
    fn readings(&self, query: &ReadingQuery) -> Result<Vec<ReadingView>, StoreError> {
        // A transaction that a panic cut short was rolled back when it was dropped.
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        read(&mut db, query).map_err(|fault| fault.explain(&self.path))
    }
}

/// One transaction, so that what is being folded is seen once: in the journal or in a chunk.
fn read(db: &mut Connection, query: &ReadingQuery) -> Result<Vec<ReadingView>, Fault> {
    let db = db.transaction()?;
    let find = "SELECT series.number, series.folded FROM series JOIN source ON source.number = series.source
                WHERE node = ? AND module = ? AND channel = ?";
    let series = &query.series;
    let key = params![series.node.as_str(), series.module, series.channel];
    let found = db.prepare_cached(find)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((number, folded)) = found else { return Ok(Vec::new()) };
    let journal = from_journal(&db, number, folded, query)?;
    let mut readings = from_chunks(&db, number, query, &journal)?;
    readings.extend(journal);
    // Stable: of two with one time, the one that came first stays first.
    readings.sort_by_key(|reading| reading.measured);
    readings.drain(..readings.len().saturating_sub(query.limit));
    Ok(readings)
}

fn is_in(query: &ReadingQuery, measured: UnixMillis) -> bool {
    (query.from..query.to).contains(&measured)
}

/// What has not been folded, in the order of its commits.
fn from_journal(
    db: &Connection,
    number: i64,
    folded: i64,
    query: &ReadingQuery,
) -> Result<Vec<ReadingView>, Fault> {
    let mut readings = Vec::new();
    let mut select = db.prepare_cached(
        "SELECT entries FROM journal WHERE id > ? AND latest >= ? AND earliest < ? ORDER BY id",
    )?;
    let mut rows = select.query([folded, query.from.0, query.to.0])?;
    while let Some(row) = rows.next()? {
        let entries = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        journal::read(entries, |report, reading| {
            let wanted = reading.filter(|reading| reading.series == number);
            if let Some(reading) = wanted.filter(|reading| is_in(query, UnixMillis(reading.measured))) {
                readings.push(reading.restore(report.arrived)?);
            }
            Ok(())
        })?;
    }
    Ok(readings)
}

/// What has been folded, in the order of its commits; chunks that only hold older readings than are
/// wanted beside those of the journal are not unpacked.
fn from_chunks(
    db: &Connection,
    number: i64,
    query: &ReadingQuery,
    journal: &[ReadingView],
) -> Result<Vec<ReadingView>, Fault> {
    let mut chunks: Vec<(i64, Vec<ReadingView>)> = Vec::new();
    let mut select = db.prepare_cached(
        "SELECT id, latest, readings, columns FROM chunk
         WHERE series = ? AND latest >= ? AND earliest < ? ORDER BY latest DESC",
    )?;
    let mut rows = select.query([number, query.from.0, query.to.0])?;
    let mut found = journal.len();
    while let Some(row) = rows.next()? {
        let latest = UnixMillis(row.get(1)?);
        if found >= query.limit {
            let unpacked = chunks.iter().flat_map(|(_, readings)| readings);
            let newer = journal.iter().chain(unpacked).filter(|reading| reading.measured > latest);
            if newer.count() >= query.limit {
                break;
            }
        }
        let count = usize::try_from(row.get::<_, i64>(2)?).unwrap_or(0);
        let mut readings = chunk::decode(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?, count)?;
        readings.retain(|reading| is_in(query, reading.measured));
        found += readings.len();
        chunks.push((row.get(0)?, readings));
    }
    chunks.sort_by_key(|(id, _)| *id);
    Ok(chunks.into_iter().flat_map(|(_, readings)| readings).collect())
}
