//! `prove claim`: a hub is claimed exactly once, by whoever has its code or sits at its machine, and does nothing before.
//!
//! The real binary is asked over real sockets. The race is run a second time where it is decided, at the store, with
//! as many threads: most of those who race for the page are turned away before they come that far.

use std::{
    net::TcpStream,
    path::Path,
    sync::{Barrier, atomic::AtomicU32, atomic::Ordering},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use iot_core::{
    UnixMillis,
    people::{By, Change, ChangeError, People, PeopleError, Role, User, UserName},
};
use iot_store::{SqlitePeople, SqliteStore};
use iot_web::{May, routes};
use tempfile::TempDir;

use super::{findings::Findings, frame::Frame};
use crate::{
    api::Api,
    hub::{HubProcess, Ports, configure},
    out,
};

/// Names and passwords that other devices come with.
const DEFAULTS: [(&str, &str); 6] = [
    ("admin", "admin"),
    ("admin", "password"),
    ("admin", ""),
    ("root", "root"),
    ("hub", "hub"),
    ("demo", "demo"),
];

/// How often and how long.
#[derive(Clone, Copy, Debug, Args)]
pub struct Options {
    /// Claims at one time
    #[arg(long, default_value_t = 1_000)]
    claims: u32,
    /// Wrong codes that are tried
    #[arg(long, default_value_t = 1_000)]
    codes: u32,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// Whether there is an owner is looked up before the transaction and not in it
    LookFirst,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    /// Owners after a race for the page, and after one at the store.
    owners_by_page: usize,
    owners_at_store: usize,
    /// Wrong codes that were tried, and those that were taken.
    codes: u32,
    codes_taken: u32,
    /// Routes that were asked before the claim, and those that did not refuse.
    routes: usize,
    open_routes: usize,
    /// Connections of nodes that were accepted before the claim.
    nodes_let_in: u32,
    /// Default names and passwords that were taken after the claim.
    defaults_taken: usize,
}

/// Runs the proof and judges it.
///
/// # Errors
/// When a hub cannot be run, a promise is broken, or a planted fault was not found.
pub fn run(options: &Options) -> Result<()> {
    let mut figures = Figures { owners_at_store: race_at_store(options)?, ..Figures::default() };
    if !options.frame.is_planted() {
        before_and_after(options, &mut figures)?;
    }
    let owners_at_store = figures.owners_at_store;
    options.frame.conclude(
        "claim",
        figures.to_findings(options),
        |Plant::LookFirst| owners_at_store > 1,
        "one owner, no wrong code, nothing before the claim, no default password",
    )
}

impl Figures {
    fn to_findings(self, options: &Options) -> Findings {
        let mut findings = Findings::default();
        findings.tell("claims", options.claims);
        // With the fault nobody races for the page.
        findings.exactly("owners_by_page", self.owners_by_page, usize::from(!options.frame.is_planted()));
        findings.exactly("owners_at_store", self.owners_at_store, 1);
        findings.tell("codes", self.codes);
        findings.zero("codes_taken", self.codes_taken);
        findings.tell("routes", self.routes);
        findings.zero("open_routes", self.open_routes);
        findings.zero("nodes_let_in", self.nodes_let_in);
        findings.zero("defaults_taken", self.defaults_taken);
        findings
    }
}

/// All claim at once, each on a connection of its own, as if each were another process.
fn race_at_store(options: &Options) -> Result<usize> {
    let directory = TempDir::new()?;
    let path = directory.path().join("hub.db");
    let (store, _) = SqliteStore::open(&path)?;
    let (start, threads) = (Barrier::new(16), 16);
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|thread| {
                let (start, path) = (&start, &path);
                scope.spawn(move || claim_many(options, path, start, thread..options.claims, threads))
            })
            .collect();
        all.into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?)
    })?;
    Ok(store.people()?.users()?.len())
}

