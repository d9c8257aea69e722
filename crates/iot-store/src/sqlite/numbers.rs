//! [`Numbers`]: the numbers that stand for nodes and series in the rows of the file, and what waits in the journal
//! to be folded for each of them.
//!
//! Kept in memory as they are in the file, so that folding reads nothing back. Where a transaction failed they are
//! read anew by the store.

use std::collections::HashMap;

use iot_core::NodeId;
use rusqlite::Connection;

use super::{fault::Fault, folded::Folded, journal, nodes::parse_id, source::Source};

/// Nodes that have reported, and their series.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    places: HashMap<NodeId, usize>,
    sources: Vec<Source>,
    /// Places of nodes that are gone.
    free: Vec<usize>,
    /// Places by where ids lie in memory, as they were found last. The hub's ids stay where they are, so that most nodes
    /// are found without a look at the letters.
    found: Vec<usize>,
}

/// So many places are remembered for each node, or more: two ids seldom fall on one of them.
const REMEMBERED: usize = 4;

impl Numbers {
    /// Reads all that are in use, and what the journal has for them.
    pub(crate) fn load(db: &Connection) -> Result<Self, Fault> {
        let mut numbers = Self::default();
        let (mut of_source, mut of_series) = (HashMap::new(), HashMap::new());
        let mut select = db.prepare(
            "SELECT node, source.number, module, channel, series.number
             FROM source LEFT JOIN series ON series.source = source.number",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (node, number) = (parse_id(&row.get::<_, Box<str>>(0)?)?, row.get(1)?);
            let place = numbers.places.get(&node).copied();
            let place = place.unwrap_or_else(|| numbers.put(node, number));
            of_source.insert(number, place);
            if let (Some(series), Some(source)) = (row.get(4)?, numbers.sources.get_mut(place)) {
                of_series.insert(series, place);
                source.add(row.get(2)?, row.get(3)?, series);
            }
        }
        drop(rows);
        numbers.load_journal(db, &of_source, &of_series)?;
        Ok(numbers)
    }

    fn load_journal(
        &mut self,
        db: &Connection,
        of_source: &HashMap<i64, usize>,
        of_series: &HashMap<i64, usize>,
    ) -> Result<(), Fault> {
        let folded = Folded::load(db)?;
        journal::read_all(db, |row, report, reading| {
            let (place, counts) = match &reading {
                Some(reading) => {
                    (of_series.get(&reading.series), folded.counts_for_series(row, reading.series))
                }
                None => (of_source.get(&report.source), folded.counts_for_source(row, report.source)),
            };
            // Folded already, or of a node that is gone.
            let Some(source) = place.filter(|_| counts).and_then(|place| self.sources.get_mut(*place)) else {
                return Ok(());
            };
            if let Some(reading) = reading {
                return source.read(row, reading.series, &reading.restore(report.arrived)?);
            }
            source.reported(row, report);
            Ok(())
        })
    }

    /// What is known of a node; one that is not known yet is given a number.
    pub(crate) fn source(&mut self, db: &Connection, node: &NodeId) -> Result<&mut Source, Fault> {
        let place = if let Some(place) = self.find(node) {
            place
        } else {
            db.prepare_cached("INSERT INTO source (node) VALUES (?)")?.execute([node.as_str()])?;
            self.put(node.clone(), db.last_insert_rowid())
        };
        self.sources.get_mut(place).ok_or_else(|| Fault::Unreadable(format!("{node} has no number")))
    }

    /// The place of a node that is known.
    fn find(&mut self, node: &NodeId) -> Option<usize> {
        let lies = node.as_str().as_ptr().addr() / size_of::<[usize; 2]>();
        let at = lies.checked_rem(self.found.len())?;
        let found = *self.found.get(at)?;
        if self.sources.get(found)?.is_of(node) {
            return Some(found);
        }
        let place = *self.places.get(node)?;
        self.sources.get_mut(place)?.node = Some(node.clone());
        *self.found.get_mut(at)? = place;
        Some(place)
    }

    fn put(&mut self, node: NodeId, number: i64) -> usize {
        let source = Source::new(node.clone(), number);
        let place = self.free.pop().unwrap_or(self.sources.len());
        if let Some(free) = self.sources.get_mut(place) {
            *free = source;
        } else {
            self.sources.push(source);
        }
        let remembered = self.sources.len().saturating_mul(REMEMBERED).next_power_of_two();
        if self.found.len() < remembered {
            self.found.resize(remembered, place);
        }
        self.places.insert(node, place);
        place
    }

    /// The series of a node: module, channel and number, in order.
    pub(crate) fn series_of(&self, node: &NodeId) -> Vec<(u8, u8, i64)> {
        let source = self.places.get(node).and_then(|place| self.sources.get(*place));
        let mut series: Vec<_> = source.map(|source| source.series().collect()).unwrap_or_default();
        series.sort_unstable();
        series
    }

    /// The series is another node's from now on, in place of the one that this node had there.
    pub(crate) fn give(
        &mut self,
        db: &Connection,
        (module, channel, number): (u8, u8, i64),
        (old, new): (&NodeId, &NodeId),
    ) -> Result<(), Fault> {
        let given = self.source(db, old)?.give_away(number);
        let source = self.source(db, new)?;
        if let Some(before) = source.take_over(module, channel, given) {
            // What is still in the journal under its number is then nobody's, and its chunks are deleted.
            db.prepare_cached("INSERT INTO forgotten (series) VALUES (?)")?.execute([before])?;
            db.prepare_cached("DELETE FROM series WHERE number = ?")?.execute([before])?;
        }
        db.prepare_cached("UPDATE series SET source = ? WHERE number = ?")?
            .execute([source.number, number])?;
        Ok(())
    }

    /// The node is gone.
    pub(crate) fn forget(&mut self, node: &NodeId) {
        if let Some(place) = self.places.remove(node)
            && let Some(source) = self.sources.get_mut(place)
        {
            *source = Source::default();
            self.free.push(place);
        }
    }

    /// Places of what has waited since this row of the journal or one before. Memory that others have kept for what
    /// they were given before is freed.
    pub(crate) fn waiting(&mut self, until: i64) -> Vec<usize> {
        let sources = self.sources.iter_mut().enumerate();
        sources.filter_map(|(place, source)| source.has_waited(until).then_some(place)).collect()
    }

    /// What is known at a place.
    pub(crate) fn at(&mut self, place: usize) -> Option<&mut Source> {
        self.sources.get_mut(place)
    }
}
