//! One message has one form: whatever differs from it is an error that says how.
//!
//! The bodies are written in parts, so that each number in each message can be written with a byte too many.

use iot_proto::{DecodeError, HubMessage, MAX_MODULES, MAX_READINGS, MessageKind, NodeMessage};

/// A piece of a body.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// A number, an index of an arm, a length or a count.
    Varint(u64),
    /// Bytes that stand for themselves.
    Raw(&'a [u8]),
}
use Part::{Raw, Varint};

const COMMAND: Part<'_> = Raw(&[7; 16]);
const FLOAT: Part<'_> = Raw(&[0, 0, 0, 0, 0, 0, 0xF0, 0x3F]);

/// Bodies that between them have every number of every message that a node sends.
const FROM_NODE: &[(MessageKind, &[Part<'_>])] = &[
    (
        MessageKind::HELLO,
        &[
            Raw(&[1, 1]),
            Varint(1),
            Varint(1),
            Raw(b"n"),
            Varint(7),
            Varint(1024),
            Raw(&[1]),
            Varint(1),
            Varint(20),
            Varint(1),
            Raw(b"b"),
            Varint(0),
            Varint(1),
            Raw(b"1"),
        ],
    ),
    (
        MessageKind::HELLO,
        &[
            Raw(&[1, 1]),
            Varint(0),
            Raw(&[9; 32]),
            Varint(7),
            Varint(1024),
            Raw(&[1]),
            Varint(300),
            Varint(300),
            Varint(0),
            Varint(0),
            Varint(0),
        ],
    ),
    (
        MessageKind::REGISTER,
        &[Raw(&[1]), Varint(1), Raw(&[0]), Varint(5), Raw(b"relay"), Varint(1), Varint(1), Raw(b"P")],
    ),
    (
        MessageKind::REPORT,
        &[
            Varint(7),
            Varint(1),
            Varint(4),
            Raw(&[0, 1]),
            Varint(0),
            Varint(250),
            Varint(0),
            Raw(&[1]),
            Raw(&[0, 1]),
            Varint(1),
            Varint(500),
            Varint(1),
            Varint(3),
            Raw(&[0, 1]),
            Varint(0),
            Varint(0),
            Varint(2),
            FLOAT,
            Raw(&[0, 1]),
            Varint(0),
            Varint(0),
            Varint(3),
            Varint(2),
            Raw(b"on"),
        ],
    ),
    (MessageKind::SLEEP, &[Varint(600), Varint(2000)]),
    (
        MessageKind::OUTCOME,
        &[COMMAND, Raw(&[1]), Varint(0), Raw(&[1]), Varint(1), Varint(3), Varint(1), Raw(b"d")],
    ),
    (MessageKind::UPDATE_STATUS, &[Raw(&[0]), Varint(4096), Varint(0)]),
    (MessageKind::PONG, &[Raw(&[1]), Varint(500)]),
    (MessageKind::ERROR, &[Varint(1), Varint(515), Varint(2), Raw(b"no")]),
    (MessageKind::CLOSE, &[Varint(0), Varint(0), Varint(0)]),
];

/// Bodies that between them have every number of every message that the hub sends.
const FROM_HUB: &[(MessageKind, &[Part<'_>])] = &[
    (
        MessageKind::WELCOME,
        &[
            Raw(&[1]),
            Varint(500),
            Varint(1024),
            Raw(&[1]),
            Varint(20),
            Raw(&[1]),
            Varint(42),
            Varint(1),
            Raw(b"h"),
        ],
    ),
    (MessageKind::REGISTERED, &[Varint(1), Raw(&[0]), Varint(31)]),
    (MessageKind::REPORT_ACK, &[Varint(7), Varint(1), Varint(1), Varint(0), Varint(52)]),
    (MessageKind::SLEEP_ACK, &[Varint(2)]),
    (MessageKind::DIAL, &[Raw(&[1, 1]), Varint(1), Varint(1), Raw(b"n"), Varint(500)]),
    (MessageKind::SET, &[COMMAND, Raw(&[0, 1]), Varint(3), Varint(2), Raw(b"on")]),
    (MessageKind::SET, &[COMMAND, Raw(&[0, 1]), Varint(1), Varint(3)]),
    (MessageKind::INVOKE, &[COMMAND, Raw(&[0, 1, 1]), Varint(1), Varint(3)]),
    (MessageKind::IDENTIFY, &[COMMAND, Varint(300)]),
    (
        MessageKind::UPDATE_OFFER,
        &[Varint(1), Raw(b"f"), Varint(1), Raw(b"2"), Varint(4096), Raw(&[9; 32]), Raw(&[8; 64])],
    ),
    (MessageKind::UPDATE_BLOCK, &[Varint(0), Varint(2), Raw(&[1, 2])]),
    (MessageKind::PONG, &[Raw(&[1]), Varint(500)]),
    (MessageKind::ERROR, &[Varint(1), Varint(515), Varint(2), Raw(b"no")]),
    (MessageKind::CLOSE, &[Varint(10), Varint(5000), Varint(0)]),
];

/// The body, with `extra` bytes too many in the number at `at`.
fn body(parts: &[Part<'_>], at: usize, extra: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            Raw(bytes) => out.extend_from_slice(bytes),
            Varint(number) => varint(*number, if index == at { extra } else { 0 }, &mut out),
        }
    }
    out
}

fn varint(mut number: u64, extra: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    let last = number.to_le_bytes()[0];
    match extra {
        0 => out.push(last),
        extra => {
            out.push(last | 0x80);
            out.resize(out.len() + extra - 1, 0x80);
            out.push(0);
        }
    }
}

fn from_node(kind: MessageKind, body: &[u8]) -> Result<(), DecodeError> {
    NodeMessage::decode(kind, body).map(drop)
}

fn from_hub(kind: MessageKind, body: &[u8]) -> Result<(), DecodeError> {
    HubMessage::decode(kind, body).map(drop)
}

/// Every body above, with the decoder of its side.
fn each(mut see: impl FnMut(MessageKind, &[Part<'_>], fn(MessageKind, &[u8]) -> Result<(), DecodeError>)) {
    for (kind, parts) in FROM_NODE {
        see(*kind, parts, from_node);
    }
    for (kind, parts) in FROM_HUB {
        see(*kind, parts, from_hub);
    }
}

#[test]
fn a_number_has_no_byte_too_many() {
    let mut numbers = 0;
    each(|kind, parts, decode| {
        assert_eq!(decode(kind, &body(parts, 0, 0)), Ok(()), "{kind} as it should be");
        for at in (0..parts.len()).filter(|at| matches!(parts[*at], Varint(_))) {
            let canonical = decode(kind, &body(parts, at, 1));
            assert_eq!(canonical, Err(DecodeError::NotCanonical), "{kind}, part {at}, a byte too many");
            let endless = decode(kind, &body(parts, at, 10));
            assert_eq!(endless, Err(DecodeError::Malformed), "{kind}, part {at}, longer than any number");
            numbers += 1;
        }
    });
    assert!(numbers >= 75, "only {numbers} numbers");
}

#[test]
fn a_body_ends_where_its_message_ends() {
    each(|kind, parts, decode| {
        let mut bytes = body(parts, 0, 0);
        for len in 0..bytes.len() {
            assert_eq!(decode(kind, &bytes[..len]), Err(DecodeError::TooShort), "{kind} cut after {len}");
        }
        bytes.extend([0, 0]);
        assert_eq!(decode(kind, &bytes), Err(DecodeError::Trailing { len: 2 }), "{kind}");
    });
}

#[test]
fn an_empty_body_stays_empty() {
    for kind in [MessageKind::PING, MessageKind::ACKNOWLEDGED] {
        assert_eq!(from_node(kind, &[0]), Err(DecodeError::Trailing { len: 1 }));
        assert_eq!(from_hub(kind, &[0]), Err(DecodeError::Trailing { len: 1 }));
    }
}

#[test]
fn a_kind_that_travels_the_other_way_is_unknown() {
    let welcome = MessageKind::WELCOME;
    assert_eq!(from_node(welcome, &[]), Err(DecodeError::UnknownKind(welcome)));
    assert_eq!(from_hub(MessageKind::REPORT, &[]), Err(DecodeError::UnknownKind(MessageKind::REPORT)));
    assert_eq!(from_node(MessageKind(0xFFFF), &[]), Err(DecodeError::UnknownKind(MessageKind(0xFFFF))));
}

/// A report with one reading whose value is `value`, index of its arm included.
fn reading(value: &[u8]) -> Result<(), DecodeError> {
    let mut bytes = vec![7, 1, 1, 0, 1, 0, 0];
    bytes.extend_from_slice(value);
    from_node(MessageKind::REPORT, &bytes)
}

#[test]
fn a_float_is_finite() {
    for bad in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut value = vec![2];
        value.extend(bad.to_le_bytes());
        assert_eq!(reading(&value), Err(DecodeError::Malformed), "{bad}");
    }
    let mut value = vec![2];
    value.extend(f64::MAX.to_le_bytes());
    assert_eq!(reading(&value), Ok(()));
}

#[test]
fn an_integer_has_64_bits() {
    let bits = [0xFF; 9];
    assert_eq!(reading(&[&[1], &bits[..], &[1]].concat()), Ok(()), "the smallest");
    assert_eq!(reading(&[&[1], &bits[..], &[2]].concat()), Err(DecodeError::Malformed), "one bit more");
}

#[test]
fn a_code_has_16_bits() {
    let error = |code: &[u8]| from_node(MessageKind::ERROR, &[code, &[0, 0]].concat());
    assert_eq!(error(&[0xFF, 0xFF, 3]), Ok(()));
    assert_eq!(error(&[0xFF, 0xFF, 4]), Err(DecodeError::Malformed));
}

#[test]
fn a_bool_is_0_or_1() {
    assert_eq!(reading(&[0, 1]), Ok(()));
    assert_eq!(reading(&[0, 2]), Err(DecodeError::Malformed));
}

#[test]
fn an_option_is_0_or_1() {
    assert_eq!(from_hub(MessageKind::PONG, &[0]), Ok(()));
    assert_eq!(from_hub(MessageKind::PONG, &[2, 0]), Err(DecodeError::Malformed));
}

#[test]
fn an_arm_is_one_that_is_defined() {
    assert_eq!(reading(&[4, 0]), Err(DecodeError::Malformed), "value");
    let taken = [7, 1, 1, 0, 1, 2, 0, 0, 1];
    assert_eq!(from_node(MessageKind::REPORT, &taken), Err(DecodeError::Malformed), "taken");
    assert_eq!(from_hub(MessageKind::DIAL, &[1, 1, 2, 1, b'n', 0]), Err(DecodeError::Malformed), "identity");
}

#[test]
fn text_is_utf_8_without_control_characters() {
    assert_eq!(reading(&[3, 2, 0xC3, 0xBC]), Ok(()), "ü");
    assert_eq!(reading(&[3, 2, 0xC3, 0x28]), Err(DecodeError::Malformed), "not UTF-8");
    assert_eq!(reading(&[3, 3, 0xED, 0xA0, 0x80]), Err(DecodeError::Malformed), "half of a surrogate pair");
    for control in ["\0", "\n", "\u{7F}", "\u{85}"] {
        let value = [&[3, u8::try_from(control.len()).unwrap()], control.as_bytes()].concat();
        assert_eq!(reading(&value), Err(DecodeError::Malformed), "{control:?}");
    }
}

#[test]
fn text_of_a_value_has_at_most_256_bytes() {
    assert_eq!(reading(&[&[3, 0x80, 2], &[b'a'; 256][..]].concat()), Ok(()));
    assert_eq!(reading(&[&[3, 0x81, 2], &[b'a'; 257][..]].concat()), Err(DecodeError::Malformed));
}

#[test]
fn a_label_has_at_most_64_bytes() {
    let close = |len: u8| [&[0, 0, len], &vec![b'a'; len.into()][..]].concat();
    assert_eq!(from_hub(MessageKind::CLOSE, &close(64)), Ok(()));
    assert_eq!(from_hub(MessageKind::CLOSE, &close(65)), Err(DecodeError::Malformed));
}

#[test]
fn a_name_has_1_to_32_of_its_characters() {
    let dial = |name: &[u8]| {
        let len = u8::try_from(name.len()).unwrap();
        from_hub(MessageKind::DIAL, &[&[1, 1, 1, len], name, &[0]].concat())
    };
    assert_eq!(dial(&[b'a'; 32]), Ok(()));
    for bad in [&b""[..], b".a", b"Relay", b"a b", b"a/b", &[b'a'; 33]] {
        assert_eq!(dial(bad), Err(DecodeError::Malformed), "{bad:?}");
    }
}

#[test]
fn lists_have_at_most_as_many_items_as_their_message_allows() {
    let limit = u16::from(MAX_MODULES);
    let announcements = |count: u8| {
        let one = [0, 1, b'r', 1, 0];
        [&[64, count], &one.repeat(count.into())[..]].concat()
    };
    assert_eq!(from_node(MessageKind::REGISTER, &announcements(64)), Ok(()));
    assert_eq!(from_node(MessageKind::REGISTER, &announcements(65)), Err(DecodeError::ListTooLong { limit }));
    let verdicts = |count: u8| [&[count], &[0, 0].repeat(count.into())[..]].concat();
    assert_eq!(from_hub(MessageKind::REGISTERED, &verdicts(64)), Ok(()));
    assert_eq!(from_hub(MessageKind::REGISTERED, &verdicts(65)), Err(DecodeError::ListTooLong { limit }));
}

#[test]
fn a_report_and_its_answer_have_at_most_512_items() {
    let counted = |low: u8, item: &[u8], count: usize| [&[7, 1, low, 4], &item.repeat(count)[..]].concat();
    let too_long = Err(DecodeError::ListTooLong { limit: MAX_READINGS });
    let one = [0, 1, 0, 0, 0, 1];
    assert_eq!(from_node(MessageKind::REPORT, &counted(0x80, &one, 512)), Ok(()));
    assert_eq!(from_node(MessageKind::REPORT, &counted(0x81, &one, 513)), too_long);
    assert_eq!(from_hub(MessageKind::REPORT_ACK, &counted(0x80, &[0, 50], 512)), Ok(()));
    assert_eq!(from_hub(MessageKind::REPORT_ACK, &counted(0x81, &[0, 50], 513)), too_long);
}

#[test]
fn a_count_is_judged_before_its_items_are_looked_for() {
    let endless = [7, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
    let too_long = Err(DecodeError::ListTooLong { limit: MAX_READINGS });
    assert_eq!(from_node(MessageKind::REPORT, &endless), too_long, "4,294,967,295 items");
    let beyond = [7, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F];
    assert_eq!(from_node(MessageKind::REPORT, &beyond), Err(DecodeError::Malformed), "more than 32 bits");
    assert_eq!(from_node(MessageKind::REPORT, &[7, 1, 2, 0, 1, 0, 0, 0, 1]), Err(DecodeError::TooShort));
}
