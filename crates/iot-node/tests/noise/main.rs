//! Holds the handshakes of the node's side to the vectors of another implementation, and to what may not be
//! accepted: anything changed, repeated, left out, or made with another key.

mod tunnel;
mod vectors;
mod wire;

use iot_node::noise::{Handshake, KeyPair, NoiseError, Parties, Pattern, Role, Transport};

const PSK: [u8; 32] = [0x33; 32];

/// Both sides of a handshake between two keys, with nothing said.
fn sides(pattern: Pattern) -> (Handshake, Handshake) {
    let (node, hub) = (KeyPair::from_secret([1; 32]), KeyPair::from_secret([2; 32]));
    let psk = (pattern == Pattern::XxPsk0).then_some(&PSK);
    let theirs = (pattern == Pattern::Ik).then(|| hub.public());
    let initiator = Parties { pattern, role: Role::Initiator, own: &node, theirs, psk };
    let responder = Parties { pattern, role: Role::Responder, own: &hub, theirs: None, psk };
    (Handshake::new(&initiator, b"prologue", [3; 32]), Handshake::new(&responder, b"prologue", [4; 32]))
}

/// Makes a whole handshake, and passes every message through `on_the_way`.
fn run(
    pattern: Pattern,
    mut on_the_way: impl FnMut(usize, &mut Vec<u8>),
) -> Result<(Transport, Transport), NoiseError> {
    let (mut speaker, mut listener) = sides(pattern);
    let messages = if pattern == Pattern::Ik { 2 } else { 3 };
    for number in 0..messages {
        let (mut wire, mut heard) = (vec![0; 200], [0; 200]);
        let len = speaker.write(b"payload", &mut wire)?;
        wire.truncate(len);
        on_the_way(number, &mut wire);
        let len = listener.read(&wire, &mut heard)?;
        assert_eq!(&heard[..len], b"payload");
        core::mem::swap(&mut speaker, &mut listener);
    }
    assert_eq!(speaker.hash(), listener.hash());
    let both = (speaker.finish()?, listener.finish()?);
    Ok(if messages == 2 { both } else { (both.1, both.0) })
}

#[test]
fn every_pattern_leads_to_two_sides_that_understand_each_other() {
    for pattern in [Pattern::Ik, Pattern::Xx, Pattern::XxPsk0] {
        let (mut initiator, mut responder) = run(pattern, |_, _| {}).unwrap();
        for number in 0..3_u8 {
            let mut text = [number; 40];
            let tag = initiator.seal(&mut text).unwrap();
            responder.open(&mut text, &tag).unwrap();
            assert_eq!(text, [number; 40]);
            let tag = responder.seal(&mut text).unwrap();
            initiator.open(&mut text, &tag).unwrap();
            assert_eq!(text, [number; 40]);
        }
    }
}

#[test]
fn the_messages_of_a_session_have_the_lengths_of_the_wire() {
    let mut lengths = Vec::new();
    let without_payload = |len: usize| len - b"payload".len();
    run(Pattern::Ik, |_, wire| lengths.push(without_payload(wire.len()))).unwrap();
    assert_eq!(lengths, [96, 48]);
    lengths.clear();
    run(Pattern::XxPsk0, |_, wire| lengths.push(without_payload(wire.len()))).unwrap();
    assert_eq!(lengths, [48, 96, 64]);
}

#[test]
fn a_bit_changed_on_the_way_ends_every_handshake_wherever_it_is() {
    for pattern in [Pattern::Ik, Pattern::Xx, Pattern::XxPsk0] {
        // In XX nothing of the first message is encrypted: the next one shows what was changed.
        for number in usize::from(pattern == Pattern::Xx)..2 {
            for at in (0..96).step_by(5) {
                let ended = run(pattern, |now, wire| {
                    if now == number
                        && let Some(byte) = wire.get_mut(at)
                    {
                        *byte ^= 1;
                    }
                });
                let is_there = |len: usize| at < len + b"payload".len();
                let len = match (pattern, number) {
                    (Pattern::Ik, 1) | (Pattern::XxPsk0, 0) => 48,
                    (Pattern::Ik | Pattern::Xx | Pattern::XxPsk0, _) => 96,
                };
                assert_eq!(ended.is_err(), is_there(len), "{pattern:?}, message {number}, byte {at}");
            }
        }
    }
}

