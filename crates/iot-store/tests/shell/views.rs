//! The views tell what the hub tells.

use std::{path::Path, process::Command};

use iot_core::{
    NodeId, Series, UnixMillis,
    store::{
        Batch, Bucket, History as _, Pages, ReadingQuery, Record, Resolution, RollupQuery, Store as _,
        StoredReading, Upkeep,
    },
    view::ReadingView,
};
use iot_proto::{BootId, Finite, Name, OwnedValue};
use iot_store::{SqliteHistory, SqliteLimits, SqliteStore};
use tempfile::TempDir;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Asks the shell that Debian has, which is older than the SQLite in the hub; a line for each row.
fn ask(path: &Path, sql: &str) -> Vec<String> {
    let shell = Command::new("sqlite3").arg("-readonly").arg(path).arg(sql).output();
    let answer = shell.expect("the program sqlite3 is needed: `cargo xtask test` says how to install it");
    let error = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success() && error.is_empty(), "{sql}: {error}");
    String::from_utf8(answer.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A value of each form that a column can have, by channel.
fn value(channel: u8, at: i64) -> OwnedValue {
    let tenths = f64::from(i32::try_from(at % 97 - 40).unwrap()) / 10.0;
    let float = |float| OwnedValue::Float(Finite::new(float).unwrap());
    match channel {
        0 => OwnedValue::Bool(at % 5 == 0),
        1 => OwnedValue::Int(at * 1_000_003 - 9),
        2 => float(tenths),
        3 => float(f64::from(f32::from(i16::try_from(at % 97 - 40).unwrap()) / 10.0)),
        4 => float((tenths * 1.1).exp() * if at % 2 == 0 { -1.0 } else { 1e-300 }),
        _ if at % 2 == 0 => OwnedValue::Text(format!("it's {at}|ü").into()),
        _ => float(tenths),
    }
}

const CHANNELS: u8 = 6;

/// A file with three days of a reading a minute of each channel, most of them folded and packed.
fn filled() -> (TempDir, SqliteStore, SqliteHistory) {
    let directory = tempfile::tempdir().unwrap();
    let limits = SqliteLimits { journal: 3_000, ..SqliteLimits::default() };
    let (mut store, history) = SqliteStore::open_with(&directory.path().join("hub.db"), limits).unwrap();
    for minute in 0..3 * 24 * 60 {
        let at = |channel: i64| minute * MINUTE + (minute * 7 + channel) % 13;
        let readings = (0..CHANNELS).filter(|channel| minute % 300 > 9 || channel % 2 == 0).map(|channel| {
            let measured = UnixMillis(at(channel.into()));
            StoredReading { module: 1, channel, measured, value: value(channel, minute) }
        });
        store.commit(&report(u32::try_from(minute).unwrap() + 1, at(99) + 40, readings.collect())).unwrap();
        while store.upkeep().unwrap() == Upkeep::Due {}
    }
    (directory, store, history)
}

fn node() -> NodeId {
    NodeId::plain(Name::new("a").unwrap())
}

/// A report before which one or two are missing, but for every third.
fn report(sequence: u32, arrived: i64, readings: Vec<StoredReading>) -> Batch {
    let (boot, gap, arrived, count) = (BootId(1), sequence % 3, UnixMillis(arrived), readings.len());
    let record = Record::Report { node: node(), boot, sequence, reports: 1, gap, arrived, readings: count };
    Batch { records: vec![record], readings }
}

fn series(channel: u8) -> Series {
    Series { node: node(), module: 1, channel }
}

/// A reading as the query below writes it: floats by their bits.
fn told(reading: &ReadingView) -> String {
    let ReadingView { value, measured, arrived } = reading;
    let value = match value {
        OwnedValue::Bool(value) => format!("bool|{}", u8::from(*value)),
        OwnedValue::Int(value) => format!("int|{value}"),
        OwnedValue::Float(value) => format!("float|{:016X}", value.get().to_bits()),
        OwnedValue::Text(value) => format!("text|{value}"),
    };
    format!("{}|{}|{value}", measured.0, arrived.0)
}

const MILLIS: &str = "CAST(round((julianday(TIME) - 2440587.5) * 86400000) AS INTEGER)";

#[test]
fn the_view_of_readings_has_every_bit_of_those_that_are_folded() {
    let (directory, _store, history) = filled();
    for channel in 0..CHANNELS {
        let sql = format!(
            "SELECT {}, {}, value_type, iif(value_type = 'float', hex(ieee754_to_blob(value)), value)
             FROM reading WHERE node = 'plain:a' AND module = 1 AND channel = {channel} ORDER BY measured",
            MILLIS.replace("TIME", "measured"),
            MILLIS.replace("TIME", "arrived"),
        );
        let seen = ask(&directory.path().join("hub.db"), &sql);
        let query = ReadingQuery {
            series: series(channel),
            from: UnixMillis(0),
            to: UnixMillis(i64::MAX),
            limit: 1_000,
        };
        let all: Vec<_> = Pages::new(&history, query).flat_map(Result::unwrap).collect();
        let expected: Vec<_> = all.iter().take(seen.len()).map(told).collect();
        let differs = seen.iter().zip(&expected).find(|(seen, expected)| seen != expected);
        assert_eq!(differs, None, "channel {channel}");
        let waiting = all.len() - seen.len();
        assert!(waiting < 600, "channel {channel}: {waiting} stand in the journal");
    }
}

#[test]
fn the_views_of_roll_ups_have_what_the_hub_tells_of_them() {
    let (directory, _store, history) = filled();
    for (resolution, view) in Resolution::ALL.into_iter().zip(["five_minutes", "hour", "day"]) {
        for channel in 0..CHANNELS - 1 {
            let sql = format!(
                "SELECT {}, count, hex(ieee754_to_blob(min)), hex(ieee754_to_blob(max)), mean FROM {view}
                 WHERE node = 'plain:a' AND module = 1 AND channel = {channel} ORDER BY start",
                MILLIS.replace("TIME", "start"),
            );
            let seen = ask(&directory.path().join("hub.db"), &sql);
            // Of the last day a part stands in the journal.
            let (from, to) = (UnixMillis(0), UnixMillis(2 * DAY));
            let query = RollupQuery { series: series(channel), resolution, from, to };
            let buckets = history.rollup(&query).unwrap();
            assert!(
                buckets.len() > 1 && seen.len() > buckets.len(),
                "{view} {channel} {} {}",
                buckets.len(),
                seen.len()
            );
            for (bucket, line) in buckets.iter().zip(seen) {
                compare(bucket, &line);
            }
        }
    }
}

fn compare(bucket: &Bucket, line: &str) {
    let (exact, mean) = line.rsplit_once('|').unwrap();
    let Bucket { start, count, min, max, .. } = bucket;
    assert_eq!(exact, format!("{}|{count}|{:016X}|{:016X}", start.0, min.to_bits(), max.to_bits()));
    let mean: f64 = mean.parse().unwrap();
    assert!((mean - bucket.mean()).abs() <= bucket.mean().abs() * 1e-9, "{line} {bucket:?}");
}

#[test]
fn the_latest_readings_and_the_gaps_are_in_views_of_their_own() {
    let (directory, _store, _history) = filled();
    let path = directory.path().join("hub.db");
    let latest = ask(&path, "SELECT node, module, channel, value_type FROM reading_latest");
    assert_eq!(latest[0], "plain:a|1|0|bool");
    assert_eq!(latest.len(), usize::from(CHANNELS));
    let gaps = ask(&path, "SELECT node, before, missing, arrived FROM report_gap LIMIT 2");
    assert_eq!(gaps, ["plain:a|1|1|1970-01-01T00:00:00.048Z", "plain:a|2|2|1970-01-01T00:01:00.042Z"]);
}
