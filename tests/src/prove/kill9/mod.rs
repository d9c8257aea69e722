//! `kill9`: the hub is killed at random moments under load, and what it promised is still there.
//!
//! Some tens of nodes keep reports in flight and people switch relays; a book outside of the hub
//! notes what was sent and what was acknowledged. The run ends with the first breach, and then leaves the
//! data as the hub left it.

mod book;
mod figures;
mod node;
mod people;
mod stage;
mod verify;

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use tempfile::TempDir;

use self::{
    book::Book,
    figures::Figures,
    node::Node,
    stage::{Place, Stage},
    verify::{Breaches, Scope},
};
use super::{chance::Chance, frame::Frame};
use crate::{
    hub::{HubProcess, Ports},
    out,
    wait::until,
};

/// How often to kill, and under which load.
#[derive(Debug, Args)]
pub struct Options {
    /// How often
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// Readings that are acknowledged in all, at least
    #[arg(long, default_value_t = 50_000)]
    acknowledged: u64,
    /// Nodes that report, 1 to 64
    #[arg(long, default_value_t = 40)]
    nodes: u8,
    /// Where what is random begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The hub keeps everything in memory
    Memory,
}

/// People who command.
const PEOPLE: u64 = 2;

/// Longest time between the last goal of a life and its end.
const LINGER: Duration = Duration::from_millis(150);

/// Longest time from a start to a kill that falls into it.
const STUMBLE: Duration = Duration::from_millis(60);

/// Once in so many kills another one falls into the start that follows.
const STUMBLES: u64 = 6;

/// Once in so many kills nothing is verified, so that the next may come soon.
const UNVERIFIED: u64 = 3;

/// Every so many lives all readings are verified, and not only new ones.
const FULL: u32 = 50;

/// Longest wait for the load to reach its goal, and for everything to come to its end.
const PATIENCE: Duration = Duration::from_mins(2);

/// Kills the hub as planned, prints what was found, and judges it.
///
/// # Errors
/// When the hub does not start, ends by itself or stands still, or a promise was broken; with a planted fault, when it
/// was not found.
pub fn run(options: &Options) -> Result<()> {
    let figures = kill(options)?;
    options.frame.conclude(
        "kill9",
        figures.to_findings(),
        |Plant::Memory| figures.breaches.lost > 0,
        "nothing was lost, and nothing ran twice",
    )
}

fn kill(plan: &Options) -> Result<Figures> {
    ensure!((1..=book::MAX_NODES).contains(&plan.nodes), "1 to {} nodes", book::MAX_NODES);
    let book = Book::new(plan.nodes)?;
    let stage = Stage::new();
    let mut director = Director {
        plan,
        book: &book,
        stage: &stage,
        data_dir: TempDir::new()?,
        ports: Ports::fixed()?,
        chance: Chance::new(plan.seed, 0),
        lives: 0,
        kills: 0,
        kills_at_start: 0,
        ready: Vec::new(),
        verified: vec![0; plan.nodes.into()],
    };
    let started = Instant::now();
    let outcome = thread::scope(|scope| {
        let _curtain = stage.curtain();
        for (number, page) in (0..).zip(&book.pages) {
            let chance = Chance::new(plan.seed, PEOPLE + 1 + u64::from(number));
            let node = Node::new(number, page, &book, &stage, chance);
            scope.spawn(|| node.live());
        }
        for person in 1..=PEOPLE {
            let (book, stage) = (&book, &stage);
            scope.spawn(move || people::command(book, stage, Chance::new(plan.seed, person)));
        }
        director.direct()
    });
    if !outcome.as_ref().is_ok_and(Breaches::is_empty) {
        director.data_dir.disable_cleanup(true);
    }
    let breaches = outcome.with_context(|| {
        let trouble = book.ledger().trouble.clone();
        let data_dir = director.data_dir.path().display();
        format!("after {} kills; seed {}; data in {data_dir}; last: {trouble}", director.kills, plan.seed)
    })?;
    let commands = book.ledger().commands.values().filter(|known| known.acknowledged.is_some()).count();
    Ok(Figures {
        kills: director.kills,
        kills_at_start: director.kills_at_start,
        acknowledged_readings: book.acknowledged(),
        acknowledged_commands: commands,
        breaches,
        ready: director.ready,
        elapsed: started.elapsed(),
        seed: plan.seed,
    })
}

