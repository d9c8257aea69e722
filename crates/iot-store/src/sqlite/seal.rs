//! Checksums of what lies in blobs: a row of the journal, a chunk. SQLite has none for its pages, so that a bit that
//! turns over on a disk would else be served as a value.
//!
//! A seal is the CRC-32 of the bytes before it, four bytes, little end first. It tells damage and no intent: who can
//! write the file can write the seal. What lies in plain columns has none.

/// Bytes of a seal.
const LENGTH: usize = 4;

/// Puts the seal behind the bytes.
pub(crate) fn close(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// The bytes before the seal, if it is theirs.
pub(crate) fn open(sealed: &[u8]) -> Option<&[u8]> {
    let (bytes, seal) = sealed.split_at_checked(sealed.len().checked_sub(LENGTH)?)?;
    (crc32fast::hash(bytes).to_le_bytes() == seal).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_comes_back(bytes in vec(any::<u8>(), 0..100)) {
            let sealed = close(bytes.clone());
            prop_assert_eq!(open(&sealed), Some(&*bytes));
        }

        #[test]
        fn a_bit_that_turns_over_breaks_the_seal(
            bytes in vec(any::<u8>(), 0..100),
            at in any::<proptest::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let mut sealed = close(bytes);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(open(&sealed), None);
        }

        #[test]
        fn what_lost_its_end_is_not_opened(bytes in vec(1..=u8::MAX, 1..100), cut in 1..100_usize) {
            let sealed = close(bytes);
            let left = sealed.len().saturating_sub(cut);
            prop_assert_eq!(open(&sealed[..left]), None);
        }
    }

    #[test]
    fn what_is_too_short_for_a_seal_is_not_opened() {
        assert_eq!(open(&[]), None);
        assert_eq!(open(&[1, 2, 3]), None);
    }
}
