//! One direction of encryption: a key, and a nonce that only counts up.

use core::fmt;

use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce, Tag, aead::AeadInOut as _};
use zeroize::Zeroize as _;

use super::{NoiseError, TAG_LEN};

/// The nonce that no message may have: it makes the next key.
const REKEY_NONCE: u64 = u64::MAX;

/// A key, and how often it was used. It is wiped when it is dropped.
pub(super) struct Cipher {
    aead: ChaCha20Poly1305,
    used: u64,
}

impl Cipher {
    /// A key that has not been used.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self { aead: ChaCha20Poly1305::new(key.into()), used: 0 }
    }

    /// A key that has been used so many times.
    #[cfg(test)]
    pub(super) fn used_before(key: &[u8; 32], used: u64) -> Self {
        Self { used, ..Self::new(key) }
    }

    /// How many messages it has encrypted or decrypted, over all keys.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Encrypts in place, and gives the tag.
    ///
    /// # Errors
    /// [`NoiseError::Over`] where every nonce has been used.
    pub(super) fn seal(&mut self, with: &[u8], text: &mut [u8]) -> Result<[u8; TAG_LEN], NoiseError> {
        let nonce = self.next()?;
        let tag = self.aead.encrypt_inout_detached(&nonce, with, text.into());
        Ok(tag.map_err(|_| NoiseError::Over)?.into())
    }

    /// Decrypts in place what has this tag.
    ///
    /// # Errors
    /// [`NoiseError::Forged`], [`NoiseError::Over`]; the connection cannot go on after either.
    pub(super) fn open(
        &mut self,
        with: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), NoiseError> {
        let nonce = self.next()?;
        let tag = Tag::from(*tag);
        self.aead.decrypt_inout_detached(&nonce, with, text.into(), &tag).map_err(|_| NoiseError::Forged)
    }

    /// Takes the next key; whoever learns it does not learn the one before.
    pub(super) fn rekey(&mut self) {
        let mut key = [0; 32];
        let nonce = nonce(REKEY_NONCE);
        // Fails only for texts of many gigabytes.
        if self.aead.encrypt_inout_detached(&nonce, &[], key.as_mut_slice().into()).is_ok() {
            self.aead = ChaCha20Poly1305::new(&key.into());
        }
        key.zeroize();
    }

    fn next(&mut self) -> Result<Nonce, NoiseError> {
        let now = self.used;
        self.used = now.checked_add(1).filter(|next| *next < REKEY_NONCE).ok_or(NoiseError::Over)?;
        Ok(nonce(now))
    }
}

/// A number as the nonce that Noise makes of it: four zeros, then the number, little-endian.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce.iter_mut().skip(4).zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
    nonce.into()
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher").field("used", &self.used).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_used_once_and_a_failure_uses_it_too() {
        let (mut ours, mut theirs) = (Cipher::new(&[1; 32]), Cipher::new(&[1; 32]));
        let mut text = *b"text";
        let tag = ours.seal(b"", &mut text).unwrap();
        let repeated = text;
        theirs.open(b"", &mut text, &tag).unwrap();
        assert_eq!(theirs.open(b"", &mut repeated.clone(), &tag), Err(NoiseError::Forged));
        assert_eq!((ours.used(), theirs.used()), (1, 2));
    }

    #[test]
    fn no_nonce_comes_twice_at_the_end_of_all_numbers() {
        let mut cipher = Cipher::new(&[1; 32]);
        cipher.used = REKEY_NONCE - 2;
        assert!(cipher.seal(b"", &mut [0; 1]).is_ok());
        assert_eq!(cipher.seal(b"", &mut [0; 1]), Err(NoiseError::Over));
        assert_eq!(cipher.seal(b"", &mut [0; 1]), Err(NoiseError::Over));
    }

    #[test]
    fn a_new_key_opens_nothing_of_the_old_one() {
        let (mut old, mut new) = (Cipher::new(&[1; 32]), Cipher::new(&[1; 32]));
        new.rekey();
        let mut text = *b"text";
        let tag = old.seal(b"", &mut text).unwrap();
        assert_eq!(new.open(b"", &mut text, &tag), Err(NoiseError::Forged));
    }
}
