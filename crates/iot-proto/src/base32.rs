//! Crockford's base 32: digits that people read to each other, in groups of four.

use core::fmt::{self, Write as _};

/// The digits: no I, L, O and U, which are mistaken for others.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Writes the first `digits` digits of `bytes`, with a dash between two groups of four.
pub(crate) fn write(bytes: &[u8], digits: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (mut bits, mut held, mut written) = (0_u32, 0, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        while held >= 5 && written < digits {
            held -= 5;
            if written > 0 && written % 4 == 0 {
                f.write_str("-")?;
            }
            let digit = usize::try_from(bits >> held & 31).unwrap_or_default();
            f.write_char(DIGITS.get(digit).copied().unwrap_or_default().into())?;
            written += 1;
        }
    }
    Ok(())
}

/// Reads digits without dashes into `bytes`, the last bits into the upper end of a byte, and says how many there
/// were. `None` where one of them is no digit, or there are more than the bytes hold.
pub(crate) fn read(digits: impl Iterator<Item = u8>, bytes: &mut [u8]) -> Option<usize> {
    let (mut bits, mut held, mut count) = (0_u32, 0, 0);
    let mut bytes = bytes.iter_mut();
    for byte in digits {
        let digit = (0..).zip(DIGITS).find_map(|(digit, known)| (*known == byte).then_some(digit))?;
        bits = bits << 5 | digit;
        held += 5;
        count += 1;
        if held >= 8 {
            held -= 8;
            *bytes.next()? = u8::try_from(bits >> held & 0xFF).ok()?;
        }
    }
    if held > 0 {
        *bytes.next()? = u8::try_from(bits << (8 - held) & 0xFF).ok()?;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use std::{format, string::String};

    use super::*;

    struct Shown(&'static [u8], usize);

    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write(self.0, self.1, f)
        }
    }

    #[test]
    fn digits_are_those_of_crockford_and_read_back() {
        for (bytes, digits, text) in [
            (&[0xFF; 5][..], 8, "ZZZZ-ZZZZ"),
            (&[0x00, 0x44, 0x32, 0x14, 0xC7], 8, "0123-4567"),
            (&[0xF0], 1, "Y"),
            (&[0xAB, 0xC0], 3, "NF0"),
        ] {
            assert_eq!(format!("{}", Shown(bytes, digits)), text);
            let plain: String = text.replace('-', "");
            let mut read_back = [0; 5];
            let room = &mut read_back[..bytes.len()];
            assert_eq!(read(plain.bytes(), room), Some(digits), "{text}");
            assert_eq!(room, bytes);
        }
    }

    #[test]
    fn what_is_no_digit_and_what_is_too_long_is_not_read() {
        let read = |text: &str| read(text.bytes(), &mut [0; 5]);
        assert_eq!([read("ZZZU"), read("zzzz"), read("ZZZZZZZZZ")], [None; 3]);
    }
}
