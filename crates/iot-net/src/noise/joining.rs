//! The hub's side of the handshakes with which nodes join: XX, and `XXpsk0` where the node has a secret.

use std::sync::LazyLock;

use iot_proto::JoinSecret;
use snow::{Builder, HandshakeState, params::NoiseParams};

use super::{Forged, HubIdentity, Transport, begin, resolver::Computed};

/// Bytes of the message with which the hub answers.
pub(crate) const ANSWER: usize = 96;

static XX: LazyLock<NoiseParams> = LazyLock::new(|| {
    "Noise_XX_25519_ChaChaPoly_SHA256".parse().expect("the name of a handshake that snow knows")
});

static XX_PSK0: LazyLock<NoiseParams> = LazyLock::new(|| {
    "Noise_XXpsk0_25519_ChaChaPoly_SHA256".parse().expect("the name of a handshake that snow knows")
});

/// A handshake in which the hub has answered. Nothing is known of the node but, where it has one, its secret.
#[derive(Debug)]
pub(crate) struct Answered(HandshakeState);

/// A node that has proven its key.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) key: [u8; 32],
    /// The hash of all that was said.
    pub(crate) transcript: [u8; 32],
    pub(crate) transport: Transport,
}

/// Reads the first message of a node that joins, and answers it.
pub(crate) fn answer(
    own: &HubIdentity,
    secret: Option<&JoinSecret>,
    prologue: &[u8],
    message: &[u8],
) -> Result<(Answered, [u8; ANSWER]), Forged> {
    let params = if secret.is_some() { &XX_PSK0 } else { &XX };
    let psk = secret.map(|secret| zeroize::Zeroizing::new(secret.psk()));
    let mut builder = begin(own, params, &Computed::default()).prologue(prologue).map_err(|_| Forged)?;
    if let Some(psk) = &psk {
        builder = builder.psk(0, psk).map_err(|_| Forged)?;
    }
    let mut handshake = Builder::build_responder(builder).map_err(|_| Forged)?;
    let read = handshake.read_message(message, &mut []);
    read.ok().filter(|len| *len == 0).ok_or(Forged)?;
    let mut out = [0; ANSWER];
    let written = handshake.write_message(&[], &mut out);
    written.ok().filter(|len| *len == ANSWER).ok_or(Forged)?;
    Ok((Answered(handshake), out))
}

impl Answered {
    /// Reads the node's second message, with which it proves its key.
    pub(crate) fn proven(mut self, message: &[u8]) -> Result<Proven, Forged> {
        let read = self.0.read_message(message, &mut []);
        read.ok().filter(|len| *len == 0).ok_or(Forged)?;
        let key = self.0.get_remote_static().and_then(|key| key.try_into().ok()).ok_or(Forged)?;
        let transcript = self.0.get_handshake_hash().try_into().map_err(|_| Forged)?;
        Ok(Proven { key, transcript, transport: Transport::begin(self.0, None)? })
    }
}
