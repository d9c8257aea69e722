//! [`Join`]: how a node comes to know its hub and is let in, with a secret or with digits that a person compares.
//!
//! It has no IO, no clock and no allocator. The firmware opens a connection to the hub, moves bytes between it and
//! the socket, and goes on until it knows the hub's key:
//!
//! ```text
//!   socket ──bytes──▶ room, received ─▶ advance ─▶ Met, Revealed, Show, Press, Waits, Trusted
//!   socket ◀──bytes── waiting, sent ◀──────────── pressed, not_pressed, stored
//! ```
//!
//! The firmware gives up a run that takes too long, and keeps the digits out of every log that leaves the node. What is
//! still to come in a run is in `join/next.rs`.

mod next;
mod reveals;

use iot_proto::{
    Digits, HubKey, JoinMessage, JoinSecret, MAX_UNPROVEN, NodeKey, Opening, OpeningError, Origin, Purpose,
    RECORD_HEADER_LEN, Record, RecordError, RecordType, Refusal, TAG_LEN, VersionRange, below_codes,
    commitment, join_code,
};
use thiserror::Error;

use crate::{
    going::Going,
    noise::{Handshake, KeyPair, NoiseError, Parties, Pattern, Role, Transport},
};

use self::next::{By, Next, Way};

pub use self::reveals::Reveals;

/// Bytes of the hub's and of the node's second Noise message.
const HUB_MESSAGE: usize = 96;
const NODE_MESSAGE: usize = 64;

/// Random bytes for one run with a code. Each comes from a good random generator and is used for nothing else, ever.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "they are secret")]
pub struct Randomness {
    /// For the handshake.
    pub ephemeral: [u8; 32],
    /// What the node adds to the code.
    pub nonce: [u8; 32],
    /// From which the answer follows. A node that shows no answer draws none: nothing follows from it there.
    pub answer: [u8; 8],
}

/// One run of joining.
#[derive(Debug)]
pub struct Join {
    state: State,
    own: NodeKey,
    received: [u8; MAX_UNPROVEN],
    held: usize,
    going: Going<MAX_UNPROVEN>,
}

/// What is still to be said by the hub.
#[derive(Debug)]
enum State {
    /// Its second Noise message.
    Asked(Handshake, Way),
    /// Something under encryption.
    Talking(Talk, Next),
    /// Nothing more.
    Over,
}

#[derive(Debug)]
struct Talk {
    transport: Transport,
    transcript: [u8; 32],
    hub: HubKey,
}

/// What [`Join::advance`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinStep {
    /// The hub has the secret and this key. Store it as unconfirmed: where the connection ends now, try a session with
    /// it before joining again.
    Met(HubKey),
    /// A nonce is on its way, so that this run counts: see [`Reveals::made`].
    Revealed,
    /// Show these digits, and nothing else of the run, until it ends.
    Show(Digits),
    /// A person has typed the digits, or somebody in between says so. Go on showing them, wait for a press at most
    /// [`PRESS_WITHIN`](iot_proto::PRESS_WITHIN), and call [`Join::pressed`] or [`Join::not_pressed`]. Let nothing on
    /// the node ask for the press, no light and no text: nobody but the page knows whether it is right.
    Press,
    /// The node has nothing to show, and waits until an admin of the hub lets it in.
    Waits,
    /// The hub is the one whose person typed the digits, or gave the secret. Store its key, then call
    /// [`Join::stored`].
    Trusted(HubKey),
    /// More bytes are needed.
    Nothing,
}

/// The run has ended, and nothing may be stored: close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// What came is no record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What came says what is not defined.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// What came was not said by whoever has the secret, or not now.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// The hub will not go on, for a reason of section 14 of the protocol. It has not proven that it is the hub.
    #[error("refused with {0}")]
    Refused(u8),
    /// A record or message that does not come now.
    #[error("what came does not come next")]
    OutOfTurn,
    /// The nonce is not the one that the hub had bound itself to: somebody is in between.
    #[error("the hub did not keep to its commitment: somebody may be in between")]
    Broken,
    /// What the person typed is not what this node shows: somebody is in between, or another node was meant.
    #[error("the digits that were typed are not those of this node")]
    WrongAnswer,
    /// The hub admits somebody else.
    #[error("the hub admits another node")]
    WrongNode,
    /// It has ended before.
    #[error("this run has ended before")]
    Over,
}

