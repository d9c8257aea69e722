//! Uploads: backups that people send to the hub. Here is what pages and the backend say to each other about one: how far
//! it has come, why it is refused, and the pieces themselves. How they are read from a request is `take.rs`; what becomes
//! of them is the backend's.

mod take;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use iot_proto::UnixMillis;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

pub use self::take::UPLOAD_PIECE;
pub(crate) use self::take::{FILE_TYPES, take};
use crate::BackupFile;

/// How uploads are going.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadView {
    /// The one that is under way.
    pub under_way: Option<Uploading>,
    /// When the last one was refused, and why, if it was.
    pub refused: Option<(UnixMillis, Box<str>)>,
    /// Bytes that one may have at most.
    pub most: u64,
}

/// A backup that is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploading {
    /// So much of it has come, in percent; `None` where nobody said how much there is.
    Coming(Option<u8>),
    /// All of it has come and is being looked through.
    Checking,
}

/// A backup that the backend is ready to take.
#[derive(Debug)]
pub struct Taking {
    /// Where its pieces go, in their order. Dropped before [`Piece::End`] they have been cut off, and nothing is left of
    /// them. Closed by the backend where it wants no more of them: why is told by `taken`.
    pub pieces: mpsc::Sender<Piece>,
    /// What became of it.
    pub taken: oneshot::Receiver<Result<BackupFile, UploadRefused>>,
}

/// A part of a backup that is being sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What came next.
    Bytes(Bytes),
    /// That was all of it.
    End,
}

/// Why a backup that is sent is not taken. Nothing of it is left.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UploadRefused {
    /// Another one is being sent.
    #[error("another backup is being sent to this hub")]
    UnderWay,
    /// There is no file.
    #[error("everything is kept in memory: there is no file that a backup could replace")]
    InMemory,
    /// The hub stops.
    #[error("the hub is stopping")]
    Stopping,
    /// It is longer than the configuration lets one be.
    #[error("the file exceeds the limit of {limit} bytes")]
    TooLong {
        /// Most bytes.
        limit: u64,
    },
    /// The disk has no room for it.
    #[error(
        "the file needs {needed} bytes more, and the disk has {room}, of which {kept} stay free for what nodes report"
    )]
    NoRoom {
        /// Bytes that are still to come.
        needed: u64,
        /// Bytes that are free.
        room: u64,
        /// Bytes of them that an upload leaves free.
        kept: u64,
    },
    /// It does not go on.
    #[error("of the file less than {} KiB came within {within:?}", UPLOAD_PIECE / 1024)]
    Stalled {
        /// For how long the hub waits for so much.
        within: Duration,
    },
    /// It ended before it was whole.
    #[error("the file was cut off after {bytes} bytes")]
    CutOff {
        /// Bytes that came.
        bytes: u64,
    },
    /// It is no backup that can be relied on.
    #[error("{0}")]
    Unfit(Box<str>),
    /// It cannot be kept here.
    #[error("{0}")]
    Unwritten(Box<str>),
}

impl UploadRefused {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::UnderWay | Self::InMemory => StatusCode::CONFLICT,
            Self::Stopping | Self::Unwritten(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoRoom { .. } => StatusCode::INSUFFICIENT_STORAGE,
            Self::Stalled { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::CutOff { .. } => StatusCode::BAD_REQUEST,
            Self::Unfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// What a person does about it.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::UnderWay => "Wait until it has come.",
            Self::InMemory => "Start the hub with store = \"disk\" to keep anything at all.",
            Self::Stopping => "Try again when it has started anew.",
            Self::TooLong { .. } => {
                "Raise max_upload_mib, or copy the file to the hub's machine, and say iot-server restore there."
            }
            Self::NoRoom { .. } => "Make room on the hub's disk, and send it again.",
            Self::Stalled { .. } | Self::CutOff { .. } => "Send it again, over a better connection.",
            Self::Unfit(_) => {
                "Send a file that the page of a hub, or iot-server backup, made: as it was made, and by no newer hub."
            }
            Self::Unwritten(_) => "See to the hub's disk, and send it again.",
        }
    }
}
