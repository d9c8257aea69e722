//! Turns single bits over in the files of a store, and cuts files short: what is damaged is refused, or does no harm.
//!
//! A story is told to the real store on real files. They are copied as a hub leaves them that was closed, and as
//! one leaves them that was killed. Each copy is damaged in one place, opened with the real store and compared with
//! the story. What is told apart here is which part of a file has no checksum.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use iot_core::{
    UnixMillis,
    audit::{AuditQuery, AuditRecord, Deed, Target},
    store::{Chronicle as _, GapQuery, History as _, Record, Resolution, RollupQuery, Store as _, Upkeep},
    view::CommandFilter,
};
use iot_proto::OwnedValue;
use iot_store::{Inspection, SqliteChronicle, SqliteStore, VerifyError};
use serde_json::{Value, json};

use super::{
    chance::Chance,
    findings::{Findings, Seen, seconds},
    found::Open,
    frame::Frame,
    story::{Finding, State, Story},
};

/// Batches of the story.
const BATCHES: usize = 60;

/// Batches that may be missing where the last two commits of a log are damaged.
const LAST: usize = 2;

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
    /// Look at the damage of this number alone
    #[arg(long)]
    only: Option<u64>,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
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
    let files = tell(&story, &path, options.frame.plant)?;
    files[0].write(&path)?;
    let rest = Rest::read(&open(&path, &story)?)?;
    let mut tallies = [Tally::default(), Tally::default(), Tally::default()];
    for number in 0..options.flips + options.truncations {
        let which = usize::try_from(chance.below(3)).unwrap_or(0);
        let (copy, damaged) = [(&files[0], "db"), (&files[1], "db"), (&files[1], "wal")][which];
        let mut copy = copy.clone();
        let bytes = if damaged == "wal" { copy.log.as_mut() } else { Some(&mut copy.file) };
        let bytes = bytes.context("a store that was killed leaves a log")?;
        let length = u64::try_from(bytes.len())?;
        let mut may_lack = if damaged == "wal" { LAST } else { 0 };
        let place = if number < options.flips {
            let bit = chance.below(length * 8);
            bytes[usize::try_from(bit / 8)?] ^= 1 << (bit % 8);
            format!("damage {number}, bit {} of byte {} of the {damaged}", bit % 8, bit / 8)
        } else {
            let left = chance.below(length);
            bytes.truncate(usize::try_from(left)?);
            may_lack *= BATCHES;
            format!("damage {number}, {left} bytes left of the {damaged}")
        };
        if options.only.is_some_and(|only| only != number) {
            continue;
        }
        copy.write(&path)?;
        let outcome = look(&path, &story, &rest, may_lack);
        tallies[which].count(&outcome, &place);
    }
    options.frame.conclude(
        "bitrot",
        to_findings(options, &tallies, begin.elapsed()),
        |Plant::WrongValue| tallies.iter().any(|tally| tally.of(Outcome::WrongValue) > 0),
        "all damage was harmless or found, and nothing was served that was never given",
    )
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
    for (batch, at) in batches.iter_mut().zip(1..) {
        batch.records.push(Record::Audit(Box::new(change(at))));
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

/// What somebody changed then.
fn change(at: i64) -> AuditRecord {
    AuditRecord {
        at: UnixMillis(at),
        by: "Ada".into(),
        deed: Deed::Name,
        target: Target { title: "node".into(), ..Target::default() },
        before: "attic".into(),
        after: format!("attic {at}").into(),
        why: "it moved".into(),
    }
}

/// Opens the store, and what reads beside it.
fn open(path: &Path, story: &Story) -> Result<(Open, SqliteChronicle)> {
    let open = SqliteStore::open_with(path, story.limits.clone())?;
    let chronicle = open.0.chronicle()?;
    Ok((open, chronicle))
}

/// What a store gives beside nodes, commands and readings as a hub needs them when it starts, each in words.
#[derive(Debug, PartialEq, Eq)]
struct Rest(BTreeSet<String>);

impl Rest {
    fn read((open, chronicle): &(Open, SqliteChronicle)) -> Result<Self> {
        let (from, to) = (UnixMillis(i64::MIN), UnixMillis(i64::MAX));
        let mut all = BTreeSet::new();
        let all_series = open.1.series()?;
        for node in all_series.iter().map(|series| &series.node) {
            let gaps = open.1.gaps(&GapQuery { node: node.clone(), from, to })?;
            all.extend(gaps.iter().map(|gap| format!("{node} {gap:?}")));
        }
        for series in all_series {
            for resolution in Resolution::ALL {
                let query = RollupQuery { series: series.clone(), resolution, from, to };
                all.extend(open.1.rollup(&query)?.iter().map(|bucket| format!("{series:?} {bucket:?}")));
            }
        }
        let commands =
            chronicle.commands(&CommandFilter { limit: usize::MAX, ..CommandFilter::default() })?;
        all.extend(commands.iter().map(|command| format!("{command:?}")));
        let changes = chronicle.audit(&AuditQuery { limit: usize::MAX, ..AuditQuery::default() })?;
        all.extend(changes.iter().map(|change| format!("{change:?}")));
        Ok(Self(all))
    }
}

/// What became of a damaged copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Everything is there and right.
    Harmless,
    /// Refused when it was opened or read, in words that say what to do.
    Refused,
    /// Something is missing, and the look through the file that follows each start tells it.
    FoundByLook,
    /// The last commits of the log are missing, as after a power cut.
    CutShort,
    /// Refused without advice.
    Unadvised,
    /// A reading was served that was never given.
    WrongValue,
    /// Something is missing, and nothing tells it.
    Missing,
    /// Something else than readings is another, and nothing tells it.
    WrongRecord,
    Panicked,
}

