//! A stream of frames, however it is cut on its way; and bytes that are no frames at all.

use iot_proto::{
    BootId, Correlation, ErrorCode, Frame, FrameError, HEADER_LEN, Limits, List, MARKER, MAX_FRAME,
    MessageKind, NodeMessage, Reading, Report, RequestId, Taken, Text, UnixMillis, Value, encode,
};
use proptest::{collection::vec, prelude::*};

#[path = "../fuzz/src/lib.rs"]
pub mod properties;

/// The frozen vectors: lines of sender, name and frame.
const VECTORS: &str = include_str!("wire/v1.txt");

/// A frame as `PROTOCOL.md` describes it, built without the crate under test.
fn built(kind: u16, correlation: Correlation, body: &[u8]) -> Vec<u8> {
    let (flags, id) = match correlation {
        Correlation::OneWay => (0_u16, 0),
        Correlation::Request(id) => (0, id.get()),
        Correlation::Response(id) => (1, id.get()),
    };
    let mut frame = vec![MARKER, 1];
    frame.extend(flags.to_le_bytes());
    frame.extend(kind.to_le_bytes());
    frame.extend(u16::try_from(body.len()).expect("a short body").to_le_bytes());
    frame.extend(id.to_le_bytes());
    frame.extend(body);
    frame
}

fn correlation() -> impl Strategy<Value = Correlation> {
    let id = (1..=u32::MAX).prop_map(|id| RequestId::new(id).expect("not 0"));
    prop_oneof![
        Just(Correlation::OneWay),
        id.clone().prop_map(Correlation::Request),
        id.prop_map(Correlation::Response),
    ]
}

/// What is known of a frame: kind, correlation, body.
fn any_frame() -> impl Strategy<Value = (u16, Correlation, Vec<u8>)> {
    (any::<u16>(), correlation(), vec(any::<u8>(), 0..40))
}

fn value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        prop::sample::select(vec!["", "a", "20 °C", "blue sky"])
            .prop_map(|text| Value::Text(Text::new(text).expect("short text"))),
    ]
}

fn reading() -> impl Strategy<Value = Reading<'static>> {
    let taken = prop_oneof![
        any::<u32>().prop_map(Taken::Age),
        any::<i64>().prop_map(|at| Taken::At(UnixMillis(at))),
    ];
    (any::<u8>(), any::<u8>(), taken, value()).prop_map(|(module, channel, taken, value)| Reading {
        module,
        channel,
        taken,
        value,
    })
}

/// A frozen vector of which up to three bytes are others: close to what decodes, where mistakes hide.
fn near_a_vector() -> impl Strategy<Value = Vec<u8>> {
    let frames: Vec<Vec<u8>> = VECTORS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let hex = line.split(' ').nth(2).expect("three columns").as_bytes();
            hex.chunks(2)
                .map(|two| u8::from_str_radix(str::from_utf8(two).expect("ASCII"), 16).expect("hexadecimal"))
                .collect()
        })
        .collect();
    (prop::sample::select(frames), vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)).prop_map(
        |(mut frame, others)| {
            for (at, byte) in others {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
            frame
        },
    )
}