/// Claims again and again, a name in so many.
fn claim_many(
    options: &Options,
    path: &Path,
    start: &Barrier,
    numbers: std::ops::Range<u32>,
    step: u32,
) -> Result<()> {
    let people = SqlitePeople::open(path);
    let looked = people.as_ref().map(People::users);
    start.wait();
    // The fault: what was looked at may be otherwise by the time that it counts.
    let found_nobody =
        options.frame.is_planted() && looked.is_ok_and(|users| users.is_ok_and(|all| all.is_empty()));
    let people = people?;
    for number in numbers.step_by(usize::try_from(step)?) {
        let user = User {
            name: UserName::new(&format!("u{number}"))?,
            role: Role::Admin,
            password: "$argon2id$".into(),
            since: UnixMillis(0),
        };
        let change = if found_nobody { Change::AddUser(user) } else { Change::Claim(user) };
        match people.change(&change, By { at: UnixMillis(0), who: "the race", why: "" }) {
            Ok(()) | Err(ChangeError::Refused(PeopleError::Claimed | PeopleError::TooMany { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What a hub does that nobody owns, the race for its page, and what it does afterwards.
fn before_and_after(options: &Options, figures: &mut Figures) -> Result<()> {
    let directory = TempDir::new()?;
    let ports = Ports::fixed()?;
    // All who race are to be heard, though they come from one address.
    configure(
        directory.path(),
        "max_web_connections = 2000\nmax_web_connections_per_address = 2000\nmax_sessions = 2000",
    )?;
    let hub = HubProcess::start_as_it_is(ports, directory.path(), &[])?;
    let api = &hub.api;
    for route in routes().filter(|route| !matches!(route.may, May::Always | May::ToClaim)) {
        figures.routes += 1;
        let path = route.path.replace("{node}", "plain:a").replace("{module}", "0").replace("{user}", "eve");
        let (status, to) = api.ask(route.method, &path)?;
        if status != 403 && !(status == 303 && to == "/claim") {
            out::progress(&format!("{} {path} answered {status}", route.method));
            figures.open_routes += 1;
        }
    }
    figures.nodes_let_in = u32::from(TcpStream::connect(("127.0.0.1", ports.tcp)).is_ok());
    ensure!(hub.logged("claim_code") == 1, "the log has the code once");
    figures.codes = options.codes;
    for number in 0..options.codes {
        let code = format!("{:026}", u128::from(number) * 7_777_777);
        let fields = [("code", code.as_str()), ("name", "eve"), ("password", "correct horse")];
        figures.codes_taken += u32::from(api.form("/claim", &fields)? != 403);
    }
    let owner = race_for_page(options, api)?;
    let users = SqlitePeople::open(&directory.path().join("hub.db"))?.users()?;
    figures.owners_by_page = users.len();
    ensure!(users.iter().all(|user| user.name.as_str() == owner), "who was told so owns the hub");
    for (name, password) in DEFAULTS {
        figures.defaults_taken += usize::from(api.clone().logged_in((name, password)).is_ok());
    }
    ensure!(hub.stop()?.success(), "the hub ends well");
    Ok(())
}

/// All claim the page at once, at the hub's machine and so without the code. Gives the name of whoever was told that
/// they own the hub.
fn race_for_page(options: &Options, api: &Api) -> Result<String> {
    let (next, threads) = (AtomicU32::new(0), 64);
    let start = Barrier::new(threads);
    let owners: Result<Vec<String>> = thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| -> Result<Vec<String>> {
                    start.wait();
                    let mut owners = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= options.claims {
                            return Ok(owners);
                        }
                        let name = format!("u{number}");
                        let fields = [("name", name.as_str()), ("password", "correct horse")];
                        if api.form("/claim", &fields)? == 303 {
                            owners.push(name);
                        }
                    }
                })
            })
            .collect();
        let mut owners = Vec::new();
        for thread in all {
            owners.extend(thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??);
        }
        Ok(owners)
    });
    let owners = owners?;
    ensure!(owners.len() == 1, "{} were told that they own the hub", owners.len());
    owners.into_iter().next().context("an owner")
}
