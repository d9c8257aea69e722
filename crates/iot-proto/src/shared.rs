//! Messages that travel both ways; all of them belong to the frozen core.

use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Label, MessageKind, UnixMillis, body::bodies};

bodies! {
    Ping => PING,
    Pong => PONG,
    Error<'a> => ERROR,
    Close<'a> => CLOSE,
    Acknowledged => ACKNOWLEDGED,
}

/// Are you there? An empty body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping;

/// Answers [`Ping`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// The answering side's clock, where it has one.
    pub time: Option<UnixMillis>,
}

/// Taken note of. An empty body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged;

/// Answers a message that could not be served, or precedes the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error<'a> {
    /// What went wrong.
    pub code: ErrorCode,
    /// The kind of the message that could not be served; 0 where it is not known.
    pub about: u16,
    /// What went wrong, in words for a person.
    #[serde(borrow)]
    pub detail: Label<'a>,
}

impl<'a> Error<'a> {
    /// An error about a message of kind `about`. Text beyond the wire's limit is cut.
    pub fn new(code: ErrorCode, about: MessageKind, detail: &'a str) -> Self {
        Self { code, about: about.0, detail: Label::clipped(detail) }
    }
}

/// The connection ends: the sender of this closes it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close<'a> {
    /// Why; [`ErrorCode::OK`] where the connection has simply served its purpose.
    pub code: ErrorCode,
    /// From when on the other side may come back, in milliseconds from now. The hub adds jitter to it.
    pub retry_after_ms: u32,
    /// Why, in words for a person.
    #[serde(borrow)]
    pub detail: Label<'a>,
}