proptest! {
    #[test]
    fn a_stream_gives_the_same_frames_wherever_it_is_cut(frames in vec(any_frame(), 1..5)) {
        let stream: Vec<u8> = frames.iter().flat_map(|(kind, how, body)| built(*kind, *how, body)).collect();
        for cut in 0..=stream.len() {
            let mut arrived = Vec::new();
            let mut seen = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                arrived.extend_from_slice(part);
                while let Some((frame, used)) = Frame::split(&arrived, MAX_FRAME).expect("frames are whole") {
                    seen.push((frame.kind.0, frame.correlation, frame.body.to_vec()));
                    arrived.drain(..used);
                }
            }
            prop_assert_eq!(&seen, &frames, "cut at {}", cut);
            prop_assert!(arrived.is_empty());
        }
    }

    #[test]
    fn a_frame_that_is_not_all_there_is_never_given(frame in any_frame()) {
        let (kind, correlation, body) = frame;
        let whole = built(kind, correlation, &body);
        for end in 0..whole.len() {
            prop_assert_eq!(Frame::split(&whole[..end], MAX_FRAME), Ok(None), "after {} bytes", end);
        }
        let expected = Frame { kind: MessageKind(kind), correlation, body: &body };
        prop_assert_eq!(Frame::split(&whole, MAX_FRAME), Ok(Some((expected, whole.len()))));
    }

    #[test]
    fn any_bytes_hold_every_property(bytes in vec(any::<u8>(), 0..200)) {
        properties::frame(&bytes);
        properties::node_message(&bytes);
        properties::hub_message(&bytes);
    }

    #[test]
    fn bytes_close_to_a_vector_hold_every_property(frame in near_a_vector()) {
        properties::frame(&frame);
        let mut body = frame[4..6].to_vec();
        body.extend_from_slice(&frame[HEADER_LEN..]);
        properties::node_message(&body);
        properties::hub_message(&body);
    }

    #[test]
    fn a_report_decodes_to_what_was_encoded(
        boot: u32, sequence: u32, readings in vec(reading(), 0..20), correlation in correlation()
    ) {
        let readings = List::new(&readings).expect("few readings");
        let report = Report { boot: BootId(boot), sequence, readings };
        let mut wire = [0; MAX_FRAME];
        let len = encode(&report, correlation, &mut wire).expect("fits a frame");
        let (frame, used) = Frame::split(&wire[..len], MAX_FRAME).expect("not broken").expect("a whole frame");
        prop_assert_eq!(used, len);
        prop_assert_eq!(frame.correlation, correlation);
        prop_assert_eq!(NodeMessage::decode(frame.kind, frame.body), Ok(NodeMessage::Report(report)));
    }
}

/// Each fault of a frame, the number of bytes after which it is known, and what the peer is told.
#[test]
fn a_broken_frame_is_known_by_its_first_wrong_field() {
    let limit = Limits::UNTIL_AGREED.frame;
    let too_long = FrameError::TooLong { len: 1025, limit };
    let faults: [(&[u8], usize, FrameError, ErrorCode); 8] = [
        (b"GET / HTTP/1.1\r\n", 1, FrameError::Marker(b'G'), ErrorCode::BROKEN_FRAME),
        (&[0xE5, 1, 0, 0, 3, 0, 0, 0, 7], 1, FrameError::Encrypted, ErrorCode::ENCRYPTION_UNAVAILABLE),
        (&[0xC1, 2, 0, 0, 3, 0, 0, 0, 7], 2, FrameError::Version(2), ErrorCode::VERSION_UNSUPPORTED),
        (&[0xC1, 0, 0, 0, 3, 0, 0, 0, 7], 2, FrameError::Version(0), ErrorCode::VERSION_UNSUPPORTED),
        (&[0xC1, 1, 2, 0, 3, 0, 0, 0, 7], 4, FrameError::Flags(2), ErrorCode::BROKEN_FRAME),
        (&[0xC1, 1, 1, 0x80, 3, 0, 0, 0, 7], 4, FrameError::Flags(0x8001), ErrorCode::BROKEN_FRAME),
        (&[0xC1, 1, 0, 0, 4, 1, 0xF5, 3, 7], 8, too_long, ErrorCode::FRAME_TOO_LONG),
        (&[0xC1, 1, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0], 12, FrameError::Flags(1), ErrorCode::BROKEN_FRAME),
    ];
    for (bytes, known_after, error, code) in faults {
        for end in 0..known_after {
            assert_eq!(Frame::split(&bytes[..end], limit), Ok(None), "{error} after {end} bytes");
        }
        for end in known_after..=bytes.len() {
            assert_eq!(Frame::split(&bytes[..end], limit), Err(error), "after {end} bytes");
        }
        assert_eq!(error.code(), code, "{error}");
    }
}

#[test]
fn a_frame_may_be_exactly_as_long_as_agreed() {
    let limit = Limits::UNTIL_AGREED.frame;
    let frame = built(3, Correlation::OneWay, &vec![0; limit - HEADER_LEN]);
    assert!(matches!(Frame::split(&frame, limit), Ok(Some((_, used))) if used == limit));
}
