//! Holds the encoder and the decoder to the frozen vectors of every released version.
//!
//! A vector is a message in Rust beside the bytes that it is on the wire, written out with what each of
//! them says. `v1.txt` has the same bytes without the explanations, for tests in other languages.

mod v1;

use std::collections::HashSet;

use iot_proto::{Correlation, Frame, HubMessage, MAX_FRAME, MessageKind, NodeMessage};

/// What is shown each vector in turn.
pub(crate) type See<'s> = &'s mut dyn FnMut(&Vector<'_>);

/// One message, and the frame that it is.
pub(crate) struct Vector<'a> {
    name: &'a str,
    correlation: Correlation,
    message: Message<'a>,
    frame: Vec<u8>,
}

/// The message of a vector, by the side that sends it.
enum Message<'a> {
    Node(NodeMessage<'a>),
    Hub(HubMessage<'a>),
}

/// Shows a vector that a node sends.
fn node(see: See<'_>, name: &str, correlation: Correlation, message: NodeMessage<'_>, bytes: &str) {
    see(&Vector { name, correlation, message: Message::Node(message), frame: annotated(bytes) });
}

/// Shows a vector that the hub sends.
fn hub(see: See<'_>, name: &str, correlation: Correlation, message: HubMessage<'_>, bytes: &str) {
    see(&Vector { name, correlation, message: Message::Hub(message), frame: annotated(bytes) });
}

/// The bytes of lines such as `C1 01 ; marker and version`.
fn annotated(lines: &str) -> Vec<u8> {
    let bytes = lines.lines().filter_map(|line| line.split(';').next()).flat_map(str::split_whitespace);
    bytes.map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal")).collect()
}

impl Vector<'_> {
    fn kind(&self) -> MessageKind {
        match &self.message {
            Message::Node(message) => message.kind(),
            Message::Hub(message) => message.kind(),
        }
    }

    fn sender(&self) -> &'static str {
        match self.message {
            Message::Node(_) => "node",
            Message::Hub(_) => "hub",
        }
    }
}

#[test]
fn every_vector_encodes_to_its_bytes() {
    v1::each(&mut |vector| {
        let mut out = [0; MAX_FRAME];
        let len = match &vector.message {
            Message::Node(message) => message.encode(vector.correlation, &mut out),
            Message::Hub(message) => message.encode(vector.correlation, &mut out),
        };
        assert_eq!(out[..len.unwrap()], vector.frame, "{}", vector.name);
    });
}

#[test]
fn every_vector_decodes_to_its_message() {
    v1::each(&mut |vector| {
        let name = vector.name;
        let (frame, used) = Frame::split(&vector.frame, MAX_FRAME).unwrap().expect(name);
        assert_eq!(used, vector.frame.len(), "{name}");
        assert_eq!(frame.correlation, vector.correlation, "{name}");
        assert_eq!(frame.kind, vector.kind(), "{name}");
        match &vector.message {
            Message::Node(message) => {
                assert_eq!(NodeMessage::decode(frame.kind, frame.body), Ok(*message), "{name}");
            }
            Message::Hub(message) => {
                assert_eq!(HubMessage::decode(frame.kind, frame.body), Ok(*message), "{name}");
            }
        }
    });
}

#[test]
fn every_message_kind_has_a_vector() {
    let mut seen = HashSet::new();
    v1::each(&mut |vector| {
        seen.insert(vector.kind());
    });
    let missing: Vec<_> = MessageKind::ALL.iter().filter(|kind| !seen.contains(kind)).collect();
    assert!(missing.is_empty(), "no vector for {missing:?}");
}

#[test]
fn names_of_vectors_are_unique() {
    let mut seen = HashSet::new();
    v1::each(&mut |vector| assert!(seen.insert(vector.name.to_owned()), "{} is there twice", vector.name));
}

#[test]
fn the_data_file_has_the_same_vectors() {
    let mut lines = include_str!("v1.txt").lines().filter(|line| !line.starts_with('#'));
    v1::each(&mut |vector| {
        let line = lines.next().expect(vector.name);
        let [sender, name, hex] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("not three columns: {line}");
        };
        assert_eq!((sender, name), (vector.sender(), vector.name));
        let pairs = hex.as_bytes().chunks(2).map(|two| str::from_utf8(two).unwrap());
        let frame: Vec<_> = pairs.map(|two| u8::from_str_radix(two, 16).unwrap()).collect();
        assert_eq!(frame, vector.frame, "{name}");
    });
    assert_eq!(lines.next(), None, "v1.txt has a vector that v1.rs has not");
}
