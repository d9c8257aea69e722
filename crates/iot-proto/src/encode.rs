//! Encoding: a message becomes one frame in a buffer of the caller.

#[cfg(feature = "alloc")]
use crate::Frame;
use crate::{Body, Correlation, EncodeError, HEADER_LEN, MAX_BODY, frame};

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
    let len = postcard::to_slice(body, room).map_err(|_| EncodeError::BufferTooSmall)?.len();
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
    out.extend_from_slice(&[0; HEADER_LEN]);
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

/// Lets postcard append to a `Vec` that it does not own; gives the `Vec`'s length in the end.
#[cfg(feature = "alloc")]
struct Appending<'v>(&'v mut alloc::vec::Vec<u8>);

#[cfg(feature = "alloc")]
impl postcard::ser_flavors::Flavor for Appending<'_> {
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
