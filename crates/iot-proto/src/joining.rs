//! Joining: the secret that lets one node in, and what the two sides say under encryption until the node is admitted.
//!
//! The digits that a person compares are in `digits.rs`; the handshakes, their records and their labels in `opening.rs`.
//! Windows, counts and people are the hub's.

use core::{fmt, str::FromStr};

use crate::{Confirm, KeyId, KeyTextError, OpeningError, Origin, base32, key::hash};

/// Digits of a secret's text: 128 bits of it and 12 that check them.
const SECRET_DIGITS: usize = 28;

/// What lets one node in, and no second one. It is never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinSecret([u8; 16]);

impl JoinSecret {
    /// The secret of these bytes, which must have come from a good random generator.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// What both sides mix into the handshake.
    pub fn psk(&self) -> [u8; 32] {
        hash(b"iot1/psk", &[&self.0])
    }

    /// The number under which the hub finds it. It tells nothing of the secret.
    pub fn slot(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = hash(b"iot1/slot", &[&self.0]);
        [a, b, c, d]
    }

    /// The 18 bytes of the text: the secret, 12 bits that check it, four zeros.
    fn checked(&self) -> [u8; 18] {
        let mut bytes = [0; 18];
        let [first, second, ..] = hash(b"iot1/check", &[&self.0]);
        let check = [first, second & 0xF0];
        bytes.iter_mut().zip(self.0.iter().chain(&check)).for_each(|(to, from)| *to = *from);
        bytes
    }
}

impl fmt::Display for JoinSecret {
    /// The text that a person carries to the node: 28 digits in seven groups.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        base32::write(&self.checked(), SECRET_DIGITS, f)
    }
}

impl FromStr for JoinSecret {
    type Err = KeyTextError;

    /// Reads the text as people type it: in either case, with or without dashes and blanks, O for 0 and I or L
    /// for 1.
    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let wrong = KeyTextError { what: "a secret: 28 digits in seven groups" };
        let digits = text.bytes().filter(|byte| !matches!(byte, b'-' | b' ')).map(|byte| {
            match byte.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            }
        });
        let mut bytes = [0; 18];
        let read = base32::read(digits, &mut bytes).ok_or(wrong)?;
        let (secret, _) = bytes.split_first_chunk().ok_or(wrong)?;
        let secret = Self(*secret);
        if read == SECRET_DIGITS && secret.checked() == bytes { Ok(secret) } else { Err(wrong) }
    }
}

impl fmt::Debug for JoinSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSecret").finish_non_exhaustive()
    }
}

/// What is said under encryption while a node joins, one in each data record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinMessage {
    /// The hub binds itself to its nonce.
    Commitment([u8; 32]),
    /// The node's nonce, which it draws only after the commitment has come, and how the node confirms.
    Nonce([u8; 32], Confirm),
    /// The same of a node that can show nothing and has no button: nothing is compared.
    Unshown([u8; 32]),
    /// The hub shows its nonce.
    Disclosure([u8; 32]),
    /// The answer that a person has typed.
    Answer(u32),
    /// The node has stored the hub's key: the answer is its own, or somebody has pressed its button.
    Stored,
    /// The node has stored nothing: the answer is another, or nobody has pressed.
    Unstored,
    /// The node is admitted under this id.
    Admitted(KeyId),
    /// A person has typed the code of a node with a button: a press of it is waited for.
    Matched,
}

/// What a node says in place of how it confirms that can show nothing and has no button.
const UNSHOWN: u8 = 2;

/// Bytes of the longest message.
const LONGEST: usize = 34;

impl JoinMessage {
    /// The message in these bytes, which `from` has said.
    ///
    /// # Errors
    /// [`OpeningError::Joining`] for what is not defined, or not for this side to say.
    pub fn decode(bytes: &[u8], from: Origin) -> Result<Self, OpeningError> {
        let (&number, rest) = bytes.split_first().ok_or(OpeningError::Joining(0))?;
        let found = match (from, number, rest) {
            (Origin::Hub, 1, rest) => rest.try_into().ok().map(Self::Commitment),
            (Origin::Node, 2, [nonce @ .., UNSHOWN]) => nonce.try_into().ok().map(Self::Unshown),
            (Origin::Node, 2, [nonce @ .., confirm]) => {
                nonce.try_into().ok().zip(Confirm::of(*confirm)).map(|(nonce, how)| Self::Nonce(nonce, how))
            }
            (Origin::Hub, 3, rest) => rest.try_into().ok().map(Self::Disclosure),
            (Origin::Hub, 4, rest) => {
                rest.try_into().ok().map(|answer| Self::Answer(u32::from_le_bytes(answer)))
            }
            (Origin::Node, 5, [1]) => Some(Self::Stored),
            (Origin::Node, 5, [0]) => Some(Self::Unstored),
            (Origin::Hub, 6, rest) => rest.try_into().ok().map(|id| Self::Admitted(KeyId::from_bytes(id))),
            (Origin::Hub, 7, []) => Some(Self::Matched),
            _ => None,
        };
        found.ok_or(OpeningError::Joining(number))
    }

