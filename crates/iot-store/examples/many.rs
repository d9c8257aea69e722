//! What a file of many readings costs: bytes a reading with its roll-ups, how long opening and reading take.
//!
//! `cargo run --release -p iot-store --example many [directory] [readings of each series] [seconds between them]`
//! makes a file of 1,000 temperatures in that directory, tells, and deletes it; the directory is made where it is not
//! there. Without more it is 100 million
//! readings, one a minute of each.

mod opening;

use std::{
    env,
    error::Error,
    fs,
    io::{Write as _, stdout},
    path::{Path, PathBuf},
    time::Instant,
};

use iot_core::{
    NodeId, Series, UnixMillis,
    store::{
        Batch, History as _, Pages, ReadingQuery, Record, Resolution, RollupQuery, Store as _, StoredReading,
        Upkeep,
    },
};
use iot_proto::{BootId, Finite, OwnedValue};
use iot_store::{SqliteHistory, SqliteLimits, SqliteStore};

use self::opening::open;

/// Nodes with one temperature each.
const NODES: u16 = 1_000;

/// Readings of each series that are committed at once.
const AT_ONCE: i64 = 50;

/// 2026-01-01T00:00:00Z.
const BEGIN: i64 = 1_767_225_600_000;
const DAY: i64 = 86_400_000;

/// A house full of sensors: each tells tenths of a degree, a little late, and rarely misses one.
struct House {
    nodes: Vec<NodeId>,
    temperatures: Vec<i32>,
    random: u32,
}

