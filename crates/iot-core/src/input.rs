//! [`Input`]: everything that the hub learns, one at a time.

use alloc::{boxed::Box, vec::Vec};
use core::net::{IpAddr, SocketAddr};

use iot_proto::{CommandId, Digits, Frame, FrameError, JoinMessage, JoinSecret, MessageKind, NodeKey};

use crate::{DeliveryId, HubKeys, NodeId, SessionId, Ticket, view::Wanted};

/// Something that the hub learns.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<'a> {
    /// A node opened a connection.
    SessionOpened {
        /// The connection.
        session: SessionId,
        /// Where it comes from.
        peer: SocketAddr,
    },
    /// The peer of a session has proven that it has this key. It comes before the session's first frame.
    SessionProven {
        /// The connection.
        session: SessionId,
        /// The key.
        key: NodeKey,
        /// The number of the hub's key that the peer goes by; whoever has just joined says 1.
        hub_key: u8,
    },
    /// A node joins on a session, and comes so far. No frame arrives there.
    Joining {
        /// The connection.
        session: SessionId,
        /// How far.
        news: JoinNews,
    },
    /// A frame arrived on a session.
    Received {
        /// The connection.
        session: SessionId,
        /// The frame.
        frame: &'a Frame<'a>,
    },
    /// Bytes arrived on a session that are no frame. The driver reads nothing more from it.
    Broken {
        /// The connection.
        session: SessionId,
        /// What is wrong with them.
        error: FrameError,
    },
    /// The node takes what it is sent so slowly that the session's queue is full.
    Overflowed {
        /// The connection.
        session: SessionId,
        /// Bytes that may be queued.
        limit: u64,
    },
    /// A session's connection has ended.
    SessionClosed {
        /// The connection.
        session: SessionId,
    },
    /// The turn of a delivery has come: its time runs from now on.
    DeliveryStarted {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// A frame arrived on a connection that the hub dialled.
    DeliveryReceived {
        /// The delivery.
        delivery: DeliveryId,
        /// The frame.
        frame: Frame<'a>,
    },
    /// A connection that the hub dialled was not made, or has ended, before the core ended it.
    DeliveryEnded {
        /// The delivery.
        delivery: DeliveryId,
        /// What the network says.
        why: Box<str>,
    },
    /// Someone asks for something.
    Ask {
        /// Under which the answer is given.
        ticket: Ticket,
        /// Who asks and from where, for the record.
        by: &'a str,
        /// Why, in their words; may be empty.
        why: &'a str,
        /// What.
        request: Request,
    },
    /// A deadline has come.
    Tick,
}

/// How far a node has come that joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinNews {
    /// It has asked to join.
    Asks(JoinWay),
    /// It has proven its key, and where it named a secret that it has that.
    Proven {
        /// The key.
        key: NodeKey,
        /// The hash of everything that was said in the handshake.
        transcript: [u8; 32],
        /// Random bytes that are used for nothing else: the hub's nonce.
        nonce: [u8; 32],
    },
    /// It has said something under encryption.
    Says(JoinMessage),
}

/// How a node joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinWay {
    /// With the secret that has this number.
    Secret {
        /// The number.
        slot: [u8; 4],
    },
    /// With digits that a person compares.
    Code,
}

