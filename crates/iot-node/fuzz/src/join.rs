//! [`join`]: a node trusts no hub but one that has said all that it must, genuinely and in order.

use iot_node::{
    join::{Join, JoinStep, Randomness},
    noise::{Handshake, KeyPair, Parties, Pattern, Role, Transport},
};
use iot_proto::{
    Confirm, Digits, HubKey, JoinMessage, JoinSecret, MAX_UNPROVEN, NodeKey, Opening, Origin, Record,
    RecordType, TAG_LEN, below_codes, commitment, join_code,
};

use super::{Script, hub, node};

const RANDOM: Randomness = Randomness { ephemeral: [3; 32], nonce: [5; 32], answer: [6; 8] };
const HUB_NONCE: [u8; 32] = [7; 32];
const SECRET: [u8; 16] = [8; 16];

/// How the node joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum With {
    Digits,
    Secret,
    Button,
}

/// The hub's side, and how far the run has come.
struct World {
    join: Join,
    own: NodeKey,
    with: With,
    handshake: Option<Handshake>,
    talk: Option<(Transport, [u8; 32])>,
    /// How many of the hub's messages were genuine and in order; `None` once one was not.
    genuine: Option<usize>,
    /// Whether the hub's nonce may be known to the node, and with it the digits.
    shown: bool,
    /// Whether the hub has asked for a press. What follows and is not whole yet does not take that back.
    asked: bool,
    trusted: bool,
}

/// A script of a run of joining: with digits, with a secret, or with a button.
///
/// # Panics
/// Where the node trusts or shows digits too early, after something that was not genuine, or other digits than the hub
/// has; where a press counts that nobody waits for; or where a genuine run leads nowhere.
pub fn join(script: &[u8]) {
    let mut script = Script(script);
    let with = match script.byte().unwrap_or(0) % 3 {
        0 => With::Digits,
        1 => With::Secret,
        _ => With::Button,
    };
    let Some(mut world) = World::new(with) else { return };
    while let Some(act) = script.byte() {
        match act % 5 {
            0 => {
                let bytes = script.bytes();
                if !bytes.is_empty() {
                    world.genuine = None;
                }
                world.feed(bytes);
            }
            1 => {
                let Some(bytes) = world.next() else { continue };
                world.genuine = world.genuine.map(|count| count + 1);
                world.feed(&bytes);
                world.has_come_on();
            }
            2 => {
                let Some(bytes) = world.next() else { continue };
                let bytes = script.flipped(bytes);
                world.genuine = None;
                world.feed(&bytes);
            }
            3 => world.says_out_of_turn(script.byte().unwrap_or(0)),
            _ => world.presses(),
        }
    }
}

