//! [`Folded`]: up to which row the journal has been folded, of each node and series that is ahead of its first row. What
//! stands in rows up to there is in chunks, and no longer counts for it.

use std::collections::HashMap;

use rusqlite::Connection;

use super::fault::Fault;

/// Nodes and series, by number, that are ahead of the first row.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    sources: HashMap<i64, i64>,
    series: HashMap<i64, i64>,
}

impl Folded {
    /// Reads what the file says.
    pub(crate) fn load(db: &Connection) -> Result<Self, Fault> {
        let read = |table: &str| -> Result<HashMap<i64, i64>, Fault> {
            let ahead = "folded >= (SELECT min(id) FROM journal)";
            let mut select =
                db.prepare_cached(&format!("SELECT number, folded FROM {table} WHERE {ahead}"))?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        Ok(Self { sources: read("source")?, series: read("series")? })
    }

    /// Whether a row still counts for a node.
    pub(crate) fn counts_for_source(&self, row: i64, source: i64) -> bool {
        self.sources.get(&source).is_none_or(|folded| row > *folded)
    }

    /// Whether a row still counts for a series.
    pub(crate) fn counts_for_series(&self, row: i64, series: i64) -> bool {
        self.series.get(&series).is_none_or(|folded| row > *folded)
    }
}
