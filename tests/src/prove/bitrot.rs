//! Turns single bits over in the files of a store, and cuts files short: what is damaged is refused, or does no harm.
//!
//! A story is told to the real store on real files. They are copied as a hub leaves them that was closed, and as
//! one leaves them that was killed. Each copy is damaged in one place, opened with the real store and compared with
//! the story. What is told apart here is which part of a file has no checksum.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use iot_core::{
    UnixMillis,
    store::{Store as _, Upkeep},
};
use iot_proto::OwnedValue;
use iot_store::SqliteStore;
use serde_json::{Map, Value, json};

use super::{
    chance::Chance,
    found::{print, seconds},
    story::{Finding, State, Story},
};
use crate::out;

/// Batches of the story.
const BATCHES: usize = 60;

/// Where files are kept that need not outlive the run.
const MEMORY: &str = "/dev/shm";

/// How much to damage.
#[derive(Debug, Args)]
pub struct Options {
    /// Bits that are turned over, one at a time
    #[arg(long, default_value_t = 100_000)]
    flips: u64,
    /// Files that are cut short, one at a time
    #[arg(long, default_value_t = 10_000)]
    truncations: u64,
    /// Where what is random begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Plant a fault that must be found
    #[arg(long)]
    plant: Option<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plant {
    /// One bit of a value is another one and all checksums are right, as if none were looked at
    WrongValue,
}

/// Runs it and prints its figures.
///
/// # Errors
/// What fell short, or what could not be done.
pub fn run(options: &Options) -> Result<()> {
    let begin = Instant::now();
    let memory = Path::new(MEMORY);
    let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }?;
    let path = directory.path().join("hub.db");
    let mut chance = Chance::new(options.seed, 1);
    let story = Story::keeping(None, &mut chance, BATCHES);
    let files = tell(&story, &path, options.plant)?;
    let mut tallies = [Tally::default(), Tally::default(), Tally::default()];
    for number in 0..options.flips + options.truncations {
        let which = usize::try_from(chance.below(3)).unwrap_or(0);
        let (copy, damaged) = [(&files[0], "db"), (&files[1], "db"), (&files[1], "wal")][which];
        let mut copy = copy.clone();
        let bytes = if damaged == "wal" { copy.log.as_mut() } else { Some(&mut copy.file) };
        let bytes = bytes.context("a store that was killed leaves a log")?;
        let length = u64::try_from(bytes.len())?;
        if number < options.flips {
            let bit = chance.below(length * 8);
            bytes[usize::try_from(bit / 8)?] ^= 1 << (bit % 8);
        } else {
            bytes.truncate(usize::try_from(chance.below(length))?);
        }
        copy.write(&path)?;
        tallies[which].look(&path, &story);
    }
    print(to_map(options, &tallies, begin.elapsed()), options.json);
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    let (wrong, panicked) = (sum(|tally| tally.wrong_values), sum(|tally| tally.panicked));
    if options.plant.is_some() {
        ensure!(wrong > 0, "the planted fault was not found: the proof proves nothing");
        out::progress(&format!("bitrot: the planted fault was found, {wrong} times"));
        return Ok(());
    }
    ensure!(wrong + panicked == 0, "{wrong} wrong values were served, and {panicked} panics");
    out::progress("bitrot: no reading was served that was never given");
    Ok(())
}

/// Files as a hub leaves them.
#[derive(Clone, Debug)]
struct Files {
    file: Vec<u8>,
    log: Option<Vec<u8>>,
}

impl Files {
    fn read(path: &Path) -> Result<Self> {
        let log = beside(path, "-wal");
        let log = if log.exists() { Some(fs::read(log)?) } else { None };
        Ok(Self { file: fs::read(path)?, log })
    }