    /// The message as it travels.
    pub fn encode(&self) -> JoinBytes {
        let mut bytes = JoinBytes { bytes: [0; LONGEST], len: 0 };
        match self {
            Self::Commitment(commitment) => bytes.fill(1, &[commitment]),
            Self::Nonce(nonce, confirm) => bytes.fill(2, &[nonce, &[confirm.number()]]),
            Self::Unshown(nonce) => bytes.fill(2, &[nonce, &[UNSHOWN]]),
            Self::Disclosure(nonce) => bytes.fill(3, &[nonce]),
            Self::Answer(answer) => bytes.fill(4, &[&answer.to_le_bytes()]),
            Self::Stored => bytes.fill(5, &[&[1]]),
            Self::Unstored => bytes.fill(5, &[&[0]]),
            Self::Admitted(id) => bytes.fill(6, &[&id.to_bytes()]),
            Self::Matched => bytes.fill(7, &[]),
        }
        bytes
    }
}

/// A message as it travels.
#[derive(Clone, Copy, Debug)]
pub struct JoinBytes {
    bytes: [u8; LONGEST],
    len: usize,
}

impl JoinBytes {
    fn fill(&mut self, number: u8, fields: &[&[u8]]) {
        let fields = fields.iter().flat_map(|field| field.iter());
        for (to, from) in self.bytes.iter_mut().zip(core::iter::once(&number).chain(fields)) {
            *to = *from;
            self.len += 1;
        }
    }
}

impl AsRef<[u8]> for JoinBytes {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString};

    use super::*;
    use crate::NodeKey;

    #[test]
    fn a_secret_is_28_digits_and_reads_back_as_people_type_it() {
        let secret = JoinSecret::new(core::array::from_fn(|at| u8::try_from(at * 17).unwrap()));
        let text = secret.to_string();
        assert_eq!((text.len(), text.split('-').count()), (34, 7), "{text}");
        let typed = [
            text.clone(),
            text.to_lowercase(),
            text.replace('-', ""),
            text.replace('0', "o"),
            text.replace('1', "l"),
        ];
        for typed in typed {
            assert_eq!(typed.parse(), Ok(secret.clone()), "{typed}");
        }
        assert_eq!(format!("{secret:?}"), "JoinSecret { .. }");
    }

    #[test]
    fn a_mistyped_digit_of_a_secret_is_found() {
        let text = JoinSecret::new([0x5A; 16]).to_string();
        for (at, digit) in text.char_indices().filter(|(_, digit)| *digit != '-') {
            let other = if digit == '7' { "8" } else { "7" };
            let mistyped = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert!(mistyped.parse::<JoinSecret>().is_err(), "{mistyped}");
        }
        assert!(
            text[..33].parse::<JoinSecret>().is_err() && format!("{text}0").parse::<JoinSecret>().is_err()
        );
    }

    #[test]
    fn what_follows_from_a_secret_is_as_the_protocol_says() {
        // SHA-256 of the labels, a zero byte and the fields, by another program.
        let secret = JoinSecret::new([1; 16]);
        assert_eq!(secret.slot(), [0x80, 0x45, 0x6e, 0x52]);
        assert_eq!(secret.psk()[..4], [0x5a, 0xcd, 0x82, 0x65]);
        assert_eq!(secret.to_string(), "040G-2081-040G-2081-040G-2081-06CF");
    }

    #[test]
    fn every_message_reads_as_it_was_written_and_only_from_its_side() {
        let (hub, node) = (Origin::Hub, Origin::Node);
        for (message, from, other) in [
            (JoinMessage::Commitment([1; 32]), hub, node),
            (JoinMessage::Nonce([2; 32], Confirm::Digits), node, hub),
            (JoinMessage::Nonce([2; 32], Confirm::Button), node, hub),
            (JoinMessage::Unshown([2; 32]), node, hub),
            (JoinMessage::Disclosure([3; 32]), hub, node),
            (JoinMessage::Answer(999_999), hub, node),
            (JoinMessage::Stored, node, hub),
            (JoinMessage::Unstored, node, hub),
            (JoinMessage::Admitted(NodeKey([7; 32]).id()), hub, node),
            (JoinMessage::Matched, hub, node),
        ] {
            let bytes = message.encode();
            let bytes = bytes.as_ref();
            assert_eq!(JoinMessage::decode(bytes, from), Ok(message));
            assert_eq!(JoinMessage::decode(bytes, other), Err(OpeningError::Joining(bytes[0])));
            let longer = [bytes, &[0]].concat();
            for wrong in [&bytes[..bytes.len() - 1], &longer] {
                assert!(JoinMessage::decode(wrong, from).is_err(), "{wrong:?}");
            }
        }
        let undefined = [&[2; 33][..], &[UNSHOWN + 1]].concat();
        assert!(JoinMessage::decode(&undefined, node).is_err(), "a way to confirm that is not defined");
    }
}
