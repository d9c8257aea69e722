//! What the firmware can ask for in vain: one enum for each operation.

use iot_proto::{CommandId, EncodeError, MAX_READINGS};
use thiserror::Error;

/// A report was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// More readings than one report carries.
    #[error("{count} readings exceed the limit of {limit} in one report", limit = MAX_READINGS)]
    TooManyReadings {
        /// How many.
        count: usize,
    },
    /// Longer than the firmware's memory for frames or reports allows; split it.
    #[error("a report of {len} bytes exceeds the limit of {limit}")]
    TooLong {
        /// Bytes that the report may take on the wire.
        len: usize,
        /// Bytes that there are.
        limit: usize,
    },
    /// It could not be encoded in the memory that there is.
    #[error("the report could not be encoded")]
    Encode(#[source] EncodeError),
}

/// An answer to a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The command is none of those that the node remembers.
    #[error("command {0} is not known")]
    UnknownCommand(CommandId),
    /// The command has its final outcome already.
    #[error("command {0} has been answered before")]
    AlreadyAnswered(CommandId),
    /// The value does not fit the memory that keeps an outcome.
    #[error("the outcome exceeds the limit of {limit} bytes")]
    TooLong {
        /// Bytes that a frame with the outcome may take.
        limit: usize,
    },
}

/// The node cannot go to sleep in the ordinary way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("there is no session in which to say it")]
pub struct NotOnline;
