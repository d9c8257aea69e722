//! What keeps a session from being encrypted with the same keys for ever: new handshakes, and a new key of the node.

use core::time::Duration;

use iot_proto::{Admission, Correlation, ErrorCode, NextKey, NodeKey};

use super::Session;
use crate::{End, Instant, requests::Request};

/// How long a session with a key may last. The hub ends it before, after 22 to 26 hours; this is for one that does not.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_hours(26);

impl<const N: usize> Session<N> {
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
