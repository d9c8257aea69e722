//! [`Told`]: a story that was told to the real store, and the wrecks that are drawn of it.
//!
//! Between two batches the store is closed and opened, or its process ends. From any point of what the disk has noted a
//! wreck is drawn, opened with the real store and compared with the story. During one such recovery of three the power
//! is cut again. A wreck that is byte for byte one that was opened before shows nothing new and is only counted.

use core::ops::RangeInclusive;
use std::collections::HashMap;

use anyhow::{Result, ensure};
use iot_core::store::Store as _;

use super::{
    BATCHES,
    figures::Figures,
    hashes::{Hash, Hashes},
};
use crate::prove::{
    chance::Chance,
    disk::{Change, Disk, Image, Trouble, Wreck},
    found::look,
    story::Story,
};

/// Wrecks that are drawn at most for each one that is wanted: the others are like those that were opened.
const DRAWS: u64 = 50;

/// What the store finds when it is opened first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// An empty file, in which the tables are made.
    Empty,
    /// A file with all tables, closed in good order.
    Made,
}

/// A story that was told, with what the disk noted of it.
#[derive(Debug)]
pub(super) struct Told {
    story: Story,
    begin: Image,
    log: Vec<Change>,
}

impl Told {
    /// Tells a story to the store.
    ///
    /// # Errors
    /// Where the store does not take it.
    pub(super) fn tell(
        disk: &Disk,
        chance: &mut Chance,
        beginning: Beginning,
        trouble: Trouble,
    ) -> Result<Self> {
        let story = Story::new(chance, BATCHES);
        disk.clear();
        if beginning == Beginning::Made {
            drop(disk.open(story.limits.clone())?);
            disk.load(&disk.image());
        }
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
        Ok(Self { story, begin, log: disk.log() })
    }

    /// Cuts the power until so many wrecks have been opened, or a few more. `number` is that of the story.
    ///
    /// # Errors
    /// Where there are not so many.
    pub(super) fn wreck(
        &self,
        disk: &Disk,
        number: u64,
        wrecks: u64,
        chance: &mut Chance,
    ) -> Result<Figures> {
        let figures = Figures { stories: 1, ..Figures::default() };
        let (known, hashes) = (HashMap::new(), Hashes::default());
        let mut looked = Looked { told: self, disk, number, hashes, known, figures };
        let mut points = 0;
        while looked.figures.images < wrecks {
            ensure!(
                points < wrecks * DRAWS,
                "story {number} has {} wrecks at {points} points: {wrecks} are wanted",
                looked.figures.images
            );
            // One in three is opened twice.
            let draws = ((wrecks - looked.figures.images) * 3 / 4).max(1);
            points += draws;
            self.draw(&mut looked, draws, chance);
        }
        Ok(looked.figures)
    }

