//! Cuts the power at any moment: whatever was committed is there when the store is opened again.
//!
//! Stories are told to the real store on a disk that notes every change, and wrecks are drawn of these notes: see
//! `told.rs`. Each story has a seed of its own and is told and wrecked on one thread, so that what is drawn depends on
//! the seed alone, whatever the number of threads.

mod figures;
mod hashes;
mod told;

use std::{
    num::NonZeroUsize,
    panic::resume_unwind,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use anyhow::Result;
use clap::{Args, ValueEnum};

use self::{
    figures::Figures,
    told::{Beginning, Told},
};
use super::{
    chance::Chance,
    disk::{Disk, Trouble},
    frame::Frame,
};
use crate::out;

/// Batches of a story, and wrecks that are opened of one.
const BATCHES: usize = 40;
const WRECKS: u64 = 1_000;

/// One story in so many begins with an empty file, and makes the tables.
const EMPTY: u64 = 16;

/// Stories between two lines of progress.
const TOLD: u64 = 20;

/// How often to cut the power.
#[derive(Debug, Args)]
pub struct Options {
    /// Wrecks that are opened, each of them another one
    #[arg(long, default_value_t = 1_000_000)]
    images: u64,
    /// Where what is random begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; without it, as many as the machine has cores
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// Every fifth sync does nothing and reports success
    DroppedSync,
}

/// Runs it and prints its figures.
///
/// # Errors
/// What fell short, or what could not be done.
pub fn run(options: &Options) -> Result<()> {
    let begin = Instant::now();
    let threads = options.threads.map_or_else(thread::available_parallelism, Ok)?;
    let figures = Stories::new(options).tell(threads)?;
    let mut findings = figures.to_findings(begin.elapsed());
    findings.tell("seed", options.seed);
    findings.tell("threads", threads.get());
    options.frame.conclude(
        "powerloss",
        findings,
        |Plant::DroppedSync| figures.breaches.lost > 0,
        "nothing that was committed was lost, and every wreck was opened",
    )
}

/// The stories of a run, which threads take one by one.
#[derive(Debug)]
struct Stories {
    seed: u64,
    trouble: Trouble,
    /// Wrecks that are opened of all together, and of one.
    images: u64,
    wrecks: u64,
    /// The next one that is told.
    next: AtomicU64,
    /// Wrecks that were opened, and breaches in them.
    opened: AtomicU64,
    broken: AtomicU64,
}

impl Stories {
    fn new(options: &Options) -> Self {
        let trouble =
            if options.frame.is_planted() { Trouble::dropping_syncs(5) } else { Trouble::default() };
        let [next, opened, broken] = [const { AtomicU64::new(0) }; 3];
        let Options { images, seed, .. } = *options;
        Self { seed, trouble, images, wrecks: WRECKS, next, opened, broken }
    }

    /// Tells all of them on so many threads, and gives what was found in the order of the stories.
    fn tell(&self, threads: NonZeroUsize) -> Result<Figures> {
        let told = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.get()).map(|_| scope.spawn(|| self.work())).collect();
            let ended =
                workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
            ended.collect::<Vec<Result<_>>>()
        });
        let told = told.into_iter().collect::<Result<Vec<_>>>()?;
        let mut told: Vec<(u64, Figures)> = told.into_iter().flatten().collect();
        told.sort_unstable_by_key(|(number, _)| *number);
        let mut all = Figures::default();
        for (_, figures) in &told {
            all.add(figures);
        }
        Ok(all)
    }

    /// Tells one after another until none is left, or one cannot be told.
    fn work(&self) -> Result<Vec<(u64, Figures)>> {
        let disk = Disk::new()?;
        let mut told = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(rest) =
                self.images.checked_sub(number.saturating_mul(self.wrecks)).filter(|rest| *rest > 0)
            else {
                return Ok(told);
            };
            let figures = self.one(&disk, number, self.wrecks.min(rest)).inspect_err(|_| {
                // The others end with the story that they are at.
                self.next.store(self.images, Ordering::Relaxed);
            })?;
            self.progress(number, &figures);
            told.push((number, figures));
        }
    }

    /// Tells the story with this number and opens so many wrecks of it.
    fn one(&self, disk: &Disk, number: u64, wrecks: u64) -> Result<Figures> {
        let mut chance = Chance::new(self.seed, number);
        let beginning = if number.is_multiple_of(EMPTY) { Beginning::Empty } else { Beginning::Made };
        Told::tell(disk, &mut chance, beginning, self.trouble)?.wreck(disk, number, wrecks, &mut chance)
    }

    fn progress(&self, number: u64, figures: &Figures) {
        let opened = self.opened.fetch_add(figures.images, Ordering::Relaxed) + figures.images;
        let broken = figures.breaches.total();
        let broken = self.broken.fetch_add(broken, Ordering::Relaxed) + broken;
        if number % TOLD == TOLD - 1 {
            out::progress(&format!("powerloss: {opened} of {} images, {broken} breaches", self.images));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_threads_opens_as_many_images_as_were_asked_for() {
        for threads in [1, 3] {
            let frame = Frame { json: false, plant: None };
            let options = Options { images: 50, seed: 3, threads: None, frame };
            let stories = Stories { wrecks: 20, ..Stories::new(&options) };
            let figures = stories.tell(NonZeroUsize::new(threads).unwrap()).unwrap();
            assert_eq!((figures.stories, figures.breaches.total()), (3, 0));
            assert!(figures.images >= 50, "{figures:?}");
        }
    }
}