impl Outcome {
    const ALL: [(Self, &str); 9] = [
        (Self::Harmless, "harmless"),
        (Self::Refused, "refused"),
        (Self::FoundByLook, "found_by_look"),
        (Self::CutShort, "cut_short"),
        (Self::Unadvised, "unadvised"),
        (Self::WrongValue, "wrong_values"),
        (Self::Missing, "missing"),
        (Self::WrongRecord, "wrong_records"),
        (Self::Panicked, "panicked"),
    ];

    fn is_breach(self) -> bool {
        self >= Self::Unadvised
    }
}

/// Opens a damaged copy and reads everything. So many of the last batches may be missing.
fn look(path: &Path, story: &Story, rest: &Rest, may_lack: usize) -> (Outcome, String) {
    let seen = catch_unwind(AssertUnwindSafe(|| {
        let mut open = open(path, story)?;
        open.0.0.load()?;
        let state = State::read(&mut open.0.0, &open.0.1, UnixMillis(i64::MIN));
        Ok::<_, anyhow::Error>((state, Rest::read(&open)?))
    }));
    let (state, found) = match seen {
        Err(_) => return (Outcome::Panicked, String::new()),
        Ok(Err(why)) => {
            let why = why.to_string();
            let advises = why.contains("backup") || why.contains("check");
            return (if advises { Outcome::Refused } else { Outcome::Unadvised }, why);
        }
        Ok(Ok((None, _))) => return (Outcome::Refused, String::new()),
        Ok(Ok((Some(state), found))) => (state, found),
    };
    let all = story.batches.len();
    let judge = |promised: usize| story.judge(&state, promised, all);
    let outcome = match (judge(all), judge(all.saturating_sub(may_lack)), judge(0)) {
        (Finding::After(_), ..) if found == *rest => return (Outcome::Harmless, String::new()),
        (Finding::After(_), ..) if found.0.is_subset(&rest.0) => Outcome::Missing,
        (Finding::After(_), ..) => Outcome::WrongRecord,
        (_, Finding::After(_), _) => return (Outcome::CutShort, String::new()),
        // Where nothing need be there, nothing is missing.
        (.., Finding::Phantom) => Outcome::WrongValue,
        (Finding::Lost, ..) => Outcome::Missing,
        (..) => Outcome::WrongRecord,
    };
    if outcome == Outcome::Missing && inspect(path).is_err_and(|why| why.is_damage()) {
        return (Outcome::FoundByLook, String::new());
    }
    (outcome, found.0.symmetric_difference(&rest.0).next().cloned().unwrap_or_default())
}

/// Looks through the file as a hub does.
fn inspect(path: &Path) -> Result<(), VerifyError> {
    let mut inspection = Inspection::begin(path)?;
    while inspection.step()?.is_some() {}
    Ok(())
}

/// What became of damaged copies of one file.
#[derive(Debug, Default)]
struct Tally {
    counts: BTreeMap<Outcome, u64>,
    /// Breaches in words.
    seen: Seen,
}

impl Tally {
    fn count(&mut self, (outcome, why): &(Outcome, String), place: &str) {
        *self.counts.entry(*outcome).or_default() += 1;
        if outcome.is_breach() {
            self.seen.tell(format!("{place}: {outcome:?} {why}"));
        }
    }

    fn of(&self, outcome: Outcome) -> u64 {
        self.counts.get(&outcome).copied().unwrap_or(0)
    }

    fn to_json(&self) -> Value {
        Outcome::ALL.iter().map(|(outcome, name)| ((*name).to_owned(), json!(self.of(*outcome)))).collect()
    }
}

fn to_findings(options: &Options, tallies: &[Tally; 3], elapsed: Duration) -> Findings {
    let mut findings = Findings::default();
    findings.tell("proof", "bitrot");
    findings.tell("seed", options.seed);
    findings.tell("flips", options.flips);
    findings.tell("truncations", options.truncations);
    for (name, tally) in ["file_closed", "file_killed", "log_killed"].into_iter().zip(tallies) {
        findings.tell(name, tally.to_json());
        findings.add(&tally.seen);
    }
    findings.tell("seconds", seconds(elapsed));
    findings
}
