//! Checksums of what is packed (a row of the journal, a chunk, a row of roll-ups) and of values in plain columns.
//! SQLite has none for its pages, so that a bit that turns over on a disk would else be served as a value.
//!
//! A checksum is a CRC-32. It tells damage and no intent: who can write the file can write the checksum.

use rusqlite::types::ValueRef;

/// Bytes of a checksum behind what it is of.
const LENGTH: usize = 4;

/// The checksum of a row's numbers and of what is packed in it.
pub(crate) fn of(numbers: &[i64], columns: &str, bits: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    for number in numbers {
        sum.update(&number.to_le_bytes());
    }
    sum.update(columns.as_bytes());
    sum.update(bits);
    sum.finalize()
}

/// The checksum of values in plain columns, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Values(crc32fast::Hasher);

impl Values {
    /// Adds a value with its type, and its length where that differs.
    pub(crate) fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.0.update(&[0]),
            ValueRef::Integer(value) => self.add_bytes(1, &value.to_le_bytes()),
            // Of a negative zero SQLite makes a zero.
            ValueRef::Real(value) => self.add_bytes(2, &(value + 0.0).to_le_bytes()),
            ValueRef::Text(value) => self.add_long(3, value),
            ValueRef::Blob(value) => self.add_long(4, value),
        }
    }

    fn add_bytes(&mut self, of: u8, bytes: &[u8]) {
        self.0.update(&[of]);
        self.0.update(bytes);
    }

    fn add_long(&mut self, of: u8, bytes: &[u8]) {
        self.add_bytes(of, &bytes.len().to_le_bytes());
        self.0.update(bytes);
    }

    /// The checksum of what was added.
    pub(crate) fn finish(self) -> i64 {
        self.0.finalize().into()
    }
}

/// Puts the checksum behind the bytes, little end first.
pub(crate) fn close(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// The bytes before the checksum, if it is theirs.
pub(crate) fn open(closed: &[u8]) -> Option<&[u8]> {
    let (bytes, sum) = closed.split_at_checked(closed.len().checked_sub(LENGTH)?)?;
    (crc32fast::hash(bytes).to_le_bytes() == sum).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn what_is_closed_comes_back(bytes in vec(any::<u8>(), 0..100)) {
            let closed = close(bytes.clone());
            prop_assert_eq!(open(&closed), Some(&*bytes));
        }

        #[test]
        fn a_bit_that_turns_over_is_noticed(
            bytes in vec(any::<u8>(), 0..100),
            at in any::<proptest::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let mut closed = close(bytes);
            let at = at.index(closed.len());
            closed[at] ^= 1 << bit;
            prop_assert_eq!(open(&closed), None);
        }

        #[test]
        fn what_lost_its_end_is_not_opened(bytes in vec(1..=u8::MAX, 1..100), cut in 1..100_usize) {
            let closed = close(bytes);
            let left = closed.len().saturating_sub(cut);
            prop_assert_eq!(open(&closed[..left]), None);
        }
    }

    #[test]
    fn what_is_too_short_for_a_checksum_is_not_opened() {
        assert_eq!(open(&[]), None);
        assert_eq!(open(&[1, 2, 3]), None);
    }
}
