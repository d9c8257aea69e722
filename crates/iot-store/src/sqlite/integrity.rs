//! What must hold of a file, looked at on a connection: a little of it at each opening, all of it when
//! somebody asks. What is damaged is named and never repaired.
//!
//! Opening reads nothing whose size grows with the readings, so that a hub with years of them starts at
//! once. What that leaves out is looked through in the background by [`super::inspect`].

use std::{collections::HashMap, path::Path};

use rusqlite::Connection;
use tracing::info;

use super::{
    chunk,
    fault::Fault,
    journal,
    open::{FRAME_HEAD, LOG_HEAD, SqliteDisk, log_of},
    people,
    rows::{self, LARGE, SMALL},
    schema::NEWEST,
    sealed, snapshot,
};

/// Chunks that are unpacked when a file is opened: those that were written last.
const CHUNKS_AT_OPENING: i64 = 64;

/// Faults that are told at most.
const TOLD: usize = 5;

/// What a file was found to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Size of the file in bytes.
    pub bytes: u64,
    /// The schema of its tables.
    pub schema: i32,
    /// Nodes, waiting ones included.
    pub nodes: u64,
    /// Modules of all nodes.
    pub modules: u64,
    /// Commands that are kept.
    pub commands: u64,
    /// Readings, in chunks and in the journal.
    pub readings: u64,
    /// Reports that provably never came.
    pub missing_reports: u64,
    /// Whether the hub's own key is in it, under a passphrase. Only a backup can have it.
    pub has_key: bool,
}

/// How thoroughly a table is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Its own pages.
    Quick,
    /// Its indexes too, each entry of them, and what its rows refer to.
    Full,
}

/// Looks at what a hub needs to start. The time that it takes does not grow with the readings.
pub(crate) fn at_opening(db: &Connection, path: &Path, schema: i32, disk: SqliteDisk) -> Result<(), Fault> {
    let clean: bool = db.query_row("SELECT clean FROM state", [], |row| row.get(0))?;
    if !clean {
        info!(path = %path.display(), "the hub that had this file last did not close it; its log is played over it");
    }
    length(db, path, disk)?;
    for name in ["sqlite_schema", "journal"] {
        table(db, name, Depth::Quick)?;
    }
    for name in SMALL {
        if schema < NEWEST && !db.table_exists(None, name)? {
            continue; // it comes with a later schema
        }
        // A hub finds rows by the indexes of these.
        table(db, name, Depth::Full)?;
        if schema >= rows::SINCE {
            rows::check_all(db, name)?;
        }
    }
    // Those of an older schema are unpacked one and all when they are packed anew.
    if schema == NEWEST { newest(db) } else { Ok(()) }
}

/// Unpacks the chunks that were written last.
fn newest(db: &Connection) -> Result<(), Fault> {
    let mut newest = db.prepare("SELECT * FROM chunk ORDER BY id DESC LIMIT ?")?;
    let mut rows = newest.query([CHUNKS_AT_OPENING])?;
    while let Some(row) = rows.next()? {
        chunk::read(row)?;
    }
    Ok(())
}

/// A file must have all its pages, in itself or in its log.
fn length(db: &Connection, path: &Path, disk: SqliteDisk) -> Result<(), Fault> {
    let number = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0)).map(u64::from);
    let (pages, page_size) = (number("page_count")?, number("page_size")?);
    let size = disk.size;
    let logged = size(&log_of(path)).saturating_sub(LOG_HEAD) / (page_size + FRAME_HEAD);
    let (there, needed) = (size(path), pages.saturating_sub(logged) * page_size);
    if there >= needed {
        return Ok(());
    }
    Err(Fault::Unreadable(format!(
        "it has {there} bytes and should have {needed} at least: its end is cut off"
    )))
}

/// Has SQLite look at one table. `sqlite_schema` stands for the tables' definitions and the free pages. The checks name
/// the file: without that they open the temporary one too, and SQLite forgets the definitions of all tables, and reads
/// them anew, when that is told to be in memory.
pub(crate) fn table(db: &Connection, name: &str, depth: Depth) -> Result<(), Fault> {
    let pragma = match depth {
        Depth::Quick => "quick_check",
        Depth::Full => "integrity_check",
    };
    healthy(db, &format!("PRAGMA main.{pragma}('{name}')"))?;
    if depth == Depth::Full && name != "sqlite_schema" {
        references(db, &format!("PRAGMA main.foreign_key_check('{name}')"))?;
    }
    Ok(())
}

/// Runs a check whose only row is `ok` where all is well.
fn healthy(db: &Connection, check: &str) -> Result<(), Fault> {
    let mut found = db.prepare(check)?;
    let found = found.query_map([], |row| row.get::<_, String>(0))?;
    let found = found.take(TOLD).collect::<Result<Vec<_>, _>>()?;
    if found == ["ok"] { Ok(()) } else { Err(Fault::Unreadable(found.join("; ").replace('\n', " "))) }
}

/// Rows that refer to others refer to some that are there.
fn references(db: &Connection, check: &str) -> Result<(), Fault> {
    let mut select = db.prepare(check)?;
    let mut rows = select.query([])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let (of, to): (String, String) = (row.get(0)?, row.get(2)?);
    Err(Fault::Unreadable(format!("a row of the table {of} belongs to a row of {to} that is not there")))
}

