//! Roll-ups on disk.
//!
//! When readings are folded they are added to five-minute buckets in plain rows, the table `bucket`. When a
//! day is over, [`seal`] moves its buckets into packed rows of the table `rollup`: those of five minutes, of
//! hours and of days. A bucket is in one of the two tables, or with a part in each, and the parts add up. So
//! a reading counts once in each resolution, however late it comes.

use iot_core::{
    UnixMillis,
    store::{Bucket, Resolution, RollupQuery},
    view::ReadingView,
};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::{
    checksum,
    column::{Column, Fitted},
    fault::Fault,
    form::{Form, float_to_number, of_floats, to_float},
    rows,
};
use crate::buckets::Buckets;

/// Buckets that share a row at most.
fn buckets_in_row(resolution: Resolution) -> i64 {
    match resolution {
        // A day, 16 days, and 512 days.
        Resolution::FiveMinutes => 288,
        Resolution::Hour => 384,
        Resolution::Day => 512,
    }
}

/// How long the buckets of one row are together, in milliseconds.
pub(crate) fn span(resolution: Resolution) -> i64 {
    resolution.millis() * buckets_in_row(resolution)
}

/// When the row that has this instant begins.
fn row_of(resolution: Resolution, instant: UnixMillis) -> i64 {
    instant.0.saturating_sub(instant.0.rem_euclid(span(resolution)))
}

/// How the buckets of a row are packed.
#[derive(Serialize, Deserialize)]
struct Columns {
    form: Form,
    per: i64,
    start: Column,
    count: Column,
    min: Column,
    max: Column,
    sum: Column,
}

/// Adds readings that are being folded to the buckets of their series.
pub(crate) fn add(db: &Connection, series: i64, readings: &[ReadingView]) -> Result<(), Fault> {
    let mut buckets = Buckets::new(Resolution::FiveMinutes);
    for reading in readings {
        buckets.add(reading);
    }
    let mut upsert = db.prepare_cached(
        "INSERT INTO bucket (series, start, count, min, max, sum) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (series, start) DO UPDATE SET
         count = count + excluded.count, min = min(min, excluded.min),
         max = max(max, excluded.max), sum = sum + excluded.sum",
    )?;
    for Bucket { start, count, min, max, sum } in buckets.into_vec() {
        upsert.execute(params![series, start.0, i64::try_from(count).unwrap_or(i64::MAX), min, max, sum])?;
    }
    Ok(())
}

/// Moves the buckets of the first day of a series into packed rows, where that day ended before `until`.
/// Tells whether there was one.
pub(crate) fn seal(db: &Connection, series: i64, until: i64) -> Result<bool, Fault> {
    let first = "SELECT min(start) FROM bucket WHERE series = ?";
    let first: Option<i64> = db.prepare_cached(first)?.query_row([series], |row| row.get(0))?;
    let Some(day) = first.map(|first| Resolution::Day.start_of(UnixMillis(first)).0) else {
        return Ok(false);
    };
    let end = day.saturating_add(Resolution::Day.millis());
    if end > until {
        return Ok(false);
    }
    let mut open = Buckets::new(Resolution::FiveMinutes);
    read_open(db, series, day, end, &mut open)?;
    let open = open.into_vec();
    for resolution in Resolution::ALL {
        let mut buckets = Buckets::new(resolution);
        for bucket in &open {
            buckets.merge(bucket);
        }
        add_to_row(db, series, resolution, day, buckets)?;
    }
    db.prepare_cached("DELETE FROM bucket WHERE series = ? AND start >= ? AND start < ?")?
        .execute([series, day, end])?;
    Ok(true)
}

