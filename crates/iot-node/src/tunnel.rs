//! [`Tunnel`]: stands between a [`Node`](crate::Node) and a socket, and makes frames into encrypted records.
//!
//! It proves node and hub to each other first, and lets nothing through before. It has no IO, no clock and no
//! allocator; the firmware says how large a record may be. Two ends of a connection go through it:
//!
//! ```text
//!   socket ──bytes──▶ room, received ─▶ advance ─▶ text, took ──frames──▶ Node::received
//!   socket ◀──bytes── waiting, sent ◀───────────── seal ◀─────────frames── Node::transmit, Node::sent
//! ```
//!
//! [`Node::connected`](crate::Node::connected) and [`Node::dialled`](crate::Node::dialled) are called when
//! [`advance`](Tunnel::advance) has given [`Step::Opened`], and not before. Everything is left to the firmware
//! that needs a clock: a tunnel that does not open within some seconds is given up.

use iot_proto::{
    Acceptance, HEADER_LEN, HubKey, MAX_RECORD, MIN_RECORD, NodeKey, Offer, Opening, OpeningError, Origin,
    Purpose, RECORD_HEADER_LEN, Record, RecordError, RecordType, Refusal, SESSION_MESSAGE, TAG_LEN,
    VersionRange,
};
use thiserror::Error;

use crate::{
    going::Going,
    hub_keys::NextHub,
    noise::{Handshake, KeyPair, NoiseError, Parties, Pattern, Role, Transport},
};

/// Smallest memory for a record, in bytes, that a firmware may choose.
pub const MIN_TUNNEL: usize = RECORD_HEADER_LEN + MIN_RECORD;

/// Whom a node proves itself as, and whom it speaks with.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The node's own key pair.
    pub own: KeyPair,
    /// The key of its hub; nobody else is spoken with.
    pub hub: HubKey,
    /// The number of that key, from 1.
    pub hub_key: u8,
    /// The key that the hub will have next, or has by now.
    pub next_hub: Option<NextHub>,
}

impl Keys {
    /// The node's public key, as it says it in its hello.
    pub fn public(&self) -> NodeKey {
        NodeKey(self.own.public())
    }
}

/// One connection, encrypted, with memory for a record of `N` bytes in each direction, header included.
#[derive(Debug)]
pub struct Tunnel<const N: usize> {
    state: State,
    /// The number of the hub's key that is meant.
    hub_key: u8,
    /// Most bytes of frames in a record that the hub takes.
    room: usize,
    received: [u8; N],
    held: usize,
    /// What of `received` is decrypted and not taken, and where the next record begins.
    text: (usize, usize),
    next: usize,
    going: Going<N>,
}

#[derive(Debug)]
enum State {
    /// The node has asked, and waits for the reply.
    Asking(Handshake),
    /// The hub has opened the connection, and asks next.
    Asked(Keys, [u8; 32]),
    Open(Transport),
    Over,
}

/// What [`Tunnel::advance`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Both sides are proven: frames go through from now on.
    Opened,
    /// There are frames to take.
    Text,
    /// More bytes are needed.
    Nothing,
}

/// The connection cannot go on: close it, and say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// What came is no record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What the hub said in clear or offered is not defined.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// What came was not said by the hub.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// Whoever opened the connection has proven a key that is not the hub's.
    #[error("another than the hub has opened the connection")]
    WrongHub,
    /// The hub will not go on, for a reason of section 14 of the protocol. It has not proven that it is the hub.
    #[error("refused with {0}")]
    Refused(u8),
    /// A record that does not come now.
    #[error("{0:?} does not come next")]
    OutOfTurn(RecordType),
    /// The hub speaks other versions.
    #[error("no common version")]
    Versions,
    /// A frame that fits no record.
    #[error("a frame of more than {room} bytes fits no record")]
    Frame {
        /// Bytes that fit.
        room: usize,
    },
    /// It has failed before.
    #[error("the tunnel has failed before")]
    Over,
}

impl<const N: usize> Tunnel<N> {
    /// Most bytes behind the header of a record that this end takes.
    const LIMIT: usize = if N - RECORD_HEADER_LEN < MAX_RECORD { N - RECORD_HEADER_LEN } else { MAX_RECORD };

