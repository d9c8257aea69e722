//! Cuts the power at any moment: whatever was committed is there when the store is opened again.
//!
//! A story is told to the real store on a disk of its own, which notes every change. Between two batches the
//! store is closed and opened, or its process ends. From any point of the notes a wreck is drawn, opened with the
//! real store and compared with the story. One in four is cut again during that recovery.

use core::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};
use iot_core::store::Store as _;

use super::{
    chance::Chance,
    disk::{Change, Disk, Image, Trouble, Wreck},
    findings::{Findings, seconds},
    found::{Breaches, look},
    frame::Frame,
    story::Story,
};
use crate::out;

/// Batches of a story, and wrecks that are drawn of one.
const BATCHES: usize = 40;
const WRECKS: u64 = 1_000;

/// How often to cut the power.
#[derive(Debug, Args)]
pub struct Options {
    /// Wrecks that are opened
    #[arg(long, default_value_t = 1_000_000)]
    images: u64,
    /// Where what is random begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
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
    let disk = Disk::new()?;
    let mut figures = Figures::default();
    let mut chance = Chance::new(options.seed, 1);
    while figures.images < options.images {
        let wrecks = WRECKS.min(options.images - figures.images);
        let trouble =
            if options.frame.is_planted() { Trouble::dropping_syncs(5) } else { Trouble::default() };
        let told = tell(&disk, &mut chance, trouble)?;
        figures.stories += 1;
        told.wreck(&disk, wrecks, &mut chance, &mut figures);
        if figures.stories % 50 == 0 {
            out::progress(&format!("powerloss: {} images, {}", figures.images, figures.breaches.total()));
        }
    }
    options.frame.conclude(
        "powerloss",
        figures.to_findings(options.seed, begin.elapsed()),
        |Plant::DroppedSync| figures.breaches.lost > 0,
        "nothing that was committed was lost, and every wreck was opened",
    )
}

/// What a run counted.
#[derive(Debug, Default)]
struct Figures {
    stories: u64,
    /// Wrecks opened.
    images: u64,
    /// How many of these were cut during a recovery.
    during_recovery: u64,
    breaches: Breaches,
}

impl Figures {
    fn to_findings(&self, seed: u64, elapsed: Duration) -> Findings {
        let mut findings = Findings::default();
        findings.tell("proof", "powerloss");
        findings.tell("seed", seed);
        findings.tell("stories", self.stories);
        findings.tell("images", self.images);
        findings.tell("during_recovery", self.during_recovery);
        self.breaches.write(&mut findings);
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        findings.tell("seconds", seconds(elapsed));
        findings.tell("images_per_s", self.images * 1_000 / millis);
        findings
    }
}

/// A story that was told, with what the disk noted of it.
struct Told {
    story: Story,
    begin: Image,
    log: Vec<Change>,
}

/// Tells a story to the store.
fn tell(disk: &Disk, chance: &mut Chance, trouble: Trouble) -> Result<Told> {
    let story = Story::new(chance, BATCHES);
    disk.clear();
    disk.plan(trouble);
    let begin = disk.image();
    let mut open = disk.open(story.limits.clone())?;
    for (at, batch) in story.batches.iter().enumerate() {
        disk.note(Change::Offered(at + 1));
        open.0.commit(batch)?;
        disk.note(Change::Promised(at + 1));
        if chance.one_in(2) {
            open.0.upkeep()?;
        }
        match chance.below(16) {
            0 => {
                drop(open);
                open = disk.open(story.limits.clone())?;
            }
            1 => {
                disk.kill(open);
                disk.plan(trouble);
                open = disk.open(story.limits.clone())?;
            }
            _ => {}
        }
    }
    drop(open);
    Ok(Told { story, begin, log: disk.log() })
}

impl Told {
    /// Cuts the power at so many points.
    fn wreck(&self, disk: &Disk, wrecks: u64, chance: &mut Chance, figures: &mut Figures) {
        let end = u64::try_from(self.log.len()).unwrap_or(u64::MAX);
        let mut points: Vec<_> = (0..wrecks).map(|_| chance.below(end + 1)).collect();
        points.sort_unstable();
        let mut points = points.into_iter().peekable();
        let mut wreck = Wreck::new(&self.begin);
        let (mut promised, mut offered) = (0, 0);
        for at in 0..=end {
            while points.next_if_eq(&at).is_some() {
                let image = wreck.image(chance);
                self.open(disk, &image, promised..=offered, chance, figures);
            }
            let Some(next) = usize::try_from(at).ok().and_then(|at| self.log.get(at)) else { break };
            if let Change::Promised(batches) = next {
                promised = *batches;
            } else if let Change::Offered(batches) = next {
                offered = *batches;
            }
            wreck.advance(next);
        }
    }

    /// Opens a wreck, in which one of these numbers of batches must be found, and cuts the power again during one
    /// recovery of three.
    fn open(
        &self,
        disk: &Disk,
        image: &Image,
        among: RangeInclusive<usize>,
        chance: &mut Chance,
        figures: &mut Figures,
    ) {
        disk.load(image);
        figures.images += 1;
        let (after, open) = match look(disk, &self.story, &among) {
            Ok(found) => found,
            Err(breach) => return figures.breaches.count(breach, &place(figures.images, &among)),
        };
        if !chance.one_in(3) {
            disk.kill(open);
            return;
        }
        // From here on the hub has answered for what it found.
        disk.note(Change::Promised(after));
        drop(open);
        let log = disk.log();
        let mut wreck = Wreck::new(image);
        let point = chance.below(u64::try_from(log.len()).unwrap_or(u64::MAX) + 1);
        let mut among = among;
        for change in log.iter().take(usize::try_from(point).unwrap_or(usize::MAX)) {
            if let Change::Promised(batches) = change {
                among = *batches..=*batches;
            }
            wreck.advance(change);
        }
        disk.load(&wreck.image(chance));
        figures.images += 1;
        figures.during_recovery += 1;
        match look(disk, &self.story, &among) {
            Ok((_, open)) => disk.kill(open),
            Err(breach) => figures.breaches.count(breach, &place(figures.images, &among)),
        }
    }
}

fn place(image: u64, among: &RangeInclusive<usize>) -> String {
    format!("image {image}, with {} to {} batches", among.start(), among.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without these a run would show little.
    #[test]
    fn a_story_has_commits_copies_into_the_file_folding_and_logs_that_are_made_and_removed() {
        let disk = Disk::new().unwrap();
        let mut chance = Chance::new(1, 1);
        let told = tell(&disk, &mut chance, Trouble::default()).unwrap();
        let count = |is: fn(&Change) -> bool| told.log.iter().filter(|change| is(change)).count();
        let writes = |offset: usize| {
            let is = |change: &&Change| matches!(change, Change::Write { inode: 0, offset: at, .. } if *at == offset);
            told.log.iter().filter(is).count()
        };
        assert!(count(|change| matches!(change, Change::Sync { .. })) > BATCHES);
        assert!(count(|change| matches!(change, Change::Create { .. })) > 2);
        assert!(count(|change| matches!(change, Change::Delete { .. })) > 1);
        assert!(writes(4_096) > 5, "the log is copied into the file often");
        let mut store = look(&disk, &told.story, &(BATCHES..=BATCHES)).unwrap().1;
        assert!(!store.0.load().unwrap().latest.is_empty());
    }
}
