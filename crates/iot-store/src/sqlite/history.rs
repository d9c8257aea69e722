//! [`SqliteHistory`]: reads chunks, roll-ups and journal on a connection of its own, beside the writer.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use iot_core::{
    Series, UnixMillis,
    store::{Bucket, GapQuery, GapView, History, ReadingQuery, RollupQuery, StoreError},
    view::ReadingView,
};
use iot_proto::BootId;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    chunk,
    fault::Fault,
    recent::Recent,
    rollup, rows, snapshot,
    verify::{VerifyError, open_known},
};
use crate::buckets::Buckets;

/// Reads what a [`SqliteStore`](super::SqliteStore) has stored, from any thread and without holding it up.
#[derive(Debug)]
pub struct SqliteHistory {
    path: Box<Path>,
    inner: Mutex<Inner>,
}

/// The connection, and what is known of the journal.
#[derive(Debug)]
struct Inner {
    db: Connection,
    recent: Recent,
}

/// Which readings are wanted where there are more than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Newest,
    Oldest,
}

impl SqliteHistory {
    /// Opens the file at `path` to be read, while a hub uses it or not.
    ///
    /// # Errors
    /// [`VerifyError`]: there is no such file, it is no store, or one of another schema.
    pub fn open(path: &Path) -> Result<Self, VerifyError> {
        Ok(Self::new(path, open_known(path)?))
    }

