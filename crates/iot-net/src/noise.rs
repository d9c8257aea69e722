//! Noise in the hub: the handshake of a session and of a dialled connection, and the encryption after it.
//!
//! This is the only place that knows `snow`. What snow leaves to its user is done here: a handshake is
//! consumed by each step, so that none can be tried again after an error; keys that lead to zero are refused
//! and secrets wiped by the primitives in `resolver.rs`; directions take their next key on time. Records,
//! frames and who is let in are others' business.

pub(crate) mod joining;
mod met;
mod resolver;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock, PoisonError};

use iot_proto::{HubKey, JoinSecret, TAG_LEN};
use snow::{Builder, HandshakeState, StatelessTransportState, params::NoiseParams};
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use self::{
    met::{Meeting, Met},
    resolver::{Computed, Resolver},
};

/// After so many records a direction takes its next key.
const REKEY_EVERY: u64 = 65_536;

/// What both sides of a session make: the dialler knows the other's key, and tells its own.
static IK: LazyLock<NoiseParams> = LazyLock::new(|| {
    "Noise_IK_25519_ChaChaPoly_SHA256".parse().expect("the name of a handshake that snow knows")
});

/// The hub's own static key pair. It is wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct HubIdentity {
    secret: StaticSecret,
    public: PublicKey,
    met: Met,
}

/// Bytes that are no genuine message, or not the next one; nothing is left of handshake or connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("what came was not said by the other side, or not now")]
pub(crate) struct Forged;

/// A first message that has been read, and not answered yet. Who said it may have recorded it.
#[derive(Debug)]
pub(crate) struct Asked {
    handshake: HandshakeState,
    theirs: [u8; 32],
    meeting: Option<Meeting>,
}

/// A first message that has been sent, and waits for its answer.
#[derive(Debug)]
pub(crate) struct Asking {
    handshake: HandshakeState,
    meeting: Option<Meeting>,
}

/// Both directions of an encrypted connection. The first record that does not open ends it.
pub(crate) struct Transport {
    keys: StatelessTransportState,
    sealed: u64,
    opened: u64,
    /// Boxed, because it is there until the first record has opened and never again.
    meeting: Option<Box<Meeting>>,
}

impl HubIdentity {
    /// The identity of these 32 bytes.
    pub fn from_secret(secret: [u8; 32]) -> Self {
        let secret = StaticSecret::from(secret);
        let public = PublicKey::from(&secret);
        Self { secret, public, met: Met::default() }
    }

    /// A new identity.
    ///
    /// # Errors
    /// The operating system has no random bytes.
    pub fn generate() -> std::io::Result<Self> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(secret.as_mut_slice())?;
        Ok(Self::from_secret(*secret))
    }

    /// The public key, which nodes are given.
    pub fn public(&self) -> HubKey {
        HubKey(self.public.to_bytes())
    }

    /// The secret bytes, for whoever keeps them. They leave this type nowhere else.
    pub fn secret(&self) -> &[u8; 32] {
        self.secret.as_bytes()
    }
}

/// Two identities are the same where others cannot tell them apart.
impl PartialEq for HubIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.public == other.public
    }
}

impl Eq for HubIdentity {}

impl core::fmt::Debug for HubIdentity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HubIdentity").finish_non_exhaustive()
    }
}

/// A new secret, with which one node may join.
///
/// # Errors
/// The operating system has no random bytes.
pub fn new_secret() -> std::io::Result<JoinSecret> {
    let mut secret = Zeroizing::new([0; 16]);
    getrandom::fill(secret.as_mut_slice())?;
    Ok(JoinSecret::new(*secret))
}

/// Reads the first message of a handshake, whose payload is put into `payload`.
pub(crate) fn asked(
    own: &HubIdentity,
    prologue: &[u8],
    message: &[u8],
    payload: &mut [u8],
) -> Result<Asked, Forged> {
    let computed = Computed::default();
    let begin = begin(own, &IK, &computed).prologue(prologue).and_then(Builder::build_responder);
    let mut handshake = begin.map_err(|_| Forged)?;
    let len = handshake.read_message(message, payload).map_err(|_| Forged)?;
    let theirs = handshake.get_remote_static().and_then(|key| key.try_into().ok());
    let theirs = theirs.filter(|_| len == payload.len()).ok_or(Forged)?;
    Ok(Asked { handshake, theirs, meeting: meeting(own, theirs, &computed) })
}

