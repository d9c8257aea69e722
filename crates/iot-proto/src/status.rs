//! Numbers for everything that can go wrong, stable for ever, the same on the wire, in logs and on pages.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The number of an error; 0 means that all is well. Unknown numbers are carried along, not refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorCode(pub u16);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $word:literal;)+) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: Self = Self($number);)+

            /// Every code that this version defines, by number.
            pub const ALL: &'static [Self] = &[$(Self($number)),+];

            /// The code's word, as documents and logs use it; `None` for a number not defined here.
            pub fn word(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($word),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// All is well.
    OK = 0, "ok";

    // The wire: 1 to 19.
    /// The message kind is not known here.
    UNSUPPORTED_MESSAGE = 1, "unsupported-message";
    /// The body is not one of its kind.
    MALFORMED_MESSAGE = 2, "malformed-message";
    /// The bytes are no frame; the connection ends.
    BROKEN_FRAME = 3, "broken-frame";
    /// The frame is longer than agreed; the connection ends.
    FRAME_TOO_LONG = 4, "frame-too-long";
    /// No protocol version is spoken by both.
    VERSION_UNSUPPORTED = 5, "version-unsupported";
    /// The message does not fit the state of the session, such as a report before hello.
    OUT_OF_TURN = 6, "out-of-turn";
    /// More at one time, or in all, than the peer takes.
    TOO_MANY = 7, "too-many";
    /// Something took too long.
    TIMED_OUT = 8, "timed-out";
    /// The peer could not keep what it was given; send it again later.
    NOT_STORED = 9, "not-stored";
    /// The peer is stopping; come back later.
    STOPPING = 10, "stopping";
    /// Another connection of the same node took over.
    REPLACED = 11, "replaced";
    /// Encryption is not spoken on this connection.
    ENCRYPTION_UNAVAILABLE = 12, "encryption-unavailable";
    /// Nothing was heard for longer than agreed.
    SILENT = 13, "silent";
    /// Something went wrong inside the peer, which is to blame.
    INTERNAL = 14, "internal";

    // Admission of nodes: 20 to 29.
    /// A person has not admitted the node yet.
    PENDING_APPROVAL = 20, "pending-approval";
    /// The node was admitted once and is not any more.
    REVOKED = 21, "revoked";
    /// A person has disabled the node for now.
    DISABLED = 22, "disabled";
    /// A key was claimed that this connection does not prove.
    UNPROVEN_KEY = 23, "unproven-key";
    /// The connection was meant for another node.
    WRONG_NODE = 24, "wrong-node";
    /// No node of this id is known.
    UNKNOWN_NODE = 25, "unknown-node";
    /// A key that another node has or had, or that this one had before.
    KEY_TAKEN = 26, "key-taken";
    /// The name belongs to a node at another address.
    WRONG_ADDRESS = 27, "wrong-address";
    /// The node proves nothing or was not verified, and no admin permits commands to it.
    NOT_PERMITTED = 28, "not-permitted";

    // Modules: 30 to 39.
    /// The hub does not support this module kind.
    KIND_UNSUPPORTED = 30, "kind-unsupported";
    /// The hub supports the kind, but not this version of it.
    KIND_VERSION_UNKNOWN = 31, "kind-version-unknown";
    /// The kind is disabled in this hub.
    KIND_DISABLED = 32, "kind-disabled";
    /// The node has no such module.
    MODULE_NOT_REGISTERED = 33, "module-not-registered";
    /// The module's registration was taken back.
    MODULE_REVOKED = 34, "module-revoked";

    // What a module did with a command: 40 to 49. Nodes use these.
    /// The module could not do it, for a reason in the text.
    FAILED = 40, "failed";
    /// Something is in the way.
    BLOCKED = 41, "blocked";
    /// The hardware does not answer the node.
    HARDWARE = 42, "hardware";
    /// Doing it now would be unsafe, or an interlock forbids it.
    INTERLOCKED = 43, "interlocked";

    // Values and channels: 50 to 59.
    /// The kind has no such property, action or event.
    UNKNOWN_CHANNEL = 50, "unknown-channel";
    /// The property cannot be set.
    NOT_WRITABLE = 51, "not-writable";
    /// The value is of another type than the property.
    WRONG_TYPE = 52, "wrong-type";
    /// The value is out of the property's range, or not one of its options.
    OUT_OF_RANGE = 53, "out-of-range";

    // Delivery of commands: 60 to 69.
    /// Nothing answers at the node's address.
    UNREACHABLE = 60, "unreachable";
    /// The node took the message and did not answer in time.
    NO_ANSWER = 61, "no-answer";
    /// The node neither keeps a session nor can be dialled.
    NO_WAY = 62, "no-way";
    /// The command was not done before it expired.
    EXPIRED = 63, "expired";
    /// A person cancelled the command.
    CANCELLED = 64, "cancelled";
    /// A newer command for the same property took its place.
    SUPERSEDED = 65, "superseded";
    /// No command of this id is known.
    UNKNOWN_COMMAND = 66, "unknown-command";
    /// The command has ended and can no longer be changed.
    COMMAND_ENDED = 67, "command-ended";
}

impl ErrorCode {
    /// Whether the number says that all is well.
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }
}

impl fmt::Display for ErrorCode {
    /// Number and word, such as `41 blocked`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        self.word().map_or(Ok(()), |word| write!(f, " {word}"))
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorCode({self})")
    }
}
