//! New hardware takes a node's place: series and commands of one node become another's.
//!
//! A series keeps its number, so that no chunk is touched. Where the new hardware has readings of its own in the same
//! place, these are added to the series that moves like any others that come late, and their series goes.

use iot_core::{NodeId, view::ReadingView};
use rusqlite::{Connection, params};

use super::{
    chunk,
    fault::Fault,
    journal::{self, Draft, Entry, Reading, Report},
    numbers::Numbers,
    value::Kept,
};

/// Items of one row of the journal.
const ROW: usize = 16_384;

/// Moves what `old` had in these modules to `new`. What the draft holds is written first; what it holds afterwards is
/// still to be written. Gives how many items went into the journal.
pub(crate) fn replace(
    db: &Connection,
    (numbers, draft): (&mut Numbers, &mut Draft),
    (old, new): (&NodeId, &NodeId),
    modules: &[u8],
) -> Result<usize, Fault> {
    let mut items = draft.insert(db)?;
    draft.clear();
    let series = numbers.series_of(old).into_iter().filter(|(module, ..)| modules.contains(module));
    for (module, channel, number) in series.collect::<Vec<_>>() {
        let own = numbers.series_of(new).into_iter().find(|own| (own.0, own.1) == (module, channel));
        let readings = own.map(|(.., own)| readings_of(db, own)).transpose()?.unwrap_or_default();
        numbers.give(db, (module, channel, number), (old, new))?;
        let source = numbers.source(db, new)?.number;
        for readings in readings.chunks(ROW) {
            add(draft, source, number, readings)?;
            items += draft.insert(db)?;
            draft.clear();
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

/// Adds readings to a series. They belong to no report that is counted.
fn add(draft: &mut Draft, source: i64, series: i64, readings: &[ReadingView]) -> Result<(), Fault> {
    let mut arrived = None;
    for reading in readings {
        if arrived != Some(reading.arrived) {
            arrived = Some(reading.arrived);
            let arrived = reading.arrived.0;
            draft.push(&Entry::Report(Report { source, boot: 0, sequence: 0, gap: 0, arrived }))?;
        }
        let (measured, value) = (reading.measured.0, Kept::from(&reading.value));
        draft.push(&Entry::Reading(Reading { series, measured, value }))?;
    }
    Ok(())
}

/// All readings of a series, in the order of their commits.
fn readings_of(db: &Connection, series: i64) -> Result<Vec<ReadingView>, Fault> {
    let mut readings = Vec::new();
    let mut select = db.prepare_cached("SELECT readings, columns FROM chunk WHERE series = ? ORDER BY id")?;
    let mut rows = select.query([series])?;
    while let Some(row) = rows.next()? {
        let count = usize::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
        readings.extend(chunk::decode(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?, count)?);
    }
    let mut select = db.prepare_cached("SELECT entries FROM journal ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let entries = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        journal::read(entries, |report, reading| {
            if let Some(reading) = reading.filter(|reading| reading.series == series) {
                readings.push(reading.restore(report.arrived)?);
            }
            Ok(())
        })?;
    }
    Ok(readings)
}
