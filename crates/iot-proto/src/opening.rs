//! How an encrypted connection begins: what its first record says in clear, what the two sides tell each
//! other under encryption before the first frame, and what is said where one of them will not go on.
//!
//! The Noise messages themselves are made and read by the two ends. Their patterns are IK for a session and
//! for a connection that the hub dials, `XXpsk0` for joining with a secret, XX for joining with a code; the
//! suite is `25519_ChaChaPoly_SHA256`.

use crate::{MAX_RECORD, MIN_RECORD, OpeningError, Origin, Record, RecordType, VersionRange};

/// Bytes of the first Noise message of a session or of a dialled connection: `e, es, s, ss` and the offer.
pub const SESSION_MESSAGE: usize = 108;

/// Bytes of the first Noise message of joining with a secret: `psk, e`.
const JOIN_SECRET_MESSAGE: usize = 48;

/// Bytes of the first Noise message of joining with a code: `e`.
const JOIN_CODE_MESSAGE: usize = 32;

/// Bytes of the longest clear part: header, versions, key number, zero, slot.
const MAX_CLEAR: usize = 12;

/// Bytes of the longest prologue: the longest label, a zero, the clear part.
const MAX_PROLOGUE: usize = 16 + 1 + MAX_CLEAR;

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A node opens its session.
    Session,
    /// The hub dials a node.
    Dial,
    /// A node joins with a secret, which the hub finds by this number.
    JoinSecret {
        /// The first bytes of a hash of the secret.
        slot: [u8; 4],
    },
    /// A node joins, and a person compares codes.
    JoinCode,
}

impl Purpose {
    /// The label under which the handshake is bound to this purpose and to no other.
    pub fn label(self) -> &'static str {
        match self {
            Self::Session => "iot1/session",
            Self::Dial => "iot1/dial",
            Self::JoinSecret { .. } => "iot1/join-secret",
            Self::JoinCode => "iot1/join-code",
        }
    }

    fn record_type(self) -> RecordType {
        match self {
            Self::Session | Self::Dial => RecordType::Session,
            Self::JoinSecret { .. } => RecordType::JoinSecret,
            Self::JoinCode => RecordType::JoinCode,
        }
    }

    fn message_len(self) -> usize {
        match self {
            Self::Session | Self::Dial => SESSION_MESSAGE,
            Self::JoinSecret { .. } => JOIN_SECRET_MESSAGE,
            Self::JoinCode => JOIN_CODE_MESSAGE,
        }
    }

    /// Whether whoever opens the connection knows a key of the hub already.
    fn knows_hub(self) -> bool {
        matches!(self, Self::Session | Self::Dial)
    }
}

/// What the first record of a connection says in clear. It becomes part of the handshake, so that nobody can
/// change it on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// What the connection is for.
    pub purpose: Purpose,
    /// The versions that the opener speaks.
    pub versions: VersionRange,
    /// Number of the hub's key that is meant, from 1; 0 when joining, for then none is known.
    pub hub_key: u8,
}

impl Opening {
    /// Takes the first record of a connection that was opened by `from` apart: what it says in clear, and the
    /// Noise message behind.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub fn decode(record: Record<'_>, from: Origin) -> Result<(Self, &[u8]), OpeningError> {
        let (clear, rest) = record.body.split_first_chunk::<4>().ok_or(OpeningError::Type(record.kind))?;
        let (purpose, message) = match (record.kind, from) {
            (RecordType::Session, Origin::Node) => (Purpose::Session, rest),
            (RecordType::Session, Origin::Hub) => (Purpose::Dial, rest),
            (RecordType::JoinCode, Origin::Node) => (Purpose::JoinCode, rest),
            (RecordType::JoinSecret, Origin::Node) => {
                let (slot, rest) = rest.split_first_chunk().ok_or(OpeningError::Type(record.kind))?;
                (Purpose::JoinSecret { slot: *slot }, rest)
            }
            _ => return Err(OpeningError::Type(record.kind)),
        };
        let [min, max, hub_key, zero] = *clear;
        if zero != 0 {
            return Err(OpeningError::Reserved);
        }
        if purpose.knows_hub() == (hub_key == 0) {
            return Err(OpeningError::KeyNumber(hub_key));
        }
        if min > max {
            return Err(OpeningError::Versions { min, max });
        }
        Ok((Self { purpose, versions: VersionRange { min, max }, hub_key }, message))
    }

    /// The clear part of the first record, header included, behind which the Noise message goes.
    pub fn clear(&self) -> Clear {
        let (slot, len): (&[u8], _) = match &self.purpose {
            Purpose::JoinSecret { slot } => (slot, 12),
            Purpose::Session | Purpose::Dial | Purpose::JoinCode => (&[], 8),
        };
        let body = len - crate::RECORD_HEADER_LEN + self.purpose.message_len();
        // Each purpose has the one length that its type takes.
        let header = Record::header(self.purpose.record_type(), body).unwrap_or_default();
        let said = [self.versions.min, self.versions.max, self.hub_key, 0];
        let mut bytes = [0; MAX_CLEAR];
        for (to, from) in bytes.iter_mut().zip(header.iter().chain(&said).chain(slot)) {
            *to = *from;
        }
        Clear { bytes, len }
    }

    /// What both sides mix into the handshake before it begins: label, zero, clear part.
    pub fn prologue(&self) -> Prologue {
        let (label, clear) = (self.purpose.label().as_bytes(), self.clear());
        let mut prologue = Prologue { bytes: [0; MAX_PROLOGUE], len: label.len() + 1 + clear.as_ref().len() };
        for (to, from) in prologue.bytes.iter_mut().zip(label.iter().chain(&[0]).chain(clear.as_ref())) {
            *to = *from;
        }
        prologue
    }
}

