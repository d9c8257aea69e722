//! What the hub makes of Noise, against the node's side of it as it runs on chips.

use iot_node::noise::{Handshake, KeyPair, Parties, Pattern, Role};

use super::*;

const PROLOGUE: &[u8] = b"iot1/session";

fn hub() -> HubIdentity {
    HubIdentity::from_secret([2; 32])
}

/// The node's side, as it runs on chips.
fn node(role: Role, ephemeral: u8) -> Handshake {
    let own = KeyPair::from_secret([1; 32]);
    let theirs = Some(hub().public().0);
    Handshake::new(
        &Parties { pattern: Pattern::Ik, role, own: &own, theirs, psk: None },
        PROLOGUE,
        [ephemeral; 32],
    )
}

/// A session that a node has opened.
fn session() -> (iot_node::noise::Transport, Transport) {
    let (mut node, mut wire, mut reply) = (node(Role::Initiator, 3), [0; 108], [0; 64]);
    node.write(&[7; 12], &mut wire).unwrap();
    let mut offer = [0; 12];
    let asked = asked(&hub(), PROLOGUE, &wire, &mut offer).unwrap();
    assert_eq!((offer, asked.theirs()), ([7; 12], KeyPair::from_secret([1; 32]).public()));
    let hub = asked.answer(&[8; 16], &mut reply).unwrap();
    let mut acceptance = [0; 16];
    assert_eq!(node.read(&reply, &mut acceptance), Ok(16));
    assert_eq!(acceptance, [8; 16]);
    (node.finish().unwrap(), hub)
}

#[test]
fn a_direction_takes_its_next_key_after_65536_records() {
    let (mut wire, mut reply, other) = ([0; 108], [0; 64], HubIdentity::from_secret([5; 32]));
    let asking = ask(&other, &hub().public().0, PROLOGUE, &[7; 12], &mut wire).unwrap();
    let asked = asked(&hub(), PROLOGUE, &wire, &mut [0; 12]).unwrap();
    let mut ours = asked.answer(&[8; 16], &mut reply).unwrap();
    let mut theirs = asking.answered(&reply, &mut [0; 16]).unwrap();
    (ours.sealed, theirs.opened) = (REKEY_EVERY - 1, REKEY_EVERY - 1);
    for record in ["the last of the old key", "the first of the new one"] {
        let (mut sealed, mut heard) = (Vec::new(), [0; 4]);
        ours.seal(b"text", &mut sealed).unwrap();
        assert_eq!(theirs.open(&sealed, &mut heard), Ok(4), "{record}");
        assert_eq!(&heard, b"text");
    }
    let (mut sealed, mut heard) = (Vec::new(), [0; 4]);
    theirs.keys.rekey_incoming();
    ours.seal(b"text", &mut sealed).unwrap();
    assert_eq!(theirs.open(&sealed, &mut heard), Err(Forged), "a key that only one side has taken");
}

#[test]
fn the_hub_and_a_chip_understand_each_other() {
    let (mut node, mut hub) = session();
    for number in 0..100_u64 {
        let said = number.to_le_bytes();
        let (mut text, mut heard, mut sealed) = (said, [0; 8], Vec::new());
        let tag = node.seal(&mut text).unwrap();
        assert_eq!(hub.open(&[text.as_slice(), &tag].concat(), &mut heard), Ok(8));
        assert_eq!(heard, said, "{number}");
        hub.seal(&said, &mut sealed).unwrap();
        let (text, tag) = sealed.split_last_chunk_mut().unwrap();
        node.open(text, tag).unwrap();
        assert_eq!(text, said, "{number}");
    }
}

#[test]
fn the_hub_dials_a_chip_and_both_know_whom_they_speak_with() {
    let chip = KeyPair::from_secret([1; 32]);
    let (mut node, mut wire, mut reply) = (node(Role::Responder, 3), [0; 108], [0; 64]);
    let asking = ask(&hub(), &chip.public(), PROLOGUE, &[7; 12], &mut wire).unwrap();
    assert_eq!(node.read(&wire, &mut [0; 12]), Ok(12));
    assert_eq!(node.theirs(), Some(hub().public().0));
    node.write(&[8; 16], &mut reply).unwrap();
    let mut hub = asking.answered(&reply, &mut [0; 16]).unwrap();
    let mut node = node.finish().unwrap();
    let mut sealed = Vec::new();
    hub.seal(b"set", &mut sealed).unwrap();
    let (text, tag) = sealed.split_last_chunk_mut().unwrap();
    assert_eq!(node.open(text, tag), Ok(()));
}