    /// The node has opened the connection: it asks for a session. `random` is used for nothing else, ever.
    ///
    /// # Errors
    /// [`TunnelError::Noise`] where the hub's key is none.
    pub fn connect(keys: &Keys, random: [u8; 32]) -> Result<Self, TunnelError> {
        let opening =
            Opening { purpose: Purpose::Session, versions: VersionRange::OURS, hub_key: keys.hub_key };
        let parties = Parties {
            pattern: Pattern::Ik,
            role: Role::Initiator,
            own: &keys.own,
            theirs: Some(keys.hub.0),
            psk: None,
        };
        let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), random);
        let mut message = [0; SESSION_MESSAGE];
        let offer = Offer { record: Self::limit() };
        handshake.write(&offer.encode(), &mut message)?;
        let mut tunnel = Self::new(State::Asking(handshake));
        tunnel.hub_key = keys.hub_key;
        tunnel.going.push(opening.clear().as_ref());
        tunnel.going.push(&message);
        Ok(tunnel)
    }

    /// Somebody has opened the connection, who may be the hub. `random` is used for nothing else, ever.
    pub fn accept(keys: Keys, random: [u8; 32]) -> Self {
        Self::new(State::Asked(keys, random))
    }

    fn new(state: State) -> Self {
        const { assert!(N >= MIN_TUNNEL, "N is below MIN_TUNNEL") };
        Self {
            state,
            hub_key: 0,
            room: 0,
            received: [0; N],
            held: 0,
            text: (0, 0),
            next: 0,
            going: Going::new(),
        }
    }

    /// Whether frames go through.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// The number of the key that the hub has proven; once the tunnel is open.
    pub fn hub_key(&self) -> u8 {
        self.hub_key
    }

    /// Where bytes that arrive are to be put; empty as long as frames wait to be taken.
    pub fn room(&mut self) -> &mut [u8] {
        self.received.get_mut(self.held..).unwrap_or_default()
    }

    /// The first `len` bytes of [`room`](Self::room) have arrived.
    pub fn received(&mut self, len: usize) {
        self.held = (self.held + len).min(N);
    }

    /// Goes on with what has arrived. Call it until it gives [`Step::Nothing`].
    ///
    /// # Errors
    /// [`TunnelError`]; nothing more goes through, either way.
    pub fn advance(&mut self) -> Result<Step, TunnelError> {
        let stepped = self.step();
        if stepped.is_err() {
            self.state = State::Over;
            self.going.clear();
            (self.held, self.next, self.text) = (0, 0, (0, 0));
        }
        stepped
    }

    /// Frames that came, as many bytes as have not been taken.
    pub fn text(&self) -> &[u8] {
        self.received.get(self.text.0..self.text.1).unwrap_or_default()
    }

    /// The first `len` bytes of [`text`](Self::text) were taken.
    pub fn took(&mut self, len: usize) {
        self.text.0 = (self.text.0 + len).min(self.text.1);
        if self.text.0 == self.text.1 {
            self.received.copy_within(self.next..self.held, 0);
            (self.held, self.next, self.text) = (self.held - self.next, 0, (0, 0));
        }
    }

    /// Encrypts frames into one record, where the record before has left. Gives how many bytes of `frames` are
    /// on their way: all of them, or as many whole frames as fit.
    ///
    /// # Errors
    /// [`TunnelError::Frame`] where not even the first frame fits.
    pub fn seal(&mut self, frames: &[u8]) -> Result<usize, TunnelError> {
        if !self.is_open() || frames.is_empty() || !self.waiting().is_empty() {
            return Ok(0);
        }
        let room = self.room.min(Going::<N>::MOST_TEXT);
        let len = if frames.len() <= room { frames.len() } else { whole_frames(frames, room) };
        let text = frames.get(..len).filter(|text| !text.is_empty()).ok_or(TunnelError::Frame { room })?;
        let State::Open(transport) = &mut self.state else { return Ok(0) };
        self.going.push_sealed::<TunnelError>(transport, text)?;
        Ok(len)
    }

    /// Bytes that wait to go out.
    pub fn waiting(&self) -> &[u8] {
        self.going.waiting()
    }

    /// The first `len` waiting bytes have gone out.
    pub fn sent(&mut self, len: usize) {
        self.going.sent(len);
    }

    fn step(&mut self) -> Result<Step, TunnelError> {
        if !self.text().is_empty() {
            return Ok(Step::Text);
        }
        let held = self.received.get(..self.held).unwrap_or_default();
        let Some((record, used)) = Record::split(held, Self::LIMIT)? else { return Ok(Step::Nothing) };
        if let Some(Refusal(why)) = Refusal::of(record) {
            return Err(TunnelError::Refused(why));
        }
        match core::mem::replace(&mut self.state, State::Over) {
            State::Asking(handshake) => self.answered(handshake, used),
            State::Asked(keys, random) => self.answer(&keys, random, used),
            State::Open(transport) => self.open(transport, used),
            State::Over => Err(TunnelError::Over),
        }
    }

    /// Reads the reply to what the node has asked.
    fn answered(&mut self, mut handshake: Handshake, used: usize) -> Result<Step, TunnelError> {
        let (record, _) = self.record()?;
        if record.kind != RecordType::Reply {
            return Err(TunnelError::OutOfTurn(record.kind));
        }
        let mut acceptance = [0; Acceptance::LEN];
        let len = handshake.read(record.body, &mut acceptance)?;
        if len != Acceptance::LEN {
            return Err(NoiseError::Length { len }.into());
        }
        let Acceptance { version, record } = Acceptance::decode(&acceptance)?;
        let chosen = VersionRange { min: version, max: version };
        VersionRange::OURS.common(chosen).ok_or(TunnelError::Versions)?;
        Ok(self.opened(handshake.finish()?, record, used))
    }

    /// Answers what the hub has asked, where it is the hub.
    fn answer(&mut self, keys: &Keys, random: [u8; 32], used: usize) -> Result<Step, TunnelError> {
        let (record, _) = self.record()?;
        let (opening, message) = Opening::decode(record, Origin::Hub)?;
        let version = VersionRange::OURS.common(opening.versions).ok_or(TunnelError::Versions)?;
        let hub = keys.hub_of(opening.hub_key).ok_or(OpeningError::KeyNumber(opening.hub_key))?;
        let parties =
            Parties { pattern: Pattern::Ik, role: Role::Responder, own: &keys.own, theirs: None, psk: None };
        let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), random);
        let mut offer = [0; Offer::LEN];
        let len = handshake.read(message, &mut offer)?;
        if len != Offer::LEN {
            return Err(NoiseError::Length { len }.into());
        }
        if handshake.theirs() != Some(hub.0) {
            return Err(TunnelError::WrongHub);
        }
        let offer = Offer::decode(&offer)?;
        let mut reply = [0; 48 + Acceptance::LEN];
        let acceptance = Acceptance { version, record: Self::limit() };
        handshake.write(&acceptance.encode(), &mut reply)?;
        self.going.push(&Record::header(RecordType::Reply, reply.len())?);
        self.going.push(&reply);
        self.hub_key = opening.hub_key;
        Ok(self.opened(handshake.finish()?, offer.record, used))
    }

    fn opened(&mut self, transport: Transport, limit: u16, used: usize) -> Step {
        self.state = State::Open(transport);
        self.room = usize::from(limit).saturating_sub(TAG_LEN);
        self.received.copy_within(used..self.held, 0);
        self.held -= used;
        Step::Opened
    }

    /// Decrypts a record where it lies.
    fn open(&mut self, mut transport: Transport, used: usize) -> Result<Step, TunnelError> {
        let (record, _) = self.record()?;
        if record.kind != RecordType::Data {
            return Err(TunnelError::OutOfTurn(record.kind));
        }
        let body = self.received.get_mut(RECORD_HEADER_LEN..used).unwrap_or_default();
        let Some((text, tag)) = body.split_last_chunk_mut::<TAG_LEN>() else {
            return Err(NoiseError::Length { len: body.len() }.into());
        };
        transport.open(text, tag)?;
        self.state = State::Open(transport);
        (self.text, self.next) = ((RECORD_HEADER_LEN, used - TAG_LEN), used);
        Ok(Step::Text)
    }

    /// The record that has arrived.
    fn record(&self) -> Result<(Record<'_>, usize), TunnelError> {
        let held = self.received.get(..self.held).unwrap_or_default();
        Record::split(held, Self::LIMIT)?.ok_or(TunnelError::Over)
    }

    fn limit() -> u16 {
        u16::try_from(Self::LIMIT).unwrap_or(u16::MAX)
    }
}

/// Bytes of the whole frames at the start of `frames` that fit into `room`.
fn whole_frames(frames: &[u8], room: usize) -> usize {
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
