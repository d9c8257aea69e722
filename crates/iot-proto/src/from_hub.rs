//! What the hub says: what it made of a node's messages, and what people want of the node.

use serde::{Deserialize, Serialize};

use crate::{
    Acknowledged, Body, BootId, Close, CommandId, DecodeError, Error, ErrorCode, HubKey, Identity, Label,
    List, MAX_MODULES, MAX_READINGS, MessageKind, Ping, Pong, UnixMillis, Value, VersionRange,
    body::{self, bodies, messages},
};

bodies! {
    Welcome<'a> => WELCOME,
    Admission => ADMISSION,
    SleepAck => SLEEP_ACK,
    NextHubKey => NEXT_HUB_KEY,
    Dial<'a> => DIAL,
    Set<'a> => SET,
    Get => GET,
    Invoke<'a> => INVOKE,
    Identify => IDENTIFY,
    Restart => RESTART,
    UpdateOffer<'a> => UPDATE_OFFER,
    UpdateBlock<'a> => UPDATE_BLOCK,
}

messages! {
    /// A message from the hub.
    HubMessage {
        /// Answers hello.
        Welcome(Welcome<'a>),
        /// Answers register.
        Registered(Registered<'a>),
        /// The node's admission has changed.
        Admission(Admission),
        /// Answers a report.
        ReportAck(ReportAck<'a>),
        /// Answers sleep.
        SleepAck(SleepAck),
        /// The key that the hub will have, or has.
        NextHubKey(NextHubKey),
        /// Opens a connection that the hub dialled.
        Dial(Dial<'a>),
        /// Set a property.
        Set(Set<'a>),
        /// Tell a property's value.
        Get(Get),
        /// Run an action.
        Invoke(Invoke<'a>),
        /// Make yourself seen.
        Identify(Identify),
        /// Start anew.
        Restart(Restart),
        /// A firmware image is ready.
        UpdateOffer(UpdateOffer<'a>),
        /// A block of a firmware image.
        UpdateBlock(UpdateBlock<'a>),
        /// Are you there?
        Ping(Ping),
        /// I am here.
        Pong(Pong),
        /// What you sent could not be served.
        Error(Error<'a>),
        /// This connection ends.
        Close(Close<'a>),
        /// Taken note of.
        Acknowledged(Acknowledged),
    }
}

/// Answers `Hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome<'a> {
    /// The protocol version that both speak from now on.
    pub version: u8,
    /// The hub's clock.
    pub time: UnixMillis,
    /// Largest frame that the hub takes from this node, in bytes, header included.
    pub max_frame: u16,
    /// Requests that the hub takes before it has answered the first.
    pub inflight: u8,
    /// Longest silence in seconds after which the node sends a ping; the session is dead after 4.5 times that.
    pub keepalive_s: u32,
    /// Whether a person has admitted the node.
    pub admission: Admission,
    /// Highest sequence stored of the run that `Hello` named; 0 where there is none.
    pub stored: u32,
    /// What people call this hub.
    #[serde(borrow)]
    pub hub: Label<'a>,
}

/// Whether a node is let in. An integer on the wire; unknown ones count as not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Admission(pub u8);

impl Admission {
    /// Waits for a person. Nothing that the node reports is kept.
    pub const PENDING: Self = Self(0);
    /// Let in.
    pub const ADMITTED: Self = Self(1);
    /// Disabled for now by a person.
    pub const DISABLED: Self = Self(2);
    /// Not let in any more.
    pub const REVOKED: Self = Self(3);
}

/// Answers `Register`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Registered<'a> {
    /// A verdict for each module of the frame that is answered, in its order.
    pub verdicts: List<'a, Verdict>,
}

impl<'a> Body<'a> for Registered<'a> {
    const KIND: MessageKind = MessageKind::REGISTERED;

    fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self { verdicts: List::decode(bytes, u16::from(MAX_MODULES))? })
    }
}

/// What the hub made of one announced module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Index of the module.
    pub index: u8,
    /// [`ErrorCode::OK`] where it is registered; [`ErrorCode::PENDING_APPROVAL`] where that waits for a
    /// person; otherwise why not.
    pub code: ErrorCode,
}

/// Answers `Report`: everything up to `stored` is on disk and may be forgotten by the node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReportAck<'a> {
    /// The run of the report that is answered.
    pub boot: BootId,
    /// Highest sequence stored of that run.
    pub stored: u32,
    /// Readings of the answered report that were refused; the others are stored.
    pub rejected: List<'a, Rejected>,
}

impl<'a> Body<'a> for ReportAck<'a> {
    const KIND: MessageKind = MessageKind::REPORT_ACK;

    fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let ((boot, stored), rest) = body::take(bytes)?;
        Ok(Self { boot, stored, rejected: List::decode(rest, MAX_READINGS)? })
    }
}

/// A reading that was not stored, and will not be if it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its position in the report, from 0.
    pub position: u16,
    /// Why.
    pub code: ErrorCode,
}