/// The clear part of a first record.
#[derive(Clone, Copy, Debug)]
pub struct Clear {
    bytes: [u8; MAX_CLEAR],
    len: usize,
}

impl AsRef<[u8]> for Clear {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// What both sides mix into a handshake before it begins.
#[derive(Clone, Copy, Debug)]
pub struct Prologue {
    bytes: [u8; MAX_PROLOGUE],
    len: usize,
}

impl AsRef<[u8]> for Prologue {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// What the opener of a session offers, encrypted in its first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Most bytes behind the header of a data record that it takes.
    pub record: u16,
}

impl Offer {
    /// Bytes of an offer.
    pub const LEN: usize = 12;

    /// The offer in these bytes.
    ///
    /// # Errors
    /// [`OpeningError::Reserved`], [`OpeningError::Record`].
    pub fn decode(bytes: &[u8; Self::LEN]) -> Result<Self, OpeningError> {
        let [r0, r1, zeros @ ..] = *bytes;
        Ok(Self { record: checked(u16::from_le_bytes([r0, r1]), &zeros)? })
    }

    /// The offer as it travels.
    pub fn encode(self) -> [u8; Self::LEN] {
        let [r0, r1] = self.record.to_le_bytes();
        [r0, r1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }
}

/// What the other side answers to an offer, encrypted in its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The version that both speak from now on.
    pub version: u8,
    /// Most bytes behind the header of a data record that it takes.
    pub record: u16,
}

impl Acceptance {
    /// Bytes of an acceptance.
    pub const LEN: usize = 16;

    /// The acceptance in these bytes.
    ///
    /// # Errors
    /// [`OpeningError::Reserved`], [`OpeningError::Record`].
    pub fn decode(bytes: &[u8; Self::LEN]) -> Result<Self, OpeningError> {
        let [version, zero, r0, r1, zeros @ ..] = *bytes;
        if zero != 0 {
            return Err(OpeningError::Reserved);
        }
        Ok(Self { version, record: checked(u16::from_le_bytes([r0, r1]), &zeros)? })
    }

    /// The acceptance as it travels.
    pub fn encode(self) -> [u8; Self::LEN] {
        let [r0, r1] = self.record.to_le_bytes();
        [self.version, 0, r0, r1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }
}

/// A limit for records that may be agreed on, behind which only zeros are.
fn checked(record: u16, zeros: &[u8]) -> Result<u16, OpeningError> {
    if zeros.iter().any(|byte| *byte != 0) {
        return Err(OpeningError::Reserved);
    }
    if !(MIN_RECORD..=MAX_RECORD).contains(&usize::from(record)) {
        return Err(OpeningError::Record(record));
    }
    Ok(record)
}

/// Why a side will not go on. It proves nothing: whoever is told this waits and comes back, and changes
/// nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refusal(pub u8);

impl Refusal {
    /// Too much to do now.
    pub const BUSY: Self = Self(1);
    /// Nobody joins now.
    pub const NOT_JOINING: Self = Self(2);
    /// Anything else.
    pub const OTHER: Self = Self(3);

