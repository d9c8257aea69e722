//! [`RequestHandler`]: what is done with the messages of a connection, and [`Context`], what it may use.
//!
//! One handler is made for each connection. The hub's own is the default of the hub server; any other
//! can be given to a [`TcpServer`](crate::TcpServer).

use core::{
    cell::{Cell, OnceCell},
    net::SocketAddr,
};
use std::{io, rc::Rc};

use iot_core::SessionId;
use iot_proto::{
    Body, Close, Correlation, EncodeError, Error, Frame, FrameError, Label, MAX_FRAME, MessageKind, NodeKey,
};

use crate::{frames::Frames, joins::Joins, secure::SecureError, socket::Socket};

/// Handles one connection: [`setup`](Self::setup) once, [`handle`](Self::handle) for each frame in the
/// order in which they came, [`finish`](Self::finish) once. Only `handle` must be written.
/// [`handle_all`](Self::handle_all) may be, by whom it saves something that several frames arrive at once.
///
/// All handlers of a server run on one thread, one step at a time: a handler that computes for long
/// holds up all connections, one that awaits holds up only its own.
#[expect(async_fn_in_trait, reason = "handlers stay on the thread of their server; no Send bound is wanted")]
pub trait RequestHandler {
    /// The connection has been accepted; nothing has been read.
    async fn setup(&mut self, context: &Context) {
        let _ = context;
    }

    /// A node asks to join on this connection, which carries no frames then. `None` where nobody joins.
    ///
    /// By default nobody does. A handler around another one hands this on to it.
    fn joining(&mut self, context: &Context) -> Option<Joins> {
        let _ = context;
        None
    }

    /// Waits until the handler can take more. The connection is not read before, so that its sender waits
    /// in turn.
    async fn ready(&mut self, context: &Context) {
        let _ = context;
    }

    /// A frame has arrived.
    async fn handle(&mut self, context: &Context, frame: Frame<'_>);

    /// Some frames have arrived at once, or none yet. What is left of them is dropped.
    ///
    /// By default each is [handled](Self::handle).
    fn handle_all(&mut self, context: &Context, frames: &mut Frames<'_>) -> impl Future<Output = ()> {
        async move {
            for frame in frames {
                self.handle(context, frame).await;
            }
        }
    }

    /// Bytes have arrived that are no frame. Nothing more is read; [`finish`](Self::finish) follows.
    ///
    /// By default the peer is told why: an error, then the end.
    async fn broken(&mut self, context: &Context, error: FrameError) {
        let text = error.to_string();
        let detail = Label::clipped(&text);
        let error = Error { code: error.code(), about: MessageKind(0).0, detail };
        let close = Close { code: error.code, retry_after_ms: 0, detail };
        // Both bodies are far below the limit of a frame, so there is nothing to report.
        let _ = context.send(&error, Correlation::OneWay);
        let _ = context.send(&close, Correlation::OneWay);
    }

    /// The connection ends. What is sent here, and what waits from before, is still sent where that is
    /// possible within the linger time.
    async fn finish(&mut self, context: &Context, end: &End) {
        let _ = (context, end);
    }
}

/// Why a connection ends.
#[derive(Debug)]
pub enum End {
    /// The peer has closed its side. It may still read.
    PeerClosed,
    /// The connection failed.
    Failed(io::Error),
    /// The peer sent bytes that are no frame.
    Broken(FrameError),
    /// The peer left more lying than may wait for it.
    Overflowed {
        /// Bytes that may wait.
        limit: usize,
    },
    /// The peer sent what does not prove who sent it, or nothing in time that does. It is told nothing more.
    Insecure(SecureError),
    /// Ended from here, by [`Context::close`].
    Closed,
    /// The server stops.
    Stopping,
}

/// One connection, as its handler sees it. A clone is the same connection, and may outlive it.
#[derive(Clone, Debug)]
pub struct Context(Rc<Shared>);

/// What all clones of a context share. One allocation, because most connections are idle and many.
#[derive(Debug)]
struct Shared {
    session: SessionId,
    peer: SocketAddr,
    socket: Socket,
    /// At most [`MAX_FRAME`].
    frame_limit: Cell<u16>,
    /// The key that the peer has proven, and the number of the hub's by which it did. Boxed, because it is large and set
    /// once.
    proven: OnceCell<Box<(NodeKey, u8)>>,
}

impl From<SecureError> for End {
    fn from(error: SecureError) -> Self {
        Self::Insecure(error)
    }
}

impl Context {
    /// Bytes that all clones of a context take together.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) const SIZE: usize = size_of::<Shared>() + 2 * size_of::<usize>();

    pub(crate) fn new(session: SessionId, peer: SocketAddr, socket: Socket) -> Self {
        let (frame_limit, proven) = (Cell::default(), OnceCell::new());
        let context = Self(Rc::new(Shared { session, peer, socket, frame_limit, proven }));
        context.set_frame_limit(MAX_FRAME);
        context
    }

    /// Address and port of the peer.
    pub fn peer_addr(&self) -> SocketAddr {
        self.0.peer
    }

    /// The number of this connection; a server never gives it twice.
    pub fn session(&self) -> SessionId {
        self.0.session
    }

    /// The key that the peer has proven; `None` on a plain connection, and before the first frame.
    pub fn proven_key(&self) -> Option<NodeKey> {
        self.proven().map(|(key, _)| key)
    }

    /// That key, and the number of the hub's key by which the peer knows the hub.
    pub(crate) fn proven(&self) -> Option<(NodeKey, u8)> {
        self.0.proven.get().map(|proven| **proven)
    }

    /// The peer has proven that it has this key, and that it knows the hub by its key of this number.
    pub(crate) fn prove(&self, key: NodeKey, hub_key: u8) {
        // The key of a connection does not change.
        let _ = self.0.proven.set(Box::new((key, hub_key)));
    }

    /// Answers the message that came with the correlation `to`. Where that wants no answer, none is sent.
    ///
    /// # Errors
    /// [`EncodeError::BodyTooLong`] for a body that fits no frame.
    pub fn reply<'b, B: Body<'b>>(&self, body: &B, to: Correlation) -> Result<(), EncodeError> {
        to.answer().map_or(Ok(()), |answer| self.send(body, answer))
    }

    /// Sends a message. It is queued, and written with all others of the same turn; a peer that leaves too
    /// much lying loses its connection.
    ///
    /// # Errors
    /// [`EncodeError::BodyTooLong`] for a body that fits no frame.
    pub fn send<'b, B: Body<'b>>(&self, body: &B, correlation: Correlation) -> Result<(), EncodeError> {
        self.0.socket.push_message(body, correlation)
    }

    /// Ends the connection once everything sent so far has left. No further frame is handled.
    pub fn close(&self) {
        self.0.socket.close();
    }

    /// Largest frame that is taken from the peer, in bytes, header included.
    pub fn frame_limit(&self) -> usize {
        self.0.frame_limit.get().into()
    }

    /// Sets the largest frame that is taken from the peer from the next frame on; at most [`MAX_FRAME`].
    pub fn set_frame_limit(&self, bytes: usize) {
        let limit = u16::try_from(bytes.min(MAX_FRAME)).unwrap_or(u16::MAX);
        self.0.frame_limit.set(limit);
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.0.socket
    }
}
