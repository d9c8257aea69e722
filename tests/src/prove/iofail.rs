//! Makes each operation of the disk fail in turn: nothing is promised that is not kept, and nothing is kept twice.
//!
//! A fixed story is told to the real store as often as it has operations on the disk, and each time another one
//! fails: it alone, half done, or with all after it until the disk is well again. What is refused is offered again
//! with the next batch, as the driver does. Some hubs go on, others are ended at the first refusal and started
//! again, and the power is cut at the end and in between. A sync that failed takes with it what it should have
//! written: that is still read, and no later sync writes it.

use core::ops::RangeInclusive;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use iot_core::store::{Batch, Store as _};

use super::{
    chance::Chance,
    disk::{Change, Disk, Fault, Image, Span, Trouble, Wreck},
    findings::{Findings, seconds},
    found::{Breach, Breaches, Open, look, read},
    frame::Frame,
    story::{Finding, Story},
};

/// Refusals until the disk is well again, where it fails for a time.
const REFUSALS: u32 = 3;

/// Power cuts that are drawn of one run.
const CUTS: u64 = 3;

/// What to let fail.
#[derive(Debug, Args)]
pub struct Options {
    /// Batches of the story: more have more operations
    #[arg(long, default_value_t = 60)]
    batches: usize,
    /// Every so many operations one fails
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Where what is random begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// A write that did nothing reports success
    HiddenWrite,
    /// A refusal is taken for an acknowledgement
    SwallowedError,
}

/// What the hub does when a batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It goes on and offers the batch again.
    GoOn,
    /// Somebody ends its process and starts it again.
    StartAnew,
}

/// Runs it and prints its figures.
///
/// # Errors
/// What fell short, or what could not be done.
pub fn run(options: &Options) -> Result<()> {
    let begin = Instant::now();
    let disk = Disk::new()?;
    let story = Story::new(&mut Chance::new(options.seed, 1), options.batches);
    let mut figures = Figures::default();
    let mut unharmed = Run::new(&disk, &story, Answer::GoOn, options.frame.plant);
    let told = unharmed.tell(Trouble::default(), &mut figures);
    figures.operations = disk.operations();
    ensure!(told.is_ok() && figures.refused == 0, "the story cannot be told on a good disk: {told:?}");
    let faults: &[Fault] = match options.frame.plant {
        Some(Plant::HiddenWrite) => &[Fault::Hidden],
        Some(Plant::SwallowedError) | None => &[Fault::Refused, Fault::Halved],
    };
    let mut operation = 1;
    while operation <= figures.operations {
        for fault in faults {
            for span in [Span::Only(operation), Span::From(operation)] {
                for answer in [Answer::GoOn, Answer::StartAnew] {
                    figures.harm(&disk, &story, options, (span, *fault), answer);
                }
            }
        }
        operation += options.every;
    }
    options.frame.conclude(
        "iofail",
        figures.to_findings(options.seed, begin.elapsed()),
        |_| figures.breaches.total() > 0,
        "nothing was promised that was not kept, and nothing kept twice",
    )
}

/// What a run counted.
#[derive(Debug, Default)]
struct Figures {
    /// Of the story on a good disk.
    operations: u64,
    runs: u64,
    /// Runs in which something was refused.
    refused: u64,
    /// Runs in which the hub would not go on before it was started again, on a disk that was well.
    needed_start: u64,
    /// Errors without advice.
    unadvised: u64,
    panicked: u64,
    breaches: Breaches,
}

impl Figures {
    /// Tells the story on a disk that fails so.
    fn harm(&mut self, disk: &Disk, story: &Story, options: &Options, fault: (Span, Fault), answer: Answer) {
        let mut run = Run::new(disk, story, answer, options.frame.plant);
        let told = catch_unwind(AssertUnwindSafe(|| run.tell(Trouble::failing(fault.0, fault.1), self)));
        self.runs += 1;
        let place = || format!("{fault:?}, {answer:?}");
        match told {
            Ok(Ok(())) => run.cut(options.seed, self, &place()),
            Ok(Err(breach)) => self.breaches.count(breach, &place()),
            Err(_) => {
                self.panicked += 1;
                self.breaches.tell(format!("{}: a panic", place()));
            }
        }
    }

    fn to_findings(&self, seed: u64, elapsed: Duration) -> Findings {
        let mut findings = Findings::default();
        findings.tell("proof", "iofail");
        findings.tell("seed", seed);
        findings.tell("operations", self.operations);
        findings.tell("runs", self.runs);
        findings.tell("refused", self.refused);
        findings.tell("needed_start", self.needed_start);
        findings.zero("unadvised", self.unadvised);
        findings.zero("panicked", self.panicked);
        self.breaches.write(&mut findings);
        findings.tell("seconds", seconds(elapsed));
        findings
    }
}

/// One telling of the story.
struct Run<'a> {
    disk: &'a Disk,
    story: &'a Story,
    answer: Answer,
    swallows: bool,
    begin: Image,
    /// Batches that were promised, and those that were offered.
    promised: usize,
    offered: usize,
    refusals: u32,
    /// Of these the ones without advice.
    unadvised: u64,
    needed_start: bool,
}

impl<'a> Run<'a> {
    fn new(disk: &'a Disk, story: &'a Story, answer: Answer, plant: Option<Plant>) -> Self {
        disk.clear();
        Self {
            disk,
            story,
            answer,
            swallows: plant == Some(Plant::SwallowedError),
            begin: disk.image(),
            promised: 0,
            offered: 0,
            refusals: 0,
            unadvised: 0,
            needed_start: false,
        }
    }