    /// The refusal in a record; `None` where it is another record.
    pub fn of(record: Record<'_>) -> Option<Self> {
        match (record.kind, record.body) {
            (RecordType::Refused, [why]) => Some(Self(*why)),
            _ => None,
        }
    }

    /// The whole record.
    pub fn encode(self) -> [u8; 5] {
        [crate::RECORD_MARKER, 6, 1, 0, self.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: VersionRange = VersionRange::OURS;

    /// The whole first record for an opening, with a Noise message of nines.
    fn first(opening: Opening) -> std::vec::Vec<u8> {
        let mut bytes = opening.clear().as_ref().to_vec();
        bytes.resize(bytes.len() + opening.purpose.message_len(), 9);
        bytes
    }

    #[test]
    fn every_opening_reads_as_it_was_written() {
        let slot = [1, 2, 3, 4];
        for (purpose, hub_key, from) in [
            (Purpose::Session, 1, Origin::Node),
            (Purpose::Dial, 2, Origin::Hub),
            (Purpose::JoinSecret { slot }, 0, Origin::Node),
            (Purpose::JoinCode, 0, Origin::Node),
        ] {
            let opening = Opening { purpose, versions: OURS, hub_key };
            let bytes = first(opening);
            let (record, used) = Record::split(&bytes, MIN_RECORD).unwrap().unwrap();
            assert_eq!(used, bytes.len());
            let (decoded, message) = Opening::decode(record, from).unwrap();
            assert_eq!(decoded, opening);
            assert!(message.len() == purpose.message_len() && message.iter().all(|byte| *byte == 9));
        }
    }

    #[test]
    fn a_session_is_116_bytes_and_what_it_binds_names_its_direction() {
        let opening = |purpose| Opening { purpose, versions: OURS, hub_key: 1 };
        assert_eq!(first(opening(Purpose::Session)).len(), 116);
        let prologue = opening(Purpose::Dial).prologue();
        assert_eq!(prologue.as_ref(), b"iot1/dial\0\xE5\x01\x70\0\x01\x01\x01\0");
        let secret = Opening { hub_key: 0, ..opening(Purpose::JoinSecret { slot: [7; 4] }) };
        assert_eq!(secret.prologue().as_ref().len(), MAX_PROLOGUE);
    }

    #[test]
    fn what_is_not_defined_is_refused() {
        let bytes = first(Opening { purpose: Purpose::Session, versions: OURS, hub_key: 1 });
        let decode = |at: usize, byte, from| {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            let (record, _) = Record::split(&bytes, MIN_RECORD).unwrap().unwrap();
            Opening::decode(record, from).map(|(opening, _)| opening.purpose)
        };
        assert_eq!(decode(4, 1, Origin::Node), Ok(Purpose::Session));
        assert_eq!(decode(4, 2, Origin::Node), Err(OpeningError::Versions { min: 2, max: 1 }));
        assert_eq!(decode(6, 0, Origin::Node), Err(OpeningError::KeyNumber(0)));
        assert_eq!(decode(7, 1, Origin::Node), Err(OpeningError::Reserved));
        let code = first(Opening { purpose: Purpose::JoinCode, versions: OURS, hub_key: 0 });
        let (record, _) = Record::split(&code, MIN_RECORD).unwrap().unwrap();
        assert_eq!(Opening::decode(record, Origin::Hub), Err(OpeningError::Type(RecordType::JoinCode)));
    }

    #[test]
    fn offers_and_acceptances_have_one_form_and_a_sensible_limit() {
        let offer = Offer { record: 1024 };
        assert_eq!(Offer::decode(&offer.encode()), Ok(offer));
        let acceptance = Acceptance { version: 1, record: 16_384 };
        assert_eq!(Acceptance::decode(&acceptance.encode()), Ok(acceptance));
        assert_eq!(Offer::decode(&Offer { record: 511 }.encode()), Err(OpeningError::Record(511)));
        let mut bytes = acceptance.encode();
        bytes[15] = 1;
        assert_eq!(Acceptance::decode(&bytes), Err(OpeningError::Reserved));
    }

    #[test]
    fn a_refusal_is_a_record_of_five_bytes() {
        let bytes = Refusal::BUSY.encode();
        let (record, used) = Record::split(&bytes, MIN_RECORD).unwrap().unwrap();
        assert_eq!((Refusal::of(record), used), (Some(Refusal::BUSY), bytes.len()));
    }
}
