//! Encrypted connections of the hub: how they are opened from either side, and how frames become records.
//!
//! Cryptography is in `noise.rs`, the form of records in `iot-proto`. Handshakes cost a good part of a
//! millisecond each and are made on worker threads, so that nobody else waits for them.

use core::cell::RefCell;
use std::{io, rc::Rc, sync::Arc};

use bytes::{Buf as _, BytesMut};
use iot_proto::{
    Acceptance, HEADER_LEN, MAX_FRAME, MAX_RECORD, NodeKey, Offer, Opening, OpeningError, Origin, Purpose,
    RECORD_HEADER_LEN, Record, RecordError, RecordType, Refusal, SESSION_MESSAGE, TAG_LEN, VersionRange,
};
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
    task::spawn_blocking,
};

use crate::{
    clock::wall_clock,
    keyring::KeySet,
    noise::{self, Forged, HubIdentity, Transport},
};

/// Bytes of the Noise message in a reply.
const REPLY_MESSAGE: usize = 64;

/// Handshakes that are made at one time; the others wait for their turn.
static WORKERS: Semaphore = Semaphore::const_new(2);

/// Why an encrypted connection cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecureError {
    /// Bytes that are no record, or not of a type or length that may come now.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The first record says what is not defined.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// The first record means a key that this hub does not have.
    #[error("the hub has no key with number {0}")]
    HubKey(u8),
    /// No version is spoken by both.
    #[error("the other side speaks protocol versions {min} to {max}")]
    Versions {
        /// Oldest that it speaks.
        min: u8,
        /// Newest that it speaks.
        max: u8,
    },
    /// A node that joins is not wanted, or not any more.
    #[error("no node joins with {0:?} here now")]
    NotJoining(Purpose),
    /// A record of another type than what comes next.
    #[error("{0:?} does not come next")]
    OutOfTurn(RecordType),
    /// Something was not said by the other side, or changed, repeated or left out on the way.
    #[error("a record does not prove who sent it")]
    Forged,
    /// A frame does not end in its record, or does not fit the records of the other side.
    #[error("a frame does not fit its record")]
    Frame,
    /// The first record was not there in time.
    #[error("the handshake took longer than {limit_s} s")]
    TooSlow {
        /// How long it may take, in seconds.
        limit_s: u64,
    },
    /// The other side refuses.
    #[error("the other side refuses with {0}")]
    Refused(u8),
    /// The hub has no key to prove itself with.
    #[error("this hub has no key of its own")]
    NoIdentity,
    /// The operating system has no random bytes.
    #[error("the operating system has no random bytes")]
    Random,
    /// The hub is ending.
    #[error("the hub is ending")]
    Ending,
}

impl From<Forged> for SecureError {
    fn from(_: Forged) -> Self {
        Self::Forged
    }
}

impl SecureError {
    /// What the opener of a connection is told, which has proven nothing.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::NotJoining(_) => Refusal::NOT_JOINING,
            Self::Record(_)
            | Self::Opening(_)
            | Self::HubKey(_)
            | Self::Versions { .. }
            | Self::OutOfTurn(_)
            | Self::Forged
            | Self::Frame
            | Self::TooSlow { .. }
            | Self::Refused(_)
            | Self::NoIdentity
            | Self::Random
            | Self::Ending => Refusal::OTHER,
        }
    }
}

/// The encryption of one connection, shared by who reads and who writes.
#[derive(Clone, Debug)]
pub(crate) struct Seal(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    transport: RefCell<Transport>,
    /// Most bytes behind the header of a record that the other side takes.
    limit: usize,
}

impl Seal {
    fn new(transport: Transport, limit: u16) -> Self {
        Self(Rc::new(Shared { transport: RefCell::new(transport), limit: limit.into() }))
    }

