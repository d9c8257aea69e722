//! [`Outbox`]: what waits to be sent on one connection.
//!
//! Whoever has something to say puts whole frames in; the connection's own task writes them, all that
//! wait in one write. Nobody ever waits for a peer: what does not fit is dropped, the outbox is full
//! from then on, and the connection ends. An empty outbox holds no memory. On an encrypted connection frames
//! become records as late as they can, when they are written, so that those of one turn share one.

use core::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};
use std::{cell::RefCell, io, rc::Rc};

use iot_proto::{Body, Correlation, EncodeError, Frame, MAX_FRAME, MessageKind};
use tokio::{io::AsyncWrite, net::TcpStream};

use crate::secure::Seal;

/// Bytes of room that a farewell still finds in an outbox that is full.
const FAREWELL_ROOM: usize = iot_proto::MIN_FRAME;

/// The handle of one connection's outbox; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Outbox(Rc<RefCell<State>>);

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
#[derive(Clone, Debug)]
pub(crate) enum Protection {
    /// Nothing.
    Plain,
    /// They are dropped: the peer has not proven yet who it is.
    Held,
    /// They are encrypted.
    Sealed(Seal),
}

#[derive(Debug)]
struct State {
    protection: Protection,
    /// Frames that are not encrypted yet; only on an encrypted connection.
    frames: Vec<u8>,
    bytes: Vec<u8>,
    /// How many of `bytes` have been written.
    written: usize,
    limit: usize,
    stage: Stage,
    waker: Option<Waker>,
}

impl Outbox {
    /// An empty outbox that takes `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        let state = State {
            protection: Protection::Plain,
            frames: Vec::new(),
            bytes: Vec::new(),
            written: 0,
            limit,
            stage: Stage::Open,
            waker: None,
        };
        Self(Rc::new(RefCell::new(state)))
    }

    /// Says what becomes of frames from now on. None may wait that were queued before.
    pub(crate) fn protect(&self, protection: Protection) {
        self.0.borrow_mut().protection = protection;
    }

    /// Queues bytes that are written as they are, before any frame.
    pub(crate) fn push_as_is(&self, bytes: &[u8]) {
        let mut state = self.0.borrow_mut();
        state.bytes.extend_from_slice(bytes);
        state.wake();
    }

    /// Bytes that it takes.
    pub(crate) fn limit(&self) -> usize {
        self.0.borrow().limit
    }

    /// What the connection is to do.
    pub(crate) fn stage(&self) -> Stage {
        self.0.borrow().stage
    }

    /// Whether nothing waits to be sent.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.0.borrow();
        state.written == state.bytes.len()
    }

    /// Queues whole frames, or drops them where they do not fit or the connection ends.
    pub(crate) fn push(&self, frames: &[u8]) {
        let mut state = self.0.borrow_mut();
        let queue = state.queue();
        let start = queue.len();
        queue.extend_from_slice(frames);
        state.admit(start);
    }

    /// Encodes a message straight into the queue; drops it where it does not fit.
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

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.0.borrow().waiting()
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.0.borrow().bytes.capacity()
    }

    /// Writes what waits, with one call to the kernel for all of it. Ready when nothing waits any more;
    /// the task is woken when something is queued or the stage changes.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>, stream: &mut TcpStream) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        let state = &mut *state;
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        if let Protection::Sealed(seal) = &state.protection
            && !state.frames.is_empty()
        {
            let frames = core::mem::take(&mut state.frames);
            seal.seal(&frames, &mut state.bytes).map_err(io::Error::other)?;
        }
        while let Some(rest) = state.bytes.get(state.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *stream).poll_write(cx, rest)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(len) => state.written += len,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        state.bytes = Vec::new();
        state.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl State {
    /// Where frames wait.
    fn queue(&mut self) -> &mut Vec<u8> {
        match self.protection {
            Protection::Plain => &mut self.bytes,
            Protection::Held | Protection::Sealed(_) => &mut self.frames,
        }
    }

    /// How many bytes wait.
    fn waiting(&self) -> usize {
        self.frames.len() + self.bytes.len() - self.written
    }

    /// Keeps the frames that begin at `start`, or drops them where they do not fit.
    fn admit(&mut self, start: usize) {
        let waiting = self.waiting();
        if let Protection::Held = self.protection {
            self.frames.clear();
            return;
        }
        let keep = match self.stage {
            Stage::Closing => false,
            Stage::Full => waiting <= self.limit + FAREWELL_ROOM && is_farewell(self.queue().get(start..)),
            Stage::Open | Stage::Stopping => waiting <= self.limit,
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

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
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

    use super::*;

    #[test]
    fn what_does_not_fit_is_dropped_and_only_a_farewell_follows() {
        let outbox = Outbox::new(30);
        outbox.push_message(&Ping, Correlation::OneWay).unwrap();
        outbox.push_message(&Ping, Correlation::OneWay).unwrap();
        assert_eq!((outbox.waiting(), outbox.stage()), (24, Stage::Open));
        outbox.push_message(&Ping, Correlation::OneWay).unwrap();
        assert_eq!((outbox.waiting(), outbox.stage()), (24, Stage::Full));

        let close = Close { code: ErrorCode::TOO_MANY, retry_after_ms: 0, detail: Label::EMPTY };
        outbox.push_message(&close, Correlation::OneWay).unwrap();
        assert!(outbox.waiting() > 24, "the peer is told why");
    }

    #[test]
    fn nothing_is_taken_after_the_end() {
        let outbox = Outbox::new(1000);
        outbox.close();
        outbox.push_message(&Ping, Correlation::OneWay).unwrap();
        assert_eq!(outbox.waiting(), 0);
    }
}
