//! [`Connection`]: the life of one accepted connection, from its handler's `setup` to the closed socket.
//!
//! One task per connection reads, and holds no buffer while it is idle. A wake-up is one read into a pooled
//! buffer, all frames in it handled in place, and one write of what is answered at once. What is said is the
//! handler's business; here is only how bytes travel.

mod join;

use core::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context as TaskContext, Poll},
    time::Duration,
};
use std::{io, sync::Arc};

use iot_proto::{MAX_RECORD, RECORD_MARKER, Record};
use tokio::{
    io::ReadBuf,
    time::{Sleep, sleep, timeout},
};

use crate::{
    frames::Frames,
    handler::{Context, End, RequestHandler},
    keyring::Keyring,
    open::Place,
    pool::{PooledBuffer, READ_LEN},
    secure::{self, Answered, Seal, SecureError},
    socket::{Protection, Stage},
};

/// How long the first record of an encrypted connection may take to arrive once it has begun, and the first
/// one that proves the peer after it was answered.
const OPENING_LIMIT: Duration = Duration::from_secs(5);

/// Bytes that are read of a peer after its connection has ended, so that it hears why: more than a node has on
/// its way, and nothing beside what a flood sends.
const MOST_UNREAD: usize = 256 * 1024;

/// One accepted connection.
#[derive(Debug)]
pub(crate) struct Connection {
    context: Context,
    link: Link,
    /// When it ends if the peer has not gone on to prove itself.
    deadline: Option<Pin<Box<Sleep>>>,
    /// The beginning of a frame whose rest has not arrived. Below the frame limit, and mostly empty.
    partial: Box<[u8]>,
    /// Given up with the connection.
    place: Place,
}

/// How bytes of the connection are taken.
#[derive(Debug)]
enum Link {
    /// The first byte decides, where the hub can prove itself.
    Undecided(Option<Arc<Keyring>>),
    /// As frames.
    Plain,
    /// As the first record of an encrypted connection.
    Opening(Arc<Keyring>),
    /// As records. The peer has proven its key once the first of them has opened.
    Answered(Box<Answered>),
    /// As records of a peer that has proven its key.
    Proven(Seal),
}

/// What the first record of an encrypted connection wants.
enum Opened {
    Session(Answered),
    Joins(join::Asked),
}

/// Bytes that have arrived, behind those of an unfinished frame.
struct Arrived {
    buffer: PooledBuffer,
    len: usize,
}

impl Connection {
    pub(crate) fn new(context: Context, identity: Option<Arc<Keyring>>, place: Place) -> Self {
        let link = Link::Undecided(identity);
        Self { context, link, deadline: None, partial: Box::default(), place }
    }