impl Join {
    /// Joins with a secret. `ephemeral` are random bytes that are used for nothing else, ever.
    ///
    /// # Errors
    /// [`JoinError::Noise`], which no good random bytes give.
    pub fn with_secret(own: &KeyPair, secret: &JoinSecret, ephemeral: [u8; 32]) -> Result<Self, JoinError> {
        let psk = secret.psk();
        let parties =
            Parties { pattern: Pattern::XxPsk0, role: Role::Initiator, own, theirs: None, psk: Some(&psk) };
        Self::begin(&parties, Purpose::JoinSecret { slot: secret.slot() }, ephemeral, Way::Secret)
    }

    /// Joins with twelve digits that a person types, for a node that can show them. Ask [`Reveals`] first whether it
    /// may.
    ///
    /// # Errors
    /// [`JoinError::Noise`], which no good random bytes give.
    pub fn with_code(own: &KeyPair, random: Randomness) -> Result<Self, JoinError> {
        let by = By::Answer(below_codes(random.answer));
        Self::unproven(own, random.ephemeral, Way::Code { nonce: random.nonce, by })
    }

    /// Joins with six digits that a person types and a press of the node's button, for a node that can show no more. Ask
    /// [`Reveals`] first whether it may.
    ///
    /// Twelve digits are better wherever they can be shown: with them the node itself finds out who is in between, and
    /// here the person does, who presses only after the page has asked for it.
    ///
    /// # Errors
    /// [`JoinError::Noise`], which no good random bytes give.
    pub fn with_button(own: &KeyPair, random: Randomness) -> Result<Self, JoinError> {
        Self::unproven(own, random.ephemeral, Way::Code { nonce: random.nonce, by: By::Press })
    }

    /// Joins whatever hub answers, **without knowing which one that is**, for a node that can show nothing and has no
    /// button. Whoever stands in between while it joins is its hub from then on, can read and say all that the hub
    /// could, and nobody will see it. The hub marks the node *unverified* until it joins in another way, and commands
    /// it only where an admin permits that.
    ///
    /// Join [with a secret](Self::with_secret) wherever one can be typed, scanned, or printed on the board.
    ///
    /// # Errors
    /// [`JoinError::Noise`], which no good random bytes give.
    #[cfg(feature = "trust-on-first-use")]
    pub fn on_trust(own: &KeyPair, random: Randomness) -> Result<Self, JoinError> {
        Self::unproven(own, random.ephemeral, Way::Trust { nonce: random.nonce })
    }

    fn unproven(own: &KeyPair, ephemeral: [u8; 32], way: Way) -> Result<Self, JoinError> {
        let parties = Parties { pattern: Pattern::Xx, role: Role::Initiator, own, theirs: None, psk: None };
        Self::begin(&parties, Purpose::JoinCode, ephemeral, way)
    }

    fn begin(
        parties: &Parties<'_>,
        purpose: Purpose,
        ephemeral: [u8; 32],
        way: Way,
    ) -> Result<Self, JoinError> {
        let opening = Opening { purpose, versions: VersionRange::OURS, hub_key: 0 };
        let mut handshake = Handshake::new(parties, opening.prologue().as_ref(), ephemeral);
        let mut message = [0; MAX_UNPROVEN];
        let len = handshake.write(&[], &mut message)?;
        let mut join = Self {
            state: State::Asked(handshake, way),
            own: NodeKey(parties.own.public()),
            received: [0; MAX_UNPROVEN],
            held: 0,
            going: Going::new(),
        };
        join.going.push(opening.clear().as_ref());
        join.going.push(message.get(..len).unwrap_or_default());
        Ok(join)
    }

    /// Where bytes that arrive are to be put.
    pub fn room(&mut self) -> &mut [u8] {
        self.received.get_mut(self.held..).unwrap_or_default()
    }

