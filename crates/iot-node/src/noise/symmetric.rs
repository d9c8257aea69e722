//! What both sides of a handshake have in common so far: a chaining key, a hash of all that was said, and,
//! once they share a secret, a key. `SymmetricState` of the Noise specification.

use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{NoiseError, TAG_LEN, cipher::Cipher};

/// The state that both sides bring forward in step.
#[derive(Debug)]
pub(super) struct Symmetric {
    chaining: Chaining,
    hash: [u8; 32],
    cipher: Option<Cipher>,
}

/// The chaining key, from which all keys follow.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Chaining([u8; 32]);

impl core::fmt::Debug for Chaining {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Chaining")
    }
}

impl Symmetric {
    /// The state before anything was said, for a handshake of this name.
    pub(super) fn new(name: &[u8]) -> Self {
        let mut hash = [0; 32];
        match hash.get_mut(..name.len()) {
            Some(begin) => begin.copy_from_slice(name),
            None => hash = Sha256::digest(name).into(),
        }
        Self { chaining: Chaining(hash), hash, cipher: None }
    }

    /// The hash of all that was said.
    pub(super) fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Both sides know these bytes.
    pub(super) fn mix_hash(&mut self, bytes: &[u8]) {
        self.hash = Sha256::new().chain_update(self.hash).chain_update(bytes).finalize().into();
    }

    /// Both sides know this secret.
    pub(super) fn mix_key(&mut self, secret: &[u8]) {
        let mut derived = self.derive::<64>(secret);
        let (chaining, key) = derived.split_at(32);
        self.chaining.0.copy_from_slice(chaining);
        self.set_key(key);
        derived.zeroize();
    }

    /// Both sides know this secret from before.
    pub(super) fn mix_key_and_hash(&mut self, secret: &[u8]) {
        let mut derived = self.derive::<96>(secret);
        let (chaining, rest) = derived.split_at(32);
        let (hash, key) = rest.split_at(32);
        self.chaining.0.copy_from_slice(chaining);
        self.mix_hash(hash);
        self.set_key(key);
        derived.zeroize();
    }

    /// Writes `text` behind each other, encrypted once there is a key, and gives the length.
    pub(super) fn seal(&mut self, text: &[u8], out: &mut [u8]) -> Result<usize, NoiseError> {
        let len = text.len() + if self.cipher.is_some() { TAG_LEN } else { 0 };
        let (Some(out), hash) = (out.get_mut(..len), self.hash) else {
            return Err(NoiseError::Length { len });
        };
        let (body, end) = out.split_at_mut(text.len());
        body.copy_from_slice(text);
        if let Some(cipher) = &mut self.cipher {
            end.copy_from_slice(&cipher.seal(&hash, body)?);
        }
        self.mix_hash(out);
        Ok(len)
    }

    /// Reads what the other side's `seal` wrote, and gives the length of the text.
    pub(super) fn open(&mut self, sealed: &[u8], out: &mut [u8]) -> Result<usize, NoiseError> {
        let (too_short, hash) = (NoiseError::Length { len: sealed.len() }, self.hash);
        let Some(cipher) = &mut self.cipher else {
            out.get_mut(..sealed.len()).ok_or(too_short)?.copy_from_slice(sealed);
            self.mix_hash(sealed);
            return Ok(sealed.len());
        };
        let (text, tag) = sealed.split_last_chunk::<TAG_LEN>().ok_or(too_short)?;
        let out = out.get_mut(..text.len()).ok_or(too_short)?;
        out.copy_from_slice(text);
        cipher.open(&hash, out, tag)?;
        self.mix_hash(sealed);
        Ok(text.len())
    }

    /// The keys of what comes after the handshake: first of what the initiator says, then the responder.
    pub(super) fn split(&self) -> (Cipher, Cipher) {
        let derived = self.derive::<64>(&[]);
        let (initiator, responder) = derived.split_at(32);
        (cipher(initiator), cipher(responder))
    }

    /// Whether what is said now is encrypted.
    pub(super) fn has_key(&self) -> bool {
        self.cipher.is_some()
    }

    fn set_key(&mut self, key: &[u8]) {
        self.cipher = Some(cipher(key));
    }

    fn derive<const N: usize>(&self, secret: &[u8]) -> Zeroizing<[u8; N]> {
        let mut derived = Zeroizing::new([0; N]);
        // 96 bytes are far below what can be derived at once, so there is no failure to report.
        let _ = Hkdf::<Sha256>::new(Some(&self.chaining.0), secret).expand(&[], derived.as_mut_slice());
        derived
    }
}

/// The cipher of a key of 32 bytes.
fn cipher(bytes: &[u8]) -> Cipher {
    let mut key = Zeroizing::new([0; 32]);
    key.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Cipher::new(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fits_is_the_first_hash_and_a_longer_one_is_hashed() {
        let name = b"Noise_IK_25519_ChaChaPoly_SHA256";
        assert_eq!(Symmetric::new(name).hash(), *name);
        let long = b"Noise_XXpsk0_25519_ChaChaPoly_SHA256";
        assert_eq!(Symmetric::new(long).hash(), <[u8; 32]>::from(Sha256::digest(long)));
    }

    #[test]
    fn what_was_sealed_opens_on_the_other_side_and_nowhere_else() {
        let (mut ours, mut theirs) = (Symmetric::new(b"test"), Symmetric::new(b"test"));
        ours.mix_key(b"secret");
        theirs.mix_key(b"secret");
        let (mut sealed, mut text) = ([0; 20], [0; 4]);
        assert_eq!(ours.seal(b"text", &mut [0; 19]), Err(NoiseError::Length { len: 20 }));
        assert_eq!(ours.seal(b"text", &mut sealed), Ok(20));
        assert_eq!(theirs.open(&sealed, &mut text), Ok(4));
        assert_eq!((&text, ours.hash()), (b"text", theirs.hash()));
        assert_eq!(theirs.open(&sealed, &mut text), Err(NoiseError::Forged));
    }
}
