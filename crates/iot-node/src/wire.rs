//! The bytes of one connection: what has come in and is not cut into frames, what waits to go out.
//!
//! The last bytes of the memory for going out are kept for two messages: the error that says why a
//! connection ends, and the close that ends it. So both can always be said.

use iot_proto::{
    Body, Close, Correlation, DecodeError, EncodeError, Error, ErrorCode, Frame, FrameError, HubMessage,
    Label, MessageKind, RequestId,
};

use crate::event::Note;

/// Bytes kept for the last words on a connection: an error and a close with the longest text.
const LAST_WORDS: usize = 176;

/// Bytes that must be free before another frame is taken in, so that it can be refused.
const REFUSAL: usize = 96;

/// Smallest buffer for frames, in bytes, that a node may choose: a hello with every text fits.
pub const MIN_BUFFER: usize = 512;

/// The buffers of one connection, `N` bytes in each direction.
#[derive(Debug)]
pub(crate) struct Wire<const N: usize> {
    received: [u8; N],
    cut: usize,
    held: usize,
    stalled: bool,
    going: [u8; N],
    gone: usize,
    filled: usize,
    next: RequestId,
}

/// A frame that was cut: what its header says, and where its body lies until the next bytes are received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) kind: MessageKind,
    pub(crate) correlation: Correlation,
    start: usize,
    end: usize,
}

impl<const N: usize> Wire<N> {
    /// Bytes of the largest frame that may be sent or received here.
    pub(crate) const LIMIT: usize = if N < iot_proto::MAX_FRAME { N } else { iot_proto::MAX_FRAME };

    /// Bytes of the largest frame that may be sent here, last words apart.
    pub(crate) const SEND_LIMIT: usize = Self::LIMIT.saturating_sub(LAST_WORDS);

    /// A connection on which nothing was said.
    pub(crate) fn new() -> Self {
        let next = RequestId::FIRST;
        Self { received: [0; N], cut: 0, held: 0, stalled: false, going: [0; N], gone: 0, filled: 0, next }
    }

    /// Forgets all bytes: another connection begins.
    pub(crate) fn reset(&mut self) {
        (self.cut, self.held, self.stalled) = (0, 0, false);
        (self.gone, self.filled, self.next) = (0, 0, RequestId::FIRST);
    }

