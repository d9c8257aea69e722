//! Rest: once nothing goes wrong any more, every node is online, every queue empty and every command ended, within a
//! bound. Who looks at the hub meanwhile, and what is missing, is said here; what must hold at all times is the
//! [`Book`]'s.

use iot_core::{AdmissionState, view::PresenceState};

use super::{book::Book, course::Event, device::NAMES, weather::Approval, world::World};

/// How long everything may take to come to rest once nothing goes wrong any more, in milliseconds. A node that was
/// revoked is told to stay away for up to ten minutes; that is the longest wait in the system.
const REST_WITHIN: u64 = 25 * 60_000;

/// Every so many milliseconds somebody looks at the hub.
pub(super) const LOOK: u64 = 2_000;

impl World {
    /// Somebody looks at the hub.
    pub(super) fn look(&mut self) {
        self.around.course.after(LOOK, Event::Look);
        self.machine.look(&mut self.around);
        if self.healed_at.is_some() || self.around.course.weather.approval == Approval::ByPeople {
            self.let_in_who_waits();
        }
        if let Some(healed) = self.healed_at
            && self.around.course.now > healed + REST_WITHIN
        {
            let unrest = self.unrest();
            self.around.course.breach(|| format!("no rest after {REST_WITHIN} ms: {unrest}"));
        }
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.healed_at.is_some_and(|healed| self.around.course.now > healed + 1_000)
            && self.unrest().is_empty()
    }

    /// What has not come to rest yet, in words.
    fn unrest(&self) -> String {
        let Some(view) = self.machine.view(&self.around.course) else { return "no hub".into() };
        let names = self.around.course.weather.nodes.min(NAMES.len());
        for (node, host) in self.hosts.iter().enumerate().take(names) {
            let Some(device) = &host.device else { return format!("node {node} is down") };
            let Some(known) = Book::id(host.name).and_then(|id| view.node(&id).ok()) else {
                return format!("{} is not known", host.name);
            };
            let is_there = match known.presence.state {
                PresenceState::Online => true,
                PresenceState::Asleep => host.nature.visits,
                PresenceState::Connecting
                | PresenceState::Overdue
                | PresenceState::Lost
                | PresenceState::Disabled => false,
            };
            if known.admission != AdmissionState::Admitted || !is_there {
                return format!("{} is {:?} and {:?}", known.id, known.admission, known.presence);
            }
            if device.session.waiting_reports() > 0 {
                return format!("{} has {} reports", known.id, device.session.waiting_reports());
            }
        }
        let (shown, on_disk) = (view.overview().under_way, self.around.book.ledger.under_way());
        if shown > 0 || on_disk > 0 {
            return format!("{shown} commands are under way, {on_disk} on disk");
        }
        String::new()
    }
}
