//! [`Posed`]: the attacker as a hub, to a node that joins with digits. What it does with the hub is in `attack.rs`.

use anyhow::{Context as _, Result, ensure};
use iot_node::{
    join::{Join, JoinStep, Randomness},
    noise::{Handshake, KeyPair, Parties, Pattern, Role, Transport},
};
use iot_proto::{
    Confirm, JoinMessage, MAX_UNPROVEN, Opening, Origin, Record, RecordType, TAG_LEN, join_code,
};

/// The attacker as a hub, to a node that joins with digits.
pub(super) struct Posed {
    transport: Transport,
    pub(super) transcript: [u8; 32],
}

impl Posed {
    /// Makes the handshake with a node.
    pub(super) fn new(victim: &mut Join) -> Result<Self> {
        let own = key()?;
        let first = taken(victim);
        let (record, _) = Record::split(&first, MAX_UNPROVEN)?.context("a first record")?;
        let (opening, message) = Opening::decode(record, Origin::Node)?;
        let parties =
            Parties { pattern: Pattern::Xx, role: Role::Responder, own: &own, theirs: None, psk: None };
        let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), random()?);
        handshake.read(message, &mut [])?;
        let mut answer = [0; 96];
        handshake.write(&[], &mut answer)?;
        give(victim, &[Record::header(RecordType::Reply, 96)?.as_slice(), &answer].concat());
        ensure!(victim.advance()? == JoinStep::Nothing, "the node goes on");
        let proof = taken(victim);
        let (record, _) = Record::split(&proof, MAX_UNPROVEN)?.context("a second record")?;
        handshake.read(record.body, &mut [])?;
        let transcript = handshake.hash();
        Ok(Self { transport: handshake.finish()?, transcript })
    }

    /// Says something to the node.
    pub(super) fn say(&mut self, victim: &mut Join, message: &JoinMessage) -> Result<()> {
        let mut text = message.encode().as_ref().to_vec();
        let tag = self.transport.seal(&mut text)?;
        let header = Record::header(RecordType::Data, text.len() + TAG_LEN)?;
        give(victim, &[header.as_slice(), &text, &tag].concat());
        Ok(())
    }

    /// What the node has said.
    pub(super) fn hear(&mut self, victim: &mut Join) -> Result<JoinMessage> {
        let said = taken(victim);
        let (record, _) = Record::split(&said, MAX_UNPROVEN)?.context("a record")?;
        let (text, tag) = record.body.split_last_chunk().context("a tag")?;
        let mut text = text.to_vec();
        self.transport.open(&mut text, tag)?;
        Ok(JoinMessage::decode(&text, Origin::Node)?)
    }
}

/// A nonce with which the code is this one.
pub(super) fn grind(transcript: &[u8; 32], victims: &[u8; 32], code: u32) -> [u8; 32] {
    let mut nonce = [0; 32];
    for number in 0_u64.. {
        if let Some(start) = nonce.first_chunk_mut() {
            *start = number.to_le_bytes();
        }
        if join_code(Confirm::Digits, transcript, &nonce, victims) == code {
            break;
        }
    }
    nonce
}

/// What a run wants said.
pub(super) fn taken(run: &mut Join) -> Vec<u8> {
    let waiting = run.waiting().to_vec();
    run.sent(waiting.len());
    waiting
}

/// Gives a run what arrives.
pub(super) fn give(run: &mut Join, bytes: &[u8]) {
    run.room().iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    run.received(bytes.len());
}

/// A new key pair.
pub(super) fn key() -> Result<KeyPair> {
    Ok(KeyPair::from_secret(random()?))
}

/// Random bytes, never the same.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    Ok(iot_node::runner::random()?)
}

/// What a run with a code needs.
pub(super) fn randomness() -> Result<Randomness> {
    Ok(Randomness { ephemeral: random()?, nonce: random()?, answer: random()? })
}
