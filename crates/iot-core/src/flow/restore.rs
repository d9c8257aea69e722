//! Start: what was stored becomes the hub's state again.

use crate::{
    Hub, Now,
    commands::Command,
    deadlines::Timer,
    registry::Node,
    store::{CommandRecord, Snapshot},
};

impl Hub {
    /// Takes over what was stored. Whoever was known is expected to be heard again.
    pub(crate) fn restore(&mut self, now: Now, snapshot: Snapshot) {
        for record in snapshot.nodes {
            let mut node = Node::restored(record, &self.catalogue, now.wall);
            node.presence.expect_since_start(now, self.config.keepalive);
            let due = node.presence.deadline();
            let number = self.registry.add(node);
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
        for record in snapshot.commands {
            self.restore_command(now, record);
        }
    }

    /// A command that was on its way when the hub stopped waits again: the node tells a resend from a
    /// new command by its id.
    fn restore_command(&mut self, now: Now, record: CommandRecord) {
        let Some(number) = self.registry.find(&record.node) else { return };
        let mut command = Command::new(number, record);
        if command.state() == crate::CommandState::Sent {
            command.step(now.wall, crate::CommandState::Queued, Some(crate::IotError::Cut));
        }
        if command.state().is_under_way() {
            let left = command.record.expires.0.saturating_sub(now.wall.0);
            let left = core::time::Duration::from_millis(u64::try_from(left).unwrap_or(0));
            self.deadlines.set(Timer::Expiry(command.id()), now.instant + left);
        }
        self.ledger.add(command);
    }
}
