//! `flood`: hostile peers at line rate beside good nodes, on both ports of the real binary.
//!
//! Two hundred peers, each at an address of its own, do what a broken or hostile peer can do without being let
//! in. A thousand good nodes and somebody who opens pages must not notice, and when it is over the hub must
//! not hold more memory than before.

mod peer;

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use self::peer::Flood;
use super::{
    findings::Findings,
    frame::Frame,
    site::{Fared, Mark, Site, Visitor, Visits},
};
use crate::{hub::Launch, wait::until};

/// How to flood.
#[derive(Debug, Args)]
pub struct Options {
    /// How many seconds
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Good nodes, each with a report a second
    #[arg(long, default_value_t = 1_000)]
    nodes: u32,
    /// Hostile peers, 1 to 250
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u8).range(1..=250))]
    peers: u8,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The hub lets in whoever comes, and its limits are lifted
    OpenDoor,
    /// Hostile peers come under the names of good nodes, and the hub lets in whoever comes, wherever from
    Impostors,
}

/// Good nodes are acknowledged within this, 99 of 100 times, and pages come within it.
const WITHIN: Duration = Duration::from_millis(250);

/// The hub has given back its memory after this time.
const CALM: Duration = Duration::from_mins(1);

/// What it may hold more than before, when it did the same without the flood: the inbox is full, and an allocator keeps
/// some of what it was given.
const MORE_KIB: u64 = 8 * 1024;

/// What the hub may write into its log, as documented: 20 lines a minute about each peer, and as many again
/// about what it has left out.
const LINES_A_MINUTE_AND_PEER: u64 = 40;

/// What a run counted.
struct Figures {
    flood: Value,
    good: Fared,
    visits: Visits,
    limits: Value,
    lines_a_minute: u64,
    before_kib: u64,
    most_kib: u64,
    after_kib: u64,
    seconds: f64,
    peers: u8,
}

/// Floods as planned, prints what was found, and judges it.
///
/// # Errors
/// When the hub does not start, or a promise was broken; with a planted fault, when it was not found.
pub fn run(options: &Options) -> Result<()> {
    let figures = flood(options)?;
    let (is_broken, dropped) = (!figures.breaches().is_empty(), figures.good.dropped);
    options.frame.conclude(
        "flood",
        figures.into_findings(),
        |plant| match plant {
            Plant::OpenDoor => is_broken,
            Plant::Impostors => dropped > 0,
        },
        "no good node was dropped, and the hub is as it was",
    )
}

fn flood(options: &Options) -> Result<Figures> {
    let (settings, registration) = match options.frame.plant {
        Some(Plant::OpenDoor) => (
            "max_messages_per_s = 1000000\nmax_sessions_per_address = 10000\n\
             max_web_connections = 10000\nmax_web_connections_per_address = 10000",
            "open",
        ),
        Some(Plant::Impostors) => ("", "open"),
        None => ("", "approve"),
    };
    let arguments = ["--registration", registration];
    let site = Site::open(options.nodes, Launch::default(), settings, &arguments)?;
    site.warm()?;
    let mark = site.mark()?;
    let lines = site.hub.logged("");
    let names: Vec<_> = match options.frame.plant {
        Some(Plant::Impostors) => site.names().map(String::from).collect(),
        Some(Plant::OpenDoor) | None => Vec::new(),
    };
    let visitor = Visitor::start(&site.hub.api);
    let flood = Flood::start(site.hub.tcp, site.hub.api.address(), options.peers, names)?;
    let (time, mut most_kib) = (Duration::from_secs(options.seconds), mark.resident_kib());
    let began = Instant::now();
    until("the flood is over", time + CALM, || {
        most_kib = most_kib.max(site.hub.usage()?.resident_kib);
        Ok((began.elapsed() >= time).then_some(()))
    })?;
    let good = site.since(&mark);
    let seconds = began.elapsed().as_secs_f64();
    let flood = flood.end()?;
    let visits = visitor.end()?;
    let limits = site.hub.api.get("/overview")?["limits_reached"].clone();
    let lines = u64::try_from(site.hub.logged("") - lines)?;
    let after_kib = match options.frame.plant {
        // What it holds is not what this one shows.
        Some(Plant::Impostors) => site.hub.usage()?.resident_kib,
        Some(Plant::OpenDoor) | None => calm(&site, &mark)?,
    };
    site.close()?;
    Ok(Figures {
        flood,
        good,
        visits,
        limits,
        // What a minute allows may be written in its first second.
        lines_a_minute: lines / options.seconds.div_ceil(60).max(1),
        before_kib: mark.resident_kib(),
        most_kib,
        after_kib,
        seconds,
        peers: options.peers,
    })
}

/// Waits until the hub holds no more than before, or for as long as it may take: what it holds then.
fn calm(site: &Site, before: &Mark) -> Result<u64> {
    let (began, mut kib) = (Instant::now(), u64::MAX);
    until("the hub is calm", CALM * 2, || {
        kib = site.hub.usage()?.resident_kib;
        Ok((kib <= before.resident_kib() + MORE_KIB || began.elapsed() >= CALM).then_some(()))
    })?;
    Ok(kib)
}

impl Figures {
    fn breaches(&self) -> Vec<String> {
        let mut breaches = self.good.breaches(WITHIN);
        breaches.extend(self.visits.breaches(WITHIN));
        if self.after_kib > self.before_kib + MORE_KIB {
            breaches
                .push(format!("{} KiB are held after the flood, {} before", self.after_kib, self.before_kib));
        }
        let most = LINES_A_MINUTE_AND_PEER * u64::from(self.peers);
        if self.lines_a_minute > most {
            breaches.push(format!("{} lines a minute in the log", self.lines_a_minute));
        }
        breaches
    }

    fn into_findings(self) -> Findings {
        let mut findings = Findings::default();
        self.breaches().into_iter().for_each(|what| findings.breach(what));
        findings.tell("hostile", self.flood);
        findings.tell("good", self.good.to_json());
        findings.tell("pages", self.visits.to_json());
        findings.tell("limits_reached", self.limits);
        findings.tell("log_lines_a_minute", self.lines_a_minute);
        findings.tell(
            "resident_kib",
            json!({ "before": self.before_kib, "most": self.most_kib, "after": self.after_kib }),
        );
        findings.tell("seconds", self.seconds.round());
        findings
    }
}
