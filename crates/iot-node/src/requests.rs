//! The node's own requests that the hub has not answered.

use iot_proto::{CommandId, RequestId};

/// Most requests that this node has in flight, however many the hub takes.
pub(crate) const MOST_REQUESTS: usize = 16;

/// What the node asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Hello,
    /// Modules, in the so-manyth registration of this connection.
    Register {
        round: u8,
    },
    /// The report with this sequence.
    Report {
        sequence: u32,
    },
    /// What became of this command.
    Outcome {
        command: CommandId,
    },
    Sleep,
    NextKey,
    Ping,
}

/// Requests in flight, as many as the hub allows.
#[derive(Debug)]
pub(crate) struct Requests {
    slots: [Option<(RequestId, Request)>; MOST_REQUESTS],
    limit: usize,
}

impl Requests {
    /// None in flight, and one allowed until the hub allows more.
    pub(crate) fn new() -> Self {
        Self { slots: [None; MOST_REQUESTS], limit: 1 }
    }

    /// The hub takes so many at one time; at least one, or nothing could be asked.
    pub(crate) fn allow(&mut self, inflight: u8) {
        self.limit = usize::from(inflight.max(1)).min(MOST_REQUESTS);
    }

    /// Whether another request may be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.slots.iter().flatten().count() < self.limit
    }

    /// Whether none is in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    /// Whether a request for which `wanted` holds is in flight.
    pub(crate) fn any(&self, wanted: impl Fn(Request) -> bool) -> bool {
        self.slots.iter().flatten().any(|(_, request)| wanted(*request))
    }

    /// Remembers a request that was sent. There is room: [`has_room`](Self::has_room) was asked before.
    pub(crate) fn add(&mut self, id: RequestId, request: Request) {
        if let Some(free) = self.slots.iter_mut().find(|slot| slot.is_none()) {
            *free = Some((id, request));
        }
    }

    /// What a response with this id answers; `None` where nothing was asked under it.
    pub(crate) fn answered(&mut self, id: RequestId) -> Option<Request> {
        let slot = self.slots.iter_mut().find(|slot| matches!(slot, Some((asked, _)) if *asked == id))?;
        slot.take().map(|(_, request)| request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_in_flight_than_the_hub_takes() {
        let mut requests = Requests::new();
        requests.add(RequestId::FIRST, Request::Hello);
        assert!(!requests.has_room());
        requests.allow(2);
        assert!(requests.has_room());
        requests.add(RequestId::FIRST.next(), Request::Ping);
        assert!(!requests.has_room());
        assert_eq!(requests.answered(RequestId::FIRST), Some(Request::Hello));
        assert_eq!(requests.answered(RequestId::FIRST), None, "a request is answered once");
        assert!(requests.has_room() && !requests.is_empty());
    }
}