    /// The first `len` bytes of [`room`](Self::room) have arrived.
    pub fn received(&mut self, len: usize) {
        self.held = (self.held + len).min(MAX_UNPROVEN);
    }

    /// Goes on with what has arrived. Call it until it gives [`JoinStep::Nothing`].
    ///
    /// # Errors
    /// [`JoinError`]; send what waits, and close the connection.
    pub fn advance(&mut self) -> Result<JoinStep, JoinError> {
        let stepped = self.step();
        if stepped.is_err() {
            self.state = State::Over;
        }
        stepped
    }

    /// The hub's key has been stored after [`JoinStep::Trusted`]: tells the hub, where it waits for that.
    ///
    /// # Errors
    /// [`JoinError::OutOfTurn`] before.
    pub fn stored(&mut self) -> Result<(), JoinError> {
        match core::mem::replace(&mut self.state, State::Over) {
            State::Talking(mut talk, Next::Storing) => self.say(&mut talk, &JoinMessage::Stored),
            State::Talking(_, Next::Nothing) => Ok(()),
            State::Asked(..) | State::Talking(..) | State::Over => Err(JoinError::OutOfTurn),
        }
    }

    /// Somebody has pressed the button after [`JoinStep::Press`]. Gives [`JoinStep::Trusted`].
    ///
    /// # Errors
    /// [`JoinError::OutOfTurn`] before, where a press counts for nothing: the run goes on as if there had been none.
    pub fn pressed(&mut self) -> Result<JoinStep, JoinError> {
        match &mut self.state {
            State::Talking(talk, next @ Next::Press) => {
                *next = Next::Storing;
                Ok(JoinStep::Trusted(talk.hub))
            }
            State::Asked(..) | State::Talking(..) | State::Over => Err(JoinError::OutOfTurn),
        }
    }

    /// Nobody has pressed the button in time after [`JoinStep::Press`]: tells the hub, and ends the run.
    ///
    /// # Errors
    /// [`JoinError::OutOfTurn`] before.
    pub fn not_pressed(&mut self) -> Result<(), JoinError> {
        match core::mem::replace(&mut self.state, State::Over) {
            State::Talking(mut talk, Next::Press) => self.say(&mut talk, &JoinMessage::Unstored),
            State::Asked(..) | State::Talking(..) | State::Over => Err(JoinError::OutOfTurn),
        }
    }

    /// Bytes that wait to go out.
    pub fn waiting(&self) -> &[u8] {
        self.going.waiting()
    }

    /// The first `len` waiting bytes have gone out.
    pub fn sent(&mut self, len: usize) {
        self.going.sent(len);
    }

    fn step(&mut self) -> Result<JoinStep, JoinError> {
        let received = self.received;
        let held = received.get(..self.held).unwrap_or_default();
        let Some((record, used)) = Record::split(held, MAX_UNPROVEN)? else { return Ok(JoinStep::Nothing) };
        if let Some(Refusal(why)) = Refusal::of(record) {
            return Err(JoinError::Refused(why));
        }
        self.received.copy_within(used..self.held, 0);
        self.held -= used;
        match core::mem::replace(&mut self.state, State::Over) {
            State::Asked(handshake, way) if record.kind == RecordType::Reply => {
                self.answered(handshake, way, record.body)
            }
            State::Talking(mut talk, next) if record.kind == RecordType::Data => {
                let message = talk.open(record.body)?;
                self.told(talk, next, message)
            }
            State::Asked(..) | State::Talking(..) => Err(JoinError::OutOfTurn),
            State::Over => Err(JoinError::Over),
        }
    }

