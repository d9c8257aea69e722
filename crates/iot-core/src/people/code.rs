//! [`ClaimCode`]: what proves that whoever claims the hub can read its log.

use alloc::string::String;
use core::fmt;

/// Digits of Crockford's base 32: no letter that looks like another digit.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Digits of a code: 26 of 5 bits each carry its 128 bits, and two more that are zero.
const LENGTH: usize = 26;

/// Digits between two dashes.
const GROUP: usize = 5;

/// A code of 128 bits that is shown in groups, such as `0KDS4-…`. It is compared as a whole and never kept.
#[derive(Clone, Copy)]
pub struct ClaimCode(u128);

impl ClaimCode {
    /// The code of these random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(random))
    }

    /// Reads a code as a person types it: in any case, with or without dashes and spaces, and with the letters
    /// that look like digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut value: u128 = 0;
        let mut count = 0;
        for typed in text.bytes().filter(|typed| !matches!(typed, b'-' | b' ' | b'\t')) {
            let digit = match typed.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                digit => digit,
            };
            let digit = u128::try_from(DIGITS.iter().position(|known| *known == digit)?).ok()?;
            // The first digit has the two bits that are always zero.
            if count == LENGTH || (count == 0 && digit >= 8) {
                return None;
            }
            value = (value << 5) | digit;
            count += 1;
        }
        (count == LENGTH).then_some(Self(value))
    }

    /// Whether both are the same. It takes as long whatever differs.
    pub fn is(self, other: Self) -> bool {
        // All bits are compared at once, so there is no first one that differs.
        core::hint::black_box(self.0 ^ other.0) == 0
    }
}

impl fmt::Display for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for place in 0..LENGTH {
            if place > 0 && place % GROUP == 0 {
                text.push('-');
            }
            let digit = (self.0 >> (5 * (LENGTH - 1 - place))) & 31;
            let digit = usize::try_from(digit).ok().and_then(|digit| DIGITS.get(digit));
            text.push(char::from(*digit.unwrap_or(&b'0')));
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for ClaimCode {
    /// Tells nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_is_read_as_it_was_shown_however_it_is_typed(random: [u8; 16]) {
            let code = ClaimCode::new(random);
            let shown = code.to_string();
            let typed = [shown.clone(), shown.to_lowercase(), shown.replace('-', " "), shown.replace('0', "o")];
            for typed in typed {
                prop_assert!(ClaimCode::parse(&typed).is_some_and(|read| read.is(code)), "{}", typed);
            }
        }
    }

    #[test]
    fn what_is_no_code_is_none_and_another_code_is_another() {
        let shown = ClaimCode::new([0xFF; 16]).to_string();
        assert_eq!(shown, "7ZZZZ-ZZZZZ-ZZZZZ-ZZZZZ-ZZZZZ-Z");
        for typed in ["", "7ZZZZ", &format!("{shown}Z"), "8ZZZZ-ZZZZZ-ZZZZZ-ZZZZZ-ZZZZZ-Z", "u", "é"] {
            assert!(ClaimCode::parse(typed).is_none(), "{typed}");
        }
        assert!(!ClaimCode::new([1; 16]).is(ClaimCode::new([2; 16])));
        assert!(!format!("{:?}", ClaimCode::new([1; 16])).contains('0'), "a log never shows it by accident");
    }
}
