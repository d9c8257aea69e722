//! [`Connection`]: the life of one accepted connection, from its handler's `setup` to the closed socket.
//!
//! One task per connection both reads and writes, and holds no buffer while it is idle. A wake-up is one
//! read into a pooled buffer, all frames in it handled in place, and one write of all answers. What is
//! said is the handler's business; here is only how bytes travel.

use core::{
    future::poll_fn,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};
use std::{io, rc::Rc};

use iot_proto::Frame;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use crate::{
    handler::{Context, End, RequestHandler},
    open::Place,
    outbox::Stage,
    pool::{BufferPool, PooledBuffer},
};

/// One accepted connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    context: Context,
    pool: Rc<BufferPool>,
    /// The beginning of a frame whose rest has not arrived. Below the frame limit, and mostly empty.
    partial: Vec<u8>,
    /// Given up with the connection.
    place: Place,
}

/// Bytes that have arrived, behind those of an unfinished frame.
struct Arrived {
    buffer: PooledBuffer,
    len: usize,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, context: Context, pool: Rc<BufferPool>, place: Place) -> Self {
        Self { stream, context, pool, partial: Vec::new(), place }
    }

    /// Serves the connection until it has ended. Boxed, because a task keeps room for what it is given twice.
    pub(crate) async fn run(mut self: Box<Self>, mut handler: impl RequestHandler) {
        handler.setup(&self.context).await;
        let end = self.serve(&mut handler).await;
        // Boxed, so that an idle connection does not carry the room that only its end needs.
        Box::pin(self.end(handler, end)).await;
    }

    /// Lets the handler finish, and closes the connection.
    async fn end(self: Box<Self>, mut handler: impl RequestHandler, end: End) {
        if let End::Broken(error) = end {
            handler.broken(&self.context, error).await;
        }
        handler.finish(&self.context, &end).await;
        let has_left = matches!(end, End::PeerClosed) && self.context.outbox().is_empty();
        if !has_left && !matches!(end, End::Failed(_)) {
            // Whoever does not take its last bytes in time, or fails meanwhile, does without them.
            let _ = timeout(self.place.linger(), self.leave()).await;
        }
    }

    /// Reads, hands on and writes until there is a reason to end.
    async fn serve(&mut self, handler: &mut impl RequestHandler) -> End {
        loop {
            handler.ready(&self.context).await;
            let arrived = match poll_fn(|cx| self.poll_arrived(cx)).await {
                Ok(arrived) => arrived,
                Err(end) => return end,
            };
            if let Err(end) = self.take(&arrived, handler).await {
                return end;
            }
        }
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
    /// that is closed with bytes unread resets the connection, and the peer loses what it was told last.
    async fn leave(mut self: Box<Self>) -> io::Result<()> {
        poll_fn(|cx| self.context.outbox().poll_flush(cx, &mut self.stream)).await?;
        self.stream.shutdown().await?;
        let mut unread = self.pool.take();
        while self.stream.read(&mut unread.bytes).await? > 0 {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use iot_core::SessionId;
    use iot_proto::{Correlation, Ping, Pong, RequestId};
    use tokio::{
        net::TcpListener,
        task::{LocalSet, spawn_local},
    };

    use super::*;
    use crate::{open::Open, outbox::Outbox};

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
        let open = Rc::new(Open::new(1, Duration::from_secs(1)));
        let place = open.place().await.unwrap();
        let context = Context::new(SessionId(1), peer, outbox.clone());
        let serving = Box::new(Connection::new(stream, context, Rc::clone(&pool), place)).run(Echo);
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
        assert_eq!(outbox.capacity(), 0);
    }
}
