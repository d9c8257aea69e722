//! [`Effects`]: everything that the hub wants done because of what it learned.
//!
//! The caller owns the buffer and reuses it, so that a message costs no allocation. The records come
//! first: nothing in the list may be executed before every record is on disk. The list is executed in
//! order. Frames lie encoded in one buffer, and effects name their place in it.

use alloc::{boxed::Box, vec::Vec};
use core::{net::SocketAddr, ops::Range};

use iot_proto::{Body, Correlation, Frame, JoinMessage, JoinSecret, NodeKey, Refusal};

use crate::{Answer, DeliveryId, Event, IotError, NamedBy, NodeId, SessionId, Ticket, store::Batch};

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send these bytes of [`Effects::bytes`], whole frames, on a session.
    Send {
        /// The connection.
        session: SessionId,
        /// Where the frames lie.
        frames: Range<usize>,
    },
    /// From now on take frames of up to this many bytes on a session.
    Widen {
        /// The connection.
        session: SessionId,
        /// Largest frame in bytes, header included.
        frame: usize,
    },
    /// Go on with a node that joins on a session.
    Join {
        /// The connection.
        session: SessionId,
        /// What to do next.
        turn: JoinTurn,
    },
    /// End a session once everything sent before has left.
    Close {
        /// The connection.
        session: SessionId,
    },
    /// Dial a node and send it these frames; keep the connection until told to end it.
    Deliver {
        /// Under which frames and failures are reported.
        delivery: DeliveryId,
        /// Where to dial.
        to: SocketAddr,
        /// Who named the address.
        named_by: NamedBy,
        /// The key that whoever is there must prove before it is sent anything; `None` for a plain node.
        key: Option<NodeKey>,
        /// The number of the hub's key with which the hub proves itself there.
        hub_key: u8,
        /// Where the frames lie.
        frames: Range<usize>,
    },
    /// End a dialled connection.
    EndDelivery {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// Answer a question.
    Resolve {
        /// Which.
        ticket: Ticket,
        /// The answer.
        answer: Box<Result<Answer, IotError>>,
    },
    /// Tell observers.
    Publish(Event),
    /// Put into the log that a peer sent something that was refused: one line for each.
    Refused {
        /// Where it came from.
        peer: SocketAddr,
        /// The node, where it is known.
        node: Option<NodeId>,
        /// What was refused and why. Boxed, because it is rare and would make every effect larger.
        error: Box<IotError>,
    },
}

/// What the hub does next with a node that joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinTurn {
    /// Answer the handshake, with this secret where the node has named one.
    Begin(Option<JoinSecret>),
    /// Say this under encryption.
    Say(JoinMessage),
    /// Say this under encryption, and end the connection once it has left.
    SayLast(JoinMessage),
    /// Say no more than this, and end the connection.
    Refuse(Refusal),
}

/// What one or more inputs want done.
#[derive(Debug, Default)]
#[must_use = "effects do nothing unless they are executed"]
pub struct Effects {
    /// What must be on disk before anything in `list` is executed.
    pub records: Batch,
    /// What to do, in order.
    pub list: Vec<Effect>,
    /// The frames that the list speaks of.
    pub bytes: Vec<u8>,
    /// Nobody observes the hub, so that nothing needs to be published but what goes into the log.
    pub is_unobserved: bool,
}

impl Effects {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.list.is_empty()
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.list.clear();
        self.bytes.clear();
    }

    /// Encodes a frame into the buffer and gives its place.
    ///
    /// The core builds only bodies that fit a frame, so what cannot be encoded is left out whole.
    pub(crate) fn encode<'b, B: Body<'b>>(&mut self, body: &B, correlation: Correlation) -> Range<usize> {
        let start = self.bytes.len();
        let encoded = iot_proto::encode_to_vec(body, correlation, &mut self.bytes);
        debug_assert!(encoded.is_ok(), "the core built a body that is too long");
        start..self.bytes.len()
    }

    /// Sends a message on a session.
    pub(crate) fn send<'b, B: Body<'b>>(&mut self, session: SessionId, body: &B, correlation: Correlation) {
        let frames = self.encode(body, correlation);
        self.list.push(Effect::Send { session, frames });
    }

    /// Sends a message on a session; together with what was said last, where that went there too.
    pub(crate) fn send_on<'b, B: Body<'b>>(
        &mut self,
        session: SessionId,
        body: &B,
        correlation: Correlation,
    ) {
        let frames = self.encode(body, correlation);
        match self.list.last_mut() {
            Some(Effect::Send { session: last, frames: before })
                if *last == session && before.end == frames.start =>
            {
                before.end = frames.end;
            }
            _ => self.list.push(Effect::Send { session, frames }),
        }
    }

    /// Sends a message whose body is encoded already.
    pub(crate) fn send_frame(&mut self, session: SessionId, frame: &Frame<'_>) {
        let frames = self.encode_frame(frame);
        self.list.push(Effect::Send { session, frames });
    }

    /// Encodes a frame whose body is encoded already, and gives its place.
    pub(crate) fn encode_frame(&mut self, frame: &Frame<'_>) -> Range<usize> {
        let start = self.bytes.len();
        let encoded = frame.encode_to_vec(&mut self.bytes);
        debug_assert!(encoded.is_ok(), "the core let a body pass that is too long");
        start..self.bytes.len()
    }

    /// Goes on with a node that joins.
    pub(crate) fn join(&mut self, session: SessionId, turn: JoinTurn) {
        self.list.push(Effect::Join { session, turn });
    }

    /// Answers a question.
    pub(crate) fn resolve(&mut self, ticket: Ticket, answer: Result<Answer, IotError>) {
        self.list.push(Effect::Resolve { ticket, answer: Box::new(answer) });
    }

    /// Tells observers.
    pub(crate) fn publish(&mut self, event: Event) {
        if !self.is_unobserved || matches!(event, Event::Notice(_)) {
            self.list.push(Effect::Publish(event));
        }
    }
}
