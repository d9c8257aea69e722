//! `sim`: hub, nodes and network from one seed, in virtual time.
//!
//! The hub's logic, its group commit, its stores and the nodes' sessions are the real ones; around them is a world
//! whose network, disk, clocks, crashes and people are drawn from a seed. A model beside it knows what must hold.
//! The same seed gives the same trace, to the last bit.

mod book;
mod command;
mod course;
mod device;
mod disk;
mod faults;
mod figures;
mod ledger;
mod machine;
mod network;
mod process;
mod rest;
mod script;
mod weather;
mod world;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::Result;

use self::world::World;
pub use self::{
    command::{Options, command},
    course::Traced,
    figures::Figures,
};
pub(super) use self::{
    script::{Counted, Step},
    weather::Weather,
};
use super::chance::Chance;

/// Which seeds to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The first.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// Which fault is planted.
    pub plant: Option<Plant>,
}

/// A fault that the simulation must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Plant {
    /// The hub acknowledges before the commit has returned.
    EarlyAck,
    /// Nodes forget which commands they ran.
    Forget,
    /// The hub forgets over a restart which reports it has.
    StoreAgain,
    /// The hub takes its deadlines from the wall clock.
    WallDeadlines,
}

/// One seed in so many runs twice, and must leave the same trace.
const TWICE: u64 = 10;

/// What became of one seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The first promise that was broken.
    pub breach: Option<String>,
    /// Hash of everything that happened.
    pub hash: u64,
    /// What happened, line by line, where that was kept.
    pub trace: Vec<String>,
    /// Things that happened.
    pub events: u64,
    /// Virtual time that passed, in milliseconds.
    pub simulated_ms: u64,
    /// Reports of which a node was told that they are on disk.
    pub acknowledged_reports: u64,
    /// Readings that were stored.
    pub stored_readings: u64,
    /// Commands of which a person was told that they are taken.
    pub acknowledged_commands: u64,
    /// How commands ended.
    pub ended: BTreeMap<&'static str, u64>,
    /// Starts of the hub.
    pub lives: u32,
    /// Starts of nodes.
    pub boots: u32,
    /// Faults that happened.
    pub faults: u64,
    /// Timers of the hub that were served.
    pub ticks: u64,
}

/// Runs one seed.
///
/// # Errors
/// The machine gives no directory for a store.
pub fn run_seed(seed: u64, plant: Option<Plant>, traced: Traced) -> Result<Outcome> {
    let world = World::new(seed, plant, traced)?;
    Ok(catch_unwind(AssertUnwindSafe(|| world.run())).unwrap_or_else(|_| Outcome {
        breach: Some("something panicked; see the lines above".into()),
        ..Outcome::default()
    }))
}

/// Runs a world with this weather, in which this happens to the clocks, each step at its time in milliseconds.
///
/// # Errors
/// As [`run_seed`].
pub(super) fn run_script(
    seed: u64,
    weather: Weather,
    script: &[(u64, Step)],
    plant: Option<Plant>,
) -> Result<Outcome> {
    let mut world = World::under(weather, Chance::new(seed, 1), plant, Traced::Hash)?;
    world.follow(script);
    Ok(world.run())
}

/// Runs the seeds of a plan, up to the first breach.
///
/// # Errors
/// As [`run_seed`].
pub fn run(plan: &Plan) -> Result<Figures> {
    let started = Instant::now();
    let next = AtomicU64::new(plan.from);
    let end = plan.from.saturating_add(plan.seeds);
    let figures = Mutex::new(Figures::new(plan.from));
    let work = || -> Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return Ok(());
            }
            let mut outcome = run_seed(seed, plan.plant, Traced::Hash)?;
            if outcome.breach.is_none() && seed.is_multiple_of(TWICE) {
                let again = run_seed(seed, plan.plant, Traced::Hash)?;
                if again != outcome {
                    outcome.breach =
                        Some(format!("the same seed gave {:x} and {:x}", outcome.hash, again.hash));
                }
            }
            let is_breach = outcome.breach.is_some();
            figures.lock().unwrap_or_else(PoisonError::into_inner).add(seed, &outcome);
            if is_breach {
                next.store(end, Ordering::Relaxed);
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        running
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| anyhow::bail!("a worker panicked")))
    })?;
    let mut figures = figures.into_inner().unwrap_or_else(PoisonError::into_inner);
    figures.elapsed = started.elapsed();
    Ok(figures)
}
