//! [`Connection`]: the life of one accepted connection, from its handler's `setup` to the closed socket.
//!
//! One task per connection both reads and writes, and holds no buffer while it is idle. A wake-up is one
//! read into a pooled buffer, all frames in it handled in place, and one write of all answers. What is
//! said is the handler's business; here is only how bytes travel.

use core::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context as TaskContext, Poll},
    time::Duration,
};
use std::{io, rc::Rc};

use iot_proto::Frame;
use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use crate::{
    handler::{Context, End, RequestHandler},
    outbox::Stage,
    pool::{BufferPool, PooledBuffer},
};

/// Bytes that are read of a peer after its connection has ended, so that it hears why: more than a node has on
/// its way, and nothing beside what a flood sends.
const MOST_UNREAD: usize = 256 * 1024;

/// One accepted connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    context: Context,
    pool: Rc<BufferPool>,
    /// The beginning of a frame whose rest has not arrived. Below the frame limit, and mostly empty.
    partial: Vec<u8>,
}

/// Bytes that have arrived, behind those of an unfinished frame.
struct Arrived {
    buffer: PooledBuffer,
    len: usize,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, context: Context, pool: Rc<BufferPool>) -> Self {
        Self { stream, context, pool, partial: Vec::new() }
    }

    /// Serves the connection until it has ended. Boxed, because a task keeps room for what it is given twice.
    pub(crate) async fn run(mut self: Box<Self>, mut handler: impl RequestHandler, linger: Duration) {
        handler.setup(&self.context).await;
        let end = self.serve(&mut handler).await;
        // Boxed, so that an idle connection does not carry the room that only its end needs.
        Box::pin(self.end(handler, end, linger)).await;
    }

    /// Lets the handler finish, and closes the connection.
    async fn end(self: Box<Self>, mut handler: impl RequestHandler, end: End, linger: Duration) {
        if let End::Broken(error) = end {
            handler.broken(&self.context, error).await;
        }
        handler.finish(&self.context, &end).await;
        let has_left = matches!(end, End::PeerClosed) && self.context.outbox().is_empty();
        if !has_left && !matches!(end, End::Failed(_)) {
            // Whoever does not take its last bytes in time, or fails meanwhile, does without them.
            let _ = timeout(linger, self.leave()).await;
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
            if let Err(end) = self.take(&arrived, handler).await {
                return end;
            }
        }
    }

    /// Waits until the handler can take more, or the connection is to end; writes meanwhile what waits.
    async fn ready(&mut self, handler: &mut impl RequestHandler) {
        let Self { stream, context, .. } = self;
        let mut ready = pin!(handler.ready(context));
        poll_fn(|cx| {
            if ready.as_mut().poll(cx).is_ready() || context.outbox().stage() != Stage::Open {
                return Poll::Ready(());
            }
            // A connection that has failed fails again when it is read.
            let _ = context.outbox().poll_flush(cx, stream);
            Poll::Pending
        })
        .await;
    }

    /// Writes what waits, then reads once. Ready with bytes, or with the reason to end.
    fn poll_arrived(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Arrived, End>> {
        if let Poll::Ready(Err(error)) = self.context.outbox().poll_flush(cx, &mut self.stream) {
            return Poll::Ready(Err(End::Failed(error)));
        }
        match self.context.outbox().stage() {
            Stage::Open => {}
            Stage::Full => {
                return Poll::Ready(Err(End::Overflowed { limit: self.context.outbox().limit() }));
            }
            Stage::Stopping => return Poll::Ready(Err(End::Stopping)),
            Stage::Closing => return Poll::Ready(Err(End::Closed)),
        }
        let mut buffer = self.pool.take();
        let (front, room) = buffer.bytes.split_at_mut(self.partial.len());
        let mut room = ReadBuf::new(room);
        match Pin::new(&mut self.stream).poll_read(cx, &mut room) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(End::Failed(error))),
            Poll::Ready(Ok(())) if room.filled().is_empty() => Poll::Ready(Err(End::PeerClosed)),
            Poll::Ready(Ok(())) => {
                let len = front.len() + room.filled().len();
                front.copy_from_slice(&self.partial);
                self.partial = Vec::new();
                Poll::Ready(Ok(Arrived { buffer, len }))
            }
        }
    }

    /// Hands on every whole frame, and keeps what is left over.
    async fn take(&mut self, arrived: &Arrived, handler: &mut impl RequestHandler) -> Result<(), End> {
        let mut rest = arrived.buffer.bytes.get(..arrived.len).unwrap_or_default();
        while self.context.outbox().stage() == Stage::Open {
            match Frame::split(rest, self.context.frame_limit()) {
                Ok(Some((frame, used))) => {
                    handler.handle(&self.context, frame).await;
                    rest = rest.get(used..).unwrap_or_default();
                }
                Ok(None) => {
                    self.partial = rest.to_vec();
                    break;
                }
                Err(error) => return Err(End::Broken(error)),
            }
        }
        Ok(())
    }

    /// Sends what waits, says that nothing follows, and reads until the peer has said so too: a socket
    /// that is closed with bytes unread resets the connection, and the peer loses what it was told last. One
    /// that goes on and on is not worth it.
    async fn leave(mut self: Box<Self>) -> io::Result<()> {
        poll_fn(|cx| self.context.outbox().poll_flush(cx, &mut self.stream)).await?;
        self.stream.shutdown().await?;
        let mut left = MOST_UNREAD;
        while left > 0 {
            let len = poll_fn(|cx| self.poll_unread(cx)).await?;
            left = if len == 0 { 0 } else { left.saturating_sub(len) };
        }
        Ok(())
    }

    /// Reads what nobody will look at; 0 bytes where nothing follows. A buffer is held no longer than that takes.
    fn poll_unread(&mut self, cx: &mut TaskContext<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = self.pool.take();
        let mut room = ReadBuf::new(&mut buffer.bytes);
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut room);
        read.map_ok(|()| room.filled().len())
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use iot_core::SessionId;
    use iot_proto::{Correlation, Ping, Pong, RequestId};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        task::{LocalSet, spawn_local},
    };

    use super::*;
    use crate::outbox::Outbox;

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
        let (pool, outbox) = (Rc::new(BufferPool::default()), Outbox::new(1000));
        let serving = Box::new(connection(stream, peer, &outbox, &pool)).run(Echo, Duration::from_secs(1));
        assert!(size_of_val(&serving) <= 320, "{} bytes for each idle connection", size_of_val(&serving));

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
        assert_eq!(outbox.capacity(), 0);
    }

    fn connection(stream: TcpStream, peer: SocketAddr, outbox: &Outbox, pool: &Rc<BufferPool>) -> Connection {
        Connection::new(stream, Context::new(SessionId(1), peer, outbox.clone()), Rc::clone(pool))
    }
}
