//! [`tunnel`]: nothing comes out of a tunnel but what the hub sealed, in order.

use iot_node::{
    noise::{Handshake, Parties, Pattern, Role, Transport},
    tunnel::{Keys, Step, Tunnel, TunnelError},
};
use iot_proto::{
    Acceptance, Correlation, HubKey, Offer, Opening, Origin, Ping, Purpose, Record, RecordType,
    SESSION_MESSAGE, TAG_LEN, VersionRange,
};

use super::{Script, hub, node};

/// Room for a record of 600 bytes.
type Small = Tunnel<604>;

/// The hub's side, and what was said.
struct World {
    tunnel: Small,
    /// What opens the tunnel genuinely, until it was said.
    opening: Option<Vec<u8>>,
    /// The hub's handshake where it waits for the node's answer, and what follows from it.
    asking: Option<Handshake>,
    hub: Option<Transport>,
    /// Whether all that was said so far is genuine and in order.
    is_genuine: bool,
    sealed: Vec<u8>,
    heard: Vec<u8>,
    has_failed: bool,
}

/// A script of an encrypted session, opened by either side.
///
/// # Panics
/// Where something comes out that the hub did not seal, where what it did seal does not come out, or where anything
/// goes through after a failure.
pub fn tunnel(script: &[u8]) {
    let mut script = Script(script);
    let mut world = if script.byte().unwrap_or(0) % 2 == 0 { World::connected() } else { World::dialled() };
    while let Some(act) = script.byte() {
        match act % 6 {
            0 => {
                let bytes = script.bytes();
                world.is_genuine &= bytes.is_empty();
                world.feed(bytes);
            }
            1 => world.open(None),
            2 => world.open(Some(&mut script)),
            3 => world.say(script.bytes(), None),
            4 => {
                let text = script.bytes();
                world.say(text, Some(&mut script));
            }
            _ => world.node_says(),
        }
    }
}

