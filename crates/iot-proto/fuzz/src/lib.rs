//! What holds for any bytes at all: one property for each fuzz target, and the rule behind each assertion.
//!
//! The fuzz targets look for bytes against which a property fails; `tests/corpus.rs` and `tests/split.rs`
//! of `iot-proto` include this file and hold the same properties in an ordinary `cargo test`.

use iot_proto::{
    Acceptance, Correlation, Frame, HEADER_LEN, HubMessage, Limits, MAX_FRAME, MAX_RECORD, MAX_UNPROVEN,
    MIN_RECORD, MessageKind, NodeMessage, Offer, Opening, Origin, RECORD_HEADER_LEN, Record, RecordType,
    Refusal,
};
#[cfg(feature = "key-ids")]
use iot_proto::{Digits, HubKey, JoinMessage, JoinSecret, KeyId};

/// Bytes as they arrive on a connection: frames are cut from them until they end or are broken.
///
/// # Panics
/// Where a frame is not exactly as its header says, or is judged otherwise while it arrives.
pub fn frame(bytes: &[u8]) {
    for limit in [Limits::UNTIL_AGREED.frame, MAX_FRAME] {
        let mut rest = bytes;
        while let Ok(Some((frame, used))) = split_while_it_arrives(rest, limit) {
            assert_eq!(used, HEADER_LEN + frame.body.len(), "a frame is its header and its body");
            assert!(used <= limit, "a frame keeps to the limit");
            let (own, others) = rest.split_at(used);
            check_node_message(frame.kind, frame.correlation, frame.body, own);
            check_hub_message(frame.kind, frame.correlation, frame.body, own);
            rest = others;
        }
    }
}

/// Bytes as they arrive on an encrypted connection: records are cut from them until they end or are broken.
///
/// # Panics
/// Where a record is not exactly as its header says, or what it says has another form than it came in.
pub fn record(bytes: &[u8]) {
    for limit in [MIN_RECORD, MAX_RECORD] {
        let mut rest = bytes;
        while let Ok(Some((record, used))) = Record::split(rest, limit) {
            let (own, others) = rest.split_at(used);
            assert_eq!(used, RECORD_HEADER_LEN + record.body.len(), "a record is its header and its rest");
            assert!(used <= RECORD_HEADER_LEN + limit, "a record keeps to the limit");
            assert!(record.kind == RecordType::Data || used <= MAX_UNPROVEN, "little before proof");
            for end in 0..used {
                assert_eq!(Record::split(&own[..end], limit), Ok(None), "nothing whole is judged otherwise");
            }
            let header = Record::header(record.kind, record.body.len());
            assert_eq!(
                header.as_ref().map(<[u8; _]>::as_slice),
                Ok(&own[..RECORD_HEADER_LEN]),
                "a header has one form"
            );
            check_opening(record, own);
            rest = others;
        }
    }
}

/// Holds that what a first record says has one form.
fn check_opening(record: Record<'_>, own: &[u8]) {
    for from in [Origin::Node, Origin::Hub] {
        if let Ok((opening, message)) = Opening::decode(record, from) {
            assert_eq!([opening.clear().as_ref(), message].concat(), own, "an opening has one form");
            assert!(opening.prologue().as_ref().ends_with(opening.clear().as_ref()));
        }
    }
    if let Some(refusal) = Refusal::of(record) {
        assert_eq!(refusal.encode(), own, "a refusal has one form");
    }
    if let Some(bytes) = record.body.first_chunk()
        && let Ok(offer) = Offer::decode(bytes)
    {
        assert_eq!(offer.encode(), *bytes, "an offer has one form");
    }
    if let Some(bytes) = record.body.first_chunk()
        && let Ok(acceptance) = Acceptance::decode(bytes)
    {
        assert_eq!(acceptance.encode(), *bytes, "an acceptance has one form");
    }
}

/// What one side says under encryption while a node joins.
///
/// # Panics
/// Where a message that decodes has another form than it came in, or either side may say it.
#[cfg(feature = "key-ids")]
pub fn joining(bytes: &[u8]) {
    let said = [Origin::Node, Origin::Hub].map(|from| JoinMessage::decode(bytes, from));
    assert!(said.iter().any(Result::is_err), "a message is one side's to say");
    for message in said.into_iter().flatten() {
        assert_eq!(message.encode().as_ref(), bytes, "a message of joining has one form");
    }
}

/// What a person types or a camera reads: a secret, digits, the id of a node, the key of a hub.
///
/// # Panics
/// Where what was read reads back as something else, or a form that programs write is not taken.
#[cfg(feature = "key-ids")]
pub fn typed(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    reads_back::<JoinSecret>(text);
    if let Ok(id) = text.parse::<KeyId>() {
        assert_eq!(Written::of(&id).text(), text, "an id has one text");
    }
    reads_back::<HubKey>(text);
    if let Ok(Digits { code, answer }) = text.parse() {
        let is_short = |half: u32| half < iot_proto::CODES;
        assert!(is_short(code) && answer.is_none_or(is_short), "each half has six digits");
        reads_back::<Digits>(text);
    }
}

