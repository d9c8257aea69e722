//! The primitives that `snow` is given: X25519, ChaCha20-Poly1305, SHA-256 and the random numbers of the
//! operating system, each from its library. Secrets in them are wiped when they are dropped.

use std::sync::{Arc, Mutex, PoisonError};

use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce, Tag, aead::AeadInOut as _};
use iot_proto::TAG_LEN;
use sha2::{Digest as _, Sha256};
use snow::{
    Error,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::CryptoResolver,
    types::{Cipher, Dh, Hash, Random},
};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{HubIdentity, met::StaticStatic};

/// The last key that was multiplied with the hub's static one in a handshake, and what they come to.
pub(super) type Computed = Arc<Mutex<Option<([u8; 32], StaticStatic)>>>;

/// Gives primitives to one handshake of this identity.
pub(super) struct Resolver {
    own: HubIdentity,
    computed: Computed,
}

impl Resolver {
    pub(super) fn new(own: HubIdentity, computed: Computed) -> Self {
        Self { own, computed }
    }
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(SystemRandom))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        (*choice == DHChoice::Curve25519).then(|| -> Box<dyn Dh> {
            let (own, computed) = (self.own.clone(), Arc::clone(&self.computed));
            Box::new(X25519 { own, computed, pair: None, is_static: false })
        })
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        (*choice == HashChoice::SHA256).then(|| -> Box<dyn Hash> { Box::new(Sha(Sha256::new())) })
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        (*choice == CipherChoice::ChaChaPoly).then(|| -> Box<dyn Cipher> { Box::new(ChaCha(None)) })
    }
}

/// The random numbers of the operating system.
struct SystemRandom;

impl Random for SystemRandom {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(dest).map_err(|_| Error::Rng)
    }
}

/// One key pair, static or ephemeral, once it is there.
struct X25519 {
    own: HubIdentity,
    computed: Computed,
    pair: Option<(StaticSecret, PublicKey)>,
    is_static: bool,
}

impl X25519 {
    /// What our key and theirs come to; `None` where that is nothing.
    fn agree(&self, theirs: &[u8; 32]) -> Option<StaticStatic> {
        let known = self.is_static.then(|| self.own.met.shared_with(theirs)).flatten();
        if known.is_some() {
            return known;
        }
        let (secret, _) = self.pair.as_ref()?;
        let shared = secret.diffie_hellman(&PublicKey::from(*theirs));
        let shared = shared.was_contributory().then(|| Zeroizing::new(shared.to_bytes()))?;
        if self.is_static {
            *self.computed.lock().unwrap_or_else(PoisonError::into_inner) = Some((*theirs, shared.clone()));
        }
        Some(shared)
    }
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, privkey: &[u8]) {
        // The only key that is ever set is the hub's own, whose public key need not be computed again.
        debug_assert_eq!(privkey, self.own.secret());
        self.pair = Some((self.own.secret.clone(), self.own.public));
        self.is_static = true;
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        let mut secret = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(secret.as_mut_slice())?;
        let secret = StaticSecret::from(*secret);
        let public = PublicKey::from(&secret);
        self.pair = Some((secret, public));
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        self.pair.as_ref().map_or(&[], |(_, public)| public.as_bytes())
    }

    fn privkey(&self) -> &[u8] {
        self.pair.as_ref().map_or(&[], |(secret, _)| secret.as_bytes())
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), Error> {
        // snow gives the key, or its buffer for the longest key of all.
        let theirs = pubkey.first_chunk::<32>().ok_or(Error::Dh)?;
        let out = out.first_chunk_mut::<32>().ok_or(Error::Dh)?;
        *out = *self.agree(theirs).ok_or(Error::Dh)?;
        Ok(())
    }
}

/// One key for encryption, once it is there.
struct ChaCha(Option<ChaCha20Poly1305>);

impl Cipher for ChaCha {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.0 = Some(ChaCha20Poly1305::new(key.into()));
    }

    fn encrypt(&self, nonce: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let sealed = out.split_at_mut_checked(plaintext.len()).and_then(|(text, rest)| {
            let end = rest.get_mut(..TAG_LEN)?;
            text.copy_from_slice(plaintext);
            let aead = self.0.as_ref()?;
            let tag = aead.encrypt_inout_detached(&to_nonce(nonce), authtext, text.into()).ok()?;
            end.copy_from_slice(&tag);
            Some(plaintext.len() + TAG_LEN)
        });
        // snow has checked room and key. Where it had not, no byte counts as written.
        sealed.unwrap_or(0)
    }

    fn decrypt(
        &self,
        nonce: u64,
        authtext: &[u8],
        ciphertext: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let aead = self.0.as_ref().ok_or(Error::Decrypt)?;
        let (sealed, tag) = ciphertext.split_last_chunk::<TAG_LEN>().ok_or(Error::Decrypt)?;
        let text = out.get_mut(..sealed.len()).ok_or(Error::Decrypt)?;
        text.copy_from_slice(sealed);
        aead.decrypt_inout_detached(&to_nonce(nonce), authtext, text.into(), &Tag::from(*tag))
            .map_err(|_| Error::Decrypt)?;
        Ok(sealed.len())
    }
}

/// A number as the nonce that Noise makes of it: four zeros, then the number, little-endian.
fn to_nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce.iter_mut().skip(4).zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
    nonce.into()
}

/// SHA-256.
struct Sha(Sha256);

impl Hash for Sha {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        32
    }

    fn reset(&mut self) {
        self.0 = Sha256::new();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let hash = self.0.finalize_reset();
        out.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    }
}