impl World {
    /// The node has opened the connection.
    fn connected() -> Self {
        let mut tunnel = Small::connect(&keys(), [3; 32]).expect("a genuine key");
        let asked = tunnel.waiting().to_vec();
        tunnel.sent(asked.len());
        let (record, _) = Record::split(&asked, 0).expect("a record").expect("a whole one");
        let (opening, message) = Opening::decode(record, Origin::Node).expect("an opening");
        let own = hub();
        let parties =
            Parties { pattern: Pattern::Ik, role: Role::Responder, own: &own, theirs: None, psk: None };
        let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), [4; 32]);
        handshake.read(message, &mut [0; Offer::LEN]).expect("it is genuine");
        let mut reply = [0; 48 + Acceptance::LEN];
        handshake.write(&Acceptance { version: 1, record: 600 }.encode(), &mut reply).expect("its turn");
        let header = Record::header(RecordType::Reply, reply.len()).expect("a length of replies");
        let opening = [&header[..], &reply].concat();
        Self::new(tunnel, opening, None, Some(handshake.finish().expect("it is complete")))
    }

    /// The hub has opened the connection.
    fn dialled() -> Self {
        let opening = Opening { purpose: Purpose::Dial, versions: VersionRange::OURS, hub_key: 1 };
        let (own, theirs) = (hub(), Some(node().public()));
        let parties = Parties { pattern: Pattern::Ik, role: Role::Initiator, own: &own, theirs, psk: None };
        let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), [4; 32]);
        let mut message = [0; SESSION_MESSAGE];
        handshake.write(&Offer { record: 600 }.encode(), &mut message).expect("its turn");
        let opening = [opening.clear().as_ref(), &message].concat();
        Self::new(Small::accept(keys(), [3; 32]), opening, Some(handshake), None)
    }

    fn new(tunnel: Small, opening: Vec<u8>, asking: Option<Handshake>, hub: Option<Transport>) -> Self {
        Self {
            tunnel,
            opening: Some(opening),
            asking,
            hub,
            is_genuine: true,
            sealed: Vec::new(),
            heard: Vec::new(),
            has_failed: false,
        }
    }

    /// Says what opens the tunnel, genuinely or with a bit turned over.
    fn open(&mut self, changed: Option<&mut Script<'_>>) {
        let Some(opening) = self.opening.take() else { return };
        let was_genuine = self.is_genuine;
        self.is_genuine &= changed.is_none();
        let bytes = match changed {
            Some(script) => script.flipped(opening),
            None => opening,
        };
        self.feed(&bytes);
        assert!(self.is_genuine || !(was_genuine && self.tunnel.is_open()), "what was changed opens nothing");
        if self.is_genuine {
            assert!(self.tunnel.is_open(), "what is genuine opens the tunnel");
            self.hear_answer();
        }
    }

    /// The hub reads the node's answer, where it has asked.
    fn hear_answer(&mut self) {
        let Some(mut handshake) = self.asking.take() else { return };
        let said = self.tunnel.waiting().to_vec();
        self.tunnel.sent(said.len());
        let (record, _) = Record::split(&said, 0).expect("a record").expect("a whole one");
        handshake.read(record.body, &mut [0; Acceptance::LEN]).expect("the node's answer is genuine");
        self.hub = Some(handshake.finish().expect("it is complete"));
    }

    /// The hub seals a text, and it arrives as it is or with a bit turned over.
    fn say(&mut self, text: &[u8], changed: Option<&mut Script<'_>>) {
        let Some(hub) = self.hub.as_mut().filter(|_| !text.is_empty()) else { return };
        let mut body = text.to_vec();
        let tag = hub.seal(&mut body).expect("nothing failed before");
        let header = Record::header(RecordType::Data, body.len() + TAG_LEN).expect("it fits");
        let record = [&header[..], &body, &tag].concat();
        // Before the tunnel is open it is out of turn.
        self.is_genuine &= changed.is_none() && self.tunnel.is_open();
        let bytes = match changed {
            Some(script) => script.flipped(record),
            None => record,
        };
        if self.is_genuine {
            self.sealed.extend_from_slice(text);
        }
        self.feed(&bytes);
        if self.is_genuine {
            assert_eq!(self.heard, self.sealed, "what the hub sealed comes out");
        }
    }

    /// The node says something, and the hub hears just that.
    fn node_says(&mut self) {
        let mut ping = [0; 12];
        iot_proto::encode(&Ping, Correlation::OneWay, &mut ping).expect("a ping fits");
        let frames = ping.repeat(3);
        let Ok(taken) = self.tunnel.seal(&frames) else { return };
        assert!(taken == 0 || self.tunnel.is_open(), "nothing is said before both sides are proven");
        let said = self.tunnel.waiting().to_vec();
        if taken == 0 {
            return;
        }
        self.tunnel.sent(said.len());
        let mut heard = said[4..said.len() - TAG_LEN].to_vec();
        let tag = said.last_chunk().expect("a tag");
        let hub = self.hub.as_mut().expect("an open tunnel has two ends");
        hub.open(&mut heard, tag).expect("what the node says is genuine");
        assert_eq!(heard, frames[..taken], "the hub hears what the node says");
    }

    /// Bytes arrive.
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.tunnel.room();
            let len = room.len().min(bytes.len());
            assert!(len > 0, "a tunnel that waits has room");
            room[..len].copy_from_slice(&bytes[..len]);
            bytes = &bytes[len..];
            self.tunnel.received(len);
            loop {
                match self.tunnel.advance() {
                    Ok(Step::Nothing) => break,
                    Ok(Step::Opened) => assert!(!self.has_failed, "what has failed stays closed"),
                    Ok(Step::Text) => {
                        let text = self.tunnel.text().to_vec();
                        self.heard.extend_from_slice(&text);
                        self.tunnel.took(text.len());
                    }
                    Err(error) => return self.failed(error),
                }
            }
            assert!(
                self.sealed.starts_with(&self.heard),
                "nothing comes out but what the hub sealed, in order"
            );
        }
    }

    fn failed(&mut self, error: TunnelError) {
        assert!(!self.is_genuine, "what is genuine does not fail: {error}");
        assert!(!self.tunnel.is_open() && self.tunnel.waiting().is_empty(), "nothing goes through any more");
        self.has_failed = true;
    }
}

fn keys() -> Keys {
    Keys::new(node(), HubKey(hub().public()))
}