/// Adds buckets of one day to the row that they belong to, or makes it.
fn add_to_row(
    db: &Connection,
    series: i64,
    resolution: Resolution,
    day: i64,
    mut buckets: Buckets,
) -> Result<(), Fault> {
    let first = row_of(resolution, UnixMillis(day));
    let find = "SELECT * FROM rollup WHERE series = ? AND resolution = ? AND start = ?";
    let mut find = db.prepare_cached(find)?;
    let mut rows = find.query([series, resolution.millis(), first])?;
    let mut id: Option<i64> = None;
    if let Some(row) = rows.next()? {
        id = Some(row.get("id")?);
        read_row(row)?.iter().for_each(|bucket| buckets.merge(bucket));
    }
    drop(rows);
    let buckets = buckets.into_vec();
    let count = i64::try_from(buckets.len()).unwrap_or(i64::MAX);
    let (columns, bits) = encode(&buckets)?;
    let checksum = checksum::of(&[series, resolution.millis(), first, count], &columns, &bits);
    db.prepare_cached("INSERT OR REPLACE INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        id,
        series,
        resolution.millis(),
        first,
        count,
        columns,
        bits,
        checksum
    ])?;
    Ok(())
}

/// Adds what the tables have of a series in a range to `buckets`, which are of the resolution that is asked.
pub(crate) fn read(
    db: &Connection,
    series: i64,
    query: &RollupQuery,
    buckets: &mut Buckets,
) -> Result<(), Fault> {
    let mut select = db.prepare_cached(
        "SELECT * FROM rollup
         WHERE series = ? AND resolution = ? AND start >= ? AND start < ?",
    )?;
    let first = row_of(query.resolution, query.from);
    let mut rows = select.query([series, query.resolution.millis(), first, query.to.0])?;
    while let Some(row) = rows.next()? {
        let own = read_row(row)?.into_iter();
        own.filter(|bucket| is_in(query, bucket.start)).for_each(|bucket| buckets.merge(&bucket));
    }
    // Of the last bucket all counts, though it may end behind the range.
    let last = query.resolution.start_of(UnixMillis(query.to.0.saturating_sub(1)));
    let end = last.0.saturating_add(query.resolution.millis());
    read_open(db, series, query.resolution.start_of(query.from).0, end, buckets)
}

/// Whether a bucket that begins then is asked for.
pub(crate) fn is_in(query: &RollupQuery, start: UnixMillis) -> bool {
    (query.resolution.start_of(query.from)..query.to).contains(&start)
}

/// Adds the buckets in plain rows.
fn read_open(db: &Connection, series: i64, from: i64, to: i64, buckets: &mut Buckets) -> Result<(), Fault> {
    let mut select =
        db.prepare_cached("SELECT * FROM bucket WHERE series = ? AND start >= ? AND start < ?")?;
    let mut open = select.query([series, from, to])?;
    while let Some(row) = open.next()? {
        rows::check(row)?;
        let count: i64 = row.get("count")?;
        buckets.merge(&Bucket {
            start: UnixMillis(row.get("start")?),
            count: count.cast_unsigned(),
            min: row.get("min")?,
            max: row.get("max")?,
            sum: row.get::<_, f64>("sum")?.clamp(f64::MIN, f64::MAX),
        });
    }
    Ok(())
}

fn encode(buckets: &[Bucket]) -> Result<(String, Vec<u8>), Fault> {
    let of = |part: fn(&Bucket) -> f64| buckets.iter().map(part);
    let floats: Vec<_> =
        of(|bucket| bucket.min).chain(of(|bucket| bucket.max)).chain(of(|bucket| bucket.sum)).collect();
    let (form, per) = of_floats(&floats);
    let numbers: Vec<_> = floats.iter().map(|float| float_to_number(form, per, *float)).collect();
    let starts: Vec<_> = buckets.iter().map(|bucket| bucket.start.0).collect();
    let counts: Vec<_> = buckets.iter().map(|bucket| bucket.count.cast_signed()).collect();
    let (mins, others) = numbers.split_at(buckets.len());
    let (maxs, sums) = others.split_at(buckets.len());
    let (start, count) = (Fitted::sloped(starts), Fitted::level(counts));
    let [min, max, sum] = [mins, maxs, sums].map(|numbers| Fitted::level(numbers.to_vec()));
    let mut bits = Vec::new();
    for fitted in [&start, &count, &min, &max, &sum] {
        fitted.pack(&mut bits);
    }
    let columns = Columns {
        form,
        per,
        start: start.column,
        count: count.column,
        min: min.column,
        max: max.column,
        sum: sum.column,
    };
    let columns = serde_json::to_string(&columns).map_err(|why| damaged(&why))?;
    Ok((columns, bits))
}

