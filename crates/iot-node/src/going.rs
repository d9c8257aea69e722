//! [`Going`]: bytes on their way out, in a buffer of a fixed size.
//!
//! Joining and the tunnel both fill one. What is in it, and when it may be filled again, is theirs to say.

use iot_proto::{RECORD_HEADER_LEN, Record, RecordError, RecordType, TAG_LEN};

use crate::noise::{NoiseError, Transport};

/// Bytes that wait to go out. What does not fit is left out: whoever fills it knows that it does.
#[derive(Debug)]
pub(crate) struct Going<const N: usize> {
    bytes: [u8; N],
    gone: usize,
    filled: usize,
}

impl<const N: usize> Going<N> {
    /// Nothing waits yet.
    pub(crate) fn new() -> Self {
        Self { bytes: [0; N], gone: 0, filled: 0 }
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.gone..self.filled).unwrap_or_default()
    }

    /// The first `len` waiting bytes have gone out.
    pub(crate) fn sent(&mut self, len: usize) {
        self.gone = (self.gone + len).min(self.filled);
        if self.gone == self.filled {
            self.clear();
        }
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        (self.gone, self.filled) = (0, 0);
    }

    /// Adds bytes as they are.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.filled = (self.filled + bytes.len()).min(N);
    }

    /// Adds a data record with this text, encrypted where it lies.
    pub(crate) fn push_sealed<E>(&mut self, transport: &mut Transport, text: &[u8]) -> Result<(), E>
    where
        E: From<RecordError> + From<NoiseError>,
    {
        self.push(&Record::header(RecordType::Data, text.len() + TAG_LEN)?);
        let start = self.filled;
        self.push(text);
        let tag = transport.seal(self.bytes.get_mut(start..self.filled).unwrap_or_default())?;
        self.push(&tag);
        Ok(())
    }

    /// Bytes of text that fit into one record of an empty buffer.
    pub(crate) const MOST_TEXT: usize = N - RECORD_HEADER_LEN - TAG_LEN;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_gone_makes_room_once_all_of_it_has() {
        let mut going = Going::<8>::new();
        going.push(b"one");
        going.sent(2);
        assert_eq!(going.waiting(), b"e");
        going.push(b" two");
        assert_eq!(going.waiting(), b"e two");
        going.sent(5);
        assert!(going.waiting().is_empty());
        going.push(b"12345678");
        assert_eq!(going.waiting(), b"12345678", "all of the room is there again");
    }
}
