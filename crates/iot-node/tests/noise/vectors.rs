//! The vectors of cacophony, an implementation in Haskell: byte for byte in both roles.

use iot_node::noise::{Handshake, KeyPair, Parties, Pattern, Role, Transport};

const VECTORS: &str = include_str!("cacophony.txt");

/// One vector of the file.
struct Vector<'v> {
    pattern: Pattern,
    lines: Vec<(&'v str, &'v str)>,
}

/// All vectors of the file.
fn vectors() -> Vec<Vector<'static>> {
    let mut vectors: Vec<Vector<'_>> = Vec::new();
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(' ').expect("a name and a value");
        if name == "pattern" {
            let pattern = if rest == "IK" { Pattern::Ik } else { Pattern::Xx };
            vectors.push(Vector { pattern, lines: Vec::new() });
        } else {
            vectors.last_mut().expect("a pattern comes first").lines.push((name, rest));
        }
    }
    vectors
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(digits).collect()
}

impl Vector<'_> {
    fn get(&self, name: &str) -> Vec<u8> {
        let line = self.lines.iter().find(|line| line.0 == name);
        bytes(line.unwrap_or_else(|| panic!("the vector has {name}")).1)
    }

    fn key(&self, name: &str) -> [u8; 32] {
        self.get(name).try_into().expect("32 bytes")
    }

    fn side(&self, role: Role) -> Handshake {
        let word = if role == Role::Initiator { "initiator" } else { "responder" };
        let own = KeyPair::from_secret(self.key(&format!("{word}-static")));
        let responder = KeyPair::from_secret(self.key("responder-static")).public();
        let theirs = (role == Role::Initiator && self.pattern == Pattern::Ik).then_some(responder);
        let parties = Parties { pattern: self.pattern, role, own: &own, theirs, psk: None };
        Handshake::new(&parties, &self.get("prologue"), self.key(&format!("{word}-ephemeral")))
    }

    /// Payloads and ciphertexts, in order.
    fn messages(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let messages = self.lines.iter().filter(|line| line.0 == "message");
        let split = messages.map(|line| line.1.split_once(' ').expect("payload and ciphertext"));
        split.map(|(payload, ciphertext)| (bytes(payload), bytes(ciphertext))).collect()
    }
}

#[test]
fn every_byte_of_a_handshake_is_that_of_another_implementation() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 2);
    for vector in &vectors {
        let (mut speaker, mut listener) = (vector.side(Role::Initiator), vector.side(Role::Responder));
        let messages = vector.messages();
        let steps = if vector.pattern == Pattern::Ik { 2 } else { 3 };
        let (handshake, transport) = messages.split_at(steps);
        for (payload, ciphertext) in handshake {
            let (mut wire, mut heard) = ([0; 300], [0; 300]);
            let len = speaker.write(payload, &mut wire).expect("its turn");
            assert_eq!(&wire[..len], ciphertext, "{:?}", vector.pattern);
            let len = listener.read(ciphertext, &mut heard).expect("it is genuine");
            assert_eq!(&heard[..len], payload);
            core::mem::swap(&mut speaker, &mut listener);
        }
        assert_eq!(speaker.hash().to_vec(), vector.get("hash"));
        assert_eq!(listener.hash().to_vec(), vector.get("hash"));
        let mut speaker = speaker.finish().expect("it is complete");
        let mut listener = listener.finish().expect("it is complete");
        for (payload, ciphertext) in transport {
            check(&mut speaker, &mut listener, payload, ciphertext);
            core::mem::swap(&mut speaker, &mut listener);
        }
    }
}

fn check(speaker: &mut Transport, listener: &mut Transport, payload: &[u8], ciphertext: &[u8]) {
    let mut text = payload.to_vec();
    let tag = speaker.seal(&mut text).expect("nothing failed before");
    assert_eq!([text.as_slice(), &tag].concat(), ciphertext);
    listener.open(&mut text, &tag).expect("it is genuine");
    assert_eq!(text, payload);
}
