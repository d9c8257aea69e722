//! [`Socket`]: the socket of one connection, and what waits to be sent on it.
//!
//! Whoever has something to say gives whole frames. While the connection's task is at work they wait for its end and
//! leave in one write; while the task sleeps they are written at once, without waking it. Nobody ever waits for a peer: what the
//! peer does not take waits, what does not fit is dropped, and the connection ends. Where nothing waits no memory is
//! held. On an encrypted connection frames become records as late as they can, when they are written.

use core::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};
use std::{cell::RefCell, io};

use iot_proto::{Body, Correlation, EncodeError, Frame, MAX_FRAME, MessageKind};
use tokio::{
    io::{AsyncRead as _, AsyncWrite as _, ReadBuf},
    net::TcpStream,
};

use crate::secure::Seal;

/// Bytes of room that a farewell still finds where no more is taken.
const FAREWELL_ROOM: usize = iot_proto::MIN_FRAME;

/// A connection's socket, with what waits to be sent. Everything happens on one thread.
#[derive(Debug)]
pub(crate) struct Socket(RefCell<State>);

/// What the connection is to do besides sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Go on.
    Open,
    /// The peer does not take what it is sent: end.
    Full,
    /// The server stops: read no more, and let the handler finish.
    Stopping,
    /// End once everything has been sent.
    Closing,
}

/// What becomes of frames before they are written.
#[derive(Debug)]
pub(crate) enum Protection {
    /// Nothing.
    Plain,
    /// They are dropped: the peer has not proven yet who it is.
    Held,
    /// They are encrypted.
    Sealed(Box<Sealed>),
}

/// Frames that are to be encrypted, and what does it.
#[derive(Debug)]
pub(crate) struct Sealed {
    seal: Seal,
    frames: Vec<u8>,
}

#[derive(Debug)]
struct State {
    stream: TcpStream,
    protection: Protection,
    /// What waits to be written, as it will be on the wire.
    bytes: Vec<u8>,
    /// How many of `bytes` have been written.
    written: usize,
    /// How many may wait. Small, as the context of every connection is.
    limit: u32,
    stage: Stage,
    /// Whether the connection's task writes what waits before it sleeps: it is at work, or has been woken.
    is_attended: bool,
    waker: Option<Waker>,
}

impl Protection {
    /// Encrypts what is sent from now on.
    pub(crate) fn sealed(seal: Seal) -> Self {
        Self::Sealed(Box::new(Sealed { seal, frames: Vec::new() }))
    }
}

impl Socket {
    /// A connection on which up to `limit` bytes may wait, or 4 GiB.
    pub(crate) fn new(stream: TcpStream, limit: usize) -> Self {
        Self(RefCell::new(State {
            stream,
            protection: Protection::Plain,
            bytes: Vec::new(),
            written: 0,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            stage: Stage::Open,
            is_attended: true,
            waker: None,
        }))
    }

    /// Says what becomes of frames from now on. None may wait that were given before.
    pub(crate) fn protect(&self, protection: Protection) {
        self.0.borrow_mut().protection = protection;
    }

    /// Bytes that may wait.
    pub(crate) fn limit(&self) -> usize {
        self.0.borrow().limit()
    }

    /// What the connection is to do.
    pub(crate) fn stage(&self) -> Stage {
        self.0.borrow().stage
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().waiting() == 0
    }

    /// Sends bytes as they are, before any frame.
    pub(crate) fn push_as_is(&self, bytes: &[u8]) {
        let mut state = self.0.borrow_mut();
        state.bytes.extend_from_slice(bytes);
        state.wake();
    }

    /// Sends whole frames, or drops them where they do not fit or the connection ends.
    pub(crate) fn push(&self, frames: &[u8]) {
        let mut state = self.0.borrow_mut();
        let sent = state.write_at_once(frames);
        let rest = frames.get(sent..).unwrap_or_default();
        if !rest.is_empty() {
            let queue = state.queue();
            let start = queue.len();
            queue.extend_from_slice(rest);
            state.admit(start);
        }
    }

    /// Sends a message; drops it where it does not fit.
    pub(crate) fn push_message<'b, B: Body<'b>>(
        &self,
        body: &B,
        correlation: Correlation,
    ) -> Result<(), EncodeError> {
        let mut state = self.0.borrow_mut();
        let queue = state.queue();
        let start = queue.len();
        iot_proto::encode_to_vec(body, correlation, queue)?;
        state.admit(start);
        Ok(())
    }

    /// Asks the connection to end once everything has been sent; nothing more is taken.
    pub(crate) fn close(&self) {
        let mut state = self.0.borrow_mut();
        state.stage = Stage::Closing;
        state.wake();
    }

    /// Asks the connection to read no more and to let its handler finish.
    pub(crate) fn stop(&self) {
        let mut state = self.0.borrow_mut();
        if state.stage == Stage::Open {
            state.stage = Stage::Stopping;
        }
        state.wake();
    }

    /// The connection's task is at work: what is sent waits until it writes.
    pub(crate) fn attend(&self) {
        self.0.borrow_mut().is_attended = true;
    }

    /// Writes what waits, with one call to the kernel for all of it. Ready when nothing waits any more;
    /// the task is woken when something waits that could not be written at once, or the stage changes.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        let state = &mut *state;
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        state.is_attended = false;
        state.seal()?;
        while let Some(rest) = state.bytes.get(state.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut state.stream).poll_write(cx, rest)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(len) => state.written += len,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        state.bytes = Vec::new();
        state.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads once.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_read(cx, room)
    }

    /// Says that nothing follows.
    pub(crate) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_shutdown(cx)
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.0.borrow().waiting()
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.0.borrow().bytes.capacity()
    }
}

