//! [`FrameCodec`]: frames for whoever reads them one at a time and owns them: the dialler, simulated
//! nodes, tests. The hub's own connections parse in place instead.

use bytes::{Buf as _, Bytes, BytesMut};
use iot_proto::{
    Body, Correlation, EncodeError, Frame, FrameError, HubMessage, MAX_FRAME, MessageKind, NodeMessage,
};
use thiserror::Error;
use tokio_util::codec::{Decoder, Encoder};

/// One whole frame: header taken apart, body not yet decoded. A clone shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFrame {
    /// What kind of message the body is.
    pub kind: MessageKind,
    /// How it belongs to other frames.
    pub correlation: Correlation,
    /// The whole frame as it travels.
    whole: Bytes,
}

impl RawFrame {
    /// Encodes a message.
    ///
    /// # Errors
    /// [`EncodeError::BodyTooLong`] for a body that fits no frame.
    pub fn new<'b, B: Body<'b>>(body: &B, correlation: Correlation) -> Result<Self, EncodeError> {
        let mut whole = Vec::new();
        iot_proto::encode_to_vec(body, correlation, &mut whole)?;
        Ok(Self { kind: B::KIND, correlation, whole: whole.into() })
    }

    /// The body, not yet decoded. [`NodeMessage::decode`] or [`HubMessage::decode`] is the next step; a
    /// body that fails there costs the message and not the connection.
    pub fn body(&self) -> &[u8] {
        self.whole.get(iot_proto::HEADER_LEN..).unwrap_or_default()
    }

    /// The frame as the core takes it.
    pub fn as_frame(&self) -> Frame<'_> {
        Frame { kind: self.kind, correlation: self.correlation, body: self.body() }
    }

    /// The message, as a node reads it.
    ///
    /// # Errors
    /// As [`HubMessage::decode`].
    pub fn from_hub(&self) -> Result<HubMessage<'_>, iot_proto::DecodeError> {
        HubMessage::decode(self.kind, self.body())
    }

    /// The message, as the hub reads it.
    ///
    /// # Errors
    /// As [`NodeMessage::decode`].
    pub fn from_node(&self) -> Result<NodeMessage<'_>, iot_proto::DecodeError> {
        NodeMessage::decode(self.kind, self.body())
    }
}

/// Cuts frames from a stream of bytes, and puts them on one.
#[derive(Clone, Copy, Debug)]
pub struct FrameCodec {
    limit: usize,
}

impl FrameCodec {
    /// Takes frames of at most `limit` bytes, header included.
    pub fn with_limit(limit: usize) -> Self {
        Self { limit: limit.min(MAX_FRAME) }
    }
}

impl Default for FrameCodec {
    /// Takes the largest frame.
    fn default() -> Self {
        Self::with_limit(MAX_FRAME)
    }
}

/// Why frames can no longer be cut from a stream.
#[derive(Debug, Error)]
pub enum CodecError {
    /// Bytes that are no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The connection failed, or ended inside a frame.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Decoder for FrameCodec {
    type Item = RawFrame;
    type Error = CodecError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<RawFrame>, CodecError> {
        let Some((frame, len)) = Frame::split(bytes.chunk(), self.limit)? else { return Ok(None) };
        let (kind, correlation) = (frame.kind, frame.correlation);
        Ok(Some(RawFrame { kind, correlation, whole: bytes.split_to(len).freeze() }))
    }
}

impl Encoder<RawFrame> for FrameCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: RawFrame, out: &mut BytesMut) -> Result<(), CodecError> {
        out.extend_from_slice(&frame.whole);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use iot_proto::{Error, ErrorCode, Label, Ping, RequestId};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn frames_are_the_same_wherever_the_stream_is_cut(
            details in prop::collection::vec("[a-z]{0,40}", 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let frames: Vec<_> = details.iter().map(|text| frame(text)).collect();
            let mut wire = BytesMut::new();
            for frame in &frames {
                FrameCodec::default().encode(frame.clone(), &mut wire).unwrap();
            }
            let cut = cut.index(wire.len() + 1);
            let mut bytes = BytesMut::new();
            let mut read = Vec::new();
            for part in [&wire[..cut], &wire[cut..]] {
                bytes.extend_from_slice(part);
                while let Some(frame) = FrameCodec::default().decode(&mut bytes).unwrap() {
                    read.push(frame);
                }
            }
            prop_assert_eq!(read, frames);
            prop_assert!(bytes.is_empty());
        }
    }

    #[test]
    fn a_frame_comes_out_with_its_last_byte_and_not_before() {
        let sent = frame("one byte at a time");
        let mut bytes = BytesMut::new();
        let (last, first) = sent.whole.split_last().unwrap();
        for byte in first {
            bytes.extend_from_slice(&[*byte]);
            assert!(FrameCodec::default().decode(&mut bytes).unwrap().is_none());
        }
        bytes.extend_from_slice(&[*last]);
        assert_eq!(FrameCodec::default().decode(&mut bytes).unwrap(), Some(sent));
    }

    #[test]
    fn a_bad_body_is_a_frame_and_a_broken_header_an_error() {
        let ping = RawFrame::new(&Ping, Correlation::OneWay).unwrap();
        let mut bytes = BytesMut::from(&ping.whole[..]);
        bytes[4] = 0xFF; // an unknown kind
        let unknown = FrameCodec::default().decode(&mut bytes).unwrap().unwrap();
        assert!(unknown.from_node().is_err());

        let mut bytes = BytesMut::from("GET / HTTP/1.1\r\n");
        let error = FrameCodec::default().decode(&mut bytes).unwrap_err();
        assert!(matches!(error, CodecError::Frame(FrameError::Marker(b'G'))), "{error}");
    }

    fn frame(detail: &str) -> RawFrame {
        let error = Error { code: ErrorCode::FAILED, about: 0, detail: Label::clipped(detail) };
        RawFrame::new(&error, Correlation::Response(RequestId::FIRST)).unwrap()
    }
}
