//! [`first_record`]: how a session would begin with somebody who has no secret key at all, only points of low order.
//!
//! With such a point both sides agree on zeros, so whoever says it needs to know nothing. No library makes such a
//! handshake, so its first message is put together here by hand, as the Noise specification has it.

use anyhow::{Result, anyhow};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce, aead::AeadInOut as _};
use hkdf::Hkdf;
use iot_proto::{HubKey, Offer, Opening, Purpose, VersionRange};
use sha2::{Digest as _, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};

/// A key that is said, and what it agrees on with the hub's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    public: [u8; 32],
    agreed: [u8; 32],
}

impl Said {
    /// A key that nobody has to know a secret for.
    pub(super) fn low_order(point: [u8; 32]) -> Self {
        Self { public: point, agreed: [0; 32] }
    }

    /// The key that belongs to a secret.
    pub(super) fn honest(secret: [u8; 32], hub: HubKey) -> Self {
        let secret = StaticSecret::from(secret);
        let agreed = secret.diffie_hellman(&PublicKey::from(hub.0)).to_bytes();
        Self { public: PublicKey::from(&secret).to_bytes(), agreed }
    }
}

/// The first record of a session with this hub, of somebody with these two keys.
pub(super) fn first_record(hub: HubKey, ephemeral: Said, own: Said) -> Result<Vec<u8>> {
    let opening = Opening { purpose: Purpose::Session, versions: VersionRange::OURS, hub_key: 1 };
    let mut state = State::new(*b"Noise_IK_25519_ChaChaPoly_SHA256");
    state.mix_hash(opening.prologue().as_ref());
    state.mix_hash(&hub.0);
    let mut record = opening.clear().as_ref().to_vec();
    record.extend_from_slice(&ephemeral.public);
    state.mix_hash(&ephemeral.public);
    state.mix_key(&ephemeral.agreed)?;
    record.extend(state.seal(&own.public)?);
    state.mix_key(&own.agreed)?;
    record.extend(state.seal(&Offer { record: 1024 }.encode())?);
    Ok(record)
}

/// What both sides have in common so far.
struct State {
    chaining: [u8; 32],
    hash: [u8; 32],
    key: [u8; 32],
}

impl State {
    fn new(name: [u8; 32]) -> Self {
        Self { chaining: name, hash: name, key: [0; 32] }
    }

    fn mix_hash(&mut self, bytes: &[u8]) {
        self.hash = Sha256::new().chain_update(self.hash).chain_update(bytes).finalize().into();
    }

    fn mix_key(&mut self, agreed: &[u8; 32]) -> Result<()> {
        let mut derived = [0; 64];
        let derive = Hkdf::<Sha256>::new(Some(&self.chaining), agreed);
        derive.expand(&[], &mut derived).map_err(|_| anyhow!("64 bytes can be derived"))?;
        let (chaining, key) = derived.split_at(32);
        self.chaining.copy_from_slice(chaining);
        self.key.copy_from_slice(key);
        Ok(())
    }

    /// Seals under a key that is used once.
    fn seal(&mut self, text: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = text.to_vec();
        let cipher = ChaCha20Poly1305::new(&self.key.into());
        let tag = cipher.encrypt_inout_detached(&Nonce::default(), &self.hash, sealed.as_mut_slice().into());
        sealed.extend_from_slice(&tag.map_err(|_| anyhow!("a short text can be sealed"))?);
        self.mix_hash(&sealed);
        Ok(sealed)
    }
}

#[cfg(test)]
mod tests {
    use iot_node::noise::{Handshake, KeyPair, Parties, Pattern, Role};

    use super::*;

    /// Or the hub would refuse the records for another reason than their keys.
    #[test]
    fn with_genuine_keys_it_is_a_genuine_record() {
        let hub = KeyPair::from_secret([1; 32]);
        let said = |secret| Said::honest([secret; 32], HubKey(hub.public()));
        let record = first_record(HubKey(hub.public()), said(2), said(3)).unwrap();
        let opening = Opening { purpose: Purpose::Session, versions: VersionRange::OURS, hub_key: 1 };
        let parties =
            Parties { pattern: Pattern::Ik, role: Role::Responder, own: &hub, theirs: None, psk: None };
        let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), [4; 32]);
        let mut offer = [0; Offer::LEN];
        assert_eq!(handshake.read(&record[8..], &mut offer), Ok(Offer::LEN));
        assert_eq!(handshake.theirs(), Some(said(3).public));
        assert_eq!(Offer::decode(&offer), Ok(Offer { record: 1024 }));
    }
}