impl World {
    /// A run that the node has begun, and the hub has heard of.
    fn new(with: With) -> Option<Self> {
        let (own, secret) = (node(), JoinSecret::new(SECRET));
        let join = match with {
            With::Digits => Join::with_code(&own, RANDOM),
            With::Button => Join::with_button(&own, RANDOM),
            With::Secret => Join::with_secret(&own, &secret, RANDOM.ephemeral),
        };
        let mut join = join.ok()?;
        let first = taken(&mut join);
        let (record, _) = Record::split(&first, MAX_UNPROVEN).expect("a record").expect("a whole one");
        let (opening, message) = Opening::decode(record, Origin::Node).expect("an opening");
        let (hub, psk): (KeyPair, _) = (hub(), secret.psk());
        let pattern = if with == With::Secret { Pattern::XxPsk0 } else { Pattern::Xx };
        let psk = (with == With::Secret).then_some(&psk);
        let parties = Parties { pattern, role: Role::Responder, own: &hub, theirs: None, psk };
        let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), [4; 32]);
        handshake.read(message, &mut []).expect("it is genuine");
        let (own, handshake) = (NodeKey(own.public()), Some(handshake));
        let (talk, genuine, shown, asked, trusted) = (None, Some(0), false, false, false);
        Some(Self { join, own, with, handshake, talk, genuine, shown, asked, trusted })
    }

    /// The record that the hub says next, where it has come so far.
    fn next(&mut self) -> Option<Vec<u8>> {
        let said = self.genuine?;
        if said == 0 {
            let mut answer = [0; 96];
            self.handshake.as_mut()?.write(&[], &mut answer).expect("its turn");
            let header = Record::header(RecordType::Reply, answer.len()).expect("a length of replies");
            return Some([&header[..], &answer].concat());
        }
        let transcript = self.talk.as_ref()?.1;
        let message = match (self.with, said) {
            (With::Secret, 1) => JoinMessage::Admitted(self.own.id()),
            (With::Digits | With::Button, 1) => JoinMessage::Commitment(commitment(&transcript, &HUB_NONCE)),
            (With::Digits | With::Button, 2) => JoinMessage::Disclosure(HUB_NONCE),
            (With::Digits, 3) => JoinMessage::Answer(below_codes(RANDOM.answer)),
            (With::Button, 3) => JoinMessage::Matched,
            _ => return None,
        };
        self.sealed(&message)
    }

    /// The hub's next record, with this in it.
    fn sealed(&mut self, message: &JoinMessage) -> Option<Vec<u8>> {
        let (transport, _) = self.talk.as_mut()?;
        let mut text = message.encode().as_ref().to_vec();
        let tag = transport.seal(&mut text).ok()?;
        let header = Record::header(RecordType::Data, text.len() + TAG_LEN).expect("it fits");
        Some([&header[..], &text, &tag].concat())
    }

    /// What was genuine has led as far as it must.
    fn has_come_on(&mut self) {
        let Some(said) = self.genuine else { return };
        if said == 1
            && let Some(mut handshake) = self.handshake.take()
        {
            let proof = taken(&mut self.join);
            let (record, _) = Record::split(&proof, MAX_UNPROVEN).expect("a record").expect("a whole one");
            handshake.read(record.body, &mut []).expect("the node's proof is genuine");
            let transcript = handshake.hash();
            self.talk = Some((handshake.finish().expect("it is complete"), transcript));
        }
        assert_eq!(
            self.shown,
            self.with != With::Secret && said >= 3,
            "digits are shown when both nonces are known"
        );
        let is_over = match self.with {
            With::Digits => said == 4,
            With::Secret => said == 2,
            With::Button => false,
        };
        assert_eq!(self.trusted, is_over, "a genuine run ends well, and with a button not without a press");
    }

    /// The hub says something genuine that does not come now, or now means no.
    fn says_out_of_turn(&mut self, which: u8) {
        let message = match which % 5 {
            0 if self.with == With::Button => JoinMessage::Answer(0),
            4 if self.with == With::Button => JoinMessage::Stored,
            4 => JoinMessage::Matched,
            0 => JoinMessage::Answer(below_codes(RANDOM.answer) ^ 1),
            1 => JoinMessage::Disclosure([9; 32]),
            2 => JoinMessage::Admitted(NodeKey([9; 32]).id()),
            _ => JoinMessage::Stored,
        };
        let Some(record) = self.sealed(&message) else { return };
        self.genuine = None;
        self.feed(&record);
    }

    /// Somebody presses the button, at whatever time.
    fn presses(&mut self) {
        let is_wanted = self.asked && !self.trusted;
        match self.join.pressed() {
            Ok(step) => {
                assert!(is_wanted, "a press counts only where it is waited for");
                assert_eq!(step, JoinStep::Trusted(HubKey(hub().public())));
                self.trusted = true;
            }
            Err(error) => assert!(!is_wanted, "a press counts where it is waited for: {error}"),
        }
    }

    /// Bytes arrive.
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.join.room();
            let len = room.len().min(bytes.len());
            if len == 0 {
                return;
            }
            room[..len].copy_from_slice(&bytes[..len]);
            bytes = &bytes[len..];
            self.join.received(len);
            loop {
                match self.join.advance() {
                    Ok(JoinStep::Nothing) => break,
                    Ok(step) => self.stepped(step),
                    Err(error) => {
                        self.asked = false;
                        return assert_eq!(self.genuine, None, "what is genuine does not fail: {error}");
                    }
                }
            }
        }
    }

    fn stepped(&mut self, step: JoinStep) {
        assert!(self.genuine.is_some(), "nothing follows from what is not genuine: {step:?}");
        match step {
            JoinStep::Met(key) => assert_eq!(key, HubKey(hub().public())),
            JoinStep::Trusted(key) => {
                assert_eq!(key, HubKey(hub().public()));
                self.trusted = true;
            }
            JoinStep::Show(Digits { code, answer }) => {
                let transcript = self.talk.as_ref().map(|(_, transcript)| *transcript).unwrap_or_default();
                let confirm = if self.with == With::Button { Confirm::Button } else { Confirm::Digits };
                assert_eq!(code, join_code(confirm, &transcript, &HUB_NONCE, &RANDOM.nonce));
                let own = (self.with == With::Digits).then(|| below_codes(RANDOM.answer));
                assert_eq!(answer, own);
                self.shown = true;
            }
            JoinStep::Press => {
                assert_eq!((self.with, self.genuine), (With::Button, Some(4)), "a press is asked for last");
                self.asked = true;
            }
            JoinStep::Revealed | JoinStep::Waits | JoinStep::Nothing => {}
        }
    }
}

fn taken(join: &mut Join) -> Vec<u8> {
    let waiting = join.waiting().to_vec();
    join.sent(waiting.len());
    waiting
}
