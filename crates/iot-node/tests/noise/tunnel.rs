//! The tunnel between node and socket, with a hub's side made from the handshake itself.

use iot_node::{
    noise::{Handshake, KeyPair, NoiseError, Parties, Pattern, Role, Transport},
    tunnel::{Keys, Step, Tunnel, TunnelError},
};
use iot_proto::{
    Acceptance, Correlation, HubKey, Offer, Opening, Origin, Ping, Record, RecordType, Refusal, TAG_LEN,
};
use proptest::{collection::vec, prelude::*};

/// Room for a record of 1,000 bytes.
type Small = Tunnel<1004>;

fn hub() -> KeyPair {
    KeyPair::from_secret([2; 32])
}

fn keys() -> Keys {
    Keys::new(KeyPair::from_secret([1; 32]), HubKey(hub().public()))
}

/// Reads what the tunnel asks, and gives the record that answers it, and the hub's side.
fn answer(tunnel: &mut Small, limit: u16) -> (Vec<u8>, Transport) {
    let asked = tunnel.waiting().to_vec();
    tunnel.sent(asked.len());
    let (record, used) = Record::split(&asked, 0).expect("a record").expect("a whole one");
    assert_eq!((used, asked.len()), (116, 116));
    let (opening, message) = Opening::decode(record, Origin::Node).expect("an opening");
    let own = hub();
    let parties = Parties { pattern: Pattern::Ik, role: Role::Responder, own: &own, theirs: None, psk: None };
    let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), [4; 32]);
    let mut offer = [0; Offer::LEN];
    handshake.read(message, &mut offer).expect("it is genuine");
    assert_eq!(Offer::decode(&offer), Ok(Offer { record: 1000 }), "what the tunnel has room for");
    let mut reply = [0; 64];
    handshake.write(&Acceptance { version: 1, record: limit }.encode(), &mut reply).expect("its turn");
    let header = Record::header(RecordType::Reply, reply.len()).expect("a length of replies");
    ([&header[..], &reply].concat(), handshake.finish().expect("it is complete"))
}

/// The hub's next record.
fn sealed(hub: &mut Transport, text: &[u8]) -> Vec<u8> {
    let mut body = text.to_vec();
    let tag = hub.seal(&mut body).expect("nothing failed before");
    let header = Record::header(RecordType::Data, body.len() + TAG_LEN).expect("it fits");
    [&header[..], &body, &tag].concat()
}

/// Gives the tunnel bytes, as many at a time as it is said, and collects what it has to say of them.
fn feed(tunnel: &mut Small, bytes: &[u8], at_once: usize) -> Result<(Vec<Step>, Vec<u8>), TunnelError> {
    let (mut steps, mut text) = (Vec::new(), Vec::new());
    for part in bytes.chunks(at_once) {
        tunnel.room()[..part.len()].copy_from_slice(part);
        tunnel.received(part.len());
        loop {
            match tunnel.advance()? {
                Step::Nothing => break,
                Step::Opened => steps.push(Step::Opened),
                Step::Text => {
                    steps.push(Step::Text);
                    // As little at a time as a node may have room for.
                    let len = tunnel.text().len().min(5);
                    text.extend_from_slice(&tunnel.text()[..len]);
                    tunnel.took(len);
                }
            }
        }
    }
    Ok((steps, text))
}

fn opened(limit: u16) -> (Small, Transport) {
    let mut tunnel = Small::connect(&keys(), [3; 32]).expect("a genuine key");
    let (reply, hub) = answer(&mut tunnel, limit);
    assert_eq!(feed(&mut tunnel, &reply, 1000), Ok((vec![Step::Opened], Vec::new())));
    assert!(tunnel.is_open());
    (tunnel, hub)
}

fn pings(count: usize) -> Vec<u8> {
    let mut ping = [0; 12];
    iot_proto::encode(&Ping, Correlation::OneWay, &mut ping).expect("a ping fits");
    ping.repeat(count)
}

