//! What the session tells the firmware.

use core::fmt;

use iot_proto::{
    Admission, CommandId, ErrorCode, FrameError, HubMessage, Label, List, MessageKind, NextHubKey, Rejected,
    UnixMillis, Verdict,
};

use crate::{Command, Instant, wire::Cut};

/// One of the two connections that a node can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Connection {
    /// The one that the node opens to the hub.
    Own,
    /// One that the hub opens to the node.
    Dialled,
}

/// Something that the firmware should do or may want to know. It borrows from the bytes received, so that
/// text in it is not copied.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'e> {
    /// Open a TCP connection to the hub, then call [`Node::connected`](crate::Node::connected), or
    /// [`Node::closed`](crate::Node::closed) where that failed.
    Connect,
    /// Close this TCP connection, then call [`Node::closed`](crate::Node::closed).
    Close(Connection),
    /// The hub welcomed the node.
    Connected {
        /// What people call the hub.
        hub: Label<'e>,
        /// The hub's clock.
        time: UnixMillis,
        /// Whether a person has admitted the node.
        admission: Admission,
        /// Highest report of this run that the hub has.
        stored: u32,
    },
    /// A person has admitted, disabled or revoked the node.
    Admission(Admission),
    /// What the hub made of the announced modules, or of a part of them.
    Registered(List<'e, Verdict>),
    /// Reports are on disk at the hub.
    Acknowledged {
        /// All reports up to this one.
        stored: u32,
        /// Readings of the report just answered that the hub refused.
        rejected: List<'e, Rejected>,
    },
    /// The hub has stored the key that was announced: the next session may prove it.
    KeyNoted,
    /// The hub has told a key that it will have, or has: store it, and call
    /// [`Node::hub_key_stored`](crate::Node::hub_key_stored), or [`Node::hub_key_refused`](crate::Node::hub_key_refused)
    /// where it cannot be one.
    NextHubKey(NextHubKey),
    /// Obey this, and call [`Node::answer`](crate::Node::answer), now or later.
    Command(Command<'e>),
    /// A command came again; it was answered from memory.
    Repeated(CommandId),
    /// The hub could not serve a message, or says why it closes.
    Error {
        /// What went wrong.
        code: ErrorCode,
        /// Kind of the message that could not be served; 0 where it is not known.
        about: MessageKind,
        /// What went wrong, in words for a person.
        detail: Label<'e>,
    },
    /// The hub sent a message that the node could not serve, and was told so.
    Refused {
        /// Why.
        code: ErrorCode,
        /// Kind of the message.
        about: MessageKind,
    },
    /// The node's own connection has ended.
    Disconnected {
        /// Why.
        why: End,
        /// When the node connects again; `None` where it was stopped.
        again_at: Option<Instant>,
    },
}

/// Why the node's own connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// It could not be opened, or broke off.
    Lost,
    /// Nothing was heard for too long.
    Silent,
    /// The hub closed it, with this reason.
    Closed(ErrorCode),
    /// What came was no frame.
    Broken(FrameError),
    /// The hub chose a protocol version that this node does not speak.
    Version(u8),
    /// The node went to sleep.
    Asleep,
    /// The node had said what it had to say.
    Visited,
    /// The session was so old that it is time for a new handshake, or the firmware wanted one.
    Renewed,
    /// The firmware stopped the session.
    Stopped,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("the connection was lost or could not be opened"),
            Self::Silent => f.write_str("the hub was silent for too long"),
            Self::Closed(code) => write!(f, "the hub closed the connection: {code}"),
            Self::Broken(error) => write!(f, "the hub sent what is no frame: {error}"),
            Self::Version(version) => write!(f, "the hub chose protocol version {version}"),
            Self::Asleep => f.write_str("the node went to sleep"),
            Self::Visited => f.write_str("the visit is over"),
            Self::Renewed => f.write_str("it was time for a new handshake"),
            Self::Stopped => f.write_str("the node was stopped"),
        }
    }
}

/// An event before its text is borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Note {
    Connect,
    Close(Connection),
    /// The firmware gets what a frame says.
    Message(Connection, Cut),
    Repeated(CommandId),
    KeyNoted,
    Refused {
        code: ErrorCode,
        about: MessageKind,
    },
    Disconnected {
        why: End,
        again_at: Option<Instant>,
    },
}

impl<'e> Event<'e> {
    /// What the firmware is told of a message; `None` where it is nothing.
    pub(crate) fn of(message: HubMessage<'e>) -> Option<Self> {
        if let Some(command) = Command::of(&message) {
            return Some(Self::Command(command));
        }
        match message {
            HubMessage::Welcome(it) => {
                let (hub, time) = (it.hub, it.time);
                Some(Self::Connected { hub, time, admission: it.admission, stored: it.stored })
            }
            HubMessage::Registered(it) => Some(Self::Registered(it.verdicts)),
            HubMessage::NextHubKey(it) => Some(Self::NextHubKey(it)),
            HubMessage::Admission(it) => Some(Self::Admission(it)),
            HubMessage::ReportAck(it) => {
                Some(Self::Acknowledged { stored: it.stored, rejected: it.rejected })
            }
            HubMessage::Error(it) => {
                Some(Self::Error { code: it.code, about: MessageKind(it.about), detail: it.detail })
            }
            HubMessage::SleepAck(_)
            | HubMessage::Dial(_)
            | HubMessage::Close(_)
            | HubMessage::Set(_)
            | HubMessage::Get(_)
            | HubMessage::Invoke(_)
            | HubMessage::Identify(_)
            | HubMessage::Restart(_)
            | HubMessage::UpdateOffer(_)
            | HubMessage::UpdateBlock(_)
            | HubMessage::Ping(_)
            | HubMessage::Pong(_)
            | HubMessage::Acknowledged(_) => None,
        }
    }
}
