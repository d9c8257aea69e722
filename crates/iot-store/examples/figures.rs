//! What the store does on this machine: commits a second, bytes a reading, how long opening and reading take.
//!
//! `cargo run --release -p iot-store --example figures [directory]` measures. The directory has to be on the
//! disk that is meant, and is made where it is not there; a file is made there and deleted.

mod opening;

use std::{
    env,
    error::Error,
    fs,
    io::{Write as _, stdout},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use iot_core::{
    NodeId, Series, UnixMillis,
    store::{Batch, History as _, ReadingQuery, Record, Store as _, StoredReading, Upkeep},
};
use iot_proto::{BootId, Finite, OwnedValue};
use iot_store::SqliteStore;

use self::opening::open;

/// Nodes with one temperature each, that report once a second.
const NODES: u32 = 1_000;

/// How long commits of one size are measured.
const MEASURE: Duration = Duration::from_secs(4);

/// Readings in the file of which size and times are told.
const MANY: u32 = 3_000_000;

/// Nodes that report in turn, at about the same point of every second.
struct Fleet {
    nodes: Vec<NodeId>,
    /// Reports so far.
    reports: u32,
    /// Tenths of a degree.
    temperatures: Vec<i32>,
    /// For a little irregularity; any sequence would do.
    random: u32,
}

impl Fleet {
    fn new() -> Self {
        let node = |number| NodeId::parse(&format!("plain:node-{number}"));
        let nodes: Vec<_> = (0..NODES).filter_map(node).collect();
        let temperatures = vec![215; nodes.len()];
        Self { nodes, reports: 0, temperatures, random: 1 }
    }

    fn random(&mut self, below: u32) -> u32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.random >> 8) % below
    }

    /// The next reports with one reading each, as one batch.
    fn batch(&mut self, reports: u32, batch: &mut Batch) -> Result<(), Box<dyn Error>> {
        batch.clear();
        for _ in 0..reports {
            let (second, node) = (self.reports / NODES, usize::try_from(self.reports % NODES)?);
            let step = i32::try_from(self.random(8))?;
            let temperature = &mut self.temperatures[node];
            // It stays as it was in three of four seconds.
            *temperature += if step == 0 { -1 } else { i32::from(step == 1) };
            let value = OwnedValue::Float(Finite::new(f64::from(*temperature) / 10.0)?);
            let measured = 1_767_225_600_000 + i64::from(second) * 1_000 + i64::from(self.random(20));
            let arrived = UnixMillis(measured + 1 + i64::from(self.random(4)));
            let (boot, sequence, gap) = (BootId(1), second + 1, 0);
            let node = self.nodes[node].clone();
            batch.records.push(Record::Report {
                node,
                boot,
                sequence,
                reports: 1,
                gap,
                arrived,
                readings: 1,
            });
            let measured = UnixMillis(measured);
            batch.readings.push(StoredReading { module: 0, channel: 1, measured, value });
            self.reports += 1;
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args_os().nth(1).map_or_else(env::temp_dir, PathBuf::from);
    fs::create_dir_all(&directory)?;
    let directory = tempfile::tempdir_in(directory)?;
    let path = directory.path().join("hub.db");
    let mut out = stdout().lock();
    writeln!(
        out,
        "| readings per commit | commits/s | readings/s | median | p99 | longest | step of upkeep, p99 | longest |\n|---|---|---|---|---|---|---|---|"
    )?;
    for size in [1, 10, 100, 1_000] {
        let row = commits(&path, size)?;
        writeln!(out, "{row}")?;
        fs::remove_file(&path)?;
    }

    let mut fleet = Fleet::new();
    let mut batch = Batch::default();
    let (mut store, history) = SqliteStore::open(&path)?;
    while fleet.reports < MANY {
        fleet.batch(100, &mut batch)?;
        store.commit(&batch)?;
        while store.upkeep()? == Upkeep::Due {}
    }
    // As a process that was killed leaves it: the log is not in the file yet, and nobody closed it.
    let killed = tempfile::tempdir_in(directory.path())?;
    for name in ["hub.db", "hub.db-wal"] {
        fs::copy(directory.path().join(name), killed.path().join(name))?;
    }
    drop((store, history));
    let bytes = fs::metadata(&path)?.len();
    writeln!(out, "\n{MANY} readings of {NODES} series: {:.2} bytes a reading", ratio(bytes, MANY))?;

    drop(open(&killed.path().join("hub.db"), "killed", &mut out)?);
    let (_store, history) = open(&path, "closed", &mut out)?;
    for limit in [240, 100_000] {
        let series = Series { node: fleet.nodes[7].clone(), module: 0, channel: 1 };
        let query = ReadingQuery { series, from: UnixMillis(0), to: UnixMillis(i64::MAX), limit };
        let started = Instant::now();
        let read = history.readings(&query)?.len();
        writeln!(out, "read {read} readings of one series in {:.1?}", started.elapsed())?;
    }
    Ok(())
}

/// Commits batches of one size until the time is over, and tells how it went.
fn commits(path: &Path, size: u32) -> Result<String, Box<dyn Error>> {
    let mut fleet = Fleet::new();
    let mut batch = Batch::default();
    let (mut store, _history) = SqliteStore::open(path)?;
    let (mut took, mut steps) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    while begun.elapsed() < MEASURE {
        fleet.batch(size, &mut batch)?;
        let started = Instant::now();
        store.commit(&batch)?;
        took.push(started.elapsed());
        let started = Instant::now();
        // As under load: another batch waits behind each step.
        store.upkeep()?;
        steps.push(started.elapsed());
    }
    let per_second = f64::from(u32::try_from(took.len())?) / begun.elapsed().as_secs_f64();
    let (commits, steps) = (Times::new(took), Times::new(steps));
    Ok(format!(
        "| {size} | {per_second:.0} | {:.0} | {:.2?} | {:.2?} | {:.2?} | {:.2?} | {:.2?} |",
        per_second * f64::from(size),
        commits.at(50),
        commits.at(99),
        commits.at(100),
        steps.at(99),
        steps.at(100)
    ))
}

/// How long something took, the shortest first.
struct Times(Vec<Duration>);

impl Times {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// What so many in a hundred did not exceed.
    fn at(&self, part: usize) -> Duration {
        self.0[(self.0.len() - 1) * part / 100]
    }
}

fn ratio(bytes: u64, readings: u32) -> f64 {
    // A file of this example is far below 4 GiB.
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / f64::from(readings)
}
