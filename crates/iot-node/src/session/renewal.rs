//! What keeps a session from being encrypted with the same keys for ever: new handshakes, and new keys of node and hub.

use core::time::Duration;

use iot_proto::{
    Acknowledged, Admission, Correlation, Error, ErrorCode, MessageKind, NextKey, NodeKey, RequestId,
};

use super::Session;
use crate::{End, Instant, requests::Request};

/// How long a session with a key may last. The hub ends it before, after 22 to 26 hours; this is for one that does not.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_hours(26);

/// A key of the hub that the firmware has been given, and what it said of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct HubKeyTold {
    pub(super) request: RequestId,
    pub(super) answer: Option<Result<(), ErrorCode>>,
}

impl<const N: usize> Session<N> {
    /// What the firmware made of the hub's key.
    pub(crate) fn answer_hub_key(&mut self, answer: Result<(), ErrorCode>) {
        if let Some(told) = &mut self.hub_key {
            told.answer = Some(answer);
        }
    }

    /// Tells the hub what became of its key, once there is room for it.
    pub(super) fn tell_hub_key(&mut self) {
        let Some(HubKeyTold { request, answer: Some(answer) }) = self.hub_key else { return };
        let (kind, to) = (MessageKind::NEXT_HUB_KEY, Correlation::Response(request));
        let said = match answer {
            Ok(()) => self.wire.send(&Acknowledged, to, usize::MAX),
            Err(code) => self.wire.send(&Error::new(code, kind, "it is no key of the hub"), to, usize::MAX),
        };
        self.hub_key = self.hub_key.filter(|_| said.is_err());
    }

    /// Wants the hub to know of a key.
    pub(crate) fn announce_key(&mut self, key: NodeKey) {
        self.announced = Some(key);
    }

    /// Ends the session politely, and comes back at once.
    pub(crate) fn renew(&mut self, now: Instant) {
        if self.is_open() {
            self.close(now, End::Renewed, ErrorCode::OK, "a new handshake is due");
        }
    }

    /// Tells the hub of the key that was announced.
    pub(super) fn tell_key(&mut self) {
        let is_told = self.requests.any(|request| request == Request::NextKey);
        let may_tell = self.admission == Admission::ADMITTED && self.hold.is_none() && !is_told;
        if let Some(key) = self.announced.filter(|_| may_tell && self.requests.has_room()) {
            let id = self.wire.request();
            if self.wire.send(&NextKey { key }, Correlation::Request(id), usize::MAX).is_ok() {
                self.requests.add(id, Request::NextKey);
            }
        }
    }
}
