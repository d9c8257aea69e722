//! What a hub needs to start: the tables, with the journal played over those that it runs ahead of.

use std::collections::BTreeMap;

use iot_core::{NodeId, Series, UnixMillis, store::Snapshot, view::ReadingView};
use iot_proto::BootId;
use rusqlite::Connection;

use super::{commands, fault::Fault, folded::Folded, journal, nodes, nodes::parse_id, value::from_columns};
use crate::batch::{RECALLED, note_run};

/// A node's last runs, each with its highest sequence.
pub(crate) type Runs = Vec<(BootId, u32)>;

/// Reads everything; no chunk is touched.
pub(crate) fn load(db: &Connection) -> Result<Snapshot, Fault> {
    let names = names(db)?;
    let mut sources = sources(db)?;
    let mut latest = latest(db)?;
    let folded = Folded::load(db)?;
    journal::read_all(db, |row, report, reading| {
        match (reading, sources.get_mut(&report.source)) {
            (None, Some((_, runs))) if folded.counts_for_source(row, report.source) => {
                note_run(runs, BootId(report.boot), report.sequence);
            }
            (Some(reading), _)
                if names.contains_key(&reading.series) && folded.counts_for_series(row, reading.series) =>
            {
                let reading_view = reading.restore(report.arrived)?;
                let known = latest.get(&reading.series);
                if known.is_none_or(|known| known.measured <= reading_view.measured) {
                    latest.insert(reading.series, reading_view);
                }
            }
            // Folded already, or of a node that is gone.
            (_, _) => {}
        }
        Ok(())
    })?;
    let mut sequences: Vec<_> = sources.into_values().collect();
    sequences.sort_by(|(node, _), (other, _)| node.cmp(other));
    let sequences = sequences
        .into_iter()
        .flat_map(|(node, runs)| runs.into_iter().map(move |(boot, highest)| (node.clone(), boot, highest)));
    let with_name = |(number, reading)| names.get(&number).map(|series: &Series| (series.clone(), reading));
    let mut latest: Vec<_> = latest.into_iter().filter_map(with_name).collect();
    latest.sort_by(|(series, _), (other, _)| series.cmp(other));
    Ok(Snapshot {
        nodes: nodes::load(db)?,
        sequences: sequences.collect(),
        latest,
        commands: commands::load(db, RECALLED)?,
    })
}

/// All series, by their numbers.
pub(crate) fn names(db: &Connection) -> Result<BTreeMap<i64, Series>, Fault> {
    let mut names = BTreeMap::new();
    let mut select = db.prepare(
        "SELECT series.number, node, module, channel FROM series JOIN source ON source.number = series.source",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let node = parse_id(&row.get::<_, Box<str>>(1)?)?;
        names.insert(row.get(0)?, Series { node, module: row.get(2)?, channel: row.get(3)? });
    }
    Ok(names)
}

fn sources(db: &Connection) -> Result<BTreeMap<i64, (NodeId, Runs)>, Fault> {
    let mut sources = BTreeMap::new();
    let mut select = db.prepare("SELECT number, node FROM source")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        sources.insert(number, (parse_id(&row.get::<_, Box<str>>(1)?)?, runs_of(db, number)?));
    }
    Ok(sources)
}

/// The runs of a node as of the journal's first row.
pub(crate) fn runs_of(db: &Connection, source: i64) -> Result<Runs, Fault> {
    let mut select = db.prepare_cached("SELECT boot, highest FROM run WHERE source = ? ORDER BY position")?;
    let runs = select.query_map([source], |row| Ok((BootId(row.get(0)?), row.get(1)?)))?;
    Ok(runs.collect::<Result<_, _>>()?)
}

fn latest(db: &Connection) -> Result<BTreeMap<i64, ReadingView>, Fault> {
    let mut latest = BTreeMap::new();
    let mut select = db.prepare("SELECT series, value_type, value, measured, arrived FROM latest")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let value = from_columns(&row.get::<_, Box<str>>(1)?, row.get_ref(2)?)?;
        let (measured, arrived) = (UnixMillis(row.get(3)?), UnixMillis(row.get(4)?));
        latest.insert(row.get(0)?, ReadingView { value, measured, arrived });
    }
    Ok(latest)
}
