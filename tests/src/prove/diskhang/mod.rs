//! `diskhang`: the disk of the hub hangs under load, with a real file system that is frozen.
//!
//! The proof runs in a mount namespace of its own, with a file system in a file as the data directory. While the disk
//! hangs nothing may be acknowledged, and the pages must stay up for whoever was let in before, and say so; once it
//! answers the hub has to go on by itself, and what it ever acknowledged must be there, even after it was killed.

mod hanging_disk;

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;

use self::hanging_disk::HangingDisk;
use super::{
    findings::{Findings, Seen, most, seconds},
    frame::Frame,
    load::{self, Compared, Load},
    namespace::{self, Mounts, Namespace},
};
use crate::{
    api::Api,
    hub::{HubProcess, Ports},
    out,
    wait::until,
};

/// How to let the disk hang.
#[derive(Debug, Args)]
pub struct Options {
    /// How often the disk hangs
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    #[command(flatten)]
    frame: Frame<Plant>,
    #[command(flatten)]
    namespace: Namespace,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The hub keeps everything in memory
    Memory,
}

/// Size of the disk in MiB.
const DISK_MIB: u64 = 128;

/// The last commit of a load that rests has ended after this.
const REST: Duration = Duration::from_millis(500);

/// The hub must say within this that its store does not answer: it waits 5 s, and a commit may be behind an upkeep.
const NOTICE: Duration = Duration::from_secs(7);

/// Within this it must store again once the disk answers.
const RECOVERY: Duration = Duration::from_secs(5);

/// Within this each page must come that is asked for while the store is known not to answer; those who ask first find that
/// out, within `FIRST`.
const PAGE: Duration = Duration::from_secs(1);
const FIRST: Duration = Duration::from_secs(20);

/// How often all pages are looked at after those who ask first.
const LOOKS: u32 = 5;

/// What is looked at, and whether it says so itself that the store does not answer.
const PAGES: [(&str, bool); 7] = [
    ("/", true),
    ("/nodes", true),
    ("/store", true),
    ("/commands", true),
    ("/inbox", true),
    ("/api/v1/store", true),
    ("/api/v1/nodes", false),
];

/// What a run counted.
#[derive(Debug, Default)]
struct Figures {
    rounds: u32,
    acknowledged: u64,
    acknowledged_while_hanging: u64,
    compared: Compared,
    /// From the disk that hangs to the hub's word that its store does not answer.
    noticed: Vec<Duration>,
    /// Pages and answers of the API for who asks first, and for who asks later.
    first: Vec<Duration>,
    pages: Vec<Duration>,
    /// From a disk that answers to the acknowledgement of every node.
    recovered: Vec<Duration>,
    seen: Seen,
    elapsed: Duration,
}

/// Lets the disk hang as planned, prints what was found, and judges it.
///
/// # Errors
/// When the machine allows no mount, the hub does not start, or a promise was broken; with a planted fault,
/// when it was not found.
pub fn run(options: &Options) -> Result<()> {
    if !options.namespace.is_own() {
        return namespace::run_in_own(Mounts::File);
    }
    let figures = hang(options)?;
    options.frame.conclude(
        "diskhang",
        figures.to_findings(),
        |Plant::Memory| figures.acknowledged_while_hanging > 0 && figures.compared.lost > 0,
        "nothing was acknowledged that was not kept, and the pages stayed up",
    )
}

fn hang(options: &Options) -> Result<Figures> {
    let disk = HangingDisk::mount(DISK_MIB)?;
    let ports = Ports::fixed()?;
    let store = if options.frame.is_planted() { "memory" } else { "disk" };
    let arguments = ["--registration", "open", "--store", store];
    let hub = HubProcess::start_on(ports, &disk.data_dir(), &arguments)?;
    let (load, mut figures) = (Load::new(), Figures::default());
    let started = Instant::now();
    thread::scope(|scope| {
        let _end = load.end_when_dropped();
        load.live(scope, hub.tcp);
        for round in 1..=options.rounds {
            load.await_more()?;
            hang_once(&disk, &hub, &load, &mut figures)?;
            let of = options.rounds;
            out::progress(&format!("{round} of {of} rounds, {} acknowledged", load.acknowledged()));
        }
        load.await_more()
    })?;
    figures.acknowledged = load.acknowledged();
    hub.kill()?;
    let hub = HubProcess::start_on(ports, &disk.data_dir(), &arguments)?;
    figures.compared = load.compare(&hub.api, &mut figures.seen)?;
    figures.elapsed = started.elapsed();
    Ok(figures)
}

