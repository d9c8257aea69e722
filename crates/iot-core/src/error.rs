//! [`IotError`]: everything that the hub refuses or fails to do, numbered as on the wire, in words for people. What they
//! do about it is in `error/advice.rs`.

mod advice;

use alloc::boxed::Box;
use core::net::IpAddr;

use iot_proto::{CommandId, DecodeError, ErrorCode, FrameError, MessageKind, TextError};
use thiserror::Error;

use crate::{NodeId, catalogue::ValueError};

/// Why something did not happen. The text says what; [`IotError::advice`] says what to do.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum IotError {
    /// A frame that is none: the session ends.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A message that could not be decoded.
    #[error("{kind}: {source}")]
    Message {
        /// The kind that the header names.
        kind: MessageKind,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A message that does not fit the state of its session.
    #[error("{kind} does not fit here: {why}")]
    OutOfTurn {
        /// The kind of the message.
        kind: MessageKind,
        /// What was expected.
        why: &'static str,
    },
    /// No protocol version is spoken by both.
    #[error("the node speaks protocol versions {min} to {max}, the hub {ours}", ours = iot_proto::CURRENT)]
    Version {
        /// Oldest that the node speaks.
        min: u8,
        /// Newest that the node speaks.
        max: u8,
    },
    /// A limit was reached.
    #[error("{what} would exceed the limit of {limit}")]
    TooMany {
        /// What there would be too many of.
        what: &'static str,
        /// How many there may be.
        limit: u64,
    },
    /// Something took too long.
    #[error("{what} took longer than {limit_s} s")]
    TimedOut {
        /// What took too long.
        what: &'static str,
        /// How long it may take, in seconds.
        limit_s: u64,
    },
    /// Nothing was heard from a node for longer than agreed.
    #[error("no keepalive for {for_s} s")]
    Silent {
        /// For how long, in seconds.
        for_s: u64,
    },
    /// Another connection of the same node took over.
    #[error("another connection of this node took over")]
    Replaced,
    /// The store did not take what had to be kept.
    #[error("could not be stored: {why}")]
    NotStored {
        /// The store's reason.
        why: Box<str>,
    },
    /// The hub is stopping.
    #[error("the hub is stopping")]
    Stopping,

    /// A key or name was claimed that is not what the connection proves.
    #[error("the identity is not the one that the connection proves")]
    UnprovenKey,
    /// A key that some node has or had.
    #[error("a node has this key, or had it")]
    KeyTaken,
    /// A key that its node has replaced, or announced and did not use in time.
    #[error("{node} does not have this key any more, or never came to have it")]
    KeyEnded {
        /// The node.
        node: NodeId,
    },
    /// The session is so old that the node is to make a new handshake.
    #[error("it is time for a new handshake")]
    HandshakeDue,
    /// The node waits for a person.
    #[error("{node} waits to be admitted")]
    PendingApproval {
        /// The node.
        node: NodeId,
    },
    /// The node was admitted and is not any more.
    #[error("{node} is revoked")]
    Revoked {
        /// The node.
        node: NodeId,
    },
    /// A person has disabled the node.
    #[error("{node} is disabled")]
    Disabled {
        /// The node.
        node: NodeId,
    },
    /// A node that proves nothing is let in, or waits, at another address.
    #[error("{node} belongs to another address than {address}")]
    Elsewhere {
        /// The node.
        node: NodeId,
        /// Where its name was said.
        address: IpAddr,
    },
    /// The node proves nothing, or nobody has verified it, and nobody has permitted commands to it.
    #[error("nobody has verified {node}, and no admin permits commands to it")]
    NotPermitted {
        /// The node.
        node: NodeId,
    },
    /// The node is in the archive.
    #[error("{node} is in the archive")]
    Archived {
        /// The node.
        node: NodeId,
    },
    /// What was asked does not fit how the node stands.
    #[error("{node} {why}")]
    Standing {
        /// The node.
        node: NodeId,
        /// How it stands.
        why: &'static str,
    },
    /// New hardware cannot take a node's place.
    #[error("{by} cannot take the place of {node}: {why}")]
    Irreplaceable {
        /// The node whose hardware should go.
        node: NodeId,
        /// The hardware that should come.
        by: NodeId,
        /// What is in the way.
        why: &'static str,
    },
    /// What was asked about joining does not fit how the window stands.
    #[error("{why}")]
    Joining {
        /// What is in the way.
        why: &'static str,
    },
    /// The hub's own key is not changed.
    #[error("the hub's key stays as it is: {0}")]
    HubKey(Box<str>),
    /// No node that joins shows these digits.
    #[error("no node shows these digits; {left} more such entries may be made")]
    WrongDigits {
        /// How many more wrong entries there may be before nobody joins with digits any more.
        left: u32,
    },
    /// No such node.
    #[error("no node {node} is known")]
    UnknownNode {
        /// The id that was asked for.
        node: Box<str>,
    },

    /// The hub does not know the module kind.
    #[error("module kind {kind} is not supported")]
    KindUnsupported {
        /// Name of the kind.
        kind: Box<str>,
    },
    /// The hub knows the kind, but not this version.
    #[error("version {version} of module kind {kind} is not known, only {known}")]
    KindVersionUnknown {
        /// Name of the kind.
        kind: Box<str>,
        /// The version asked for.
        version: u16,
        /// The version in the catalogue.
        known: u16,
    },
    /// The kind is disabled in the hub's configuration.
    #[error("module kind {kind} is disabled in this hub")]
    KindDisabled {
        /// Name of the kind.
        kind: Box<str>,
    },
    /// The node has no such module.
    #[error("{node} has registered no module {module}")]
    ModuleNotRegistered {
        /// The node.
        node: NodeId,
        /// Index of the module.
        module: u8,
    },
    /// A value does not fit its property, or the property does not exist.
    #[error(transparent)]
    Value(#[from] ValueError),

    /// What people gave as a tag cannot be one.
    #[error("a tag is a word of 1 to 24 bytes without blanks and commas, not {tag:?}")]
    Tag {
        /// What was given.
        tag: Box<str>,
    },
    /// Something is not done without a reason.
    #[error("{what} needs a reason")]
    ReasonMissing {
        /// What is not done.
        what: &'static str,
    },
    /// A node declared a time that is absurd.
    #[error("{what} of {given_s} s exceeds the limit of {limit_s} s")]
    TooLong {
        /// What it is the time of.
        what: &'static str,
        /// What the node declared, in seconds.
        given_s: u64,
        /// How long it may be, in seconds.
        limit_s: u64,
    },
    /// A text that people gave cannot be one.
    #[error("{what}: {source}")]
    Label {
        /// What it should name.
        what: &'static str,
        /// What is wrong with it.
        source: TextError,
    },
    /// The node's own word on why it did not do something.
    #[error("the node says: error {code}{}{detail}", if detail.is_empty() { "" } else { ": " })]
    Node {
        /// The number that the node gave.
        code: ErrorCode,
        /// The node's words; may be empty.
        detail: Box<str>,
    },
    /// The node says that it is done and reports another value than was wanted.
    #[error("the node reports {reported} instead of {wanted}")]
    NotAsWanted {
        /// What was wanted, with its unit.
        wanted: Box<str>,
        /// What the node reports, with its unit.
        reported: Box<str>,
    },
    /// Another node answers at the address.
    #[error("{answered} answers at the address of {node}")]
    WrongNode {
        /// The node that was meant.
        node: NodeId,
        /// Who answers.
        answered: Box<str>,
    },
    /// The connection ended while the command was on its way.
    #[error("the connection ended before the node answered")]
    Cut,
    /// Nothing answers at the node's address.
    #[error("nothing answers at {address}: {why}")]
    Unreachable {
        /// Address and port.
        address: core::net::SocketAddr,
        /// What the network says.
        why: Box<str>,
    },
    /// The hub does not dial the node's address, so the node must open a session.
    #[error("{address} is not dialled: {why}")]
    NoWay {
        /// Address and port.
        address: core::net::SocketAddr,
        /// Why not.
        why: &'static str,
    },
    /// The node took the message and did not answer.
    #[error("no answer within {limit_s} s")]
    NoAnswer {
        /// How long was waited, in seconds.
        limit_s: u64,
    },
    /// The command was not done before it expired.
    #[error("expired before it was done")]
    Expired,
    /// A person cancelled the command.
    #[error("cancelled by {by}")]
    Cancelled {
        /// Who.
        by: Box<str>,
    },
    /// A newer command for the same property took its place.
    #[error("a newer command took its place: {by}")]
    Superseded {
        /// The newer command.
        by: CommandId,
    },
    /// The node's hardware was replaced while the command was under way there.
    #[error("the node's hardware was replaced by {by}")]
    HardwareReplaced {
        /// The hardware that came.
        by: NodeId,
    },
    /// No such command.
    #[error("no command {id} is known")]
    UnknownCommand {
        /// The id that was asked for.
        id: Box<str>,
    },
    /// The command has ended and can no longer be changed.
    #[error("the command has ended already")]
    CommandEnded,
    /// An error from before the hub's last start, of which number and words were kept.
    #[error("{text}")]
    Earlier {
        /// Its number.
        code: ErrorCode,
        /// Its words.
        text: Box<str>,
    },
}

impl IotError {
    /// The error's number, stable for ever.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Frame(error) => error.code(),
            Self::Message { source, .. } => source.code(),
            Self::OutOfTurn { .. }
            | Self::Standing { .. }
            | Self::Irreplaceable { .. }
            | Self::Joining { .. }
            | Self::HubKey(_) => ErrorCode::OUT_OF_TURN,
            Self::Version { .. } => ErrorCode::VERSION_UNSUPPORTED,
            Self::TooMany { .. } => ErrorCode::TOO_MANY,
            Self::TimedOut { .. } => ErrorCode::TIMED_OUT,
            Self::Silent { .. } => ErrorCode::SILENT,
            Self::Replaced => ErrorCode::REPLACED,
            Self::NotStored { .. } => ErrorCode::NOT_STORED,
            Self::Stopping => ErrorCode::STOPPING,
            Self::UnprovenKey | Self::KeyEnded { .. } => ErrorCode::UNPROVEN_KEY,
            Self::KeyTaken => ErrorCode::KEY_TAKEN,
            Self::HandshakeDue => ErrorCode::OK,
            Self::PendingApproval { .. } => ErrorCode::PENDING_APPROVAL,
            Self::Revoked { .. } => ErrorCode::REVOKED,
            Self::Disabled { .. } | Self::Archived { .. } => ErrorCode::DISABLED,
            Self::Elsewhere { .. } => ErrorCode::WRONG_ADDRESS,
            Self::NotPermitted { .. } => ErrorCode::NOT_PERMITTED,
            Self::UnknownNode { .. } => ErrorCode::UNKNOWN_NODE,
            Self::KindUnsupported { .. } => ErrorCode::KIND_UNSUPPORTED,
            Self::KindVersionUnknown { .. } => ErrorCode::KIND_VERSION_UNKNOWN,
            Self::KindDisabled { .. } => ErrorCode::KIND_DISABLED,
            Self::ModuleNotRegistered { .. } => ErrorCode::MODULE_NOT_REGISTERED,
            Self::Value(error) => error.code(),
            Self::WrongDigits { .. }
            | Self::Label { .. }
            | Self::Tag { .. }
            | Self::ReasonMissing { .. }
            | Self::TooLong { .. } => ErrorCode::OUT_OF_RANGE,
            Self::Node { code, .. } | Self::Earlier { code, .. } => *code,
            Self::NotAsWanted { .. } => ErrorCode::FAILED,
            Self::WrongNode { .. } => ErrorCode::WRONG_NODE,
            Self::Unreachable { .. } | Self::Cut => ErrorCode::UNREACHABLE,
            Self::NoWay { .. } => ErrorCode::NO_WAY,
            Self::NoAnswer { .. } => ErrorCode::NO_ANSWER,
            Self::Expired => ErrorCode::EXPIRED,
            Self::Cancelled { .. } | Self::HardwareReplaced { .. } => ErrorCode::CANCELLED,
            Self::Superseded { .. } => ErrorCode::SUPERSEDED,
            Self::UnknownCommand { .. } => ErrorCode::UNKNOWN_COMMAND,
            Self::CommandEnded => ErrorCode::COMMAND_ENDED,
        }
    }
}