/// Starts, kills and verifies.
#[derive(Debug)]
struct Director<'a> {
    plan: &'a Options,
    book: &'a Book,
    stage: &'a Stage,
    data_dir: TempDir,
    ports: Ports,
    chance: Chance,
    lives: u32,
    kills: u32,
    kills_at_start: u32,
    ready: Vec<Duration>,
    /// For each node the number of the first reading that was not yet verified.
    verified: Vec<u32>,
}

impl Director<'_> {
    /// The whole run: what was found at its end, or at the first look that found something.
    fn direct(&mut self) -> Result<Breaches> {
        let mut hub = self.start()?;
        while self.kills < self.plan.kills {
            self.await_load()?;
            self.stage.down();
            check_log(&hub)?;
            hub.kill()?;
            self.kills += 1;
            if self.kills < self.plan.kills && self.chance.one_in(STUMBLES) {
                let (after, more) = (self.chance.within(STUMBLE), self.arguments());
                HubProcess::stumble(self.ports, self.data_dir.path(), &more, after)?;
                self.kills += 1;
                self.kills_at_start += 1;
            }
            hub = self.start()?;
            if !self.chance.one_in(UNVERIFIED) {
                let breaches = self.verify(&hub)?;
                if !breaches.is_empty() {
                    return Ok(breaches);
                }
            }
            if self.lives.is_multiple_of(FULL) {
                out::progress(&format!(
                    "{} of {} kills, {} readings acknowledged",
                    self.kills,
                    self.plan.kills,
                    self.book.acknowledged()
                ));
            }
        }
        self.finish(&hub)
    }

    /// Starts the hub and takes the time until its API answers.
    fn start(&mut self) -> Result<HubProcess> {
        let started = Instant::now();
        let hub = HubProcess::start_on(self.ports, self.data_dir.path(), &self.arguments())?;
        hub.api.get("/overview")?;
        self.ready.push(started.elapsed());
        self.lives += 1;
        self.stage.up(Place { life: self.lives, tcp: hub.tcp, api: hub.api.clone() });
        Ok(hub)
    }

    fn arguments(&self) -> Vec<&str> {
        let store = if self.plan.frame.is_planted() { "memory" } else { "disk" };
        vec!["--registration", "open", "--store", store]
    }

    /// Waits for this life's share of the load, and then for a random moment.
    fn await_load(&mut self) -> Result<()> {
        let share = u64::from(self.kills) + 1;
        let goal = self.plan.acknowledged * share / u64::from(self.plan.kills.max(1));
        until(&format!("{goal} readings acknowledged"), PATIENCE, || {
            Ok((self.book.acknowledged() >= goal).then_some(()))
        })?;
        thread::sleep(self.chance.within(LINGER));
        Ok(())
    }

    /// Looks at what came since the last look, at all of one node, and every so often at everything.
    fn verify(&mut self, hub: &HubProcess) -> Result<Breaches> {
        let mut breaches = Breaches::default();
        let sample = self.chance.below(self.plan.nodes.into());
        let is_full = self.lives.is_multiple_of(FULL);
        for (number, verified) in (0..).zip(&mut self.verified) {
            let scope = if is_full || u64::from(number) == sample {
                Scope::Everything
            } else {
                Scope::Since(*verified)
            };
            *verified = verify::readings(&hub.api, self.book, number, scope, &mut breaches)?;
        }
        verify::commands(&hub.api, self.book, &mut breaches)?;
        verify::ledger(&self.book.ledger(), &mut breaches);
        Ok(breaches)
    }

    /// Lets everything come to its end, and looks at everything.
    fn finish(&mut self, hub: &HubProcess) -> Result<Breaches> {
        self.stage.rest();
        let mut breaches = Breaches::default();
        until("every report acknowledged and every command ended", PATIENCE, || {
            let under_way = verify::commands(&hub.api, self.book, &mut breaches)?;
            Ok((under_way == 0 && self.book.all_acknowledged()).then_some(()))
        })?;
        for number in 0..self.plan.nodes {
            verify::readings(&hub.api, self.book, number, Scope::Everything, &mut breaches)?;
        }
        verify::ledger(&self.book.ledger(), &mut breaches);
        check_log(hub)?;
        Ok(breaches)
    }
}

/// A hub that is killed has nothing to complain of.
fn check_log(hub: &HubProcess) -> Result<()> {
    let errors = hub.lines_of("ERROR");
    ensure!(errors.is_empty(), "the hub logged errors: {errors:?}");
    Ok(())
}