    pub(crate) fn new(path: &Path, db: Connection) -> Self {
        Self { path: path.into(), inner: Mutex::new(Inner { db, recent: Recent::default() }) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A transaction that a panic cut short was rolled back when it was dropped, and what is known of the
        // journal is whole rows.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History for SqliteHistory {
    fn series(&self) -> Result<Vec<Series>, StoreError> {
        self.inner().series().map_err(|fault| fault.explain(&self.path))
    }

    fn readings(&self, query: &ReadingQuery) -> Result<Vec<ReadingView>, StoreError> {
        let readings = self.inner().readings(query, Wanted::Newest);
        readings.map_err(|fault| fault.explain(&self.path))
    }

    fn oldest(&self, query: &ReadingQuery) -> Result<Vec<ReadingView>, StoreError> {
        let readings = self.inner().readings(query, Wanted::Oldest);
        readings.map_err(|fault| fault.explain(&self.path))
    }

    fn rollup(&self, query: &RollupQuery) -> Result<Vec<Bucket>, StoreError> {
        self.inner().rollup(query).map_err(|fault| fault.explain(&self.path))
    }

    fn gaps(&self, query: &GapQuery) -> Result<Vec<GapView>, StoreError> {
        self.inner().gaps(query).map_err(|fault| fault.explain(&self.path))
    }
}

/// Each in one transaction, so that what is being folded is seen once: in the journal or where it goes.
impl Inner {
    fn series(&mut self) -> Result<Vec<Series>, Fault> {
        let mut series: Vec<_> = snapshot::names(&self.db)?.into_values().collect();
        series.sort_unstable();
        Ok(series)
    }

    fn readings(&mut self, query: &ReadingQuery, wanted: Wanted) -> Result<Vec<ReadingView>, Fault> {
        let db = self.db.transaction()?;
        self.recent.refresh(&db)?;
        let Some((number, folded)) = find(&db, &query.series)? else { return Ok(Vec::new()) };
        let journal = self.recent.of_series(number, folded);
        let journal: Vec<_> = journal.filter(|reading| is_in(query, reading)).cloned().collect();
        let mut readings = from_chunks(&db, number, query, wanted, &journal)?;
        readings.extend(journal);
        // Stable: of two with one time, the one that came first stays first.
        readings.sort_by_key(|reading| reading.measured);
        match wanted {
            Wanted::Newest => drop(readings.drain(..readings.len().saturating_sub(query.limit))),
            Wanted::Oldest => readings.truncate(query.limit),
        }
        Ok(readings)
    }

    fn rollup(&mut self, query: &RollupQuery) -> Result<Vec<Bucket>, Fault> {
        let db = self.db.transaction()?;
        self.recent.refresh(&db)?;
        let Some((number, folded)) = find(&db, &query.series)? else { return Ok(Vec::new()) };
        let mut buckets = Buckets::new(query.resolution);
        if query.from < query.to {
            rollup::read(&db, number, query, &mut buckets)?;
            let start = |reading: &ReadingView| query.resolution.start_of(reading.measured);
            let journal = self.recent.of_series(number, folded);
            journal
                .filter(|reading| rollup::is_in(query, start(reading)))
                .for_each(|reading| buckets.add(reading));
        }
        Ok(buckets.into_vec())
    }

    fn gaps(&mut self, query: &GapQuery) -> Result<Vec<GapView>, Fault> {
        let db = self.db.transaction()?;
        self.recent.refresh(&db)?;
        let find = "SELECT number, folded FROM source WHERE node = ?";
        let source = db.prepare_cached(find)?.query_row([query.node.as_str()], pair).optional()?;
        let Some((source, folded)) = source else { return Ok(Vec::new()) };
        let mut gaps: BTreeMap<(BootId, u32), GapView> = BTreeMap::new();
        let mut select = db.prepare_cached("SELECT * FROM gap WHERE source = ?")?;
        let mut rows = select.query([source])?;
        while let Some(row) = rows.next()? {
            rows::check(row)?;
            let (boot, before) = (BootId(row.get("boot")?), row.get("before")?);
            let (missing, arrived) = (row.get("missing")?, UnixMillis(row.get("arrived")?));
            gaps.insert((boot, before), GapView { arrived, boot, before, missing });
        }
        for gap in self.recent.of_source(source, folded) {
            gaps.entry((gap.boot, gap.before)).or_insert(*gap);
        }
        let mut gaps: Vec<_> =
            gaps.into_values().filter(|gap| (query.from..query.to).contains(&gap.arrived)).collect();
        gaps.sort_unstable();
        Ok(gaps)
    }
}

/// The number of a series, and up to which row of the journal it was folded.
fn find(db: &Connection, series: &Series) -> Result<Option<(i64, i64)>, Fault> {
    let find = "SELECT series.number, series.folded FROM series JOIN source ON source.number = series.source
                WHERE node = ? AND module = ? AND channel = ?";
    let key = params![series.node.as_str(), series.module, series.channel];
    Ok(db.prepare_cached(find)?.query_row(key, pair).optional()?)
}

fn pair(row: &Row<'_>) -> rusqlite::Result<(i64, i64)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn is_in(query: &ReadingQuery, reading: &ReadingView) -> bool {
    (query.from..query.to).contains(&reading.measured)
}

/// What has been folded, in the order of its commits. Chunks that cannot have what is wanted beside those
/// readings that are known already are not unpacked.
fn from_chunks(
    db: &Connection,
    number: i64,
    query: &ReadingQuery,
    wanted: Wanted,
    journal: &[ReadingView],
) -> Result<Vec<ReadingView>, Fault> {
    // The index has all of this: of chunks that are not wanted nothing else is read.
    let ids = match wanted {
        Wanted::Newest => {
            "SELECT id, earliest, latest FROM chunk INDEXED BY chunk_by_series
             WHERE series = ? AND latest >= ? AND earliest < ? ORDER BY latest DESC"
        }
        Wanted::Oldest => {
            "SELECT id, earliest, latest FROM chunk INDEXED BY chunk_by_series
             WHERE series = ? AND latest >= ? AND earliest < ? ORDER BY earliest"
        }
    };
    let mut ids = db.prepare_cached(ids)?;
    let mut ids = ids.query([number, query.from.0, query.to.0])?;
    let mut fetch = db.prepare_cached("SELECT * FROM chunk WHERE id = ?")?;
    let mut chunks: Vec<(i64, Vec<ReadingView>)> = Vec::new();
    let mut found = journal.len();
    while let Some(row) = ids.next()? {
        let (id, earliest, latest) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let is_before = |reading: &&ReadingView| match wanted {
            Wanted::Newest => reading.measured.0 > latest,
            Wanted::Oldest => reading.measured.0 < earliest,
        };
        let unpacked = || chunks.iter().flat_map(|(_, readings)| readings);
        if found >= query.limit && journal.iter().chain(unpacked()).filter(is_before).count() >= query.limit {
            break;
        }
        let mut readings =
            fetch.query_row([id], |row| Ok(chunk::read_found(row, [number, earliest, latest])))??;
        readings.retain(|reading| is_in(query, reading));
        found += readings.len();
        chunks.push((id, readings));
    }
    chunks.sort_by_key(|(id, _)| *id);
    Ok(chunks.into_iter().flat_map(|(_, readings)| readings).collect())
}