impl House {
    fn random(&mut self, below: u32) -> u32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.random >> 8) % below
    }

    /// One reading of each node.
    fn report(&mut self, number: i64, every: i64, batch: &mut Batch) -> Result<(), Box<dyn Error>> {
        for node in 0..self.nodes.len() {
            let (step, is_missed) = (self.random(8), self.random(2_000) == 0);
            let temperature = &mut self.temperatures[node];
            *temperature += if step == 0 { -1 } else { i32::from(step == 1) };
            // A room stays between 15 and 27 degrees.
            *temperature = (*temperature).clamp(150, 270);
            if is_missed {
                continue;
            }
            let value = OwnedValue::Float(Finite::new(f64::from(*temperature) / 10.0)?);
            let measured = BEGIN + number * every + i64::from(self.random(20));
            let arrived = UnixMillis(measured + 1 + i64::from(self.random(4)));
            let (boot, sequence, node) = (BootId(1), u32::try_from(number)? + 1, self.nodes[node].clone());
            batch.records.push(Record::Report {
                node,
                boot,
                sequence,
                reports: 1,
                gap: 0,
                arrived,
                readings: 1,
            });
            let measured = UnixMillis(measured);
            batch.readings.push(StoredReading { module: 0, channel: 1, measured, value });
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args_os().skip(1);
    let directory = words.next().map_or_else(env::temp_dir, PathBuf::from);
    let mut number = |otherwise: i64| -> Result<i64, Box<dyn Error>> {
        let word = words.next().map(|word| word.to_string_lossy().parse()).transpose()?;
        Ok(word.unwrap_or(otherwise))
    };
    let (readings, every) = (number(100_000)?, number(60)? * 1_000);
    fs::create_dir_all(&directory)?;
    let directory = tempfile::tempdir_in(directory)?;
    let path = directory.path().join("hub.db");
    let mut out = stdout().lock();

    let started = Instant::now();
    let (mut store, history) =
        SqliteStore::open_with(&path, SqliteLimits { journal: 1_000_000, ..SqliteLimits::default() })?;
    let stored = fill(&mut store, readings, every)?;
    writeln!(
        out,
        "{stored} readings of {NODES} series, one each {} s, stored in {:.0?}",
        every / 1_000,
        started.elapsed()
    )?;
    let killed = tempfile::tempdir_in(directory.path())?;
    for name in ["hub.db", "hub.db-wal"] {
        fs::copy(directory.path().join(name), killed.path().join(name))?;
    }
    drop((store, history));
    writeln!(out, "{:.2} bytes a reading", ratio(fs::metadata(&path)?.len(), stored))?;
    sizes(&path, stored, &mut out)?;
    drop(open(&killed.path().join("hub.db"), "not closed", &mut out)?);
    let (_store, history) = open(&path, "closed", &mut out)?;
    read(&history, readings, every, &mut out)
}

/// Stores the readings, with upkeep behind each commit.
fn fill(store: &mut SqliteStore, readings: i64, every: i64) -> Result<u64, Box<dyn Error>> {
    let node = |number| NodeId::parse(&format!("plain:node-{number}"));
    let nodes: Vec<_> = (0..NODES).filter_map(node).collect();
    let mut house = House { temperatures: vec![215; nodes.len()], nodes, random: 1 };
    let (mut batch, mut stored) = (Batch::default(), 0);
    for number in 0..readings {
        house.report(number, every, &mut batch)?;
        if number % AT_ONCE == AT_ONCE - 1 || number == readings - 1 {
            store.commit(&batch)?;
            stored += u64::try_from(batch.readings.len())?;
            batch.clear();
            while store.upkeep()? == Upkeep::Due {}
        }
    }
    Ok(stored)
}

/// Reads what pages read, each twice: the second time without the disk.
fn read(
    history: &SqliteHistory,
    readings: i64,
    every: i64,
    out: &mut impl std::io::Write,
) -> Result<(), Box<dyn Error>> {
    let end = BEGIN + readings * every;
    for node in [7, 7, 500] {
        let node = NodeId::parse(&format!("plain:node-{node}")).ok_or("no id")?;
        let series = Series { node, module: 0, channel: 1 };
        let (from, to) = (UnixMillis(0), UnixMillis(i64::MAX));
        let query = ReadingQuery { series: series.clone(), from, to, limit: 100_000 };
        let started = Instant::now();
        let count = history.readings(&query)?.len();
        writeln!(out, "{count} readings of one series in {:.2?}", started.elapsed())?;
        let started = Instant::now();
        let pages =
            Pages::new(history, ReadingQuery { limit: 1_000, ..query }).collect::<Result<Vec<_>, _>>()?;
        let count: usize = pages.iter().map(Vec::len).sum();
        writeln!(out, "{count} readings in {} pages in {:.2?}", pages.len(), started.elapsed())?;
        for resolution in Resolution::ALL {
            let (from, to) = (UnixMillis(end - 30 * DAY), UnixMillis(end));
            let started = Instant::now();
            let count = history.rollup(&RollupQuery { series: series.clone(), resolution, from, to })?.len();
            writeln!(out, "{count} buckets of 30 days, {resolution:?}, in {:.2?}", started.elapsed())?;
        }
    }
    Ok(())
}

/// What each table takes.
fn sizes(path: &Path, stored: u64, out: &mut impl std::io::Write) -> Result<(), Box<dyn Error>> {
    let db = rusqlite::Connection::open(path)?;
    let of = |table| {
        let sum = |column| format!("coalesce(sum(length({column})), 0)");
        format!("SELECT '{table}', count(*), {}, {} FROM {table}", sum("columns"), sum("bits"))
    };
    let mut select = db.prepare(&format!("{} UNION ALL {}", of("chunk"), of("rollup")))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (table, count): (String, i64) = (row.get(0)?, row.get(1)?);
        let (columns, bits): (u64, u64) =
            (row.get::<_, i64>(2)?.try_into()?, row.get::<_, i64>(3)?.try_into()?);
        writeln!(
            out,
            "{table}: {count} rows, {:.2} bytes of columns and {:.2} of bits a reading",
            ratio(columns, stored),
            ratio(bits, stored)
        )?;
    }
    Ok(())
}

fn ratio(bytes: u64, readings: u64) -> f64 {
    let thousandths = bytes * 1_000 / readings.max(1);
    f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1_000.0
}
