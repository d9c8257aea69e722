//! [`Course`]: virtual time, what happens next, what is drawn, and the trace of what happened.
//!
//! Every part of the world shares it, and nothing else is shared. Of what happens it knows only the order.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher as _},
};

use super::weather::Weather;
use crate::prove::chance::Chance;

/// The hub's end of a connection, or the node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Side {
    Hub,
    Node,
}

/// Something that happens at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Event {
    /// The next segment of a connection reaches a side.
    Arrive { link: u64, to: Side },
    /// A node's attempt to connect reaches the hub's machine.
    Knock { node: usize, run: u32 },
    /// The node learns that its attempt came to nothing.
    Unanswered { node: usize, run: u32 },
    /// A delivery's attempt to connect reaches the node's machine.
    Dial { life: u32, delivery: u64 },
    /// A delivery has waited long enough for its connection.
    DialLimit { life: u32, delivery: u64 },
    /// The hub's driver wakes.
    HubWakes { life: u32 },
    /// The disk has done what it was given last.
    DiskDone { life: u32 },
    /// The hub's process starts.
    HubStarts,
    /// A node's firmware wakes.
    NodeWakes { node: usize, run: u32 },
    /// A node starts.
    NodeStarts { node: usize },
    /// Something goes wrong.
    Fault(Fault),
    /// The next thing that was written down beforehand happens to the clocks.
    Script { step: usize },
    /// The disk takes what it is given again.
    DiskMended,
    /// Somebody wants something.
    Person,
    /// Somebody looks at the hub.
    Look,
    /// From here on nothing goes wrong any more.
    Heal,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Fault {
    Reset,
    Partition,
    HubCrash,
    NodeCrash,
    Disk,
    HubClock,
    NodeClock,
    Swap,
}

/// Virtual time and what all share.
pub(super) struct Course {
    /// Milliseconds since the world began. Nobody in the world sees it but through a clock of its own.
    pub(super) now: u64,
    pub(super) chance: Chance,
    pub(super) weather: Weather,
    /// Things that happened.
    pub(super) events: u64,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    next: u64,
    hash: DefaultHasher,
    lines: Option<Vec<String>>,
    /// The first promise that was broken.
    breach: Option<String>,
}

impl Course {
    /// The beginning of a world; `traced` keeps lines of what happens.
    pub(super) fn new(chance: Chance, weather: Weather, traced: Traced) -> Self {
        let lines = (traced == Traced::Lines).then(Vec::new);
        let (queue, hash) = (BinaryHeap::new(), DefaultHasher::new());
        Self { now: 0, chance, weather, events: 0, queue, next: 0, hash, lines, breach: None }
    }

    /// Lets something happen after so many milliseconds; what was planned first happens first.
    pub(super) fn after(&mut self, millis: u64, event: Event) {
        self.queue.push(Reverse((self.now.saturating_add(millis), self.next, event)));
        self.next += 1;
    }

    /// Goes to the next thing that happens, unless it lies behind `end`.
    pub(super) fn step(&mut self, end: u64) -> Option<Event> {
        let Reverse((at, _, _)) = self.queue.peek()?;
        if *at > end {
            self.now = end;
            return None;
        }
        let Reverse((at, _, event)) = self.queue.pop()?;
        self.now = at;
        self.events += 1;
        (at, event).hash(&mut self.hash);
        Some(event)
    }

    /// A number from `range`, its end included.
    pub(super) fn draw(&mut self, (from, to): (u64, u64)) -> u64 {
        from + self.chance.below(to.saturating_sub(from) + 1)
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T], otherwise: T) -> T {
        let at = self.chance.below(u64::try_from(choices.len()).unwrap_or(1));
        choices.get(usize::try_from(at).unwrap_or(0)).copied().unwrap_or(otherwise)
    }

    /// Takes something into the trace: what it is as bytes, and as a line where lines are kept.
    pub(super) fn note(&mut self, what: impl Hash, line: impl FnOnce() -> String) {
        what.hash(&mut self.hash);
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>9} {}", self.now, line()));
        }
    }

    /// A promise is broken; the first counts.
    pub(super) fn breach(&mut self, what: impl FnOnce() -> String) {
        if self.breach.is_none() {
            let what = what();
            self.note(0xBAD_u16, || format!("BREACH {what}"));
            self.breach = Some(what);
        }
    }

    /// Whether a promise is broken.
    pub(super) fn is_breached(&self) -> bool {
        self.breach.is_some()
    }

    /// What was broken, the hash of the trace, and its lines.
    pub(super) fn end(self) -> (Option<String>, u64, Vec<String>) {
        (self.breach, self.hash.finish(), self.lines.unwrap_or_default())
    }
}

impl fmt::Debug for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Course").field("now", &self.now).field("events", &self.events).finish_non_exhaustive()
    }
}

/// Whether a run keeps the lines of its trace, or only its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traced {
    /// The hash alone.
    Hash,
    /// The lines too.
    Lines,
}
