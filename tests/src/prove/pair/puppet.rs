//! [`Puppet`]: a node whose keys the attacker has, all of them: it says to the hub what the attacker likes, under the very
//! encryption that the node would have. What follows from it is in `button.rs`.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use anyhow::{Context as _, Result, ensure};
use iot_node::noise::{Handshake, KeyPair, Parties, Pattern, Role, Transport};
use iot_proto::{
    JoinMessage, MAX_UNPROVEN, Opening, Origin, Purpose, RECORD_HEADER_LEN, Record, RecordType, Refusal,
    TAG_LEN, VersionRange,
};

/// A node whose keys the attacker has, after its handshake with the hub.
pub(super) struct Puppet {
    stream: TcpStream,
    transport: Transport,
    /// The hash of the handshake.
    pub(super) transcript: [u8; 32],
    /// The record with which the hub has answered.
    pub(super) reply: Vec<u8>,
}

impl Puppet {
    /// Makes the handshake with the hub, as a node with this key and these random bytes makes it.
    pub(super) fn new(mut stream: TcpStream, own: &KeyPair, ephemeral: [u8; 32]) -> Result<Self> {
        let opening = Opening { purpose: Purpose::JoinCode, versions: VersionRange::OURS, hub_key: 0 };
        let parties = Parties { pattern: Pattern::Xx, role: Role::Initiator, own, theirs: None, psk: None };
        let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), ephemeral);
        let (mut first, mut second) = ([0; 32], [0; 64]);
        handshake.write(&[], &mut first)?;
        stream.write_all(&[opening.clear().as_ref(), &first].concat())?;
        let reply = record(&mut stream)?;
        handshake.read(reply.get(RECORD_HEADER_LEN..).context("a reply")?, &mut [])?;
        handshake.write(&[], &mut second)?;
        stream.write_all(&[&Record::header(RecordType::Reply, second.len())?[..], &second].concat())?;
        let transcript = handshake.hash();
        Ok(Self { stream, transport: handshake.finish()?, transcript, reply })
    }

    /// Says something to the hub.
    pub(super) fn say(&mut self, message: &JoinMessage) -> Result<()> {
        let mut text = message.encode().as_ref().to_vec();
        let tag = self.transport.seal(&mut text)?;
        let header = Record::header(RecordType::Data, text.len() + TAG_LEN)?;
        Ok(self.stream.write_all(&[header.as_slice(), &text, &tag].concat())?)
    }

    /// What the hub says, with the record in which it does; `None` where it refuses.
    pub(super) fn hear(&mut self) -> Result<Option<(JoinMessage, Vec<u8>)>> {
        let bytes = record(&mut self.stream)?;
        let (found, _) = Record::split(&bytes, MAX_UNPROVEN)?.context("a whole record")?;
        if Refusal::of(found).is_some() {
            return Ok(None);
        }
        let (text, tag) = found.body.split_last_chunk().context("a tag")?;
        let mut text = text.to_vec();
        self.transport.open(&mut text, tag)?;
        let message = JoinMessage::decode(&text, Origin::Hub)?;
        Ok(Some((message, bytes)))
    }
}

/// The next record of the hub.
fn record(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = vec![0; RECORD_HEADER_LEN];
    stream.read_exact(&mut bytes)?;
    let len = usize::from(u16::from_le_bytes([
        *bytes.get(2).context("a length")?,
        *bytes.get(3).context("a length")?,
    ]));
    ensure!(len <= MAX_UNPROVEN, "a record of {len} bytes");
    bytes.resize(RECORD_HEADER_LEN + len, 0);
    stream.read_exact(bytes.get_mut(RECORD_HEADER_LEN..).context("the rest")?)?;
    Ok(bytes)
}