#[test]
fn another_node_cannot_answer_for_the_one_that_is_dialled() {
    let meant = KeyPair::from_secret([9; 32]);
    let mut wire = [0; 108];
    let _asking = ask(&hub(), &meant.public(), PROLOGUE, &[7; 12], &mut wire).unwrap();
    assert!(node(Role::Responder, 3).read(&wire, &mut [0; 12]).is_err());
}

#[test]
fn a_low_order_point_is_refused_as_ephemeral_and_as_static() {
    // 0, 1, and the two points of order 8, little-endian.
    let mut one = [0; 32];
    one[0] = 1;
    let mut points = vec![[0; 32], one];
    for hex in [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ] {
        let digits = |at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        points.push(core::array::from_fn(digits));
    }
    for point in points {
        let mut wire = [0; 108];
        wire[..32].copy_from_slice(&point);
        assert!(asked(&hub(), PROLOGUE, &wire, &mut [0; 12]).is_err(), "as ephemeral: {point:x?}");
        assert!(ask(&hub(), &point, PROLOGUE, &[0; 12], &mut wire).is_err(), "as static: {point:x?}");
    }
}

#[test]
fn every_changed_bit_of_a_first_message_is_refused() {
    let (mut node, mut wire) = (node(Role::Initiator, 3), [0; 108]);
    node.write(&[7; 12], &mut wire).unwrap();
    for at in 0..wire.len() {
        let mut changed = wire;
        changed[at] ^= 0x10;
        assert!(asked(&hub(), PROLOGUE, &changed, &mut [0; 12]).is_err(), "byte {at}");
    }
    assert!(asked(&hub(), b"iot1/dial", &wire, &mut [0; 12]).is_err(), "another purpose");
    assert!(asked(&HubIdentity::from_secret([3; 32]), PROLOGUE, &wire, &mut [0; 12]).is_err());
    assert!(asked(&hub(), PROLOGUE, &wire, &mut [0; 12]).is_ok());
}

#[test]
fn a_node_is_met_once_its_first_record_has_opened_and_understood_ever_after() {
    let (own, key) = (hub(), KeyPair::from_secret([1; 32]).public());
    for number in 0..3 {
        let (mut node, mut wire, mut reply) = (node(Role::Initiator, 3 + number), [0; 108], [0; 64]);
        node.write(&[7; 12], &mut wire).unwrap();
        let asked = asked(&own, PROLOGUE, &wire, &mut [0; 12]).unwrap();
        let mut hub = asked.answer(&[8; 16], &mut reply).unwrap();
        assert_eq!(own.met.shared_with(&key).is_some(), number > 0, "what it said may have been recorded");
        assert_eq!(node.read(&reply, &mut [0; 16]), Ok(16));
        let mut text = *b"hello";
        let tag = node.finish().unwrap().seal(&mut text).unwrap();
        assert_eq!(hub.open(&[text.as_slice(), &tag].concat(), &mut [0; 5]), Ok(5));
        let chip = StaticSecret::from([1; 32]);
        let shared = *chip.diffie_hellman(&own.public).as_bytes();
        assert_eq!(own.met.shared_with(&key).as_deref(), Some(&shared));
    }
    let mut wire = [0; 108];
    ask(&own, &key, PROLOGUE, &[7; 12], &mut wire).unwrap();
    assert_eq!(node(Role::Responder, 9).read(&wire, &mut [0; 12]), Ok(12), "it is dialled as before");
}

#[test]
fn an_identity_is_never_shown_and_no_two_are_equal() {
    assert_eq!(format!("{:?}", hub()), "HubIdentity { .. }");
    let two = [HubIdentity::generate().unwrap(), HubIdentity::generate().unwrap()];
    assert_ne!(two[0].secret(), two[1].secret());
}