#[test]
fn bytes_may_arrive_in_any_pieces() {
    for at_once in [1, 2, 3, 67, 68, 69, 400] {
        let mut tunnel = Small::connect(&keys(), [3; 32]).unwrap();
        let (reply, mut hub) = answer(&mut tunnel, 1000);
        let bytes = [reply, sealed(&mut hub, &pings(1)), sealed(&mut hub, &pings(3))].concat();
        let (steps, text) = feed(&mut tunnel, &bytes, at_once).unwrap();
        assert_eq!(steps[0], Step::Opened);
        assert_eq!(text, pings(4), "{at_once} at once");
    }
}

#[test]
fn frames_go_out_in_records_that_the_hub_takes_one_after_the_other() {
    let (mut tunnel, mut hub) = opened(512);
    let frames = pings(50);
    let mut gone = 0;
    let mut records = Vec::new();
    while gone < frames.len() {
        gone += tunnel.seal(&frames[gone..]).unwrap();
        assert_eq!(tunnel.seal(&frames), Ok(0), "the one before has not left");
        records.push(tunnel.waiting().to_vec());
        tunnel.sent(tunnel.waiting().len());
    }
    let mut heard = Vec::new();
    for record in &mut records {
        assert!(record.len() <= 4 + 512);
        let (text, tag) = record[4..].split_last_chunk_mut().unwrap();
        hub.open(text, tag).unwrap();
        assert_eq!(text.len() % 12, 0, "whole frames");
        heard.extend_from_slice(text);
    }
    assert_eq!((heard, records.len()), (frames, 2));
}

#[test]
fn a_record_that_does_not_open_ends_the_tunnel_and_nothing_waits_any_more() {
    let (mut tunnel, mut hub) = opened(1000);
    tunnel.seal(&pings(1)).unwrap();
    let mut record = sealed(&mut hub, &pings(1));
    record[9] ^= 1;
    assert_eq!(feed(&mut tunnel, &record, 1000), Err(TunnelError::Noise(NoiseError::Forged)));
    assert_eq!(tunnel.waiting(), b"");
    assert!(!tunnel.is_open());
    let genuine = sealed(&mut hub, &pings(1));
    assert_eq!(feed(&mut tunnel, &genuine, 1000), Err(TunnelError::Over));
}

#[test]
fn before_the_reply_nothing_goes_through_and_a_refusal_is_told() {
    let mut tunnel = Small::connect(&keys(), [3; 32]).unwrap();
    let asked = tunnel.waiting().len();
    assert_eq!(tunnel.seal(&pings(1)), Ok(0));
    assert_eq!(tunnel.waiting().len(), asked);
    let refused = feed(&mut tunnel, &Refusal::BUSY.encode(), 1);
    assert_eq!(refused, Err(TunnelError::Refused(1)));
    let mut other = Small::connect(&keys(), [5; 32]).unwrap();
    let data = [&[0xE5, 5, 17, 0][..], &[0; 17]].concat();
    assert_eq!(feed(&mut other, &data, 1000), Err(TunnelError::OutOfTurn(RecordType::Data)));
}

proptest! {
    /// Whatever a stranger sends, in whatever pieces: it opens nothing and the node says nothing new.
    #[test]
    fn no_bytes_open_a_tunnel_but_those_of_the_hub(
        begin in prop_oneof![
            Just(vec![]),
            Just(vec![0xE5, 1, 112, 0, 1, 1, 1, 0]),
            Just(vec![0xE5, 4, 64, 0]),
            Just(vec![0xE5, 5, 30, 0]),
        ],
        rest in vec(any::<u8>(), 0..300),
        at_once in 1..200_usize,
    ) {
        let bytes = [begin, rest].concat();
        let asking = Small::connect(&keys(), [3; 32]).unwrap();
        let asked = Small::accept(keys(), [3; 32]);
        for mut tunnel in [asking, asked] {
            let before = tunnel.waiting().len();
            let fed = feed(&mut tunnel, &bytes, at_once);
            prop_assert!(fed.is_err() || fed == Ok((vec![], vec![])), "{fed:?}");
            prop_assert!(!tunnel.is_open());
            let waits = if fed.is_err() { 0 } else { before };
            prop_assert_eq!(tunnel.waiting().len(), waits);
        }
    }
}
