//! What a proof on a [`Disk`] finds: [`look`] opens a disk and compares it with its story, and [`Breaches`] counts
//! what is not as it must be.

use core::ops::RangeInclusive;

use super::{
    disk::Disk,
    findings::{Findings, Seen},
    story::{Finding, State, Story},
};
use iot_core::UnixMillis;
use iot_store::{SqliteHistory, SqliteStore};

/// An open store and what reads it.
pub(crate) type Open = (SqliteStore, SqliteHistory);

/// What is wrong with a disk.
#[derive(Debug)]
pub(crate) enum Breach {
    /// It cannot be opened, or not be read; in words.
    Unopenable(String),
    /// It does not hold what it must.
    Wrong(Finding),
}

/// What was found wrong.
#[derive(Debug, Default)]
pub(crate) struct Breaches {
    pub(crate) lost: u64,
    pub(crate) phantom: u64,
    pub(crate) partial: u64,
    pub(crate) unopenable: u64,
    /// In words.
    seen: Seen,
}

impl Breaches {
    /// Counts one; `place` says where it was found.
    pub(crate) fn count(&mut self, breach: Breach, place: &str) {
        let (count, what) = match breach {
            Breach::Unopenable(why) => (&mut self.unopenable, why),
            // Another number of batches than could be there.
            Breach::Wrong(Finding::Lost | Finding::After(_)) => (&mut self.lost, "lost".into()),
            Breach::Wrong(Finding::Phantom) => (&mut self.phantom, "phantom".into()),
            Breach::Wrong(Finding::Partial) => (&mut self.partial, "in part".into()),
        };
        *count += 1;
        self.tell(format!("{place}: {what}"));
    }

    /// Tells another one in words.
    pub(crate) fn tell(&mut self, what: String) {
        self.seen.tell(what);
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.lost + self.phantom + self.partial + self.unopenable
    }

    /// Adds those of others.
    pub(crate) fn add(&mut self, others: &Self) {
        let Self { lost, phantom, partial, unopenable, seen } = others;
        self.lost += lost;
        self.phantom += phantom;
        self.partial += partial;
        self.unopenable += unopenable;
        self.seen.add(seen);
    }

    /// Adds them to what a run has found.
    pub(crate) fn write(&self, findings: &mut Findings) {
        let Self { lost, phantom, partial, unopenable, seen } = self;
        findings.add(seen);
        for (name, count) in
            [("lost", lost), ("phantom", phantom), ("partial", partial), ("unopenable", unopenable)]
        {
            findings.zero(name, *count);
        }
    }
}

/// Opens what is on the disk, in which one of these numbers of batches must be, and gives how many there are.
pub(crate) fn look(
    disk: &Disk,
    story: &Story,
    among: &RangeInclusive<usize>,
) -> Result<(usize, Open), Breach> {
    let mut open = disk.open(story.limits.clone()).map_err(|error| Breach::Unopenable(error.to_string()))?;
    match read(&mut open, story, among) {
        Ok(Some(after)) => Ok((after, open)),
        Ok(None) => {
            disk.kill(open);
            Err(Breach::Unopenable("it cannot be read".into()))
        }
        Err(breach) => {
            disk.kill(open);
            Err(breach)
        }
    }
}

/// How many batches an open store holds; `None` where it cannot be read.
pub(crate) fn read(
    open: &mut Open,
    story: &Story,
    among: &RangeInclusive<usize>,
) -> Result<Option<usize>, Breach> {
    let Some(found) = State::read(&mut open.0, &open.1, UnixMillis(i64::MIN)) else { return Ok(None) };
    match story.judge(&found, *among.start(), *among.end()) {
        Finding::After(after) => Ok(Some(after)),
        finding @ (Finding::Lost | Finding::Phantom | Finding::Partial) => Err(Breach::Wrong(finding)),
    }
}
