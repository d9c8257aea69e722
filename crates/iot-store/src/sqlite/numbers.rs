//! [`Numbers`]: the numbers that stand for nodes and series in the rows of the file.
//!
//! Kept in memory as they are in the file. Where a transaction failed they are read anew by the store.

use std::collections::HashMap;

use iot_core::NodeId;
use rusqlite::{Connection, params};

use super::{fault::Fault, nodes::parse_id};

/// Numbers of nodes and of their series.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    sources: HashMap<NodeId, Source>,
}

/// A node that has reported.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its number.
    pub(crate) number: i64,
    /// Module, channel and number of each series. They are few, so that looking is faster than hashing.
    series: Vec<(u8, u8, i64)>,
}

impl Numbers {
    /// Reads all that are in use.
    pub(crate) fn load(db: &Connection) -> Result<Self, Fault> {
        let mut numbers = Self::default();
        let mut select = db.prepare(
            "SELECT node, source.number, module, channel, series.number
             FROM source LEFT JOIN series ON series.source = source.number",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (node, number) = (parse_id(&row.get::<_, Box<str>>(0)?)?, row.get(1)?);
            let source = numbers.sources.entry(node).or_insert_with(|| Source { number, series: Vec::new() });
            if let Some(series) = row.get(4)? {
                source.series.push((row.get(2)?, row.get(3)?, series));
            }
        }
        Ok(numbers)
    }

    /// The node's numbers; a node that has none yet is given one.
    pub(crate) fn source(&mut self, db: &Connection, node: &NodeId) -> Result<&mut Source, Fault> {
        if !self.sources.contains_key(node) {
            db.prepare_cached("INSERT INTO source (node) VALUES (?)")?.execute([node.as_str()])?;
            let source = Source { number: db.last_insert_rowid(), series: Vec::new() };
            self.sources.insert(node.clone(), source);
        }
        self.sources.get_mut(node).ok_or_else(|| Fault::Unreadable(format!("{node} has no number")))
    }

    /// The series of a node: module, channel and number, in order.
    pub(crate) fn series_of(&self, node: &NodeId) -> Vec<(u8, u8, i64)> {
        let mut series = self.sources.get(node).map(|source| source.series.clone()).unwrap_or_default();
        series.sort_unstable();
        series
    }

    /// The series is another node's from now on, in place of the one that this node had there. Gives that.
    pub(crate) fn give(
        &mut self,
        db: &Connection,
        (module, channel, number): (u8, u8, i64),
        (old, new): (&NodeId, &NodeId),
    ) -> Result<Option<i64>, Fault> {
        if let Some(source) = self.sources.get_mut(old) {
            source.series.retain(|(.., own)| *own != number);
        }
        let source = self.source(db, new)?;
        let at = source.series.iter().position(|(m, c, _)| (*m, *c) == (module, channel));
        let before = at.map(|at| source.series.swap_remove(at).2);
        source.series.push((module, channel, number));
        if let Some(before) = before {
            // What is still in the journal under its number is then nobody's, and its chunks are deleted.
            db.prepare_cached("INSERT INTO forgotten (series) VALUES (?)")?.execute([before])?;
            db.prepare_cached("DELETE FROM series WHERE number = ?")?.execute([before])?;
        }
        db.prepare_cached("UPDATE series SET source = ? WHERE number = ?")?
            .execute([source.number, number])?;
        Ok(before)
    }

    /// The node is gone.
    pub(crate) fn forget(&mut self, node: &NodeId) {
        self.sources.remove(node);
    }
}

impl Source {
    /// The number of a series; one that has none yet is given one.
    pub(crate) fn series(&mut self, db: &Connection, module: u8, channel: u8) -> Result<i64, Fault> {
        let known = self.series.iter().find(|(m, c, _)| (*m, *c) == (module, channel));
        if let Some((_, _, number)) = known {
            return Ok(*number);
        }
        db.prepare_cached("INSERT INTO series (source, module, channel) VALUES (?, ?, ?)")?
            .execute(params![self.number, module, channel])?;
        let number = db.last_insert_rowid();
        self.series.push((module, channel, number));
        Ok(number)
    }
}