/// Answers `Sleep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SleepAck {
    /// Commands that the hub is about to deliver while the node still listens.
    pub waiting: u16,
}

/// The hub has another key, or will have it: the node stores it beside the one that it knows, and then answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextHubKey {
    /// The number of the key, from 1.
    pub number: u8,
    /// Whether it is the hub's own by now.
    pub stage: HubKeyStage,
    /// The key.
    pub key: HubKey,
}

/// Whether a key is the hub's own. An integer on the wire; unknown ones count as announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HubKeyStage(pub u8);

impl HubKeyStage {
    /// The hub will have the key.
    pub const ANNOUNCED: Self = Self(0);
    /// The hub has the key: connections are opened with it from now on.
    pub const IN_USE: Self = Self(1);
}

/// The first message on a connection that the hub opened: whom it wants to speak to.
///
/// A node that is not meant answers [`ErrorCode::WRONG_NODE`] and closes, without serving what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dial<'a> {
    /// Protocol versions that the hub speaks.
    pub versions: VersionRange,
    /// The node that is meant.
    #[serde(borrow)]
    pub to: Identity<'a>,
    /// The hub's clock.
    pub time: UnixMillis,
}

/// Set a property to a value. Done when the node reports it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Set<'a> {
    /// Remembered by the node, so that a resend does not run twice.
    pub command: CommandId,
    /// Index of the module.
    pub module: u8,
    /// Number of the property, from the module's kind.
    pub channel: u8,
    /// What it should become.
    #[serde(borrow)]
    pub value: Value<'a>,
}

/// Tell a property's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Get {
    /// Remembered by the node.
    pub command: CommandId,
    /// Index of the module.
    pub module: u8,
    /// Number of the property.
    pub channel: u8,
}

/// Run an action of a module.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invoke<'a> {
    /// Remembered by the node, so that a resend does not run twice.
    pub command: CommandId,
    /// Index of the module.
    pub module: u8,
    /// Number of the action, from the module's kind.
    pub channel: u8,
    /// The action's argument, where it takes one.
    #[serde(borrow)]
    pub argument: Option<Value<'a>>,
}

/// Make yourself seen or heard, so that a person finds the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identify {
    /// Remembered by the node.
    pub command: CommandId,
    /// For how long, in seconds.
    pub for_s: u16,
}

/// Start anew. The node answers first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// Remembered by the node over the restart, so that a resend does not restart it again.
    pub command: CommandId,
}

/// A firmware image is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateOffer<'a> {
    /// Name of the firmware; must equal the node's own.
    #[serde(borrow)]
    pub firmware: Label<'a>,
    /// Version of the image.
    pub version: Label<'a>,
    /// Bytes of the image.
    pub size: u32,
    /// SHA-256 of the image.
    pub digest: [u8; 32],
    /// Ed25519 signature of the maker over the four fields above as they are encoded here, in two halves.
    pub signature: [[u8; 32]; 2],
}

/// A block of a firmware image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateBlock<'a> {
    /// Offset of the block in the image.
    pub offset: u32,
    /// The bytes.
    pub data: &'a [u8],
}
