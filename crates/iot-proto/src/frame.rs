//! The frame: a fixed header of 12 bytes, and a body. Integers of the header are little-endian.
//!
//! ```text
//! offset  bytes  field
//! 0       1      marker: 0xC1 begins a plain frame, 0xE5 an encrypted record
//! 1       1      version of the frame layout: 1
//! 2       2      flags: bit 0 set on a response; all others 0
//! 4       2      message kind
//! 6       2      length of the body in bytes
//! 8       4      correlation id; 0 where no response is wanted
//! 12      …      body
//! ```

use crate::{FrameError, MessageKind, RECORD_MARKER, RequestId};

/// First byte of a plain frame. It begins no UTF-8 text, so a wrong port is recognised at once.
pub const MARKER: u8 = 0xC1;

/// Version of the frame layout.
const LAYOUT: u8 = 1;

/// Flag of a response.
const RESPONSE: u16 = 1;

/// Bytes of the header.
pub const HEADER_LEN: usize = 12;

/// How a frame belongs to others on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Correlation {
    /// Wants no response.
    OneWay,
    /// Wants a response that carries this id.
    Request(RequestId),
    /// Answers the request with this id.
    Response(RequestId),
}

impl Correlation {
    /// How the answer to a frame with this correlation is marked; `None` where none is wanted.
    pub fn answer(self) -> Option<Self> {
        match self {
            Self::Request(id) => Some(Self::Response(id)),
            Self::OneWay | Self::Response(_) => None,
        }
    }

    fn to_wire(self) -> (u16, u32) {
        match self {
            Self::OneWay => (0, 0),
            Self::Request(id) => (0, id.get()),
            Self::Response(id) => (RESPONSE, id.get()),
        }
    }
}

/// Which side of a connection a frame came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// From a node.
    Node,
    /// From the hub.
    Hub,
}

/// One frame: header taken apart, body not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What kind of message the body is.
    pub kind: MessageKind,
    /// How it belongs to other frames.
    pub correlation: Correlation,
    /// The body, exactly as long as the header says.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Cuts one frame of at most `limit` bytes from the start of `bytes`.
    ///
    /// Gives the frame and its length in bytes, or `None` where more bytes are needed. Every field is
    /// judged as soon as it has arrived: no byte is waited for once the frame is known to be broken.
    ///
    /// # Errors
    /// [`FrameError`]; the session cannot go on after it.
    pub fn split(bytes: &'a [u8], limit: usize) -> Result<Option<(Self, usize)>, FrameError> {
        check_start(bytes, limit)?;
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Ok(None);
        };
        let [_, _, f0, f1, k0, k1, l0, l1, c0, c1, c2, c3] = *header;
        let flags = u16::from_le_bytes([f0, f1]);
        let id = RequestId::new(u32::from_le_bytes([c0, c1, c2, c3]));
        let correlation = match (flags, id) {
            (0, None) => Correlation::OneWay,
            (0, Some(id)) => Correlation::Request(id),
            (RESPONSE, Some(id)) => Correlation::Response(id),
            _ => return Err(FrameError::Flags(flags)),
        };
        let kind = MessageKind(u16::from_le_bytes([k0, k1]));
        let len = frame_len([l0, l1]);
        Ok(rest.get(..len - HEADER_LEN).map(|body| (Self { kind, correlation, body }, len)))
    }
}

/// Judges the fields in front of the correlation id, each as soon as all of its bytes are there.
fn check_start(bytes: &[u8], limit: usize) -> Result<(), FrameError> {
    match *bytes {
        [RECORD_MARKER, ..] => Err(FrameError::Encrypted),
        [marker, ..] if marker != MARKER => Err(FrameError::Marker(marker)),
        [_, version, ..] if version != LAYOUT => Err(FrameError::Version(version)),
        [_, _, f0, f1, ..] if u16::from_le_bytes([f0, f1]) > RESPONSE => {
            Err(FrameError::Flags(u16::from_le_bytes([f0, f1])))
        }
        [_, _, _, _, _, _, l0, l1, ..] if frame_len([l0, l1]) > limit => {
            Err(FrameError::TooLong { len: frame_len([l0, l1]), limit })
        }
        _ => Ok(()),
    }
}

/// Length of the whole frame whose header has these bytes in its length field.
fn frame_len(field: [u8; 2]) -> usize {
    HEADER_LEN + usize::from(u16::from_le_bytes(field))
}

/// The header of a frame whose body has `body_len` bytes.
pub(crate) fn header(kind: MessageKind, correlation: Correlation, body_len: u16) -> [u8; HEADER_LEN] {
    let (flags, id) = correlation.to_wire();
    let ([f0, f1], [k0, k1], [l0, l1]) = (flags.to_le_bytes(), kind.0.to_le_bytes(), body_len.to_le_bytes());
    let [c0, c1, c2, c3] = id.to_le_bytes();
    [MARKER, LAYOUT, f0, f1, k0, k1, l0, l1, c0, c1, c2, c3]
}