    /// Encrypts whole frames into as few records as they fit, behind what is in `out`.
    pub(crate) fn seal(&self, frames: &[u8], out: &mut Vec<u8>) -> Result<(), SecureError> {
        let room = self.0.limit.saturating_sub(TAG_LEN);
        let mut rest = frames;
        while !rest.is_empty() {
            let (text, behind) = rest.split_at_checked(fitting(rest, room)).ok_or(SecureError::Frame)?;
            if text.is_empty() {
                return Err(SecureError::Frame);
            }
            out.extend_from_slice(&Record::header(RecordType::Data, text.len() + TAG_LEN)?);
            self.0.transport.borrow_mut().seal(text, out)?;
            rest = behind;
        }
        Ok(())
    }

    /// Decrypts a record into `text`, and gives how many bytes of frames there are.
    pub(crate) fn open(&self, record: Record<'_>, text: &mut [u8]) -> Result<usize, SecureError> {
        if record.kind != RecordType::Data {
            return Err(SecureError::OutOfTurn(record.kind));
        }
        Ok(self.0.transport.borrow_mut().open(record.body, text)?)
    }
}

/// Bytes of the whole frames at the start of `frames` that fit into `room`.
fn fitting(frames: &[u8], room: usize) -> usize {
    let mut end = 0;
    while let Some([_, _, _, _, _, _, l0, l1, ..]) = frames.get(end..) {
        let next = end + HEADER_LEN + usize::from(u16::from_le_bytes([*l0, *l1]));
        if next > room {
            break;
        }
        end = next;
    }
    end
}

/// A session that a node has asked for and that was answered. The node has proven nothing before its first
/// record opens: what it said may have been recorded.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) key: NodeKey,
    /// The number of the hub's key that it named.
    pub(crate) hub_key: u8,
    pub(crate) seal: Seal,
    /// The record that goes back.
    pub(crate) reply: Vec<u8>,
}

/// Answers the first record of a connection that a node has opened.
pub(crate) async fn answer(keys: &KeySet, record: Record<'_>) -> Result<Answered, SecureError> {
    let (opening, message) = Opening::decode(record, Origin::Node)?;
    if opening.purpose != Purpose::Session {
        return Err(SecureError::NotJoining(opening.purpose));
    }
    let hub_key = opening.hub_key;
    let meant: Vec<_> = keys.meant_by(hub_key, wall_clock()).cloned().collect();
    let VersionRange { min, max } = opening.versions;
    let version = VersionRange::OURS.common(opening.versions).ok_or(SecureError::Versions { min, max })?;
    let message = message.to_vec();
    let (key, transport, limit, message) = on_worker(move || {
        let mut offer = [0; Offer::LEN];
        let mut asked = Err(SecureError::HubKey(hub_key));
        for identity in meant {
            asked = noise::asked(&identity, opening.prologue().as_ref(), &message, &mut offer)
                .map_err(Into::into);
            if asked.is_ok() {
                break;
            }
        }
        let asked = asked?;
        let offer = Offer::decode(&offer)?;
        let (key, mut reply) = (NodeKey(asked.theirs()), [0; REPLY_MESSAGE]);
        let transport = asked.answer(&Acceptance { version, record: our_limit() }.encode(), &mut reply)?;
        Ok((key, transport, offer.record, reply))
    })
    .await?;
    let reply = [Record::header(RecordType::Reply, message.len())?.as_slice(), &message].concat();
    Ok(Answered { key, hub_key, seal: Seal::new(transport, limit), reply })
}

/// An encrypted connection that the hub has dialled, to a node that has proven its key.
#[derive(Debug)]
pub(crate) struct Dialled {
    seal: Seal,
    /// What has arrived of records.
    records: BytesMut,
}