    /// The hub has answered: it is told who the node is.
    fn answered(
        &mut self,
        mut handshake: Handshake,
        way: Way,
        message: &[u8],
    ) -> Result<JoinStep, JoinError> {
        if message.len() != HUB_MESSAGE {
            return Err(NoiseError::Length { len: message.len() }.into());
        }
        handshake.read(message, &mut [])?;
        let hub = HubKey(handshake.theirs().ok_or(JoinError::OutOfTurn)?);
        let mut reply = [0; NODE_MESSAGE];
        handshake.write(&[], &mut reply)?;
        self.going.push(&Record::header(RecordType::Reply, NODE_MESSAGE)?);
        self.going.push(&reply);
        let transcript = handshake.hash();
        let talk = Talk { transport: handshake.finish()?, transcript, hub };
        let (next, step) = match way {
            Way::Secret => (Next::Admission, JoinStep::Met(hub)),
            Way::Code { nonce, by } => (Next::Commitment { nonce, by }, JoinStep::Nothing),
            #[cfg(feature = "trust-on-first-use")]
            Way::Trust { nonce } => (Next::Unshown { nonce }, JoinStep::Nothing),
        };
        self.state = State::Talking(talk, next);
        Ok(step)
    }

    /// The hub has said something under encryption.
    fn told(&mut self, mut talk: Talk, next: Next, message: JoinMessage) -> Result<JoinStep, JoinError> {
        let (next, step) = match (next, message) {
            (Next::Admission, JoinMessage::Admitted(id)) => {
                if id != self.own.id() {
                    return Err(JoinError::WrongNode);
                }
                (Next::Nothing, JoinStep::Trusted(talk.hub))
            }
            #[cfg(feature = "trust-on-first-use")]
            (Next::Unshown { nonce }, JoinMessage::Commitment(_)) => {
                self.say(&mut talk, &JoinMessage::Unshown(nonce))?;
                (Next::Admission, JoinStep::Waits)
            }
            (Next::Commitment { nonce, by }, JoinMessage::Commitment(commitment)) => {
                self.say(&mut talk, &JoinMessage::Nonce(nonce, by.confirm()))?;
                (Next::Disclosure { commitment, nonce, by }, JoinStep::Revealed)
            }
            (Next::Disclosure { commitment: bound, nonce, by }, JoinMessage::Disclosure(theirs)) => {
                if !are_equal(&bound, &commitment(&talk.transcript, &theirs)) {
                    return Err(JoinError::Broken);
                }
                let code = join_code(by.confirm(), &talk.transcript, &theirs, &nonce);
                (Next::Word(by), JoinStep::Show(Digits { code, answer: by.answer() }))
            }
            (Next::Word(By::Answer(answer)), JoinMessage::Answer(typed)) => {
                if !are_equal(&answer.to_le_bytes(), &typed.to_le_bytes()) {
                    self.say(&mut talk, &JoinMessage::Unstored)?;
                    return Err(JoinError::WrongAnswer);
                }
                (Next::Storing, JoinStep::Trusted(talk.hub))
            }
            (Next::Word(By::Press), JoinMessage::Matched) => (Next::Press, JoinStep::Press),
            _ => return Err(JoinError::OutOfTurn),
        };
        self.state = State::Talking(talk, next);
        Ok(step)
    }

    fn say(&mut self, talk: &mut Talk, message: &JoinMessage) -> Result<(), JoinError> {
        self.going.push_sealed(&mut talk.transport, message.encode().as_ref())
    }
}

impl Talk {
    fn open(&mut self, body: &[u8]) -> Result<JoinMessage, JoinError> {
        let mut room = [0; MAX_UNPROVEN - RECORD_HEADER_LEN];
        let too_long = NoiseError::Length { len: body.len() };
        let (text, tag) = body.split_last_chunk::<TAG_LEN>().ok_or(too_long)?;
        let room = room.get_mut(..text.len()).ok_or(too_long)?;
        room.copy_from_slice(text);
        self.transport.open(room, tag)?;
        Ok(JoinMessage::decode(room, Origin::Hub)?)
    }
}

/// Whether two secrets are equal, in a time that does not depend on where they differ.
fn are_equal(one: &[u8], other: &[u8]) -> bool {
    let differs = one.iter().zip(other).fold(0, |differs, (one, other)| differs | one ^ other);
    one.len() == other.len() && core::hint::black_box(differs) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_equal_only_whole() {
        assert!(are_equal(b"abc", b"abc"));
        assert!(!are_equal(b"abc", b"abd") && !are_equal(b"abc", b"ab") && !are_equal(b"ab", b"abc"));
    }
}
