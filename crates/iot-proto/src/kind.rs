//! The table of message kinds. A number is given once and never again to another kind.

use core::fmt;

/// What kind of message a body is; stands in the header, so that an unknown one can be answered and skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKind(pub u16);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $word:literal;)+) => {
        impl MessageKind {
            $($(#[$doc])* pub const $name: Self = Self($number);)+

            /// Every kind that this version defines, by number.
            pub const ALL: &'static [Self] = &[$(Self($number)),+];

            /// The kind's word, as documents and logs use it; `None` for a kind that is not defined here.
            pub fn word(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($word),)+
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    // The frozen core, 0x0001 to 0x00FF: spoken by every version, byte for byte, for ever.
    /// Node to hub: who I am and what I can do. Answered by `WELCOME`. Also answers `DIAL`.
    HELLO = 0x0001, "hello";
    /// Hub to node: answers `HELLO`.
    WELCOME = 0x0002, "welcome";
    /// Either way: are you there? Answered by `PONG`.
    PING = 0x0003, "ping";
    /// Either way: answers `PING`.
    PONG = 0x0004, "pong";
    /// Either way: answers whatever could not be served.
    ERROR = 0x0005, "error";
    /// Either way: this connection ends, why, and when to come back.
    CLOSE = 0x0006, "close";
    /// Hub to node: opens a connection that the hub dialled. Answered by `HELLO`.
    DIAL = 0x0007, "dial";
    /// Hub to node: make yourself seen. Answered by `OUTCOME`.
    IDENTIFY = 0x0008, "identify";
    /// Hub to node: start anew. Answered by `OUTCOME` before the node does.
    RESTART = 0x0009, "restart";
    /// Hub to node: a firmware image is ready. Answered by `UPDATE_STATUS`.
    UPDATE_OFFER = 0x000A, "update-offer";
    /// Hub to node: a block of the image. Answered by `UPDATE_STATUS`.
    UPDATE_BLOCK = 0x000B, "update-block";
    /// Node to hub: where the update stands.
    UPDATE_STATUS = 0x000C, "update-status";
    /// Either way: taken note of; answers a request that has nothing else to tell.
    ACKNOWLEDGED = 0x000D, "acknowledged";

    // Modules and readings, from 0x0101.
    /// Node to hub: the modules that I carry. Answered by `REGISTERED`.
    REGISTER = 0x0101, "register";
    /// Hub to node: answers `REGISTER`, a verdict for each module.
    REGISTERED = 0x0102, "registered";
    /// Hub to node: a person has admitted, disabled or revoked you.
    ADMISSION = 0x0103, "admission";
    /// Node to hub: readings. Answered by `REPORT_ACK` once they are on disk.
    REPORT = 0x0104, "report";
    /// Hub to node: answers `REPORT`.
    REPORT_ACK = 0x0105, "report-ack";
    /// Node to hub: for how long I sleep, and how long I still listen. Answered by `SLEEP_ACK`.
    SLEEP = 0x0106, "sleep";
    /// Hub to node: answers `SLEEP`.
    SLEEP_ACK = 0x0107, "sleep-ack";
    /// Node to hub: the key that I shall have. Answered by `ACKNOWLEDGED`.
    NEXT_KEY = 0x0108, "next-key";
    /// Hub to node: the key that I shall have, or have. Answered by `ACKNOWLEDGED` once it is stored.
    NEXT_HUB_KEY = 0x0109, "next-hub-key";

    // Commands, from 0x0201.
    /// Hub to node: set a property. Answered by `OUTCOME`.
    SET = 0x0201, "set";
    /// Hub to node: tell a property's value. Answered by `OUTCOME`.
    GET = 0x0202, "get";
    /// Hub to node: run an action. Answered by `OUTCOME`.
    INVOKE = 0x0203, "invoke";
    /// Node to hub: what became of a command; answers one, or follows later as a request of its own.
    OUTCOME = 0x0204, "outcome";
}

impl MessageKind {
    /// Whether the kind belongs to the core that never changes.
    pub fn is_frozen(self) -> bool {
        self.0 < 0x0100
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word() {
            Some(word) => f.write_str(word),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}