    /// Serves the connection until it has ended.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn holds its arguments twice in every idle connection"
    )]
    pub(crate) fn run(mut self: Box<Self>, mut handler: impl RequestHandler) -> impl Future<Output = ()> {
        async move {
            handler.setup(&self.context).await;
            let end = self.serve(&mut handler).await;
            // Boxed, so that an idle connection does not carry the room that only its end needs.
            Box::pin(self.end(handler, end)).await;
        }
    }

    /// Lets the handler finish, and closes the connection.
    async fn end(self: Box<Self>, mut handler: impl RequestHandler, end: End) {
        if let End::Broken(error) = end {
            handler.broken(&self.context, error).await;
        }
        if let End::Insecure(_) = &end {
            // Whoever cannot prove who it is, is told nothing.
            self.context.socket().protect(Protection::Held);
        }
        handler.finish(&self.context, &end).await;
        let has_left = matches!(end, End::PeerClosed) && self.context.socket().is_empty();
        if !has_left && !matches!(end, End::Failed(_)) {
            // Whoever does not take its last bytes in time, or fails meanwhile, does without them.
            let _ = timeout(self.place.linger(), self.leave()).await;
        }
    }

    /// Reads, hands on and writes until there is a reason to end.
    async fn serve(&mut self, handler: &mut impl RequestHandler) -> End {
        loop {
            self.ready(handler).await;
            let arrived = match poll_fn(|cx| self.poll_arrived(cx)).await {
                Ok(arrived) => arrived,
                Err(end) => return end,
            };
            let bytes = arrived.buffer.bytes.get(..arrived.len).unwrap_or_default();
            self.decide(bytes);
            let rest = match self.link {
                Link::Undecided(_) | Link::Plain => self.take_frames(bytes, handler).await,
                // Boxed, so that a plain connection does not carry what it does not need.
                Link::Opening(_) | Link::Answered(_) | Link::Proven(_) => {
                    Box::pin(self.take(bytes, handler)).await
                }
            };
            match rest {
                Ok(rest) => self.partial = rest.into(),
                Err(end) => return end,
            }
        }
    }

    /// Waits until the handler can take more, or the connection is to end; writes meanwhile what waits.
    async fn ready(&mut self, handler: &mut impl RequestHandler) {
        let context = &self.context;
        let mut ready = pin!(handler.ready(context));
        poll_fn(|cx| {
            if ready.as_mut().poll(cx).is_ready() || context.socket().stage() != Stage::Open {
                return Poll::Ready(());
            }
            // A connection that has failed fails again when it is read.
            let _ = context.socket().poll_flush(cx);
            Poll::Pending
        })
        .await;
    }

    /// Writes what waits, then reads once. Ready with bytes, or with the reason to end.
    fn poll_arrived(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Arrived, End>> {
        let polled = self.poll_wire(cx);
        if polled.is_ready() {
            self.context.socket().attend();
        }
        polled
    }

    fn poll_wire(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Arrived, End>> {
        if let Poll::Ready(Err(error)) = self.context.socket().poll_flush(cx) {
            return Poll::Ready(Err(End::Failed(error)));
        }
        match self.context.socket().stage() {
            Stage::Open => {}
            Stage::Full => {
                return Poll::Ready(Err(End::Overflowed { limit: self.context.socket().limit() }));
            }
            Stage::Stopping => return Poll::Ready(Err(End::Stopping)),
            Stage::Closing => return Poll::Ready(Err(End::Closed)),
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(SecureError::TooSlow { limit_s: OPENING_LIMIT.as_secs() }.into()));
        }
        let mut buffer = self.place.pool().take();
        let (front, room) = buffer.bytes.split_at_mut(self.partial.len());
        let most = room.len().min(READ_LEN);
        let mut room = ReadBuf::new(room.get_mut(..most).unwrap_or_default());
        match self.context.socket().poll_read(cx, &mut room) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(End::Failed(error))),
            Poll::Ready(Ok(())) if room.filled().is_empty() => Poll::Ready(Err(End::PeerClosed)),
            Poll::Ready(Ok(())) => {
                let len = front.len() + room.filled().len();
                front.copy_from_slice(&self.partial);
                self.partial = Box::default();
                Poll::Ready(Ok(Arrived { buffer, len }))
            }
        }
    }

    /// The first byte decides how bytes are taken.
    fn decide(&mut self, bytes: &[u8]) {
        if let Link::Undecided(identity) = &mut self.link {
            self.link = match (bytes.first(), identity.take()) {
                (Some(&RECORD_MARKER), Some(identity)) => {
                    // In plain nothing may follow what begins encrypted.
                    self.context.socket().protect(Protection::Held);
                    self.deadline = Some(Box::pin(sleep(OPENING_LIMIT)));
                    Link::Opening(identity)
                }
                _ => Link::Plain,
            };
        }
    }

    /// Takes what has arrived encrypted, and gives what is left over.
    async fn take<'b>(
        &mut self,
        bytes: &'b [u8],
        handler: &mut impl RequestHandler,
    ) -> Result<&'b [u8], End> {
        if let Link::Opening(identity) = &self.link {
            let identity = Arc::clone(identity);
            self.open(&identity, bytes, handler).await
        } else {
            self.take_records(bytes, handler).await
        }
    }

    /// Hands on every whole frame, and gives what is left over.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn holds its arguments twice in every idle connection"
    )]
    fn take_frames<'b>(
        &self,
        bytes: &'b [u8],
        handler: &mut impl RequestHandler,
    ) -> impl Future<Output = Result<&'b [u8], End>> {
        async move {
            let mut frames = Frames::new(&self.context, bytes);
            handler.handle_all(&self.context, &mut frames).await;
            frames.end().map_err(End::Broken)
        }
    }

    /// Answers the first record of an encrypted connection.
    async fn open<'b>(
        &mut self,
        keyring: &Keyring,
        bytes: &'b [u8],
        handler: &mut impl RequestHandler,
    ) -> Result<&'b [u8], End> {
        let opened = async {
            let Some((record, used)) = Record::split(bytes, 0)? else { return Ok(None) };
            // What follows belongs to a session that the other side cannot know yet.
            if used < bytes.len() {
                return Err(SecureError::Forged);
            }
            match join::asks(record)? {
                Some(asked) => Ok(Some(Opened::Joins(asked))),
                None => secure::answer(&keyring.get(), record)
                    .await
                    .map(|answered| Some(Opened::Session(answered))),
            }
        };
        match opened.await {
            Ok(None) => Ok(bytes),
            Ok(Some(Opened::Joins(asked))) => {
                let joins = handler.joining(&self.context);
                Err(self.join(&keyring.get().current.identity, asked, joins).await)
            }
            Ok(Some(Opened::Session(mut answered))) => {
                self.context.socket().push_as_is(&core::mem::take(&mut answered.reply));
                self.deadline = Some(Box::pin(sleep(OPENING_LIMIT)));
                self.link = Link::Answered(Box::new(answered));
                Ok(&[])
            }
            Err(error) => {
                self.context.socket().push_as_is(&error.refusal().encode());
                Err(error.into())
            }
        }
    }

    /// Hands on the frames of every whole record, and gives what is left over.
    async fn take_records<'b>(
        &mut self,
        bytes: &'b [u8],
        handler: &mut impl RequestHandler,
    ) -> Result<&'b [u8], End> {
        let mut rest = bytes;
        while self.context.socket().stage() == Stage::Open {
            let Some((record, used)) = Record::split(rest, MAX_RECORD).map_err(SecureError::from)? else {
                return Ok(rest);
            };
            let mut text = self.place.pool().take();
            let seal = match &self.link {
                Link::Answered(peer) => peer.seal.clone(),
                Link::Proven(seal) => seal.clone(),
                Link::Undecided(_) | Link::Plain | Link::Opening(_) => break,
            };
            let len = seal.open(record, &mut text.bytes)?;
            if let Link::Answered(peer) = &self.link {
                self.context.prove(peer.key, peer.hub_key);
                self.context.socket().protect(Protection::sealed(seal.clone()));
                self.link = Link::Proven(seal);
                self.deadline = None;
            }
            let frames = text.bytes.get(..len).unwrap_or_default();
            if !self.take_frames(frames, handler).await?.is_empty() {
                return Err(SecureError::Frame.into());
            }
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(&[])
    }

    /// Sends what waits, says that nothing follows, and reads until the peer has said so too: a socket
    /// that is closed with bytes unread resets the connection, and the peer loses what it was told last. One
    /// that goes on and on is not worth it.
    async fn leave(self: Box<Self>) -> io::Result<()> {
        poll_fn(|cx| self.context.socket().poll_flush(cx)).await?;
        poll_fn(|cx| self.context.socket().poll_shutdown(cx)).await?;
        let mut left = MOST_UNREAD;
        while left > 0 {
            let len = poll_fn(|cx| self.poll_unread(cx)).await?;
            left = if len == 0 { 0 } else { left.saturating_sub(len) };
        }
        Ok(())
    }

    /// Reads what nobody will look at; 0 bytes where nothing follows. A buffer is held no longer than that takes.
    fn poll_unread(&self, cx: &mut TaskContext<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = self.place.pool().take();
        let mut room = ReadBuf::new(&mut buffer.bytes);
        let read = self.context.socket().poll_read(cx, &mut room);
        read.map_ok(|()| room.filled().len())
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use iot_core::SessionId;
    use iot_proto::{Correlation, Frame, Ping, Pong, RequestId};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        task::{LocalSet, spawn_local},
    };

    use super::*;
    use crate::{config::ServerConfig, open::Open, socket::Socket};

    struct Echo;

    impl RequestHandler for Echo {
        async fn handle(&mut self, context: &Context, frame: Frame<'_>) {
            context.reply(&Pong { time: None }, frame.correlation).unwrap();
        }
    }

    #[tokio::test]
    async fn an_idle_connection_holds_no_buffer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut node = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let open = Rc::new(Open::new(&ServerConfig::default()));
        let context = Context::new(SessionId(1), peer, Socket::new(stream, 1000));
        let place = open.place(context.clone());
        let pool = Rc::clone(place.pool());
        let serving = Box::new(Connection::new(context.clone(), None, place)).run(Echo);
        assert!(size_of_val(&serving) <= 256, "{} bytes for each idle connection", size_of_val(&serving));

        LocalSet::new()
            .run_until(async {
                spawn_local(serving);
                let mut ping = Vec::new();
                let request = Correlation::Request(RequestId::FIRST);
                iot_proto::encode_to_vec(&Ping, request, &mut ping).unwrap();
                node.write_all(&ping).await.unwrap();
                assert!(node.read(&mut [0; 100]).await.unwrap() > 0);
            })
            .await;
        assert_eq!(pool.spare(), 1, "the one buffer that was ever needed is back");
        assert_eq!(context.socket().capacity(), 0);
    }
}