impl State {
    /// How many bytes may wait.
    fn limit(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }

    /// Writes frames from where they lie, where nothing waits before them and the task sleeps. Gives how many bytes
    /// have left; what fails here fails again when the task writes the rest.
    fn write_at_once(&self, frames: &[u8]) -> usize {
        let is_open = matches!(self.stage, Stage::Open | Stage::Stopping) && frames.len() <= self.limit();
        let is_free = !self.is_attended && self.bytes.is_empty();
        if !is_open || !is_free || !matches!(self.protection, Protection::Plain) {
            return 0;
        }
        self.stream.try_write(frames).unwrap_or(0)
    }

    /// Where frames wait.
    fn queue(&mut self) -> &mut Vec<u8> {
        match &mut self.protection {
            Protection::Plain | Protection::Held => &mut self.bytes,
            Protection::Sealed(sealed) => &mut sealed.frames,
        }
    }

    /// Makes records of the frames that wait.
    fn seal(&mut self) -> io::Result<()> {
        if let Protection::Sealed(sealed) = &mut self.protection
            && !sealed.frames.is_empty()
        {
            sealed.seal.seal(&sealed.frames, &mut self.bytes).map_err(io::Error::other)?;
            sealed.frames = Vec::new();
        }
        Ok(())
    }

    /// How many bytes wait.
    fn waiting(&self) -> usize {
        let frames = match &self.protection {
            Protection::Plain | Protection::Held => 0,
            Protection::Sealed(sealed) => sealed.frames.len(),
        };
        frames + self.bytes.len() - self.written
    }

    /// Keeps the frames that begin at `start`, or drops them where they do not fit.
    fn admit(&mut self, start: usize) {
        if let Protection::Held = self.protection {
            self.bytes.truncate(start);
            return;
        }
        let waiting = self.waiting();
        let keep = match self.stage {
            Stage::Closing => false,
            Stage::Full => waiting <= self.limit() + FAREWELL_ROOM && is_farewell(self.queue().get(start..)),
            Stage::Open | Stage::Stopping => waiting <= self.limit(),
        };
        if !keep {
            self.queue().truncate(start);
        }
        if !keep && self.stage != Stage::Closing {
            self.stage = Stage::Full;
        }
        if self.written >= MAX_FRAME {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        self.wake();
    }

    /// Wakes the task, where it does not come by itself.
    fn wake(&mut self) {
        if let Some(waker) = self.waker.as_ref().filter(|_| !self.is_attended) {
            waker.wake_by_ref();
            self.is_attended = true;
        }
    }
}

/// Whether the first of these frames says why the connection ends.
fn is_farewell(frames: Option<&[u8]>) -> bool {
    let farewell = [MessageKind::CLOSE, MessageKind::ERROR];
    matches!(Frame::split(frames.unwrap_or_default(), MAX_FRAME), Ok(Some((frame, _))) if farewell.contains(&frame.kind))
}

#[cfg(test)]
mod tests {
    use iot_proto::{Close, ErrorCode, Label, Ping};
    use tokio::{io::AsyncReadExt as _, net::TcpListener};

    use super::*;

    async fn pair(limit: usize) -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Socket::new(listener.accept().await.unwrap().0, limit), peer)
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_only_a_farewell_follows() {
        let (socket, _peer) = pair(30).await;
        socket.push_message(&Ping, Correlation::OneWay).unwrap();
        socket.push_message(&Ping, Correlation::OneWay).unwrap();
        assert_eq!((socket.waiting(), socket.stage()), (24, Stage::Open));
        socket.push_message(&Ping, Correlation::OneWay).unwrap();
        assert_eq!((socket.waiting(), socket.stage()), (24, Stage::Full));

        let close = Close { code: ErrorCode::TOO_MANY, retry_after_ms: 0, detail: Label::EMPTY };
        socket.push_message(&close, Correlation::OneWay).unwrap();
        assert!(socket.waiting() > 24, "the peer is told why");
    }

    #[tokio::test]
    async fn nothing_is_taken_after_the_end() {
        let (socket, _peer) = pair(1000).await;
        socket.close();
        socket.push_message(&Ping, Correlation::OneWay).unwrap();
        assert_eq!(socket.waiting(), 0);
    }

    #[tokio::test]
    async fn frames_wait_while_the_task_is_at_work_and_leave_at_once_while_it_sleeps() {
        let (socket, mut peer) = pair(1000).await;
        socket.push(b"first ");
        assert_eq!(socket.waiting(), 6, "the task has not slept yet");
        core::future::poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
        socket.push(b"second ");
        assert_eq!((socket.waiting(), socket.capacity()), (0, 0), "written from where it lay");
        socket.attend();
        socket.push(b"third");
        assert_eq!(socket.waiting(), 5);
        core::future::poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
        let mut read = [0; 18];
        peer.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"first second third", "in order");
    }

    #[tokio::test]
    async fn what_the_peer_does_not_take_waits_without_losing_its_order() {
        let (socket, mut peer) = pair(64 << 20).await;
        core::future::poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
        let frames: Vec<u8> = (0..=u8::MAX).cycle().take(16 << 20).collect();
        socket.push(&frames);
        let left = socket.waiting();
        assert!(left > 0 && left < frames.len(), "more than the kernel takes");
        socket.push(b"end");
        assert_eq!(socket.waiting(), left + 3);
        let mut read = vec![0; frames.len() + 3];
        let flush = core::future::poll_fn(|cx| socket.poll_flush(cx));
        let (flushed, arrived) = tokio::join!(flush, peer.read_exact(&mut read));
        flushed.unwrap();
        arrived.unwrap();
        assert!(read.strip_suffix(b"end") == Some(frames.as_slice()));
    }
}
