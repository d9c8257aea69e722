//! [`LogBudget`]: how many lines the log takes about what peers do, so that no peer can fill a disk with it.

use core::time::Duration;
use std::collections::BTreeMap;

use iot_core::Origin;
use tokio::time::Instant;

/// Lines a minute that the log takes about what is refused to one peer.
pub const LINES_PER_PEER: u32 = 20;

/// Lines a minute about all peers together: less than a mebibyte.
pub(crate) const LINES_IN_ALL: u32 = 2_000;

/// What is counted together.
const MINUTE: Duration = Duration::from_mins(1);

/// Counts lines, a minute at a time. Peers that are counted are at most as many as lines in all.
#[derive(Debug)]
pub(crate) struct LogBudget {
    since: Instant,
    in_all: u32,
    by_peer: BTreeMap<Origin, u32>,
    left_out: u64,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is written.
    Write,
    /// It is written, and is the last about this peer for now.
    WriteLast,
    /// It is left out.
    LeaveOut,
}

impl LogBudget {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), in_all: 0, by_peer: BTreeMap::new(), left_out: 0 }
    }

    /// Begins a new minute where one is over, and gives how many lines the one before left out.
    pub(crate) fn turn(&mut self) -> Option<u64> {
        if self.since.elapsed() < MINUTE {
            return None;
        }
        let left_out = core::mem::replace(self, Self::new()).left_out;
        (left_out > 0).then_some(left_out)
    }

    /// Judges one more line about a peer.
    pub(crate) fn line(&mut self, peer: Origin) -> Verdict {
        if self.in_all >= LINES_IN_ALL {
            self.left_out += 1;
            return Verdict::LeaveOut;
        }
        let lines = self.by_peer.entry(peer).or_default();
        if *lines >= LINES_PER_PEER {
            self.left_out += 1;
            return Verdict::LeaveOut;
        }
        *lines += 1;
        self.in_all += 1;
        if *lines == LINES_PER_PEER || self.in_all == LINES_IN_ALL {
            Verdict::WriteLast
        } else {
            Verdict::Write
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> Origin {
        Origin::of(core::net::Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn one_peer_gets_its_lines_and_no_other_loses_any() {
        let mut budget = LogBudget::new();
        let verdicts: Vec<_> = (0..100).map(|_| budget.line(peer(1))).collect();
        let written = verdicts.iter().filter(|verdict| **verdict != Verdict::LeaveOut).count();
        assert_eq!((written, verdicts[19]), (20, Verdict::WriteLast));
        assert_eq!(budget.line(peer(2)), Verdict::Write);
        assert_eq!(budget.left_out, 80);
    }

    #[test]
    fn all_peers_together_are_bounded_and_so_is_what_is_remembered_of_them() {
        let mut budget = LogBudget::new();
        let written = (0..10_000).filter(|number| budget.line(peer(*number)) != Verdict::LeaveOut).count();
        assert_eq!((written, budget.by_peer.len()), (2_000, 2_000));
    }
}