impl Dialled {
    /// Proves both sides to each other, with the hub's key of this number. Until the node has proven `key`, it is told nothing and at most a reply
    /// is read.
    pub(crate) async fn open(
        stream: &mut TcpStream,
        (own, hub_key): (Arc<HubIdentity>, u8),
        key: NodeKey,
    ) -> io::Result<Self> {
        let opening = Opening { purpose: Purpose::Dial, versions: VersionRange::OURS, hub_key };
        let (asking, message) = on_worker(move || {
            let (offer, mut message) = (Offer { record: our_limit() }, [0; SESSION_MESSAGE]);
            let prologue = opening.prologue();
            let asking = noise::ask(&own, &key.0, prologue.as_ref(), &offer.encode(), &mut message)?;
            Ok((asking, message))
        })
        .await
        .map_err(io::Error::other)?;
        stream.write_all(&[opening.clear().as_ref(), &message].concat()).await?;
        let reply = read_reply(stream).await?;
        let (transport, acceptance) = on_worker(move || {
            let mut acceptance = [0; Acceptance::LEN];
            let transport = asking.answered(&reply, &mut acceptance)?;
            Ok((transport, Acceptance::decode(&acceptance)?))
        })
        .await
        .map_err(io::Error::other)?;
        Ok(Self { seal: Seal::new(transport, acceptance.record), records: BytesMut::new() })
    }

    /// Encrypts whole frames.
    pub(crate) fn seal(&self, frames: &[u8]) -> io::Result<Vec<u8>> {
        let mut records = Vec::new();
        self.seal.seal(frames, &mut records).map_err(io::Error::other)?;
        Ok(records)
    }

    /// Reads once, and puts the frames of all whole records behind those in `frames`. Gives how many bytes were
    /// read.
    pub(crate) async fn read(&mut self, stream: &mut TcpStream, frames: &mut BytesMut) -> io::Result<usize> {
        let read = stream.read_buf(&mut self.records).await?;
        while let Some((record, used)) = Record::split(&self.records, MAX_RECORD).map_err(io::Error::other)? {
            let start = frames.len();
            frames.resize(start + record.body.len(), 0);
            let text = frames.get_mut(start..).unwrap_or_default();
            let len = self.seal.open(record, text).map_err(io::Error::other)?;
            frames.truncate(start + len);
            self.records.advance(used);
        }
        Ok(read)
    }
}

/// Reads the record that answers a dial, and no byte more.
async fn read_reply(stream: &mut TcpStream) -> io::Result<[u8; REPLY_MESSAGE]> {
    let mut bytes = [0; RECORD_HEADER_LEN + REPLY_MESSAGE];
    let mut len = 0;
    loop {
        let have = bytes.get(..len).unwrap_or_default();
        if let Some((record, _)) = Record::split(have, 0).map_err(io::Error::other)? {
            return match (record.kind, record.body.try_into(), Refusal::of(record)) {
                (RecordType::Reply, Ok(message), _) => Ok(message),
                (_, _, Some(Refusal(why))) => Err(io::Error::other(SecureError::Refused(why))),
                _ => Err(io::Error::other(SecureError::OutOfTurn(record.kind))),
            };
        }
        let read = stream.read(bytes.get_mut(len..).unwrap_or_default()).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        len += read;
    }
}

/// The largest record that the hub takes.
fn our_limit() -> u16 {
    u16::try_from(MAX_FRAME + TAG_LEN).unwrap_or(u16::MAX)
}

/// Computes on a worker thread, and waits for it.
pub(crate) async fn on_worker<T: Send + 'static>(
    compute: impl FnOnce() -> Result<T, SecureError> + Send + 'static,
) -> Result<T, SecureError> {
    let _turn = WORKERS.acquire().await.map_err(|_| SecureError::Ending)?;
    spawn_blocking(compute).await.map_err(|_| SecureError::Ending)?
}

#[cfg(test)]
mod script;

#[cfg(test)]
mod tests {
    use iot_proto::{Correlation, Ping};

    use super::*;

    #[test]
    fn a_record_takes_as_many_whole_frames_as_fit() {
        let mut frames = Vec::new();
        for _ in 0..5 {
            iot_proto::encode_to_vec(&Ping, Correlation::OneWay, &mut frames).unwrap();
        }
        assert_eq!(fitting(&frames, 1000), 5 * HEADER_LEN);
        assert_eq!(fitting(&frames, 3 * HEADER_LEN + 1), 3 * HEADER_LEN);
        assert_eq!(fitting(&frames, HEADER_LEN - 1), 0);
    }
}