fn read_row(row: &Row<'_>) -> Result<Vec<Bucket>, Fault> {
    let count: i64 = row.get("buckets")?;
    let columns = row.get_ref("columns")?.as_str().map_err(rusqlite::Error::from)?;
    let bits = row.get_ref("bits")?.as_blob().map_err(rusqlite::Error::from)?;
    let numbers = [row.get("series")?, row.get("resolution")?, row.get("start")?, count];
    if checksum::of(&numbers, columns, bits) != row.get::<_, u32>("checksum")? {
        return Err(damaged(&"its checksum is another"));
    }
    decode(columns, bits, usize::try_from(count).unwrap_or(usize::MAX))
}

fn decode(columns: &str, mut bits: &[u8], count: usize) -> Result<Vec<Bucket>, Fault> {
    if count > 512 {
        return Err(damaged(&format!("it has {count} buckets")));
    }
    let columns: Columns = serde_json::from_str(columns).map_err(|why| damaged(&why))?;
    let starts = columns.start.unpack(&mut bits, count)?;
    let counts = columns.count.unpack(&mut bits, count)?;
    let mut floats = |column: Column| -> Result<Vec<f64>, Fault> {
        let numbers = column.unpack(&mut bits, count)?.into_iter();
        Ok(numbers.map(|number| to_float(columns.form, columns.per, number)).collect())
    };
    let (mins, maxs, sums) = (floats(columns.min)?, floats(columns.max)?, floats(columns.sum)?);
    let rows = starts.into_iter().zip(counts).zip(mins.into_iter().zip(maxs).zip(sums));
    let bucket = |((start, count), ((min, max), sum)): ((i64, i64), ((f64, f64), f64))| Bucket {
        start: UnixMillis(start),
        count: count.cast_unsigned(),
        min,
        max,
        sum,
    };
    Ok(rows.map(bucket).collect())
}

fn damaged(why: &impl ToString) -> Fault {
    Fault::unreadable("a roll-up", why)
}

/// Deletes a few packed rows of a series that ended before `until`. Tells whether there was one.
pub(crate) fn delete(
    db: &Connection,
    series: i64,
    resolution: Resolution,
    until: i64,
) -> Result<bool, Fault> {
    // The row is asked again, since an index that is damaged leads to another one.
    let old = "SELECT id FROM rollup WHERE series = ?1 AND resolution = ?2 AND start < ?3 LIMIT 16";
    let is_old = "+series = ?1 AND +resolution = ?2 AND +start < ?3";
    let delete = format!("DELETE FROM rollup WHERE id IN ({old}) AND {is_old}");
    let begin = until.saturating_sub(span(resolution));
    Ok(db.prepare_cached(&delete)?.execute([series, resolution.millis(), begin])? > 0)
}

/// Deletes a little of what a series has, whose node is gone. Tells whether there was anything.
pub(crate) fn forget(db: &Connection, series: i64) -> Result<bool, Fault> {
    let rows =
        "DELETE FROM rollup WHERE id IN (SELECT id FROM rollup WHERE series = ?1 LIMIT 16) AND +series = ?1";
    let open = "DELETE FROM bucket WHERE series = ?1 AND start IN
                (SELECT start FROM bucket WHERE series = ?1 ORDER BY start LIMIT 256)";
    Ok(db.prepare_cached(rows)?.execute([series])? + db.prepare_cached(open)?.execute([series])? > 0)
}
