//! The bytes of an encrypted session, for those who write a node or a hub in another language.
//!
//! The file lies beside the vectors of the messages. Once version 1 is released it never changes.

use iot_node::{
    noise::{Handshake, KeyPair, Parties, Pattern, Role, Transport},
    tunnel::{Keys, Step, Tunnel},
};
use iot_proto::{
    Acceptance, Correlation, HubKey, Offer, Opening, Origin, Ping, Pong, Purpose, Record, RecordType,
    RequestId, SESSION_MESSAGE, TAG_LEN, VersionRange,
};

const VECTORS: &str = include_str!("../../../iot-proto/tests/wire/session-v1.txt");

/// What a line of the file has behind its name.
fn bytes(name: &str) -> Vec<u8> {
    let line = VECTORS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let hex = line.unwrap_or_else(|| panic!("there is a line {name}"));
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn key(name: &str) -> [u8; 32] {
    bytes(name).try_into().expect("32 bytes")
}

fn reply_record(message: &[u8]) -> Vec<u8> {
    [&Record::header(RecordType::Reply, message.len()).expect("a length of replies")[..], message].concat()
}

fn data_record(transport: &mut Transport, frame: &[u8]) -> Vec<u8> {
    let mut text = frame.to_vec();
    let tag = transport.seal(&mut text).expect("nothing failed before");
    let header = Record::header(RecordType::Data, text.len() + TAG_LEN).expect("it fits");
    [&header[..], &text, &tag].concat()
}

fn frame<'b>(body: &impl iot_proto::Body<'b>, correlation: Correlation) -> Vec<u8> {
    let mut frame = [0; 64];
    let len = iot_proto::encode(body, correlation, &mut frame).expect("it is short");
    frame[..len].to_vec()
}

#[test]
fn ids_follow_from_the_keys() {
    let node = iot_proto::NodeKey(KeyPair::from_secret(key("node-secret")).public());
    let hub = HubKey(KeyPair::from_secret(key("hub-secret")).public());
    assert_eq!(node.0.to_vec(), bytes("node-public"));
    assert_eq!(hub.0.to_vec(), bytes("hub-public"));
    assert!(VECTORS.contains(&format!("\n# node-id {}\n", node.id())), "{}", node.id());
    assert!(VECTORS.contains(&format!("\n# hub-id {}\n", hub.id())), "{}", hub.id());
}

#[test]
fn a_session_that_a_node_opens_is_byte_for_byte_that_of_the_file() {
    let own = KeyPair::from_secret(key("node-secret"));
    let keys = Keys::new(own, HubKey(key("hub-public")));
    let mut node = Tunnel::<1044>::connect(&keys, key("node-ephemeral")).expect("a genuine key");
    let first = node.waiting().to_vec();
    assert_eq!(first, bytes("session-1"));
    node.sent(first.len());

    let (record, _) = Record::split(&first, 0).expect("a record").expect("a whole one");
    let (opening, message) = Opening::decode(record, Origin::Node).expect("an opening");
    assert_eq!(opening.prologue().as_ref(), bytes("session-prologue"));
    let hub = KeyPair::from_secret(key("hub-secret"));
    let parties = Parties { pattern: Pattern::Ik, role: Role::Responder, own: &hub, theirs: None, psk: None };
    let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), key("hub-ephemeral"));
    handshake.read(message, &mut [0; Offer::LEN]).expect("it is genuine");
    let mut reply = [0; 64];
    let acceptance = Acceptance { version: 1, record: 16_384 };
    handshake.write(&acceptance.encode(), &mut reply).expect("its turn");
    assert_eq!(handshake.hash().to_vec(), bytes("session-hash"));
    let mut hub = handshake.finish().expect("it is complete");
    assert_eq!(reply_record(&reply), bytes("session-2"));

    let from_hub =
        data_record(&mut hub, &frame(&Pong { time: None }, Correlation::Response(RequestId::FIRST)));
    assert_eq!(from_hub, bytes("session-data-from-hub"));
    let arriving = [reply_record(&reply), from_hub].concat();
    node.room()[..arriving.len()].copy_from_slice(&arriving);
    node.received(arriving.len());
    assert_eq!((node.advance(), node.advance()), (Ok(Step::Opened), Ok(Step::Text)));
    let ping = frame(&Ping, Correlation::Request(RequestId::FIRST));
    assert_eq!(node.seal(&ping), Ok(ping.len()));
    assert_eq!(node.waiting(), bytes("session-data-from-node"));
}

#[test]
fn a_connection_that_the_hub_dials_is_byte_for_byte_that_of_the_file() {
    let (own, node) = (KeyPair::from_secret(key("hub-secret")), KeyPair::from_secret(key("node-secret")));
    let opening = Opening { purpose: Purpose::Dial, versions: VersionRange::OURS, hub_key: 1 };
    assert_eq!(opening.prologue().as_ref(), bytes("dial-prologue"));
    let theirs = Some(node.public());
    let parties = Parties { pattern: Pattern::Ik, role: Role::Initiator, own: &own, theirs, psk: None };
    let mut hub = Handshake::new(&parties, opening.prologue().as_ref(), key("hub-ephemeral"));
    let mut message = [0; SESSION_MESSAGE];
    hub.write(&Offer { record: 16_384 }.encode(), &mut message).expect("its turn");
    let first = [opening.clear().as_ref(), &message].concat();
    assert_eq!(first, bytes("dial-1"));

    let keys = Keys::new(node, HubKey(own.public()));
    let mut node = Tunnel::<1044>::accept(keys, key("node-ephemeral"));
    node.room()[..first.len()].copy_from_slice(&first);
    node.received(first.len());
    assert_eq!(node.advance(), Ok(Step::Opened));
    assert_eq!(node.waiting(), bytes("dial-2"));
}
