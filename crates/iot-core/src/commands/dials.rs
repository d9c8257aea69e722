//! Attempts to reach nodes by dialling them, and how long to wait before the next.

use alloc::collections::BTreeMap;
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::{DeliveryId, Instant, registry::NodeNumber, sessions::Requests};

/// First wait after a node could not be reached.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Least time between two attempts at one address of which the first did not reach a node.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// One attempt.
#[derive(Debug)]
pub(crate) struct Dial {
    /// The node that is meant, where it is known who lives there.
    pub(crate) node: Option<NodeNumber>,
    pub(crate) to: SocketAddr,
    /// What was sent and is not answered yet.
    pub(crate) requests: Requests,
}

/// All attempts that are under way, and the nodes that could not be reached.
#[derive(Debug, Default)]
pub(crate) struct Dials {
    under_way: BTreeMap<DeliveryId, Dial>,
    /// For each node how often in a row it could not be reached.
    failures: BTreeMap<NodeNumber, u32>,
    /// Addresses at which an attempt has not reached a node, and from when another may be made.
    not_before: BTreeMap<IpAddr, Instant>,
    next: u64,
}

impl Dials {
    /// Begins an attempt.
    pub(crate) fn begin(&mut self, dial: Dial, now: Instant) -> DeliveryId {
        let id = DeliveryId(self.next);
        self.next += 1;
        self.under_way.insert(id, dial);
        self.started(id, now);
        id
    }

    /// From when an address may be dialled, where that is not at once.
    pub(crate) fn not_before(&self, to: SocketAddr, now: Instant) -> Option<Instant> {
        self.not_before.get(&to.ip()).copied().filter(|at| *at > now)
    }

    /// The turn of an attempt has come.
    pub(crate) fn started(&mut self, id: DeliveryId, now: Instant) -> bool {
        let Some(dial) = self.under_way.get(&id) else { return false };
        self.not_before.retain(|_, at| *at > now);
        self.not_before.insert(dial.to.ip(), now + BETWEEN_ATTEMPTS);
        true
    }

    /// A node has answered an attempt: its address may be dialled again at once.
    pub(crate) fn answered(&mut self, id: DeliveryId) {
        if let Some(dial) = self.under_way.get(&id) {
            self.not_before.remove(&dial.to.ip());
        }
    }

    /// An attempt that is under way.
    pub(crate) fn get_mut(&mut self, id: DeliveryId) -> Option<&mut Dial> {
        self.under_way.get_mut(&id)
    }

    /// An attempt that is under way, to look at.
    pub(crate) fn get(&self, id: DeliveryId) -> Option<&Dial> {
        self.under_way.get(&id)
    }

    /// Ends an attempt.
    pub(crate) fn end(&mut self, id: DeliveryId) -> Option<Dial> {
        self.under_way.remove(&id)
    }

    /// The node could not be reached: how long to wait before the next try, up to a factor of two by
    /// the drawn number, so that nodes that went away together are not dialled together.
    pub(crate) fn failed(&mut self, node: NodeNumber, drawn: u64) -> Duration {
        let failures = self.failures.entry(node).or_default();
        let wait = FIRST_WAIT.saturating_mul(1 << (*failures).min(6)).min(LONGEST_WAIT);
        *failures += 1;
        let jitter = drawn % u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        (wait / 2) + Duration::from_millis(jitter / 2)
    }

    /// The node was reached, or came by itself.
    pub(crate) fn reached(&mut self, node: NodeNumber) {
        self.failures.remove(&node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    #[test]
    fn the_wait_doubles_up_to_a_minute_and_begins_anew_once_reached() {
        let mut registry = Registry::default();
        let node = registry.add(crate::registry::Node::new(
            (crate::NodeId::parse("plain:a").unwrap(), None),
            crate::AdmissionState::Admitted,
            crate::registry::Facts::unsaid(),
            iot_proto::UnixMillis(0),
        ));
        let mut dials = Dials::default();
        let waits: alloc::vec::Vec<_> = (0..8).map(|_| dials.failed(node, 0).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        dials.reached(node);
        assert_eq!(dials.failed(node, 999).as_millis(), 999);
    }
}