/// Holds that what was read from a text is what is read from its own text.
#[cfg(feature = "key-ids")]
fn reads_back<T: core::str::FromStr + core::fmt::Display + PartialEq>(text: &str) {
    let Ok(read) = text.parse::<T>() else { return };
    let written = Written::of(&read);
    let again = written.text().parse::<T>();
    assert!(again.is_ok_and(|again| again == read), "what is written reads back");
}

/// A text of at most 100 bytes, without an allocator.
#[cfg(feature = "key-ids")]
struct Written {
    bytes: [u8; 100],
    len: usize,
}

#[cfg(feature = "key-ids")]
impl Written {
    fn of(value: &impl core::fmt::Display) -> Self {
        let mut written = Self { bytes: [0; 100], len: 0 };
        core::fmt::write(&mut written, format_args!("{value}")).expect("a text of at most 100 bytes");
        written
    }

    fn text(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).expect("whole characters")
    }
}

#[cfg(feature = "key-ids")]
impl core::fmt::Write for Written {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(core::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

/// The planted fault, which fuzzing must find: a decoder that does not bear a sleep of more than a day.
///
/// # Panics
/// For a node that declares such a sleep.
pub fn planted(bytes: &[u8]) {
    if let Some((kind, body)) = bytes.split_first_chunk()
        && let Ok(NodeMessage::Sleep(sleep)) =
            NodeMessage::decode(MessageKind(u16::from_le_bytes(*kind)), body)
    {
        assert!(sleep.for_s <= 86_400, "planted: {} s", sleep.for_s);
    }
}

/// A message kind in two bytes, little-endian as in the header, and a body as a node sends it.
///
/// # Panics
/// Where a body that decodes has another form than the one that it came in.
pub fn node_message(bytes: &[u8]) {
    if let Some((kind, body)) = bytes.split_first_chunk() {
        check_node_message(MessageKind(u16::from_le_bytes(*kind)), Correlation::OneWay, body, &[]);
    }
}

/// A message kind in two bytes, little-endian as in the header, and a body as the hub sends it.
///
/// # Panics
/// Where a body that decodes has another form than the one that it came in.
pub fn hub_message(bytes: &[u8]) {
    if let Some((kind, body)) = bytes.split_first_chunk() {
        check_hub_message(MessageKind(u16::from_le_bytes(*kind)), Correlation::OneWay, body, &[]);
    }
}

/// Cuts the first frame off `bytes`, and holds that no part of them was judged otherwise.
fn split_while_it_arrives(
    bytes: &[u8],
    limit: usize,
) -> Result<Option<(Frame<'_>, usize)>, iot_proto::FrameError> {
    let whole = Frame::split(bytes, limit);
    let len = match whole {
        Ok(Some((_, used))) => used,
        Ok(None) | Err(_) => bytes.len(),
    };
    let mut broken = None;
    for end in (0..len.min(HEADER_LEN + 1)).chain(len.checked_sub(1)) {
        match Frame::split(&bytes[..end], limit) {
            Ok(Some(_)) => panic!("a frame of {len} bytes was whole after {end}"),
            Ok(None) => assert_eq!(broken, None, "a broken frame stays broken"),
            Err(error) => broken = Some(error),
        }
    }
    if let Some(reason) = broken {
        assert_eq!(whole, Err(reason), "a broken frame keeps its reason");
    }
    whole
}

fn check_node_message(kind: MessageKind, correlation: Correlation, body: &[u8], frame: &[u8]) {
    let Ok(message) = NodeMessage::decode(kind, body) else { return };
    let mut out = [0; MAX_FRAME];
    let Ok(len) = message.encode(correlation, &mut out) else {
        assert!(HEADER_LEN + body.len() > MAX_FRAME, "what decodes and fits can be encoded");
        return;
    };
    check_form(&out[..len], body, frame);
    assert_eq!(message.kind(), kind);
    assert_eq!(NodeMessage::decode(kind, &out[HEADER_LEN..len]), Ok(message));
}

fn check_hub_message(kind: MessageKind, correlation: Correlation, body: &[u8], frame: &[u8]) {
    let Ok(message) = HubMessage::decode(kind, body) else { return };
    let mut out = [0; MAX_FRAME];
    let Ok(len) = message.encode(correlation, &mut out) else {
        assert!(HEADER_LEN + body.len() > MAX_FRAME, "what decodes and fits can be encoded");
        return;
    };
    check_form(&out[..len], body, frame);
    assert_eq!(message.kind(), kind);
    assert_eq!(HubMessage::decode(kind, &out[HEADER_LEN..len]), Ok(message));
}

/// Holds that what was encoded again is what came in: a message has one form and no other.
fn check_form(again: &[u8], body: &[u8], frame: &[u8]) {
    assert_eq!(&again[HEADER_LEN..], body, "a body has one form");
    assert!(frame.is_empty() || again == frame, "a header has one form");
}
