//! [`Weather`]: which faults a seed has, and how hard.
//!
//! Each seed turns most faults off and some on, so that rare ones meet in pairs instead of drowning in common
//! ones (swarm testing). Times are milliseconds.

use crate::prove::chance::Chance;

/// One day.
pub(in crate::prove) const DAY: i64 = 24 * 3_600_000;

/// What a seed is like.
#[derive(Clone, Debug)]
pub(in crate::prove) struct Weather {
    /// Nodes in the world.
    pub(in crate::prove) nodes: usize,
    /// How long faults go on.
    pub(in crate::prove) span: u64,
    /// Shortest and longest time on the way.
    pub(in crate::prove) latency: (u64, u64),
    /// Most bytes of a segment.
    pub(in crate::prove) segment: u64,
    /// How long a commit takes.
    pub(in crate::prove) disk: (u64, u64),
    /// For each fault, every how many milliseconds it happens on average; 0 for never.
    pub(in crate::prove) resets: u64,
    pub(in crate::prove) partitions: u64,
    pub(in crate::prove) hub_crashes: u64,
    pub(in crate::prove) node_crashes: u64,
    pub(in crate::prove) disk_faults: u64,
    pub(in crate::prove) hub_clock: u64,
    pub(in crate::prove) node_clock: u64,
    pub(in crate::prove) swaps: u64,
    /// Every how many milliseconds somebody wants something of a node, and something of a registration.
    pub(in crate::prove) commands: u64,
    pub(in crate::prove) decisions: u64,
    /// Milliseconds between two reports of a node.
    pub(in crate::prove) reports: (u64, u64),
    /// One node in so many sleeps, listens, visits, has a clock of its own; 0 for none.
    pub(in crate::prove) sleepers: u64,
    pub(in crate::prove) listeners: u64,
    pub(in crate::prove) visitors: u64,
    pub(in crate::prove) clocks: u64,
    /// Whether two devices call themselves the same.
    pub(in crate::prove) twins: Twins,
    /// What the hub keeps its records in.
    pub(in crate::prove) store: Kept,
    /// Whether a person admits nodes.
    pub(in crate::prove) approval: Approval,
    /// Where the hub's wall clock stands at the beginning, in milliseconds since 1970.
    pub(in crate::prove) dawn: i64,
}

/// Whether two devices call themselves the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::prove) enum Twins {
    None,
    One,
}

/// What the hub keeps its records in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::prove) enum Kept {
    Memory,
    Sqlite,
}

/// Whether a person admits nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::prove) enum Approval {
    Open,
    ByPeople,
}

/// Where the wall clocks stand when a world begins: the first of January 2026.
pub(in crate::prove) const DAWN: i64 = 1_767_225_600_000;

/// One seed in so many keeps its records in a real file.
const IN_A_FILE: u64 = 25;

impl Weather {
    /// The weather of a seed.
    pub(in crate::prove) fn draw(chance: &mut Chance) -> Self {
        let mut one_of = |choices: &[u64]| {
            let at = chance.below(u64::try_from(choices.len()).unwrap_or(1));
            choices.get(usize::try_from(at).unwrap_or(0)).copied().unwrap_or_default()
        };
        Self {
            nodes: usize::try_from(one_of(&[1, 2, 3, 4])).unwrap_or(1),
            span: one_of(&[60_000, 120_000, 180_000, 240_000]),
            latency: (1, one_of(&[1, 5, 50, 400, 2_000])),
            segment: one_of(&[16_384, 16_384, 100, 7]),
            disk: (0, one_of(&[1, 5, 20, 500, 4_000])),
            resets: one_of(&[0, 0, 20_000, 5_000]),
            partitions: one_of(&[0, 0, 60_000, 15_000]),
            hub_crashes: one_of(&[0, 0, 60_000, 20_000]),
            node_crashes: one_of(&[0, 0, 60_000, 20_000]),
            disk_faults: one_of(&[0, 0, 0, 30_000]),
            hub_clock: one_of(&[0, 0, 0, 30_000]),
            node_clock: one_of(&[0, 0, 0, 30_000]),
            swaps: one_of(&[0, 0, 0, 0, 0, 60_000]),
            commands: one_of(&[0, 8_000, 3_000, 800]),
            decisions: one_of(&[0, 0, 20_000, 4_000]),
            reports: (300, one_of(&[1_000, 5_000, 20_000])),
            sleepers: one_of(&[0, 0, 3, 1]),
            listeners: one_of(&[0, 2, 1]),
            visitors: one_of(&[0, 0, 3, 1]),
            clocks: one_of(&[0, 0, 2]),
            twins: if one_of(&[0, 0, 0, 0, 0, 0, 0, 1]) == 1 { Twins::One } else { Twins::None },
            approval: if one_of(&[0, 1]) == 1 { Approval::ByPeople } else { Approval::Open },
            store: if chance.one_in(IN_A_FILE) { Kept::Sqlite } else { Kept::Memory },
            dawn: DAWN,
        }
    }

    /// A quiet day: three devices, one of which has a clock of its own, commands, and nothing that goes wrong.
    pub(in crate::prove) fn quiet() -> Self {
        Self {
            nodes: 3,
            span: 300_000,
            latency: (1, 5),
            segment: 16_384,
            disk: (0, 5),
            resets: 0,
            partitions: 0,
            hub_crashes: 0,
            node_crashes: 0,
            disk_faults: 0,
            hub_clock: 0,
            node_clock: 0,
            swaps: 0,
            commands: 3_000,
            decisions: 0,
            reports: (300, 5_000),
            sleepers: 3,
            listeners: 2,
            visitors: 4,
            clocks: 2,
            twins: Twins::None,
            store: Kept::Memory,
            approval: Approval::Open,
            dawn: DAWN,
        }
    }

    /// Nothing goes wrong any more.
    pub(in crate::prove) fn calm(&mut self) {
        self.latency = (1, 5);
        self.disk = (0, 2);
        for fault in [
            &mut self.resets,
            &mut self.partitions,
            &mut self.hub_crashes,
            &mut self.node_crashes,
            &mut self.disk_faults,
            &mut self.hub_clock,
            &mut self.node_clock,
            &mut self.swaps,
            &mut self.commands,
            &mut self.decisions,
        ] {
            *fault = 0;
        }
    }
}
