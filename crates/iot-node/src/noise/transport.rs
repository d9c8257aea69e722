//! What comes after a handshake: records in both directions, each with a key that changes now and then.

use super::{NoiseError, TAG_LEN, cipher::Cipher};

/// After so many records a direction takes its next key.
pub const REKEY_EVERY: u64 = 65_536;

/// Both directions of an encrypted connection. The first record that does not open ends it.
#[derive(Debug)]
pub struct Transport(Option<Directions>);

#[derive(Debug)]
struct Directions {
    sending: Cipher,
    receiving: Cipher,
}

impl Transport {
    pub(super) fn new(sending: Cipher, receiving: Cipher) -> Self {
        Self(Some(Directions { sending, receiving }))
    }

    /// Encrypts the next record in place, and gives the tag that goes behind it.
    ///
    /// # Errors
    /// [`NoiseError::Over`] where a record did not open before.
    pub fn seal(&mut self, text: &mut [u8]) -> Result<[u8; TAG_LEN], NoiseError> {
        let Some(Directions { sending, .. }) = &mut self.0 else { return Err(NoiseError::Over) };
        let tag = sending.seal(&[], text)?;
        take_next_key(sending);
        Ok(tag)
    }

    /// Decrypts the next record, which came with this tag, in place.
    ///
    /// # Errors
    /// [`NoiseError::Forged`] where it is not the next one that the other side sealed, and
    /// [`NoiseError::Over`] ever after: nothing more can be said either way.
    pub fn open(&mut self, text: &mut [u8], tag: &[u8; TAG_LEN]) -> Result<(), NoiseError> {
        let Some(Directions { receiving, .. }) = &mut self.0 else { return Err(NoiseError::Over) };
        let opened = receiving.open(&[], text, tag);
        if opened.is_ok() {
            take_next_key(receiving);
        } else {
            self.0 = None;
        }
        opened
    }
}

fn take_next_key(cipher: &mut Cipher) {
    if cipher.used().is_multiple_of(REKEY_EVERY) {
        cipher.rekey();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Transport, Transport) {
        let cipher = |byte| Cipher::new(&[byte; 32]);
        (Transport::new(cipher(1), cipher(2)), Transport::new(cipher(2), cipher(1)))
    }

    #[test]
    fn a_record_that_does_not_open_ends_both_directions() {
        let (mut ours, mut theirs) = pair();
        let mut text = *b"text";
        let tag = ours.seal(&mut text).unwrap();
        text[0] ^= 1;
        assert_eq!(theirs.open(&mut text, &tag), Err(NoiseError::Forged));
        text[0] ^= 1;
        assert_eq!(theirs.open(&mut text, &tag), Err(NoiseError::Over), "it is not tried again");
        assert_eq!(theirs.seal(&mut text), Err(NoiseError::Over));
    }

    #[test]
    fn records_open_in_order_and_each_once() {
        let (mut ours, mut theirs) = pair();
        let mut texts = [*b"one", *b"two"];
        let tags = texts.each_mut().map(|text| ours.seal(text).unwrap());
        assert_eq!(theirs.open(&mut texts[1], &tags[1]), Err(NoiseError::Forged));
    }

    #[test]
    fn after_65536_records_both_sides_take_the_next_key() {
        let begun = |byte| Cipher::used_before(&[byte; 32], REKEY_EVERY - 1);
        let mut ours = Transport::new(begun(1), begun(2));
        let mut theirs = Transport::new(begun(2), begun(1));
        let mut without = begun(1);
        for is_same_key in [true, false] {
            let (mut text, mut again) = (*b"text", *b"text");
            let tag = ours.seal(&mut text).unwrap();
            assert_eq!(without.seal(&[], &mut again).unwrap() == tag, is_same_key);
            assert_eq!(theirs.open(&mut text, &tag), Ok(()));
            assert_eq!(&text, b"text");
        }
    }
}