#[test]
fn a_message_of_any_length_is_an_error_and_no_panic() {
    for pattern in [Pattern::Ik, Pattern::Xx, Pattern::XxPsk0] {
        for len in 0..200 {
            let (mut initiator, mut responder) = sides(pattern);
            let mut heard = [0; 200];
            // XX begins with a key in clear, which any 32 bytes are; the payload behind it is in clear too.
            let is_possible = pattern == Pattern::Xx && len >= 32;
            assert_eq!(responder.read(&vec![9; len], &mut heard).is_ok(), is_possible, "{pattern:?} {len}");
            initiator.write(b"", &mut [0; 200]).unwrap();
            assert!(initiator.read(&vec![9; len], &mut heard).is_err(), "{pattern:?} {len}");
        }
    }
}

#[test]
fn the_hub_answers_no_message_that_was_said_to_another_hub_or_under_another_prologue() {
    let (node, hub, other) =
        (KeyPair::from_secret([1; 32]), KeyPair::from_secret([2; 32]), KeyPair::from_secret([5; 32]));
    let to = |theirs| {
        let parties = Parties { pattern: Pattern::Ik, role: Role::Initiator, own: &node, theirs, psk: None };
        let mut wire = vec![0; 96];
        Handshake::new(&parties, b"iot1/session", [3; 32]).write(b"", &mut wire).unwrap();
        wire
    };
    let at_hub = |prologue: &[u8]| {
        let parties =
            Parties { pattern: Pattern::Ik, role: Role::Responder, own: &hub, theirs: None, psk: None };
        Handshake::new(&parties, prologue, [4; 32])
    };
    assert_eq!(at_hub(b"iot1/session").read(&to(Some(other.public())), &mut []), Err(NoiseError::Forged));
    assert_eq!(at_hub(b"iot1/dial").read(&to(Some(hub.public())), &mut []), Err(NoiseError::Forged));
    assert_eq!(at_hub(b"iot1/session").read(&to(Some(hub.public())), &mut []), Ok(0));
}

#[test]
fn a_key_that_leads_to_zero_ends_the_handshake_as_ephemeral_and_as_static() {
    let (node, hub) = (KeyPair::from_secret([1; 32]), KeyPair::from_secret([2; 32]));
    let parties = |role, own, theirs| Parties { pattern: Pattern::Ik, role, own, theirs, psk: None };
    let mut to_zero = Handshake::new(&parties(Role::Initiator, &node, Some([0; 32])), b"", [3; 32]);
    assert_eq!(to_zero.write(b"", &mut [0; 200]), Err(NoiseError::WeakKey));
    let mut answering = Handshake::new(&parties(Role::Responder, &hub, None), b"", [4; 32]);
    assert_eq!(answering.read(&[0; 96], &mut []), Err(NoiseError::WeakKey));
}

#[test]
fn a_handshake_that_failed_is_over() {
    let (mut initiator, mut responder) = sides(Pattern::Ik);
    let mut wire = [0; 200];
    let len = initiator.write(b"", &mut wire).unwrap();
    wire[40] ^= 1;
    assert_eq!(responder.read(&wire[..len], &mut []), Err(NoiseError::Forged));
    wire[40] ^= 1;
    assert_eq!(responder.read(&wire[..len], &mut []), Err(NoiseError::Over), "it is not tried again");
    assert_eq!(responder.theirs(), None);
    assert_eq!(responder.finish().err(), Some(NoiseError::Over));
    assert_eq!(initiator.finish().err(), Some(NoiseError::OutOfTurn), "the answer is missing");
}

#[test]
fn nobody_speaks_out_of_turn_or_without_what_the_pattern_needs() {
    let (mut initiator, mut responder) = sides(Pattern::Ik);
    assert_eq!(initiator.read(&[0; 96], &mut []), Err(NoiseError::OutOfTurn));
    assert_eq!(responder.write(b"", &mut [0; 96]), Err(NoiseError::OutOfTurn));
    let own = KeyPair::from_secret([1; 32]);
    for (pattern, psk) in [(Pattern::Ik, None), (Pattern::XxPsk0, None), (Pattern::Xx, Some(&PSK))] {
        let parties = Parties { pattern, role: Role::Initiator, own: &own, theirs: None, psk };
        let written = Handshake::new(&parties, b"", [3; 32]).write(b"", &mut [0; 200]);
        assert_eq!(written, Err(NoiseError::Over), "{pattern:?}");
    }
}