/// Looks through all of a file: the structure by SQLite, then all that a hub wrote. `watch` is told how many
/// of how many chunks have been unpacked.
pub(crate) fn whole(
    db: &mut Connection,
    path: &Path,
    schema: i32,
    watch: &mut dyn FnMut(u64, u64),
) -> Result<Contents, Fault> {
    let db = db.transaction()?;
    length(&db, path, SqliteDisk::default())?;
    healthy(&db, "PRAGMA integrity_check(100)")?;
    references(&db, "PRAGMA foreign_key_check")?;
    for name in SMALL.into_iter().chain(LARGE) {
        rows::check_all(&db, name)?;
    }
    // Ids, states and values are read as at a start, and refused as there.
    snapshot::load(&db)?;
    if schema == NEWEST {
        people::users(&db)?;
    }
    let count = |sql: &str| -> Result<u64, Fault> {
        Ok(u64::try_from(db.query_row(sql, [], |row| row.get::<_, i64>(0))?).unwrap_or(0))
    };
    let pages = count("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")?;
    Ok(Contents {
        bytes: pages,
        schema,
        nodes: count("SELECT count(*) FROM node")?,
        modules: count("SELECT count(*) FROM module")?,
        commands: count("SELECT count(*) FROM command")?,
        readings: in_chunks(&db, watch)? + in_journal(&db)?,
        missing_reports: missing(&db)?,
        has_key: sealed::read(&db)?.is_some(),
    })
}

/// Unpacks every chunk, and counts the readings.
fn in_chunks(db: &Connection, watch: &mut dyn FnMut(u64, u64)) -> Result<u64, Fault> {
    let chunks: i64 = db.query_row("SELECT count(*) FROM chunk", [], |row| row.get(0))?;
    let chunks = u64::try_from(chunks).unwrap_or(0);
    let (mut done, mut readings) = (0, 0);
    let mut select = db.prepare(CHUNKS)?;
    let mut rows = select.query([i64::MIN, -1])?;
    while let Some(row) = rows.next()? {
        readings += unpack(row)?;
        done += 1;
        watch(done, chunks);
    }
    Ok(readings)
}

/// Chunks behind an id, with what their columns say of them.
pub(crate) const CHUNKS: &str = "SELECT * FROM chunk WHERE id > ? ORDER BY id LIMIT ?";

/// Unpacks a row of [`CHUNKS`] and compares it with what its columns say; gives how many readings it has.
pub(crate) fn unpack(row: &rusqlite::Row<'_>) -> Result<u64, Fault> {
    let (id, earliest, latest, count): (i64, i64, i64, i64) =
        (row.get("id")?, row.get("earliest")?, row.get("latest")?, row.get("readings")?);
    let of = |why: &dyn ToString| Fault::Unreadable(format!("chunk {id}: {}", why.to_string()));
    let readings = chunk::read(row).map_err(|why| of(&why))?;
    if i64::try_from(readings.len()).ok() != Some(count) {
        return Err(of(&format!("it has {} readings instead of {count}", readings.len())));
    }
    let times = (readings.first().map(|first| first.measured.0), readings.last().map(|last| last.measured.0));
    if times == (Some(earliest), Some(latest)) && readings.is_sorted_by_key(|reading| reading.measured) {
        return Ok(u64::try_from(readings.len()).unwrap_or(u64::MAX));
    }
    Err(of(&format!("measured from {earliest} to {latest}, it says, and its readings say {times:?}")))
}

/// The index by which chunks are found must have the one of this row of [`CHUNKS`].
pub(crate) fn indexed(db: &Connection, row: &rusqlite::Row<'_>) -> Result<(), Fault> {
    let find = "SELECT count(*) FROM chunk INDEXED BY chunk_by_series
                WHERE series = ? AND latest = ? AND earliest = ? AND id = ?";
    let [id, series, latest, earliest]: [i64; 4] =
        [row.get("id")?, row.get("series")?, row.get("latest")?, row.get("earliest")?];
    let found: i64 = db.prepare_cached(find)?.query_row([series, latest, earliest, id], |row| row.get(0))?;
    if found == 1 { Ok(()) } else { Err(Fault::Unreadable(format!("chunk {id} is not in its index"))) }
}

/// Reads the journal, and counts the readings that are not in chunks yet.
fn in_journal(db: &Connection) -> Result<u64, Fault> {
    let folded = folded(db, "series")?;
    let mut readings = 0;
    journal::read_all(db, |row, _, reading| {
        let series = reading.and_then(|reading| folded.get(&reading.series));
        readings += u64::from(series.is_some_and(|folded| row > *folded));
        Ok(())
    })?;
    Ok(readings)
}

/// Reports that never came: those in the table and those that only the journal knows of.
fn missing(db: &Connection) -> Result<u64, Fault> {
    let noted: i64 = db.query_row("SELECT coalesce(sum(missing), 0) FROM gap", [], |row| row.get(0))?;
    let folded = folded(db, "source")?;
    let mut missing = u64::try_from(noted).unwrap_or(0);
    journal::read_all(db, |row, report, reading| {
        let is_new = reading.is_none() && folded.get(&report.source).is_some_and(|folded| row > *folded);
        missing += if is_new { u64::from(report.gap) } else { 0 };
        Ok(())
    })?;
    Ok(missing)
}

/// Up to which row of the journal each number of a table was folded. Numbers that are gone are not there.
fn folded(db: &Connection, table: &str) -> Result<HashMap<i64, i64>, Fault> {
    let mut select = db.prepare(&format!("SELECT number, folded FROM {table}"))?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
