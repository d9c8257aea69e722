//! What a node says: who it is, which modules it carries, what they read, what became of a command.

use serde::{Deserialize, Serialize};

use crate::{
    Acknowledged, Body, BootId, Close, CommandId, DecodeError, Error, ErrorCode, Label, List, MAX_MODULES,
    MAX_READINGS, MessageKind, Name, NodeKey, Ping, Pong, UnixMillis, Value, VersionRange,
    body::{self, bodies, messages},
};

bodies! {
    Hello<'a> => HELLO,
    Sleep => SLEEP,
    NextKey => NEXT_KEY,
    Outcome<'a> => OUTCOME,
    UpdateStatus => UPDATE_STATUS,
}

messages! {
    /// A message from a node.
    NodeMessage {
        /// Who I am and what I can do.
        Hello(Hello<'a>),
        /// The modules that I carry.
        Register(Register<'a>),
        /// Readings.
        Report(Report<'a>),
        /// For how long I sleep.
        Sleep(Sleep),
        /// The key that I shall have.
        NextKey(NextKey),
        /// What became of a command.
        Outcome(Outcome<'a>),
        /// Where an update stands.
        UpdateStatus(UpdateStatus),
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

/// The first message of a node on a connection that it opened, and its answer to `Dial`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// Protocol versions that the node speaks.
    pub versions: VersionRange,
    /// Who it is.
    #[serde(borrow)]
    pub identity: Identity<'a>,
    /// Drawn anew at every start of the node.
    pub boot: BootId,
    /// Largest frame that the node takes, in bytes, header included; at least [`MIN_FRAME`](crate::MIN_FRAME).
    pub max_frame: u16,
    /// Requests that the node takes before it has answered the first; at least 1.
    pub inflight: u8,
    /// What the node can do.
    pub capabilities: Capabilities,
    /// Longest silence in seconds. For a node that keeps its session, the keepalive that it wishes (0:
    /// the hub chooses). For one that does not, the longest time between two contacts (0: it does not know).
    pub keepalive_s: u32,
    /// Board or chip, such as `ESP32-C6`.
    pub board: Label<'a>,
    /// Name of the firmware.
    pub firmware: Label<'a>,
    /// Version of the firmware.
    pub firmware_version: Label<'a>,
}

/// Who a node says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Identity<'a> {
    /// By its static key. Proven only inside an encrypted session.
    Key(NodeKey),
    /// By a name: a plain node, which proves nothing.
    #[serde(borrow)]
    Name(Name<'a>),
}

/// What a node can do: a set of bits, of which unknown ones are kept and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(pub u16);

impl Capabilities {
    /// Keeps its session open: commands reach it there.
    pub const KEEPS_SESSION: Self = Self(1);
    /// Listens on [`DIAL_PORT`](crate::DIAL_PORT), where the hub may dial it.
    pub const LISTENS: Self = Self(1 << 1);
    /// Sleeps, and says so before.
    pub const SLEEPS: Self = Self(1 << 2);
    /// Takes firmware updates.
    pub const UPDATES: Self = Self(1 << 3);
    /// Can make itself seen or heard.
    pub const IDENTIFIES: Self = Self(1 << 4);

    /// Whether every bit of `other` is set here.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The modules that a node carries: all of them, or a part of them where a frame is too small for all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Register<'a> {
    /// How many modules the node carries; indexes run from 0 to one below. Modules that the hub has at
    /// or above are gone.
    pub total: u8,
    /// Modules announced by this frame, at most [`MAX_MODULES`](crate::MAX_MODULES).
    pub modules: List<'a, Announcement<'a>>,
}

impl<'a> Body<'a> for Register<'a> {
    const KIND: MessageKind = MessageKind::REGISTER;

    fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (total, rest) = body::take(bytes)?;
        Ok(Self { total, modules: List::decode(rest, u16::from(MAX_MODULES))? })
    }
}

/// One module as its node announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement<'a> {
    /// The number by which this node and the hub speak of the module from now on.
    pub index: u8,
    /// Name of the module kind, such as `relay`.
    #[serde(borrow)]
    pub kind: Name<'a>,
    /// Version of the kind that the firmware was built for.
    pub kind_version: u16,
    /// What the firmware calls the module, such as `Pump 2`; a person may rename it in the hub.
    pub title: Label<'a>,
}

/// Readings, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Report<'a> {
    /// The run of the node in which this report was made.
    pub boot: BootId,
    /// Counts the reports of that run from 1. A resend keeps its number; a number left out is a loss.
    pub sequence: u32,
    /// At most [`MAX_READINGS`](crate::MAX_READINGS).
    pub readings: List<'a, Reading<'a>>,
}

impl<'a> Body<'a> for Report<'a> {
    const KIND: MessageKind = MessageKind::REPORT;

    #[inline]
    fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let ((boot, sequence), rest) = body::take(bytes)?;
        Ok(Self { boot, sequence, readings: List::decode(rest, MAX_READINGS)? })
    }
}

/// One value of one property, or one occurrence of an event.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading<'a> {
    /// Index of the module, as registered.
    pub module: u8,
    /// Number of the property or event, from the module's kind.
    pub channel: u8,
    /// When it was measured.
    pub taken: Taken,
    /// What was measured.
    #[serde(borrow)]
    pub value: Value<'a>,
}

/// When a reading was measured.
// Laid out as a `Value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C)]
pub enum Taken {
    /// So many milliseconds before the frame was sent: for nodes without a clock.
    Age(u32),
    /// At this instant of the node's clock.
    At(UnixMillis),
}

/// The node goes to sleep, and will not hear anything until it wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sleep {
    /// For how long, in seconds from the end of the listening time.
    pub for_s: u32,
    /// How long it still listens, in milliseconds from now.
    pub listen_ms: u32,
}

/// The node has made another key, and will show that it has it in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextKey {
    /// The key.
    pub key: NodeKey,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome<'a> {
    /// Which command.
    pub command: CommandId,
    /// How far it has come.
    pub status: OutcomeStatus,
    /// Why it failed; [`ErrorCode::OK`] otherwise.
    pub code: ErrorCode,
    /// The property's value as the node has it now. This counts as a reading.
    #[serde(borrow)]
    pub value: Option<Value<'a>>,
    /// What happened, in words for a person; may be empty.
    pub detail: Label<'a>,
}

/// How far a command has come in the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutcomeStatus(pub u8);

impl OutcomeStatus {
    /// The node will do it; a report or another outcome follows.
    pub const ACCEPTED: Self = Self(0);
    /// The node has done it.
    pub const DONE: Self = Self(1);
    /// The node did not do it and will not.
    pub const FAILED: Self = Self(2);
}

/// Where an update stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateStatus {
    /// How far the node has come.
    pub state: UpdateState,
    /// Offset of the next byte that the node wants: an update that was cut off goes on from here.
    pub next: u32,
    /// Why it failed; [`ErrorCode::OK`] otherwise.
    pub code: ErrorCode,
}

/// How far an update has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UpdateState(pub u8);

impl UpdateState {
    /// The node takes blocks.
    pub const RECEIVING: Self = Self(0);
    /// The whole image is there and its digest and signature hold; a restart runs it.
    pub const VERIFIED: Self = Self(1);
    /// The node does not take this image.
    pub const REFUSED: Self = Self(2);
}
