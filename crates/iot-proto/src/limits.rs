//! Every limit of the wire, each with its unit and the reason for its size.

/// TCP port on which a hub listens for nodes.
pub const HUB_PORT: u16 = 5070;

/// TCP port on which a node that can be dialled listens for its hub.
pub const DIAL_PORT: u16 = 1234;

/// Largest frame in bytes, header included. Fits one encrypted record of 16,384 bytes with its tag.
pub const MAX_FRAME: usize = 16_368;

/// Smallest frame limit in bytes that a peer may ask for; every message of the frozen core fits.
pub const MIN_FRAME: usize = 256;

/// Largest body in bytes.
pub const MAX_BODY: usize = MAX_FRAME - crate::HEADER_LEN;

/// Most modules on one node: indexes run from 0 to one below.
pub const MAX_MODULES: u8 = 64;

/// Most readings in one report.
pub const MAX_READINGS: u16 = 512;

/// What a peer lets the other side send to it; agreed in `Hello` and `Welcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest frame in bytes, header included.
    pub frame: usize,
    /// Requests that may be unanswered at one time.
    pub inflight: u8,
}

impl Limits {
    /// What holds until `Hello` and `Welcome` agreed on something else.
    pub const UNTIL_AGREED: Self = Self { frame: 1024, inflight: 1 };
}

impl Default for Limits {
    /// The largest frame, and 16 requests in flight.
    fn default() -> Self {
        Self { frame: MAX_FRAME, inflight: 16 }
    }
}
