//! [`Step`]: what can happen to the clocks of a world, written down beforehand instead of drawn.

use super::{course::Event, machine::Power, world::World};

/// What happens to clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::prove) enum Step {
    /// The hub's wall clock steps by so many milliseconds.
    Hub(i64),
    /// The clocks of all devices step by so many milliseconds.
    Nodes(i64),
    /// The hub's machine is suspended for so many milliseconds, which its monotonic clock counts or not. Connections
    /// are gone afterwards, and nobody has said so.
    Suspend { millis: u64, counted: Counted },
    /// The hub's process ends and starts again.
    Restart,
}

/// Whether a suspend counts on the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::prove) enum Counted {
    Yes,
    No,
}

impl World {
    /// Plans the steps of a script.
    pub(super) fn follow(&mut self, script: &[(u64, Step)]) {
        self.script = script.iter().map(|(_, step)| *step).collect();
        for (step, (at, _)) in script.iter().enumerate() {
            self.around.course.after(*at, Event::Script { step });
        }
    }

    /// A step of the script.
    pub(super) fn steps(&mut self, step: usize) {
        match self.script.get(step) {
            None => {}
            Some(Step::Hub(millis)) => self.machine.step_clock(&mut self.around.course, *millis),
            Some(Step::Nodes(millis)) => {
                for host in &mut self.hosts {
                    host.clock_off = host.clock_off.saturating_add(*millis);
                }
            }
            Some(Step::Suspend { millis, counted }) => {
                let ahead = if *counted == Counted::Yes { *millis } else { 0 };
                self.machine.suspend(&mut self.around, ahead);
                for node in 0..self.hosts.len() {
                    self.lose_connections(node);
                }
            }
            Some(Step::Restart) => self.machine.crash(&mut self.around, Power::Stays, 100),
        }
    }
}
