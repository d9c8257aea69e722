//! Public keys and the ids that follow from them: who someone is, in 24 digits that people can compare.

use core::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::{HubKey, NodeKey, base32};

/// Who someone is: the first 15 bytes of a hash of the key.
///
/// It is shown as 24 digits of Crockford's base 32, in six groups: `7K2Q-M0XW-9T4C-…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 15]);

/// A text that is no id or key as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{what} is not written so")]
pub struct KeyTextError {
    pub(crate) what: &'static str,
}

/// Digits of an id, and bytes of its text with the dashes between groups of four.
const ID_DIGITS: usize = 24;
const ID_TEXT: usize = ID_DIGITS + 5;

impl NodeKey {
    /// The id of the node that has this key.
    pub fn id(&self) -> KeyId {
        KeyId::of(b"iot1/node-id", &self.0)
    }
}

impl HubKey {
    /// The id of the hub that has this key.
    pub fn id(&self) -> KeyId {
        KeyId::of(b"iot1/hub-id", &self.0)
    }
}

impl KeyId {
    fn of(label: &[u8], key: &[u8; 32]) -> Self {
        let mut id = [0; 15];
        id.iter_mut().zip(hash(label, &[key])).for_each(|(to, from)| *to = from);
        Self(id)
    }

    /// The id of these bytes, as it travels.
    pub fn from_bytes(bytes: [u8; 15]) -> Self {
        Self(bytes)
    }

    /// The bytes, as they travel.
    pub fn to_bytes(self) -> [u8; 15] {
        self.0
    }
}

/// SHA-256 over a label, a zero byte and fields of fixed lengths.
pub(crate) fn hash(label: &[u8], fields: &[&[u8]]) -> [u8; 32] {
    let begun = Sha256::new().chain_update(label).chain_update([0]);
    fields.iter().fold(begun, Sha256::chain_update).finalize().into()
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        base32::write(&self.0, ID_DIGITS, f)
    }
}

impl FromStr for KeyId {
    type Err = KeyTextError;

    /// Reads an id as it is shown, and no other way: each id has one text.
    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let wrong = KeyTextError { what: "an id: 24 digits in six groups" };
        let is_dash = |at: usize| at % 5 == 4;
        let has_dashes = text.bytes().enumerate().all(|(at, byte)| is_dash(at) == (byte == b'-'));
        let mut id = [0; 15];
        let digits = text.bytes().filter(|byte| *byte != b'-');
        let read = base32::read(digits, &mut id).ok_or(wrong)?;
        if text.len() == ID_TEXT && has_dashes && read == ID_DIGITS { Ok(Self(id)) } else { Err(wrong) }
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for HubKey {
    /// 64 hexadecimal digits: how a hub's key is handed to a node by a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for HubKey {
    type Err = KeyTextError;

    /// Reads 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let wrong = KeyTextError { what: "the key of a hub: 64 hexadecimal digits" };
        let mut key = [0; 32];
        if text.len() != 64 {
            return Err(wrong);
        }
        for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |at: usize| pair.get(at).and_then(|digit| char::from(*digit).to_digit(16));
            let value = digit(0).zip(digit(1)).map(|(high, low)| high << 4 | low);
            *byte = value.and_then(|value| u8::try_from(value).ok()).ok_or(wrong)?;
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn an_id_is_24_digits_in_six_groups_and_reads_back() {
        for byte in 0..=255 {
            let id = NodeKey([byte; 32]).id();
            let text = id.to_string();
            assert_eq!((text.len(), text.split('-').count()), (29, 6), "{text}");
            assert_eq!(text.parse(), Ok(id));
        }
    }

    #[test]
    fn the_ids_of_a_key_are_those_of_the_protocol() {
        // SHA-256 of the label, a zero byte and the key, by another program.
        assert_eq!(NodeKey([0; 32]).id().to_string(), "TA2B-KB2B-93MJ-C6FZ-6V41-9EE4");
        assert_eq!(HubKey([0; 32]).id().to_string(), "NS51-9878-72RJ-M6H3-QGHQ-GX54");
    }

    #[test]
    fn an_id_has_one_text() {
        let text = NodeKey([7; 32]).id().to_string();
        for wrong in [
            text.to_lowercase(),
            text.replace('-', ""),
            text.replace('-', "_"),
            std::format!("{text}-"),
            std::format!("U{}", &text[1..]),
            std::string::String::new(),
        ] {
            assert!(wrong.parse::<KeyId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_hubs_key_reads_back() {
        let key = HubKey(core::array::from_fn(|at| u8::try_from(at * 7).unwrap()));
        assert_eq!(key.to_string().parse(), Ok(key));
        assert!("zz".repeat(32).parse::<HubKey>().is_err());
        assert!("+1".repeat(32).parse::<HubKey>().is_err());
    }
}
