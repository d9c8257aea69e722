//! Which reports of a node are stored: the guard that makes a resend harmless and a gap provable.

use alloc::vec::Vec;

use iot_proto::BootId;

/// Runs remembered for each node; one that kept reports over a restart sends with the old run's id.
const REMEMBERED: usize = 4;

/// What a report's number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Not seen before; so many before it provably never came.
    New { gap: u32 },
    /// Stored already.
    Duplicate,
}

/// The highest report stored of each of a node's last runs, the latest run last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs(Vec<(BootId, u32)>);

impl Runs {
    /// Takes note of a report, and says what its number means.
    ///
    /// The first report of a run that is not remembered proves no gap: those before it may have been
    /// stored and the run forgotten.
    pub(crate) fn arrive(&mut self, boot: BootId, sequence: u32) -> Arrival {
        if let Some((_, highest)) = self.0.iter_mut().find(|(run, _)| *run == boot) {
            if sequence <= *highest {
                return Arrival::Duplicate;
            }
            let gap = sequence - *highest - 1;
            *highest = sequence;
            return Arrival::New { gap };
        }
        self.restore(boot, sequence);
        Arrival::New { gap: 0 }
    }

    /// Remembers a run as the latest, forgetting the oldest where there are too many.
    pub(crate) fn restore(&mut self, boot: BootId, highest: u32) {
        if self.0.len() == REMEMBERED {
            self.0.remove(0);
        }
        self.0.reserve_exact(1);
        self.0.push((boot, highest));
    }

    /// Highest report stored of a run; 0 where there is none.
    pub(crate) fn highest(&self, boot: BootId) -> u32 {
        self.0.iter().find(|(run, _)| *run == boot).map_or(0, |(_, highest)| *highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resend_is_a_duplicate_and_a_number_left_out_is_a_gap() {
        let mut runs = Runs::default();
        let boot = BootId(1);
        assert_eq!(runs.arrive(boot, 1), Arrival::New { gap: 0 });
        assert_eq!(runs.arrive(boot, 1), Arrival::Duplicate);
        assert_eq!(runs.arrive(boot, 4), Arrival::New { gap: 2 });
        assert_eq!(runs.arrive(boot, 3), Arrival::Duplicate);
        assert_eq!(runs.highest(boot), 4);
    }

    #[test]
    fn an_older_run_goes_on_beside_the_present_one() {
        let mut runs = Runs::default();
        runs.arrive(BootId(1), 7);
        assert_eq!(runs.arrive(BootId(2), 1), Arrival::New { gap: 0 });
        assert_eq!(runs.arrive(BootId(1), 7), Arrival::Duplicate);
        assert_eq!(runs.arrive(BootId(1), 8), Arrival::New { gap: 0 });
    }

    #[test]
    fn only_the_last_runs_are_remembered() {
        let mut runs = Runs::default();
        for boot in 0..5 {
            runs.arrive(BootId(boot), 1);
        }
        assert_eq!(runs.highest(BootId(0)), 0);
        assert_eq!(runs.highest(BootId(4)), 1);
    }
}