/// What someone may ask the hub to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Send a command to a node.
    Command {
        /// The node.
        node: NodeId,
        /// What is wanted of it.
        wanted: Wanted,
        /// After how many seconds it ends if it is not done; `None` takes the configured time.
        expires_in_s: Option<u32>,
    },
    /// Cancel a command that is under way.
    Cancel {
        /// The command.
        id: CommandId,
    },
    /// Let a node in.
    Admit {
        /// The node.
        node: NodeId,
    },
    /// Turn a waiting node away. It may knock again. One that was let in is [forgotten](Self::Forget).
    Reject {
        /// The node.
        node: NodeId,
    },
    /// Call a node something, and say where it is.
    Name {
        /// The node.
        node: NodeId,
        /// What to call it; empty for the name that it gives itself.
        title: Box<str>,
        /// Where it is; may be empty.
        place: Box<str>,
    },
    /// Call a module something.
    NameModule {
        /// The node.
        node: NodeId,
        /// Index of the module.
        module: u8,
        /// What to call it; empty for what its node calls it.
        title: Box<str>,
    },
    /// Say what a node is counted among, in place of what was said before.
    Tag {
        /// The node.
        node: NodeId,
        /// Short words; none takes all away.
        tags: Vec<Box<str>>,
    },
    /// Disable a node for now.
    Disable {
        /// The node.
        node: NodeId,
    },
    /// Enable a disabled node.
    Enable {
        /// The node.
        node: NodeId,
    },
    /// Take commands to a node that proves nothing, although anyone on its network can read and forge them, or to one that
    /// nobody has verified, although it may be another than was meant.
    Permit {
        /// The node.
        node: NodeId,
    },
    /// Take no commands to such a node any more.
    Forbid {
        /// The node.
        node: NodeId,
    },
    /// Let such a node in at this address from now on, and at no other.
    AcceptAddress {
        /// The node.
        node: NodeId,
        /// The address.
        address: IpAddr,
    },
    /// Let a node in no more.
    Revoke {
        /// The node.
        node: NodeId,
    },
    /// Put a node away that is not used any more: it is not served, and what it reported stays.
    Archive {
        /// The node.
        node: NodeId,
    },
    /// Take a node out of the archive: it is let in again.
    Unarchive {
        /// The node.
        node: NodeId,
    },
    /// Forget a node with everything of it. A reason must be given.
    Forget {
        /// The node.
        node: NodeId,
    },
    /// Let new hardware take a node's place: name, place, tags, history and commands move to it.
    Replace {
        /// The node whose hardware goes.
        node: NodeId,
        /// The hardware that comes: a node that waits or has been let in.
        by: NodeId,
    },
    /// Let nodes join for a while.
    OpenWindow {
        /// For how long, in seconds: at most [`MAX_WINDOW_S`](crate::MAX_WINDOW_S).
        for_s: u32,
        /// A new secret for one node.
        secret: JoinSecret,
    },
    /// Let one more node join with a secret: a new one, or one that is printed on the node.
    AddSecret {
        /// The secret.
        secret: JoinSecret,
    },
    /// Let no more nodes join.
    CloseWindow,
    /// Let the node in that shows these digits.
    EnterDigits {
        /// The digits.
        digits: Digits,
    },
    /// Let nodes ask in the open window that can show nothing and have no button: for admins.
    AllowUnverified,
    /// Let one of them in, although nobody can tell whether it is the one that was meant: for admins.
    AdmitUnverified {
        /// Its connection.
        session: SessionId,
    },
    /// Turn a node away that shows digits, whose button is to be pressed, or that can show nothing.
    EndJoining {
        /// Its connection.
        session: SessionId,
    },
    /// Go by these keys from now on, whose secrets are stored: for whoever keeps them. The same ones again change nothing.
    HubKeys {
        /// The keys.
        keys: Box<HubKeys>,
    },
    /// Put into the audit which keys the hub goes by: they were stored, and the hub ended before the audit was.
    AuditHubKeys {
        /// Which it had, as the audit says; empty where that says nothing.
        before: Box<str>,
    },
    /// Send one message to an address: on the session of the node there if it has one, else by dialling. It is the word of
    /// whoever asks: whether commands to the node are permitted is not looked at.
    Send {
        /// Address of the node.
        address: IpAddr,
        /// Port to dial.
        port: u16,
        /// Kind of the message.
        kind: MessageKind,
        /// Its encoded body.
        body: Vec<u8>,
    },
}

/// What the hub answers to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has been done.
    Done,
    /// The command has been taken; its life can be followed under this id.
    Command(CommandId),
    /// The node's response to a message.
    Response {
        /// Kind of the response.
        kind: MessageKind,
        /// Its encoded body.
        body: Vec<u8>,
    },
}
