//! Noise in the hub: the handshake of a session and of a dialled connection, and the encryption after it.
//!
//! This is the only place that knows `snow`. What snow leaves to its user is done here: a handshake is
//! consumed by each step, so that none can be tried again after an error; keys that lead to zero are refused
//! and secrets wiped by the primitives in `resolver.rs`; directions take their next key on time. Records,
//! frames and who is let in are others' business.

pub(crate) mod joining;
mod met;
mod resolver;

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

#[cfg(test)]
mod tests {
    use iot_node::noise::{Handshake, KeyPair, Parties, Pattern, Role};

    use super::*;

    const PROLOGUE: &[u8] = b"iot1/session";

    fn hub() -> HubIdentity {
        HubIdentity::from_secret([2; 32])
    }

    /// The node's side, as it runs on chips.
    fn node(role: Role, ephemeral: u8) -> Handshake {
        let own = KeyPair::from_secret([1; 32]);
        let theirs = Some(hub().public().0);
        Handshake::new(
            &Parties { pattern: Pattern::Ik, role, own: &own, theirs, psk: None },
            PROLOGUE,
            [ephemeral; 32],
        )
    }

    /// A session that a node has opened.
    fn session() -> (iot_node::noise::Transport, Transport) {
        let (mut node, mut wire, mut reply) = (node(Role::Initiator, 3), [0; 108], [0; 64]);
        node.write(&[7; 12], &mut wire).unwrap();
        let mut offer = [0; 12];
        let asked = asked(&hub(), PROLOGUE, &wire, &mut offer).unwrap();
        assert_eq!((offer, asked.theirs()), ([7; 12], KeyPair::from_secret([1; 32]).public()));
        let hub = asked.answer(&[8; 16], &mut reply).unwrap();
        let mut acceptance = [0; 16];
        assert_eq!(node.read(&reply, &mut acceptance), Ok(16));
        assert_eq!(acceptance, [8; 16]);
        (node.finish().unwrap(), hub)
    }

    #[test]
    fn a_direction_takes_its_next_key_after_65536_records() {
        let (mut wire, mut reply, other) = ([0; 108], [0; 64], HubIdentity::from_secret([5; 32]));
        let asking = ask(&other, &hub().public().0, PROLOGUE, &[7; 12], &mut wire).unwrap();
        let asked = asked(&hub(), PROLOGUE, &wire, &mut [0; 12]).unwrap();
        let mut ours = asked.answer(&[8; 16], &mut reply).unwrap();
        let mut theirs = asking.answered(&reply, &mut [0; 16]).unwrap();
        (ours.sealed, theirs.opened) = (REKEY_EVERY - 1, REKEY_EVERY - 1);
        for record in ["the last of the old key", "the first of the new one"] {
            let (mut sealed, mut heard) = (Vec::new(), [0; 4]);
            ours.seal(b"text", &mut sealed).unwrap();
            assert_eq!(theirs.open(&sealed, &mut heard), Ok(4), "{record}");
            assert_eq!(&heard, b"text");
        }
        let (mut sealed, mut heard) = (Vec::new(), [0; 4]);
        theirs.keys.rekey_incoming();
        ours.seal(b"text", &mut sealed).unwrap();
        assert_eq!(theirs.open(&sealed, &mut heard), Err(Forged), "a key that only one side has taken");
    }

    #[test]
    fn the_hub_and_a_chip_understand_each_other() {
        let (mut node, mut hub) = session();
        for number in 0..100_u64 {
            let said = number.to_le_bytes();
            let (mut text, mut heard, mut sealed) = (said, [0; 8], Vec::new());
            let tag = node.seal(&mut text).unwrap();
            assert_eq!(hub.open(&[text.as_slice(), &tag].concat(), &mut heard), Ok(8));
            assert_eq!(heard, said, "{number}");
            hub.seal(&said, &mut sealed).unwrap();
            let (text, tag) = sealed.split_last_chunk_mut().unwrap();
            node.open(text, tag).unwrap();
            assert_eq!(text, said, "{number}");
        }
    }