impl Asked {
    /// The static key of whoever said it. It is proven once the first record after the handshake opens.
    pub(crate) fn theirs(&self) -> [u8; 32] {
        self.theirs
    }

    /// Answers; the answer is as long as `out`.
    pub(crate) fn answer(mut self, payload: &[u8], out: &mut [u8]) -> Result<Transport, Forged> {
        let written = self.handshake.write_message(payload, out);
        written.ok().filter(|len| *len == out.len()).ok_or(Forged)?;
        Transport::begin(self.handshake, self.meeting)
    }
}

/// Writes the first message of a handshake with whoever has the key `theirs`; it is as long as `out`.
pub(crate) fn ask(
    own: &HubIdentity,
    theirs: &[u8; 32],
    prologue: &[u8],
    payload: &[u8],
    out: &mut [u8],
) -> Result<Asking, Forged> {
    let computed = Computed::default();
    let begin = begin(own, &IK, &computed).remote_public_key(theirs);
    let begin = begin.and_then(|builder| builder.prologue(prologue));
    let mut handshake = begin.and_then(Builder::build_initiator).map_err(|_| Forged)?;
    let written = handshake.write_message(payload, out);
    written.ok().filter(|len| *len == out.len()).ok_or(Forged)?;
    Ok(Asking { handshake, meeting: meeting(own, *theirs, &computed) })
}

impl Asking {
    /// Reads the answer, whose payload is put into `payload`. From here on the other side is proven.
    pub(crate) fn answered(mut self, message: &[u8], payload: &mut [u8]) -> Result<Transport, Forged> {
        let len = self.handshake.read_message(message, payload).map_err(|_| Forged)?;
        if len != payload.len() {
            return Err(Forged);
        }
        Transport::begin(self.handshake, self.meeting)
    }
}

impl Transport {
    fn begin(handshake: HandshakeState, meeting: Option<Meeting>) -> Result<Self, Forged> {
        let keys = handshake.into_stateless_transport_mode().map_err(|_| Forged)?;
        Ok(Self { keys, sealed: 0, opened: 0, meeting: meeting.map(Box::new) })
    }

    /// Encrypts the next record behind what is in `out`.
    pub(crate) fn seal(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Forged> {
        let start = out.len();
        out.resize(start + text.len() + TAG_LEN, 0);
        let room = out.get_mut(start..).unwrap_or_default();
        self.keys.write_message(self.sealed, text, room).map_err(|_| Forged)?;
        self.sealed += 1;
        if self.sealed.is_multiple_of(REKEY_EVERY) {
            self.keys.rekey_outgoing();
        }
        Ok(())
    }

    /// Decrypts the next record into `text`, and gives its length. After an error the caller drops this.
    pub(crate) fn open(&mut self, record: &[u8], text: &mut [u8]) -> Result<usize, Forged> {
        let len = self.keys.read_message(self.opened, record, text).map_err(|_| Forged)?;
        if let Some(meeting) = self.meeting.take() {
            meeting.proven();
        }
        self.opened += 1;
        if self.opened.is_multiple_of(REKEY_EVERY) {
            self.keys.rekey_incoming();
        }
        Ok(len)
    }
}

/// A handshake of this identity, which leaves in `computed` what it made of its static key last: in IK, after the first
/// message, that is of the other static key.
fn begin<'a>(own: &'a HubIdentity, params: &NoiseParams, computed: &Computed) -> Builder<'a> {
    let resolver = Resolver::new(own.clone(), Arc::clone(computed));
    let builder = Builder::with_resolver(params.clone(), Box::new(resolver));
    // Only a second key would be refused.
    builder.local_private_key(own.secret()).unwrap_or_else(|_| unreachable!("it is the first key"))
}

/// The meeting with whoever has the static key `theirs`, where what it and the hub's come to was computed.
fn meeting(own: &HubIdentity, theirs: [u8; 32], computed: &Computed) -> Option<Meeting> {
    let last = computed.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (_, shared) = last.filter(|(key, _)| *key == theirs)?;
    Some(own.met.meeting(theirs, shared))
}

impl core::fmt::Debug for Transport {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}