    /// Puts them in the place of those that are there.
    fn write(&self, path: &Path) -> Result<()> {
        for ending in ["-wal", "-shm", "-journal"] {
            let other = beside(path, ending);
            if other.exists() {
                fs::remove_file(other)?;
            }
        }
        fs::write(path, &self.file)?;
        if let Some(log) = &self.log {
            fs::write(beside(path, "-wal"), log)?;
        }
        Ok(())
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", path.display()))
}

/// Tells the story, and gives the files of a hub that was closed and of one that was killed.
fn tell(story: &Story, path: &Path, plant: Option<Plant>) -> Result<[Files; 2]> {
    let mut batches = story.batches.clone();
    for reading in batches.iter_mut().flat_map(|batch| &mut batch.readings) {
        if let OwnedValue::Int(value) = &mut reading.value
            && plant.is_some()
        {
            *value ^= 1 << 20;
        }
    }
    // Of the one that was killed, half lies in the file and half in the log.
    let mut killed = None;
    for half in batches.chunks(BATCHES / 2) {
        let mut open = SqliteStore::open_with(path, story.limits.clone())?;
        for batch in half {
            open.0.commit(batch)?;
            while open.0.upkeep()? == Upkeep::Due {}
        }
        killed = Some(Files::read(path)?);
    }
    Ok([Files::read(path)?, killed.context("a story has two halves")?])
}

/// What became of damaged copies of one file.
#[derive(Debug, Default)]
struct Tally {
    /// Everything is there and right.
    harmless: u64,
    /// Refused when it was opened or read, in words that say what to do.
    refused: u64,
    /// Refused without advice.
    unadvised: u64,
    /// The last commits are missing, and nothing tells it.
    cut_short: u64,
    /// A reading was served that was never given.
    wrong_values: u64,
    /// Readings are missing, and nothing tells it.
    missing_values: u64,
    /// Nodes, commands or the last reports are others, and nothing tells it.
    wrong_records: u64,
    panicked: u64,
}

impl Tally {
    fn look(&mut self, path: &Path, story: &Story) {
        let seen = catch_unwind(AssertUnwindSafe(|| {
            let mut open =
                SqliteStore::open_with(path, story.limits.clone()).map_err(|error| error.to_string())?;
            open.0.load().map_err(|error| error.to_string())?;
            Ok::<_, String>(State::read(&mut open.0, &open.1, UnixMillis(i64::MIN)))
        }));
        let all = story.batches.len();
        let count = match seen {
            Err(_) => &mut self.panicked,
            Ok(Err(why)) if !why.contains("backup") && !why.contains("check") => &mut self.unadvised,
            Ok(Err(_) | Ok(None)) => &mut self.refused,
            Ok(Ok(Some(found))) => match (story.judge(&found, all, all), story.judge(&found, 0, all)) {
                (Finding::After(_), _) => &mut self.harmless,
                (_, Finding::After(_)) => &mut self.cut_short,
                (_, Finding::Phantom) => &mut self.wrong_values,
                (Finding::Lost, _) => &mut self.missing_values,
                (_, _) => &mut self.wrong_records,
            },
        };
        *count += 1;
    }

    fn to_json(&self) -> Value {
        json!({
            "harmless": self.harmless,
            "refused": self.refused,
            "unadvised": self.unadvised,
            "cut_short": self.cut_short,
            "wrong_values": self.wrong_values,
            "missing_values": self.missing_values,
            "wrong_records": self.wrong_records,
            "panicked": self.panicked,
        })
    }
}

fn to_map(options: &Options, tallies: &[Tally; 3], elapsed: Duration) -> Map<String, Value> {
    let mut figures = Map::new();
    figures.insert("proof".into(), "bitrot".into());
    figures.insert("plant".into(), json!(options.plant.map(|_| "wrong-value")));
    figures.insert("seed".into(), options.seed.into());
    figures.insert("flips".into(), options.flips.into());
    figures.insert("truncations".into(), options.truncations.into());
    for (name, tally) in ["file_closed", "file_killed", "log_killed"].into_iter().zip(tallies) {
        figures.insert(name.into(), tally.to_json());
    }
    figures.insert("seconds".into(), seconds(elapsed).into());
    figures
}