    #[test]
    fn the_hub_dials_a_chip_and_both_know_whom_they_speak_with() {
        let chip = KeyPair::from_secret([1; 32]);
        let (mut node, mut wire, mut reply) = (node(Role::Responder, 3), [0; 108], [0; 64]);
        let asking = ask(&hub(), &chip.public(), PROLOGUE, &[7; 12], &mut wire).unwrap();
        assert_eq!(node.read(&wire, &mut [0; 12]), Ok(12));
        assert_eq!(node.theirs(), Some(hub().public().0));
        node.write(&[8; 16], &mut reply).unwrap();
        let mut hub = asking.answered(&reply, &mut [0; 16]).unwrap();
        let mut node = node.finish().unwrap();
        let mut sealed = Vec::new();
        hub.seal(b"set", &mut sealed).unwrap();
        let (text, tag) = sealed.split_last_chunk_mut().unwrap();
        assert_eq!(node.open(text, tag), Ok(()));
    }

    #[test]
    fn another_node_cannot_answer_for_the_one_that_is_dialled() {
        let meant = KeyPair::from_secret([9; 32]);
        let mut wire = [0; 108];
        let _asking = ask(&hub(), &meant.public(), PROLOGUE, &[7; 12], &mut wire).unwrap();
        assert!(node(Role::Responder, 3).read(&wire, &mut [0; 12]).is_err());
    }

    #[test]
    fn a_low_order_point_is_refused_as_ephemeral_and_as_static() {
        // 0, 1, and the two points of order 8, little-endian.
        let mut one = [0; 32];
        one[0] = 1;
        let mut points = vec![[0; 32], one];
        for hex in [
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        ] {
            let digits = |at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
            points.push(core::array::from_fn(digits));
        }
        for point in points {
            let mut wire = [0; 108];
            wire[..32].copy_from_slice(&point);
            assert!(asked(&hub(), PROLOGUE, &wire, &mut [0; 12]).is_err(), "as ephemeral: {point:x?}");
            assert!(ask(&hub(), &point, PROLOGUE, &[0; 12], &mut wire).is_err(), "as static: {point:x?}");
        }
    }

    #[test]
    fn every_changed_bit_of_a_first_message_is_refused() {
        let (mut node, mut wire) = (node(Role::Initiator, 3), [0; 108]);
        node.write(&[7; 12], &mut wire).unwrap();
        for at in 0..wire.len() {
            let mut changed = wire;
            changed[at] ^= 0x10;
            assert!(asked(&hub(), PROLOGUE, &changed, &mut [0; 12]).is_err(), "byte {at}");
        }
        assert!(asked(&hub(), b"iot1/dial", &wire, &mut [0; 12]).is_err(), "another purpose");
        assert!(asked(&HubIdentity::from_secret([3; 32]), PROLOGUE, &wire, &mut [0; 12]).is_err());
        assert!(asked(&hub(), PROLOGUE, &wire, &mut [0; 12]).is_ok());
    }

    #[test]
    fn a_node_is_met_once_its_first_record_has_opened_and_understood_ever_after() {
        let (own, key) = (hub(), KeyPair::from_secret([1; 32]).public());
        for number in 0..3 {
            let (mut node, mut wire, mut reply) = (node(Role::Initiator, 3 + number), [0; 108], [0; 64]);
            node.write(&[7; 12], &mut wire).unwrap();
            let asked = asked(&own, PROLOGUE, &wire, &mut [0; 12]).unwrap();
            let mut hub = asked.answer(&[8; 16], &mut reply).unwrap();
            assert_eq!(
                own.met.shared_with(&key).is_some(),
                number > 0,
                "what it said may have been recorded"
            );
            assert_eq!(node.read(&reply, &mut [0; 16]), Ok(16));
            let mut text = *b"hello";
            let tag = node.finish().unwrap().seal(&mut text).unwrap();
            assert_eq!(hub.open(&[text.as_slice(), &tag].concat(), &mut [0; 5]), Ok(5));
            let chip = StaticSecret::from([1; 32]);
            let shared = *chip.diffie_hellman(&own.public).as_bytes();
            assert_eq!(own.met.shared_with(&key).as_deref(), Some(&shared));
        }
        let mut wire = [0; 108];
        ask(&own, &key, PROLOGUE, &[7; 12], &mut wire).unwrap();
        assert_eq!(node(Role::Responder, 9).read(&wire, &mut [0; 12]), Ok(12), "it is dialled as before");
    }

    #[test]
    fn an_identity_is_never_shown_and_no_two_are_equal() {
        assert_eq!(format!("{:?}", hub()), "HubIdentity { .. }");
        let two = [HubIdentity::generate().unwrap(), HubIdentity::generate().unwrap()];
        assert_ne!(two[0].secret(), two[1].secret());
    }
}