/// Lets the disk hang, looks at the hub meanwhile, lets it go on, and waits for every node.
fn hang_once(disk: &HangingDisk, hub: &HubProcess, load: &Load, figures: &mut Figures) -> Result<()> {
    // Who asks is known from here on.
    hub.api.get("/nodes")?;
    figures.rounds += 1;
    // A disk that begins to hang under a commit still lets the store be read; one that nobody writes to then may not.
    let rests = figures.rounds % 2 == 1;
    load.rest(rests);
    if rests {
        thread::sleep(REST);
    }
    let hangs = disk.hang()?;
    load.rest(false);
    let begun = Instant::now();
    let stranger = Api::new(hub.api.address());
    let said = until("the hub says that its store does not answer", NOTICE, || {
        Ok((stranger.page("/healthz")?.0 == 503).then(|| begun.elapsed()))
    });
    match said {
        Ok(after) => figures.noticed.push(after),
        Err(error) => figures.seen.tell(format!("round {}: {error:#}", figures.rounds)),
    }
    let before = load.acknowledged();
    figures.first.extend(look(hub, FIRST, &mut figures.seen)?);
    for _ in 0..LOOKS {
        figures.pages.extend(look(hub, PAGE, &mut figures.seen)?);
    }
    let name = json!({ "title": "Hangs", "place": "" });
    let asked = Instant::now();
    let named = hub.api.post(&format!("/nodes/{}/name", load::id(0)), &name)?;
    let took = asked.elapsed();
    if named.0 != 503 || took > PAGE {
        let told =
            format!("a person who named a node while the disk hung was answered {named:?} after {took:?}");
        figures.seen.tell(told);
    }
    let more = load.acknowledged() - before;
    if more > 0 {
        figures.acknowledged_while_hanging += more;
        figures.seen.tell(format!("{more} readings were acknowledged while the disk hung"));
    }

    let at = load.each();
    drop(hangs);
    match load.await_again(&hub.api, &at, RECOVERY) {
        Ok(after) => figures.recovered.push(after),
        Err(error) => figures.seen.tell(format!("round {}: {error:#}", figures.rounds)),
    }
    Ok(())
}

/// Opens pages as a person does who was let in before, and sees whether they say that the store does not answer. Gives how
/// long each took.
fn look(hub: &HubProcess, within: Duration, seen: &mut Seen) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for (path, says_so) in PAGES {
        let asked = Instant::now();
        let (status, text) = hub.api.page(path)?;
        let took = asked.elapsed();
        if status != 200 {
            seen.tell(format!("{path} was answered with {status} while the disk hung"));
        } else if says_so && !text.contains("has not answered") {
            seen.tell(format!("{path} does not say that the store does not answer"));
        } else if took > within {
            seen.tell(format!("{path} took {took:?} while the disk hung"));
        }
        times.push(took);
    }
    Ok(times)
}

impl Figures {
    fn to_findings(&self) -> Findings {
        let mut findings = Findings::default();
        findings.add(&self.seen);
        findings.tell("rounds", self.rounds);
        findings.tell("acknowledged", self.acknowledged);
        findings.zero("acknowledged_while_hanging", self.acknowledged_while_hanging);
        self.compared.tell(&mut findings);
        findings.tell("pages", self.first.len() + self.pages.len());
        findings.tell("first_most_ms", most(&self.first));
        findings.tell("page_most_ms", most(&self.pages));
        findings.tell("noticed_most_ms", most(&self.noticed));
        findings.tell("recovered_most_ms", most(&self.recovered));
        findings.tell("seconds", seconds(self.elapsed));
        findings
    }
}
