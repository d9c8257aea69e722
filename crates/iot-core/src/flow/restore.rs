//! Start: what was stored becomes the hub's state again.

use alloc::vec::Vec;
use core::time::Duration;

use iot_proto::Capabilities;

use crate::{
    AdmissionState, CommandState, Hub, IotError, Now,
    commands::Command,
    deadlines::Timer,
    joining::lapses_in,
    registry::Node,
    store::{CommandRecord, SleepRecord, Snapshot},
};

/// How soon after the start nodes are dialled for which something waits: most come by themselves.
const DIAL_AFTER: Duration = Duration::from_secs(2);

/// Over how many milliseconds those dials are spread.
const DIAL_SPREAD_MS: u64 = 5_000;

impl Hub {
    /// Takes over what was stored. Whoever was known is expected to be heard again, and who has commands
    /// waiting and listens is dialled soon.
    pub(crate) fn restore(&mut self, now: Now, mut snapshot: Snapshot) {
        // Those that ended stand in the order in which they did, so that the oldest of them goes first.
        snapshot.commands.sort_by_key(|record| (record.ended(), record.id));
        for record in snapshot.nodes {
            let mut node = Node::restored(record, &self.catalogue, now.wall);
            let keepalive = node.facts.keepalive(&self.config);
            let sleeps = node.facts.capabilities.has(Capabilities::SLEEPS);
            // A sleeper that was awake may have gone to sleep meanwhile, and nobody heard for how long.
            let returns =
                node.facts.returns(&self.config).or_else(|| sleeps.then_some(self.config.contact_within));
            match node.extras().sleep {
                Some(SleepRecord { since, for_s }) => {
                    node.presence.expect_from_sleep(now, since, Duration::from_secs(for_s.into()));
                }
                None => node.presence.expect_since_start(now, keepalive, returns),
            }
            let due = node.presence.deadline();
            let lapses = (node.admission == AdmissionState::Matched).then(|| lapses_in(now, &node));
            let number = self.registry.add(node);
            self.settle(number);
            if let Some(left) = lapses {
                self.deadlines.set(Timer::Matched(number), now.instant + left);
            }
            if let Some(at) = due {
                self.deadlines.set(Timer::Presence(number), at);
            }
        }
        for (id, boot, highest) in snapshot.sequences {
            if let Some(node) = self.registry.find(&id).and_then(|number| self.registry.get_mut(number)) {
                node.runs.restore(boot, highest);
            }
        }
        for (series, reading) in snapshot.latest {
            let node = self.registry.find(&series.node).and_then(|number| self.registry.get_mut(number));
            if let Some(module) = node.and_then(|node| node.module_mut(series.module)) {
                module.take(series.channel, &reading);
            }
        }
        let mut cut = Vec::new();
        for record in snapshot.commands {
            cut.extend((record.state() == CommandState::Sent).then_some(record.id));
            self.restore_command(now, record);
        }
        cut.retain(|id| self.ledger.outdated_by(*id).is_some());
        for id in cut {
            // It ends with the first input, and not here, so that its end is stored.
            self.deadlines.set(Timer::Command(id), now.instant);
        }
    }

    /// A command that was on its way when the hub stopped waits again: the node tells a resend from a
    /// new command by its id.
    fn restore_command(&mut self, now: Now, record: CommandRecord) {
        let Some(number) = self.registry.find(&record.node) else { return };
        self.ids.stay_above(record.id);
        let mut command = Command::new(number, record);
        if command.state() == CommandState::Sent {
            command.step(now.wall, CommandState::Queued, Some(IotError::Cut));
        }
        if command.state().is_under_way() {
            let left = time_left(now, &command.record);
            self.deadlines.set(Timer::Expiry(command.id()), now.instant + left);
            let spread = Duration::from_millis(self.ids.random() % DIAL_SPREAD_MS);
            self.deadlines.set(Timer::Redial(number), now.instant + DIAL_AFTER + spread);
        }
        self.ledger.add(command);
        self.ledger.trim(self.config.max_ended);
    }
}

/// How long a stored command may still take. Only the wall clock outlives a restart, so it decides; but where it
/// stands before the command was taken it is wrong, and the command gets its whole time and no more.
fn time_left(now: Now, record: &CommandRecord) -> Duration {
    let taken = record.steps.first().map_or(record.expires, |step| step.at);
    let whole = record.expires.0.saturating_sub(taken.0);
    let left = record.expires.0.saturating_sub(now.wall.0).min(whole);
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}