    /// Cuts the power at so many points.
    fn draw(&self, looked: &mut Looked<'_>, draws: u64, chance: &mut Chance) {
        let end = u64::try_from(self.log.len()).unwrap_or(u64::MAX);
        let mut points: Vec<_> = (0..draws).map(|_| (chance.below(end + 1), chance.fork())).collect();
        points.sort_by_key(|(point, _)| *point);
        let mut points = points.into_iter().peekable();
        let mut wreck = Wreck::new(&self.begin);
        let (mut promised, mut offered) = (0, 0);
        for at in 0..=end {
            while let Some((_, mut chance)) = points.next_if(|(point, _)| *point == at) {
                looked.open(&wreck.image(&mut chance), promised..=offered, &mut chance);
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
}

/// The wrecks of a story that were opened.
#[derive(Debug)]
struct Looked<'a> {
    told: &'a Told,
    disk: &'a Disk,
    /// That of the story.
    number: u64,
    hashes: Hashes,
    /// How many batches each was found to hold.
    known: HashMap<Hash, usize>,
    figures: Figures,
}

impl Looked<'_> {
    /// Opens a wreck, in which one of these numbers of batches must be found, and cuts the power again during one
    /// recovery of three.
    fn open(&mut self, image: &Image, among: RangeInclusive<usize>, chance: &mut Chance) {
        let hash = self.hashes.of(image);
        if self.is_known(&hash, &among) {
            return;
        }
        self.disk.load(image);
        self.figures.images += 1;
        let (after, open) = match look(self.disk, &self.told.story, &among) {
            Ok(found) => found,
            Err(breach) => return self.figures.breaches.count(breach, &self.place(&among)),
        };
        self.known.insert(hash, after);
        if !chance.one_in(3) {
            self.disk.kill(open);
            return;
        }
        // From here on the hub has answered for what it found.
        self.disk.note(Change::Promised(after));
        drop(open);
        let log = self.disk.log();
        let mut wreck = Wreck::new(image);
        let point = chance.below(u64::try_from(log.len()).unwrap_or(u64::MAX) + 1);
        let mut among = among;
        for change in log.iter().take(usize::try_from(point).unwrap_or(usize::MAX)) {
            if let Change::Promised(batches) = change {
                among = *batches..=*batches;
            }
            wreck.advance(change);
        }
        self.open_again(&wreck.image(chance), &among);
    }

    /// Opens what a cut during a recovery has left.
    fn open_again(&mut self, image: &Image, among: &RangeInclusive<usize>) {
        let hash = self.hashes.of(image);
        if self.is_known(&hash, among) {
            return;
        }
        self.disk.load(image);
        self.figures.images += 1;
        self.figures.during_recovery += 1;
        match look(self.disk, &self.told.story, among) {
            Ok((after, open)) => {
                self.known.insert(hash, after);
                self.disk.kill(open);
            }
            Err(breach) => self.figures.breaches.count(breach, &self.place(among)),
        }
    }

    /// Whether files with this hash were opened and held one of these numbers of batches. What was found to hold another
    /// one has to be opened again, since two numbers may come to the same.
    fn is_known(&mut self, hash: &Hash, among: &RangeInclusive<usize>) -> bool {
        let is_known = self.known.get(hash).is_some_and(|after| among.contains(after));
        self.figures.duplicates += u64::from(is_known);
        is_known
    }

    fn place(&self, among: &RangeInclusive<usize>) -> String {
        let (story, image) = (self.number, self.figures.images);
        format!("story {story}, image {image}, with {} to {} batches", among.start(), among.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(beginning: Beginning) -> (Disk, Told) {
        let disk = Disk::new().unwrap();
        let told = Told::tell(&disk, &mut Chance::new(1, 1), beginning, Trouble::default()).unwrap();
        (disk, told)
    }

    /// How often more than its first page was written into the file and synced.
    fn copies(log: &[Change]) -> usize {
        let (mut copies, mut is_behind) = (0, false);
        for change in log {
            if let Change::Write { inode: 0, offset, .. } = change {
                is_behind |= *offset > 0;
            } else if let Change::Sync { inode: 0 } = change {
                copies += usize::from(core::mem::take(&mut is_behind));
            }
        }
        copies
    }

    /// Without these a run would show little.
    #[test]
    fn a_story_has_commits_copies_into_the_file_folding_and_logs_that_are_made_and_removed() {
        for beginning in [Beginning::Empty, Beginning::Made] {
            let (disk, told) = tell(beginning);
            let count = |is: fn(&Change) -> bool| told.log.iter().filter(|change| is(change)).count();
            assert_eq!(told.begin.values().all(|content| content.is_empty()), beginning == Beginning::Empty);
            assert!(count(|change| matches!(change, Change::Sync { .. })) > BATCHES);
            assert!(count(|change| matches!(change, Change::Create { .. })) > 2);
            assert!(count(|change| matches!(change, Change::Delete { .. })) > 1);
            assert!(copies(&told.log) > 5, "the log is copied into the file often");
            let mut store = look(&disk, &told.story, &(BATCHES..=BATCHES)).unwrap().1;
            assert!(!store.0.load().unwrap().latest.is_empty());
        }
    }

    #[test]
    fn a_seed_tells_the_same_and_leaves_the_same_draws_on_whatever_thread() {
        let tell = || {
            let mut chance = Chance::new(7, 7);
            let disk = Disk::new().unwrap();
            let told = Told::tell(&disk, &mut chance, Beginning::Made, Trouble::default()).unwrap();
            (format!("{:?}", told.story.batches), chance.below(u64::MAX))
        };
        assert_eq!(tell(), std::thread::spawn(tell).join().unwrap());
    }

    #[test]
    fn an_image_is_opened_once_and_again_where_something_else_must_be_found() {
        let (disk, told) = tell(Beginning::Made);
        let image = disk.image();
        let (hashes, known, figures) = (Hashes::default(), HashMap::new(), Figures::default());
        let mut looked = Looked { told: &told, disk: &disk, number: 0, hashes, known, figures };
        let mut open = |least| {
            looked.open_again(&image, &(least..=BATCHES));
            let Figures { images, duplicates, breaches, .. } = &looked.figures;
            (*images, *duplicates, breaches.total())
        };
        assert_eq!(open(BATCHES), (1, 0, 0));
        assert_eq!(open(BATCHES - 1), (1, 1, 0));
        looked.open_again(&image, &(0..=1));
        assert_eq!((looked.figures.images, looked.figures.breaches.total()), (2, 1));
    }
}
