//! Opens a store and tells how long that took, for the examples that measure.

use std::{error::Error, io::Write, path::Path, time::Instant};

use iot_core::store::Store as _;
use iot_store::{SqliteHistory, SqliteStore};

/// Opens the file and loads what a hub loads; `how` says how it was left.
pub(crate) fn open(
    path: &Path,
    how: &str,
    out: &mut impl Write,
) -> Result<(SqliteStore, SqliteHistory), Box<dyn Error>> {
    let started = Instant::now();
    let (mut store, history) = SqliteStore::open(path)?;
    let opened = started.elapsed();
    let series = store.load()?.latest.len();
    let loaded = started.elapsed();
    writeln!(out, "{how}: opened after {opened:.1?}, {series} series loaded after {loaded:.1?}")?;
    Ok((store, history))
}
