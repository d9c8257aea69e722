//! Encoding: a message becomes one frame in a buffer of the caller.

use postcard::ser_flavors::Flavor;

#[cfg(feature = "alloc")]
use crate::Frame;
use crate::{Body, Correlation, EncodeError, HEADER_LEN, MAX_BODY, frame};

/// Bytes of most bodies, or more.
#[cfg(feature = "alloc")]
const SMALL: usize = 64;

/// Bytes of a number, or more.
const FEW: usize = 10;

/// Encodes `body` as one frame at the start of `out` and gives the frame's length in bytes.
///
/// # Errors
/// [`EncodeError::BufferTooSmall`] where `out` ends before the frame does;
/// [`EncodeError::BodyTooLong`] above [`MAX_BODY`].
pub fn encode<'a, B: Body<'a>>(
    body: &B,
    correlation: Correlation,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let (header, room) = out.split_first_chunk_mut::<HEADER_LEN>().ok_or(EncodeError::BufferTooSmall)?;
    let len = postcard::serialize_with_flavor(body, Room { bytes: room, len: 0 })
        .map_err(|_| EncodeError::BufferTooSmall)?;
    *header = frame::header(B::KIND, correlation, checked(len)?);
    Ok(HEADER_LEN + len)
}

/// Appends `body` as one frame to `out`, which the caller keeps and reuses.
///
/// # Errors
/// [`EncodeError::BodyTooLong`] above [`MAX_BODY`]; `out` is then as it was.
#[cfg(feature = "alloc")]
pub fn encode_to_vec<'a, B: Body<'a>>(
    body: &B,
    correlation: Correlation,
    out: &mut alloc::vec::Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    // Nearly all bodies are small. To make room for them once takes less time than to look for it at each field.
    out.resize(start + HEADER_LEN + SMALL, 0);
    let encoded = encode(body, correlation, out.get_mut(start..).unwrap_or_default());
    out.truncate(start + encoded.unwrap_or(HEADER_LEN));
    if encoded != Err(EncodeError::BufferTooSmall) {
        return encoded.map(drop);
    }
    // The flavor below takes whatever it is given, so there is no failure to report here.
    let written = postcard::serialize_with_flavor(body, Appending(out)).unwrap_or(start + HEADER_LEN);
    let len = written - start - HEADER_LEN;
    match checked(len) {
        Ok(body_len) => {
            if let Some(header) = out.get_mut(start..start + HEADER_LEN) {
                header.copy_from_slice(&frame::header(B::KIND, correlation, body_len));
            }
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

#[cfg(feature = "alloc")]
impl Frame<'_> {
    /// Appends the frame, whose body is encoded already, to `out`.
    ///
    /// # Errors
    /// [`EncodeError::BodyTooLong`] above [`MAX_BODY`]; `out` is then as it was.
    pub fn encode_to_vec(&self, out: &mut alloc::vec::Vec<u8>) -> Result<(), EncodeError> {
        let body_len = checked(self.body.len())?;
        out.extend_from_slice(&frame::header(self.kind, self.correlation, body_len));
        out.extend_from_slice(self.body);
        Ok(())
    }
}

fn checked(len: usize) -> Result<u16, EncodeError> {
    u16::try_from(len).ok().filter(|_| len <= MAX_BODY).ok_or(EncodeError::BodyTooLong { len })
}

/// Lets postcard write at the start of a slice; gives how many bytes in the end.
///
/// Nearly all that it is given are numbers of a few bytes, which are written byte by byte: a copy of some bytes that
/// have just been written one by one has to wait for them.
struct Room<'o> {
    bytes: &'o mut [u8],
    len: usize,
}

impl Flavor for Room<'_> {
    type Output = usize;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        *self.bytes.get_mut(self.len).ok_or(postcard::Error::SerializeBufferFull)? = byte;
        self.len += 1;
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if bytes.len() <= FEW {
            return bytes.iter().try_for_each(|byte| self.try_push(*byte));
        }
        let room = self.bytes.get_mut(self.len..).and_then(|room| room.get_mut(..bytes.len()));
        room.ok_or(postcard::Error::SerializeBufferFull)?.copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }

    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.len)
    }
}

/// Lets postcard append to a `Vec` that it does not own; gives the `Vec`'s length in the end.
#[cfg(feature = "alloc")]
struct Appending<'v>(&'v mut alloc::vec::Vec<u8>);

#[cfg(feature = "alloc")]
impl Flavor for Appending<'_> {
    type Output = usize;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.0.len())
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::{Close, ErrorCode, Label, MAX_FRAME, RequestId, UpdateBlock};

    const REQUEST: Correlation = Correlation::Request(RequestId::FIRST);

    #[test]
    fn both_ways_to_encode_give_the_same_bytes() {
        let close = Close { code: ErrorCode::STOPPING, retry_after_ms: 5000, detail: Label::EMPTY };
        let mut slice = [0; 64];
        let len = encode(&close, Correlation::OneWay, &mut slice).unwrap();
        let mut appended = vec![7];
        encode_to_vec(&close, Correlation::OneWay, &mut appended).unwrap();
        assert_eq!(appended[0], 7, "what was there stays");
        assert_eq!(appended[1..], slice[..len]);
    }

    #[test]
    fn a_buffer_that_ends_too_early_is_an_error() {
        let close = Close { code: ErrorCode::STOPPING, retry_after_ms: 5000, detail: Label::EMPTY };
        let needed = encode(&close, REQUEST, &mut [0; 64]).unwrap();
        for len in 0..needed {
            assert_eq!(encode(&close, REQUEST, &mut vec![0; len]), Err(EncodeError::BufferTooSmall), "{len}");
        }
        assert_eq!(encode(&close, REQUEST, &mut vec![0; needed]), Ok(needed));
    }

    #[test]
    fn a_body_fills_a_frame_and_no_more() {
        let data = vec![0; MAX_BODY - 3];
        let fits = UpdateBlock { offset: 0, data: &data };
        let mut out = Vec::new();
        encode_to_vec(&fits, REQUEST, &mut out).unwrap();
        assert_eq!(out.len(), MAX_FRAME);

        let data = vec![0; MAX_BODY - 2];
        let too_long = UpdateBlock { offset: 0, data: &data };
        let error = EncodeError::BodyTooLong { len: MAX_BODY + 1 };
        assert_eq!(encode_to_vec(&too_long, REQUEST, &mut out), Err(error));
        assert_eq!(out.len(), MAX_FRAME, "what was there stays");
        assert_eq!(encode(&too_long, REQUEST, &mut vec![0; 2 * MAX_FRAME]), Err(error));
    }
}
