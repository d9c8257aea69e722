//! Tells what the care of a large file costs a hub that commits meanwhile: the time of a commit at the 50th
//! and 99th percentile, undisturbed, during a backup and during a look through the file.
//!
//! `cargo run --release -p iot-store --example disturbance DIRECTORY [MILLIONS OF READINGS]`

use std::{
    io::{Write as _, stdout},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use iot_core::{
    NodeId, UnixMillis,
    store::{Batch, Record, Store as _, StoredReading},
};
use iot_proto::{BootId, Finite, Name, OwnedValue};
use iot_store::{Existing, Inspection, SqliteStore, back_up, verify};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Nodes with a series each.
const NODES: u32 = 100;

/// Time between two commits while something else goes on.
const EVERY: Duration = Duration::from_millis(2);

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("say a directory on the disk to measure")?);
    let millions: u32 = arguments.next().map_or(Ok(10), |given| given.parse())?;
    let path = directory.join("disturbance.db");
    let (mut store, history) = SqliteStore::open(&path)?;
    let mut load = Load { store: &mut store, sequence: 0 };
    for _ in 0..millions * 100 {
        load.commit(100)?;
    }
    let size = std::fs::metadata(&path)?.len() / 1_000_000;
    tell(&format!("{millions} million readings, {size} MB"))?;

    row(
        "undisturbed",
        &load.beside(|| {
            thread::sleep(Duration::from_secs(3));
            Ok(())
        })?,
    )?;
    let copy = directory.join("copy.db");
    row(
        "backup",
        &load.beside(|| {
            back_up(&path, (&copy, Existing::Replace), None, &mut |_| ControlFlow::Continue(()))?;
            Ok(())
        })?,
    )?;
    let vacuumed = directory.join("vacuumed.db");
    row(
        "VACUUM INTO",
        &load.beside(|| {
            rusqlite::Connection::open(&path)?.execute("VACUUM INTO ?", [vacuumed.to_string_lossy()])?;
            Ok(())
        })?,
    )?;
    row("look through, in steps", &load.beside(|| look_through(&path))?)?;
    let verified = load.beside(|| {
        verify(&path, &mut |_| {})?;
        Ok(())
    })?;
    row("verify, at once", &verified)?;
    drop((store, history));

    let opened = Instant::now();
    let (store, _history) = SqliteStore::open(&path)?;
    tell(&format!("{:<24} {:>9.1} ms", "open", millis(opened.elapsed())))?;
    drop(store);
    for file in [path, copy, vacuumed] {
        std::fs::remove_file(file)?;
    }
    Ok(())
}

fn look_through(path: &Path) -> Outcome<()> {
    let mut inspection = Inspection::begin(path)?;
    loop {
        let began = Instant::now();
        if inspection.step()?.is_none() {
            return Ok(());
        }
        thread::sleep(began.elapsed() * 4);
    }
}

/// Commits reports of all nodes.
struct Load<'a> {
    store: &'a mut SqliteStore,
    sequence: u32,
}

impl Load<'_> {
    /// Commits a report of each node with so many readings.
    fn commit(&mut self, readings: u32) -> Outcome<()> {
        self.sequence += 1;
        let mut batch = Batch::default();
        for number in 0..NODES {
            let name = format!("node-{number}");
            let node = NodeId::plain(Name::new(&name)?);
            let arrived = UnixMillis(i64::from(self.sequence) * 1_000);
            let (boot, sequence, gap) = (BootId(1), self.sequence, 0);
            for at in 0..readings {
                // Values that cannot be packed well, so that few readings make a large file.
                let mixed = (self.sequence.wrapping_mul(1_000_003) ^ at.wrapping_mul(10_007) ^ number)
                    .wrapping_mul(0x9E37_79B9);
                let value = OwnedValue::Float(Finite::new(f64::from(mixed) / 1_000.0)?);
                let measured = UnixMillis(arrived.0 + i64::from(at) * 10);
                batch.readings.push(StoredReading { module: 0, channel: 1, measured, value });
            }
            let readings = usize::try_from(readings)?;
            batch.records.push(Record::Report { node, boot, sequence, reports: 1, gap, arrived, readings });
        }
        Ok(self.store.commit(&batch)?)
    }

    /// Commits, while something else goes on, and gives the time of each commit and of the whole.
    fn beside(&mut self, other: impl FnOnce() -> Outcome<()> + Send) -> Outcome<(Vec<Duration>, Duration)> {
        let (over, began) = (AtomicBool::new(false), Instant::now());
        let mut times = Vec::new();
        let outcome = thread::scope(|scope| {
            let other = scope.spawn(|| {
                let outcome = other().map_err(|error| error.to_string());
                over.store(true, Ordering::SeqCst);
                outcome
            });
            while !over.load(Ordering::SeqCst) {
                let commit = Instant::now();
                self.commit(1)?;
                times.push(commit.elapsed());
                thread::sleep(EVERY);
            }
            Outcome::Ok(other.join().map_err(|_| "it has panicked")?)
        })?;
        outcome?;
        Ok((times, began.elapsed()))
    }
}

fn row(what: &str, (times, whole): &(Vec<Duration>, Duration)) -> Outcome<()> {
    let mut times = times.clone();
    times.sort();
    let at = |percent: usize| millis(times.get(times.len() * percent / 100).copied().unwrap_or_default());
    let most = millis(times.last().copied().unwrap_or_default());
    tell(&format!(
        "{what:<24} {:>9.1} ms, {:>6} commits, p50 {:>7.2} ms, p99 {:>7.2} ms, most {most:>7.2} ms",
        millis(*whole),
        times.len(),
        at(50),
        at(99)
    ))
}

fn tell(line: &str) -> Outcome<()> {
    Ok(writeln!(stdout(), "{line}")?)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