    fn tell(&mut self, trouble: Trouble, figures: &mut Figures) -> Result<(), Breach> {
        self.disk.plan(trouble);
        let told = self.tell_all(trouble);
        self.disk.plan(Trouble::default());
        figures.refused += u64::from(self.refusals > 0);
        figures.unadvised += self.unadvised;
        figures.needed_start += u64::from(self.needed_start);
        told
    }

    fn tell_all(&mut self, trouble: Trouble) -> Result<(), Breach> {
        let mut open = self.open()?;
        for at in 1..=self.story.batches.len() {
            let end = at.max(self.offered);
            open = self.offer(open, end, trouble)?;
            if at % 3 == 0 {
                // A step that failed is tried again behind a later commit.
                let _ = open.0.upkeep();
            }
            if at % 4 == 0 {
                self.compare(&mut open)?;
            }
            if at % 16 == 0 {
                drop(open);
                open = self.open()?;
            }
        }
        while self.promised < self.story.batches.len() {
            let before = self.refusals;
            open = self.offer(open, self.story.batches.len(), trouble)?;
            if self.refusals > before + 2 * REFUSALS {
                return Err(Breach::Unopenable("it goes on refusing".into()));
            }
        }
        self.compare(&mut open)?;
        drop(open);
        Ok(())
    }

    /// Opens the store, again where it is refused, and finds out how many batches there are.
    fn open(&mut self) -> Result<Open, Breach> {
        for _ in 0..=2 * REFUSALS {
            match self.disk.open(self.story.limits.clone()) {
                Ok(mut open) => {
                    let among = self.promised..=self.offered;
                    if let Some(after) = read(&mut open, self.story, &among)? {
                        // The hub answers for what it has read, whether it was promised before or not.
                        self.promised = after;
                        self.offered = after;
                        self.disk.note(Change::Promised(after));
                        return Ok(open);
                    }
                    self.refuse("cannot be read: check the disk");
                    self.disk.kill(open);
                }
                Err(error) => self.refuse(&error.to_string()),
            }
        }
        Err(Breach::Unopenable("it cannot be opened on a disk that is well".into()))
    }

    /// Offers all batches up to `end` that were not promised, in one.
    fn offer(&mut self, mut open: Open, end: usize, trouble: Trouble) -> Result<Open, Breach> {
        if self.promised == end {
            return Ok(open);
        }
        self.offered = end;
        self.disk.note(Change::Offered(end));
        let refused = open.0.commit(&join(&self.story.batches[self.promised..end])).err();
        if let Some(error) = &refused {
            self.refuse(&error.to_string());
        }
        if refused.is_none() || self.swallows {
            self.promised = end;
            self.disk.note(Change::Promised(end));
            return Ok(open);
        }
        if self.answer == Answer::StartAnew && self.refusals == 1 {
            self.disk.kill(open);
            self.disk.plan(trouble);
            return self.open();
        }
        if self.refusals > 2 * REFUSALS {
            self.needed_start = true;
            drop(open);
            return self.open();
        }
        Ok(open)
    }

    /// Something was refused: it must have said what to do. After some the disk is well again.
    fn refuse(&mut self, why: &str) {
        self.refusals += 1;
        let advises = ["check", "make room", "stop", "end it", "put a backup"];
        self.unadvised += u64::from(!advises.iter().any(|advice| why.contains(advice)));
        if self.refusals == REFUSALS {
            self.disk.plan(Trouble::default());
        }
    }

    /// A store that is open must hold what was promised, and nothing that was refused.
    fn compare(&mut self, open: &mut Open) -> Result<(), Breach> {
        match read(open, self.story, &(self.promised..=self.promised))? {
            Some(_) => Ok(()),
            None if self.refusals > 0 || self.disk.is_in_trouble() => Ok(()),
            None => Err(Breach::Wrong(Finding::Lost)),
        }
    }

    /// Ends the process, and cuts the power at the end and in between.
    fn cut(&mut self, seed: u64, figures: &mut Figures, place: &str) {
        let log = self.disk.log();
        let all = self.promised..=self.promised;
        let mut check = |image: &Image, among: &RangeInclusive<usize>, when: &str| {
            self.disk.load(image);
            match look(self.disk, self.story, among) {
                Ok((_, open)) => self.disk.kill(open),
                Err(breach) => figures.breaches.count(breach, &format!("{place}, {when}")),
            }
        };
        check(&self.disk.image(), &all, "started again");
        let mut chance = Chance::new(seed, figures.runs);
        for number in 0..CUTS {
            let end = u64::try_from(log.len()).unwrap_or(u64::MAX);
            let point = if number == 0 { end } else { chance.below(end) };
            let mut wreck = Wreck::new(&self.begin);
            let (mut promised, mut offered) = (0, 0);
            for change in log.iter().take(usize::try_from(point).unwrap_or(usize::MAX)) {
                if let Change::Promised(batches) = change {
                    (promised, offered) = (*batches, offered.max(*batches));
                } else if let Change::Offered(batches) = change {
                    offered = *batches;
                }
                wreck.advance(change);
            }
            check(&wreck.image(&mut chance), &(promised..=offered), "power cut");
        }
    }
}

/// One batch of several, as the driver makes it of what was refused.
fn join(batches: &[Batch]) -> Batch {
    let mut all = Batch::default();
    for batch in batches {
        all.records.extend(batch.records.iter().cloned());
        all.readings.extend(batch.readings.iter().cloned());
    }
    all
}
