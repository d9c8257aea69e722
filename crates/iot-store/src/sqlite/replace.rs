//! New hardware takes a node's place: series and commands of one node become another's.
//!
//! A series keeps its number, so that no chunk is touched. Where the new hardware has readings of its own in the same
//! place, these are added to the series that moves like any others that come late, and their series goes.

use iot_core::{NodeId, view::ReadingView};
use rusqlite::{Connection, params};

use super::{
    chunk,
    fault::Fault,
    folded::Folded,
    journal::{self, Draft, Report},
    numbers::Numbers,
    source::Source,
};

/// Items of one row of the journal.
const ROW: usize = 16_384;

/// Moves what `old` had in these modules to `new`. What the draft holds is written first; what it holds afterwards is
/// still to be written. Gives how many items went into the journal.
pub(crate) fn replace(
    db: &Connection,
    (numbers, draft, row): (&mut Numbers, &mut Draft, &mut i64),
    (old, new): (&NodeId, &NodeId),
    modules: &[u8],
) -> Result<usize, Fault> {
    let write = |draft: &mut Draft, row: &mut i64| {
        *row += 1;
        draft.insert(db, *row)
    };
    let mut items = write(draft, row)?;
    let series = numbers.series_of(old).into_iter().filter(|(module, ..)| modules.contains(module));
    for (module, channel, number) in series.collect::<Vec<_>>() {
        let own = numbers.series_of(new).into_iter().find(|own| (own.0, own.1) == (module, channel));
        let readings = own.map(|(.., own)| readings_of(db, own)).transpose()?.unwrap_or_default();
        numbers.give(db, (module, channel, number), (old, new))?;
        let source = numbers.source(db, new)?;
        for readings in readings.chunks(ROW) {
            add((draft, *row + 1), source, number, readings)?;
            items += write(draft, row)?;
        }
    }
    let mut update =
        db.prepare_cached("UPDATE command SET node = ?1 WHERE node = ?2 AND coalesce(module, ?3) = ?3")?;
    for module in modules {
        update.execute(params![new.as_str(), old.as_str(), module])?;
    }
    db.prepare_cached("UPDATE command SET node = ? WHERE node = ? AND module IS NULL")?
        .execute([new.as_str(), old.as_str()])?;
    Ok(items)
}

/// Adds readings to a series, in a row that is still to be written. They belong to no report that is counted.
fn add(
    (draft, row): (&mut Draft, i64),
    source: &mut Source,
    series: i64,
    readings: &[ReadingView],
) -> Result<(), Fault> {
    let mut arrived = None;
    for reading in readings {
        if arrived != Some(reading.arrived) {
            arrived = Some(reading.arrived);
            let (source, arrived) = (source.number, reading.arrived.0);
            draft.report(Report { source, boot: 0, sequence: 0, gap: 0, arrived })?;
        }
        draft.readings(series, core::iter::once((reading.measured.0, &reading.value)))?;
        source.read(row, series, reading)?;
    }
    Ok(())
}

/// All readings of a series, in the order of their commits.
fn readings_of(db: &Connection, series: i64) -> Result<Vec<ReadingView>, Fault> {
    let mut readings = Vec::new();
    let mut select = db.prepare_cached("SELECT * FROM chunk WHERE series = ? ORDER BY id")?;
    let mut rows = select.query([series])?;
    while let Some(row) = rows.next()? {
        readings.extend(chunk::read(row)?);
    }
    let folded = Folded::load(db)?;
    let mut select = db.prepare_cached("SELECT id, entries FROM journal ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        if !folded.counts_for_series(row.get(0)?, series) {
            continue;
        }
        let entries = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        journal::read(entries, |report, reading| {
            if let Some(reading) = reading.filter(|reading| reading.series == series) {
                readings.push(reading.restore(report.arrived)?);
            }
            Ok(())
        })?;
    }
    Ok(readings)
}
