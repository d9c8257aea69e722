//! The record: what travels on a connection that is encrypted, in place of frames. Here is its header.
//!
//! What the first record of a connection says in clear, and what the two sides tell each other while they
//! prove who they are, is in `opening.rs`. Encryption itself is left to the two ends.
//!
//! ```text
//! offset  bytes  field
//! 0       1      marker: 0xE5
//! 1       1      type: 1 session, 2 join by secret, 3 join by code, 4 reply, 5 data, 6 refused
//! 2       2      length of the rest in bytes, little-endian
//! 4       …      rest
//! ```

use crate::RecordError;

/// First byte of a record.
pub const RECORD_MARKER: u8 = 0xE5;

/// Bytes of a record's header.
pub const RECORD_HEADER_LEN: usize = 4;

/// Bytes by which what is encrypted is longer than what was said: the tag that proves it.
pub const TAG_LEN: usize = 16;

/// Most bytes behind the header of a record: the largest frame and its tag.
pub const MAX_RECORD: usize = crate::MAX_FRAME + TAG_LEN;

/// Smallest limit for the bytes behind the header of a record that a peer may ask for.
pub const MIN_RECORD: usize = 512;

/// Most bytes that a record other than data may have, header included: all that is read from a peer before
/// it has proven anything.
pub const MAX_UNPROVEN: usize = 128;

/// What a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordType {
    /// The first of a connection: both sides know the other's key.
    Session,
    /// The first of a connection: a node joins with a secret.
    JoinSecret,
    /// The first of a connection: a node joins, and a person compares codes.
    JoinCode,
    /// The next step towards proof.
    Reply,
    /// Frames, encrypted.
    Data,
    /// The other side will not go on; it has proven nothing.
    Refused,
}

impl RecordType {
    const ALL: [Self; 6] =
        [Self::Session, Self::JoinSecret, Self::JoinCode, Self::Reply, Self::Data, Self::Refused];

    fn number(self) -> u8 {
        match self {
            Self::Session => 1,
            Self::JoinSecret => 2,
            Self::JoinCode => 3,
            Self::Reply => 4,
            Self::Data => 5,
            Self::Refused => 6,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Whether a record of this type may have `len` bytes behind its header, where data may have `limit`.
    fn takes(self, len: usize, limit: usize) -> bool {
        match self {
            Self::Session => len == 112,
            Self::JoinSecret => len == 56,
            Self::JoinCode => len == 36,
            Self::Reply => matches!(len, 64 | 96),
            Self::Data => (TAG_LEN + 1..=limit.min(MAX_RECORD)).contains(&len),
            Self::Refused => len == 1,
        }
    }
}

/// One record: header taken apart, nothing decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is for.
    pub kind: RecordType,
    /// What is behind the header, exactly as long as the header says.
    pub body: &'a [u8],
}

impl<'a> Record<'a> {
    /// Cuts one record from the start of `bytes`; data may have `limit` bytes behind the header.
    ///
    /// Gives the record and its length in bytes, or `None` where more bytes are needed. Every field is
    /// judged as soon as it has arrived.
    ///
    /// # Errors
    /// [`RecordError`]; the connection cannot go on after it.
    pub fn split(bytes: &'a [u8], limit: usize) -> Result<Option<(Self, usize)>, RecordError> {
        let Some((&marker, rest)) = bytes.split_first() else { return Ok(None) };
        if marker != RECORD_MARKER {
            return Err(RecordError::Marker(marker));
        }
        let Some((&number, rest)) = rest.split_first() else { return Ok(None) };
        let kind = RecordType::from_number(number).ok_or(RecordError::Type(number))?;
        let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let len = usize::from(u16::from_le_bytes(*len));
        if !kind.takes(len, limit) {
            return Err(RecordError::Length { kind, len, limit });
        }
        Ok(rest.get(..len).map(|body| (Self { kind, body }, RECORD_HEADER_LEN + len)))
    }

    /// The header of a record of this type with `len` bytes behind it.
    ///
    /// # Errors
    /// [`RecordError::Length`] for a length that no record of this type has.
    pub fn header(kind: RecordType, len: usize) -> Result<[u8; RECORD_HEADER_LEN], RecordError> {
        let limit = MAX_RECORD;
        let fits = u16::try_from(len).ok().filter(|_| kind.takes(len, limit));
        let [l0, l1] = fits.ok_or(RecordError::Length { kind, len, limit })?.to_le_bytes();
        Ok([RECORD_MARKER, kind.number(), l0, l1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_judged_as_soon_as_its_bytes_are_there() {
        let split = |bytes: &[u8]| Record::split(bytes, MIN_RECORD).map(|found| found.is_some());
        assert_eq!(split(&[]), Ok(false));
        assert_eq!(split(&[0xC1]), Err(RecordError::Marker(0xC1)));
        assert_eq!(split(&[0xE5, 0]), Err(RecordError::Type(0)));
        assert_eq!(split(&[0xE5, 7]), Err(RecordError::Type(7)));
        assert_eq!(split(&[0xE5, 5, 0]), Ok(false));
        let too_long = RecordError::Length { kind: RecordType::Data, len: 513, limit: MIN_RECORD };
        assert_eq!(split(&[0xE5, 5, 1, 2]), Err(too_long));
        assert_eq!(split(&[0xE5, 6, 1, 0]), Ok(false));
        assert_eq!(split(&[0xE5, 6, 1, 0, 3]), Ok(true));
    }

    #[test]
    fn a_header_reads_as_it_was_written_and_only_lengths_of_its_type_are_written() {
        for kind in RecordType::ALL {
            for len in 0..=MAX_RECORD + 1 {
                let Ok(header) = Record::header(kind, len) else {
                    assert!(!kind.takes(len, MAX_RECORD));
                    continue;
                };
                let mut bytes = std::vec![0; RECORD_HEADER_LEN + len];
                bytes[..RECORD_HEADER_LEN].copy_from_slice(&header);
                let (record, used) = Record::split(&bytes, MAX_RECORD).unwrap().unwrap();
                assert_eq!((record.kind, record.body.len(), used), (kind, len, bytes.len()));
            }
        }
    }

    #[test]
    fn before_proof_no_record_is_longer_than_the_bound() {
        for kind in RecordType::ALL.into_iter().filter(|kind| *kind != RecordType::Data) {
            assert!(
                (0..=MAX_RECORD)
                    .filter(|len| kind.takes(*len, MAX_RECORD))
                    .all(|len| { len + RECORD_HEADER_LEN <= MAX_UNPROVEN })
            );
        }
    }
}