    /// Takes in as many of `bytes` as there is room for, and gives their number.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> usize {
        self.received.copy_within(self.cut..self.held, 0);
        (self.cut, self.held) = (0, self.held - self.cut);
        let room = self.received.get_mut(self.held..).unwrap_or_default();
        let taken = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.held += taken;
        taken
    }

    /// How many bytes [`receive`](Self::receive) would take.
    pub(crate) fn receive_room(&self) -> usize {
        N - (self.held - self.cut)
    }

    /// Whether frames wait that could not be cut for want of room to refuse them, and now can.
    pub(crate) fn has_backlog(&self) -> bool {
        self.stalled && self.room() >= REFUSAL
    }

    /// Cuts the next frame, where one is there and its refusal could be said.
    pub(crate) fn cut(&mut self) -> Result<Option<Cut>, FrameError> {
        self.stalled = self.room() < REFUSAL && self.held > self.cut;
        if self.stalled {
            return Ok(None);
        }
        let bytes = self.received.get(self.cut..self.held).unwrap_or_default();
        let Some((frame, len)) = Frame::split(bytes, Self::LIMIT)? else { return Ok(None) };
        let (kind, correlation, end) = (frame.kind, frame.correlation, self.cut + len);
        let start = end - frame.body.len();
        self.cut = end;
        Ok(Some(Cut { kind, correlation, start, end }))
    }

    /// Decodes a frame that was cut.
    pub(crate) fn decode(&self, cut: Cut) -> Result<HubMessage<'_>, DecodeError> {
        HubMessage::decode(cut.kind, self.received.get(cut.start..cut.end).unwrap_or_default())
    }

    /// The id for the next request of this side.
    pub(crate) fn request(&mut self) -> RequestId {
        let id = self.next;
        self.next = id.next();
        id
    }

    /// Queues a message of at most `limit` bytes.
    pub(crate) fn send<'a, B: Body<'a>>(
        &mut self,
        body: &B,
        correlation: Correlation,
        limit: usize,
    ) -> Result<(), EncodeError> {
        let room = self.room().min(limit);
        self.push(body, correlation, room)
    }

    /// Answers a frame with an error; a response is not answered.
    pub(crate) fn refuse(&mut self, cut: Cut, code: ErrorCode, detail: &str) {
        let correlation = match cut.correlation {
            Correlation::Request(id) => Correlation::Response(id),
            Correlation::OneWay => Correlation::OneWay,
            Correlation::Response(_) => return,
        };
        // Room for a refusal was there when the frame was cut.
        let _ = self.push(&Error::new(code, cut.kind, detail), correlation, usize::MAX);
    }

    /// Refuses a frame, and gives the note of it.
    pub(crate) fn refused(&mut self, cut: Cut, code: ErrorCode) -> Note {
        self.refuse(cut, code, code.word().unwrap_or_default());
        Note::Refused { code, about: cut.kind }
    }

    /// Answers a frame that was just cut with a message that is no longer than a refusal, or goes out on
    /// an empty buffer.
    pub(crate) fn answer<'a, B: Body<'a>>(&mut self, body: &B, request: RequestId) {
        let _ = self.push(body, Correlation::Response(request), usize::MAX);
    }

    /// Queues the close, and before it the error that is its cause. There is always room for both.
    pub(crate) fn last_words(&mut self, error: Option<FrameError>, code: ErrorCode, detail: &str) {
        if let Some(error) = error {
            let error = Error::new(error.code(), MessageKind(0), detail);
            let _ = self.push(&error, Correlation::OneWay, usize::MAX);
        }
        let close = Close { code, retry_after_ms: 0, detail: Label::clipped(detail) };
        let _ = self.push(&close, Correlation::OneWay, usize::MAX);
    }

    /// Bytes that are free for anything but last words.
    pub(crate) fn room(&self) -> usize {
        (N - (self.filled - self.gone)).saturating_sub(LAST_WORDS)
    }

    /// Bytes that wait to go out.
    pub(crate) fn waiting(&self) -> &[u8] {
        self.going.get(self.gone..self.filled).unwrap_or_default()
    }

    /// The first `len` waiting bytes have gone out.
    pub(crate) fn sent(&mut self, len: usize) {
        self.gone = (self.gone + len).min(self.filled);
        if self.gone == self.filled {
            (self.gone, self.filled) = (0, 0);
        }
    }

    fn push<'a, B: Body<'a>>(
        &mut self,
        body: &B,
        correlation: Correlation,
        limit: usize,
    ) -> Result<(), EncodeError> {
        self.going.copy_within(self.gone..self.filled, 0);
        (self.gone, self.filled) = (0, self.filled - self.gone);
        let free = self.going.get_mut(self.filled..).unwrap_or_default();
        let len = free.len().min(limit);
        self.filled += iot_proto::encode(body, correlation, free.get_mut(..len).unwrap_or_default())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use iot_proto::Ping;

    use super::*;

    #[test]
    fn last_words_fit_however_full_the_buffer_is() {
        let mut wire = Wire::<MIN_BUFFER>::new();
        while wire.send(&Ping, Correlation::OneWay, usize::MAX).is_ok() {}
        let before = wire.waiting().len();
        let detail = "z".repeat(64);
        wire.last_words(Some(FrameError::Marker(0)), ErrorCode::BROKEN_FRAME, &detail);
        let said = wire.waiting().get(before..).unwrap();
        let (error, used) = Frame::split(said, MIN_BUFFER).unwrap().unwrap();
        let (close, rest) = Frame::split(&said[used..], MIN_BUFFER).unwrap().unwrap();
        assert_eq!((error.kind, close.kind), (MessageKind::ERROR, MessageKind::CLOSE));
        assert_eq!(used + rest, said.len());
    }

    #[test]
    fn a_refusal_fits_its_reserve() {
        let mut wire = Wire::<MIN_BUFFER>::new();
        let cut = Cut { kind: MessageKind(u16::MAX), correlation: Correlation::OneWay, start: 0, end: 0 };
        wire.refuse(cut, ErrorCode(u16::MAX), &"z".repeat(64));
        assert!(!wire.waiting().is_empty() && wire.waiting().len() <= REFUSAL);
    }
}
