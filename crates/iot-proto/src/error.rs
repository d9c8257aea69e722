//! What can be wrong with bytes: a frame or record that ends the session, a body that costs one message, and
//! what cannot be encoded.

use thiserror::Error;

use crate::{ErrorCode, MessageKind, RecordType};

/// A broken frame: where the next one begins is unknown, so the session ends, with this reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The first byte does not begin a frame of this protocol.
    #[error("byte {0:#04x} does not begin a frame")]
    Marker(u8),
    /// The first byte begins an encrypted record, where plain frames were expected.
    #[error("an encrypted record where a plain frame was expected")]
    Encrypted,
    /// The frame layout is of a version that is not spoken here.
    #[error("frame version {0} is not supported")]
    Version(u8),
    /// A flag that version 1 does not define, or a response to no request.
    #[error("flags {0:#06x} are not defined")]
    Flags(u16),
    /// Longer than the receiver takes; nothing was reserved for it.
    #[error("frame of {len} bytes exceeds the limit of {limit}")]
    TooLong {
        /// Bytes of the whole frame as announced.
        len: usize,
        /// Bytes that the receiver takes.
        limit: usize,
    },
}

impl FrameError {
    /// The number under which a peer is told of this.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::TooLong { .. } => ErrorCode::FRAME_TOO_LONG,
            Self::Version(_) => ErrorCode::VERSION_UNSUPPORTED,
            Self::Encrypted => ErrorCode::ENCRYPTION_UNAVAILABLE,
            Self::Marker(_) | Self::Flags(_) => ErrorCode::BROKEN_FRAME,
        }
    }
}

/// A broken record: the connection ends without a word, for nothing has been proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The first byte does not begin a record.
    #[error("byte {0:#04x} does not begin a record")]
    Marker(u8),
    /// The type is not defined.
    #[error("record type {0} is not defined")]
    Type(u8),
    /// A record of this type is not of this length.
    #[error("a record of {len} bytes cannot be {kind:?}, of which the largest data is {limit}")]
    Length {
        /// What the record is for.
        kind: RecordType,
        /// Bytes behind the header as announced.
        len: usize,
        /// Bytes behind the header of data that the receiver takes.
        limit: usize,
    },
}

/// The beginning of an encrypted connection says what is not defined; the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// No connection of this side begins with this type.
    #[error("a connection does not begin with {0:?}")]
    Type(RecordType),
    /// The range of versions is upside down.
    #[error("versions {min} to {max} are no range")]
    Versions {
        /// Oldest version claimed.
        min: u8,
        /// Newest version claimed.
        max: u8,
    },
    /// A key of the hub is named where none can be known, or none where one must be.
    #[error("key number {0} does not fit what the connection is for")]
    KeyNumber(u8),
    /// A byte that version 1 does not define is not zero.
    #[error("a reserved byte is not zero")]
    Reserved,
    /// The limit for records is outside of what may be agreed on.
    #[error("records of {0} bytes are outside of 512 to 16384")]
    Record(u16),
    /// What is said while a node joins is not defined, not as long as it must be, or not for this side to say.
    #[error("message {0} of joining is not defined, or not said by this side")]
    Joining(u8),
}

/// A message that could not be decoded: it is answered with an error, and the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No message of this kind travels in this direction.
    #[error("message kind {0} is not supported")]
    UnknownKind(MessageKind),
    /// The body ends too early.
    #[error("the body ends too early")]
    TooShort,
    /// Bytes after the end of the body.
    #[error("{len} bytes are left over")]
    Trailing {
        /// How many.
        len: usize,
    },
    /// A number takes more bytes than it needs.
    #[error("the body is not in canonical form")]
    NotCanonical,
    /// A list has more items than the message allows.
    #[error("a list has more than {limit} items")]
    ListTooLong {
        /// Most items allowed.
        limit: u16,
    },
    /// A field is not one of its type, or out of its bounds: text too long, a number that is not finite.
    #[error("a field is out of its bounds")]
    Malformed,
}

impl DecodeError {
    /// The number under which a peer is told of this.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::UnknownKind(_) => ErrorCode::UNSUPPORTED_MESSAGE,
            Self::TooShort
            | Self::Trailing { .. }
            | Self::NotCanonical
            | Self::ListTooLong { .. }
            | Self::Malformed => ErrorCode::MALFORMED_MESSAGE,
        }
    }
}

/// A message could not be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer of the caller ends too early.
    #[error("the buffer is too small")]
    BufferTooSmall,
    /// The body is longer than a frame can carry.
    #[error("body of {len} bytes exceeds the limit of {limit}", limit = crate::MAX_BODY)]
    BodyTooLong {
        /// Bytes of the body.
        len: usize,
    },
    /// More items than a list can carry.
    #[error("{count} items are too many for a list")]
    TooManyItems {
        /// How many.
        count: usize,
    },
}
