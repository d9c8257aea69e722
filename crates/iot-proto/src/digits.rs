//! What a person compares while a node joins: the code that hub and node both compute, how a node confirms that its
//! person has typed it, and the digits as they are shown and typed.
//!
//! What the two sides say is in `joining.rs`. How often a code may be shown is the hub's and the node's to count.

use core::{fmt, str::FromStr, time::Duration};

use crate::{KeyTextError, key::hash};

/// One more than the greatest code and the greatest answer.
pub const CODES: u32 = 1_000_000;

/// How long a node waits for a press of its button. A hub waits a little longer.
pub const PRESS_WITHIN: Duration = Duration::from_mins(3);

/// How a node learns that the hub is the one whose person has typed its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// It shows twelve digits, and the hub says six of them back.
    Digits,
    /// It shows six, and somebody presses its button once the hub's page asks for that.
    Button,
}

impl Confirm {
    /// All ways, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Digits, Self::Button];

    /// The way of this number; `None` where none is defined.
    pub(crate) fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|confirm| confirm.number() == number)
    }

    /// Its number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Digits => 0,
            Self::Button => 1,
        }
    }

    /// What goes before all else that the code follows from: nodes that confirm in another way have other codes.
    fn label(self) -> &'static [u8] {
        match self {
            Self::Digits => b"iot1/code",
            Self::Button => b"iot1/code-button",
        }
    }
}

/// What binds the hub to its nonce before it has seen the node's: `transcript` is the handshake's hash.
pub fn commitment(transcript: &[u8; 32], hub_nonce: &[u8; 32]) -> [u8; 32] {
    hash(b"iot1/commit", &[transcript, hub_nonce])
}

/// The code that follows from what both sides have said, and from how the node confirms: below [`CODES`].
pub fn join_code(
    confirm: Confirm,
    transcript: &[u8; 32],
    hub_nonce: &[u8; 32],
    node_nonce: &[u8; 32],
) -> u32 {
    let hash = hash(confirm.label(), &[transcript, hub_nonce, node_nonce]);
    below_codes(hash.first_chunk().copied().unwrap_or_default())
}

/// Eight random bytes as a number below [`CODES`].
pub fn below_codes(bytes: [u8; 8]) -> u32 {
    u32::try_from(u64::from_be_bytes(bytes) % u64::from(CODES)).unwrap_or_default()
}

/// The digits that a node shows and a person types: `482 913 507 226`, or `482 913` where the node has a button.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digits {
    /// What hub and node have both computed.
    pub code: u32,
    /// What the node has drawn, and the hub says back; `None` where the node has a button.
    pub answer: Option<u32>,
}

impl Digits {
    /// How a node confirms that shows so many digits.
    pub fn confirm(self) -> Confirm {
        if self.answer.is_some() { Confirm::Digits } else { Confirm::Button }
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, answer } = self;
        write!(f, "{:03} {:03}", code / 1000, code % 1000)?;
        answer.map_or(Ok(()), |answer| write!(f, " {:03} {:03}", answer / 1000, answer % 1000))
    }
}

impl FromStr for Digits {
    type Err = KeyTextError;

    /// Reads twelve digits or six, with or without blanks and dashes.
    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let wrong = KeyTextError { what: "what a node shows: twelve digits, or six where it has a button" };
        let (mut number, mut count) = (0_u64, 0);
        for digit in text.chars().filter(|digit| !matches!(digit, '-' | ' ')) {
            number = number * 10 + u64::from(digit.to_digit(10).filter(|_| count < 12).ok_or(wrong)?);
            count += 1;
        }
        let part = |number: u64| u32::try_from(number).map_err(|_| wrong);
        match count {
            6 => Ok(Self { code: part(number)?, answer: None }),
            12 => {
                let answer = part(number % u64::from(CODES))?;
                Ok(Self { code: part(number / u64::from(CODES))?, answer: Some(answer) })
            }
            _ => Err(wrong),
        }
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digits").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn what_follows_from_nonces_is_as_the_protocol_says() {
        // SHA-256 of the labels, a zero byte and the fields, by another program.
        assert_eq!(commitment(&[2; 32], &[3; 32])[..4], [0x09, 0x6f, 0xd2, 0x06]);
        let code = |confirm| join_code(confirm, &[2; 32], &[3; 32], &[4; 32]);
        assert_eq!(code(Confirm::Digits), 120_009);
        assert_eq!(code(Confirm::Button), 779_810);
    }

    #[test]
    fn whoever_changes_how_a_node_confirms_changes_its_code() {
        let equal = (0..=u8::MAX).filter(|at| {
            let [one, other] = Confirm::ALL.map(|confirm| join_code(confirm, &[*at; 32], &[3; 32], &[4; 32]));
            one == other
        });
        assert_eq!(equal.count(), 0);
    }

    #[test]
    fn digits_read_back_and_nothing_else_is_read() {
        let digits = Digits { code: 482_913, answer: Some(7_226) };
        assert_eq!((digits.to_string().as_str(), digits.confirm()), ("482 913 007 226", Confirm::Digits));
        for text in ["482 913 007 226", "482913007226", "482-913-007-226"] {
            assert_eq!(text.parse(), Ok(digits));
        }
        let digits = Digits { code: 2_913, answer: None };
        assert_eq!((digits.to_string().as_str(), digits.confirm()), ("002 913", Confirm::Button));
        for text in ["002 913", "002913", "002-913"] {
            assert_eq!(text.parse(), Ok(digits));
        }
        for text in ["", "48291", "4829130", "48291300722", "4829130072261", "48291300722x", "482913+07226"] {
            assert!(text.parse::<Digits>().is_err(), "{text}");
        }
    }
}
