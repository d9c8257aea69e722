//! [`Liar`]: whoever is where a node takes its hub to be, or dials it, and says what the hub's next key is.

use core::{net::SocketAddr, time::Duration};
use std::{
    io::{self, ErrorKind, Read, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    thread,
};

use anyhow::{Context as _, Result, anyhow};
use iot_node::{noise::KeyPair, runner::random, tunnel::Keys};
use iot_proto::{
    Correlation, HubKey, HubKeyStage, Identity, MessageKind, NextHubKey, NodeKey, Purpose, RECORD_HEADER_LEN,
    RequestId,
};

use super::{between::record, saying::Saying};
use crate::hand_node::HandNode;

/// How long anything within this machine may take.
pub(super) const SOON: Duration = Duration::from_secs(15);

/// Bytes with which a node opens a session.
const OPENING: usize = 116;

/// What a reply begins with, and how much follows.
const REPLY: [u8; 4] = [0xE5, 4, 64, 0];
const REPLY_BODY: usize = 64;

/// What a record of data begins with, before its length.
const DATA: [u8; 2] = [0xE5, 5];

/// How a next key is said to a node that the hub has not said, or not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    /// In plain, before anybody is proven.
    Plain,
    /// By somebody who answers for the hub and does not have its key.
    Unproven,
    /// By somebody who dials the node and does not have the hub's key.
    Dialled,
    /// In plain, by somebody who dials the node.
    DialledPlain,
    /// As the hub has said it in another session.
    Replayed,
    /// In plain, between the records of a genuine session.
    Injected,
    /// In a genuine session, in which one bit of what the hub says is another.
    Changed,
    /// In a genuine session, as it was said: the control.
    Untouched,
}

impl Lie {
    /// All but the control.
    pub(super) const ALL: [Self; 7] = [
        Self::Plain,
        Self::Unproven,
        Self::Dialled,
        Self::DialledPlain,
        Self::Replayed,
        Self::Injected,
        Self::Changed,
    ];

    /// Its word in figures.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Unproven => "unproven",
            Self::Dialled => "dialled",
            Self::DialledPlain => "dialled_plain",
            Self::Replayed => "replayed",
            Self::Injected => "injected",
            Self::Changed => "changed",
            Self::Untouched => "untouched",
        }
    }

    /// The same, where whoever is in between changes nothing and keeps nothing back.
    pub(super) fn untouched(self) -> Self {
        match self {
            Self::Replayed | Self::Injected | Self::Changed => Self::Untouched,
            Self::Plain | Self::Unproven | Self::Dialled | Self::DialledPlain | Self::Untouched => self,
        }
    }
}

/// Somebody with a lie.
#[derive(Debug)]
pub(super) struct Liar {
    pub(super) lie: Lie,
    /// The genuine hub.
    pub(super) hub: SocketAddr,
    /// Whose hub it is.
    pub(super) node: NodeKey,
    /// What the hub has said to that node before.
    pub(super) heard: Vec<u8>,
}

impl Liar {
    /// Meets the node at `place`, or where it listens. Whether it has answered whom it must not answer.
    pub(super) fn meet(self, place: &TcpListener, listens: SocketAddr) -> Result<bool> {
        let announced = announced()?;
        let data = {
            let len = u16::try_from(announced.len())?.to_le_bytes();
            [&DATA, len.as_slice(), &announced].concat()
        };
        match self.lie {
            Lie::Dialled => {
                let own = Keys::new(KeyPair::from_secret(random()?), HubKey(self.node.0));
                dial(listens, &[record(&own, Purpose::Dial)?, data].concat())
            }
            Lie::DialledPlain => dial(listens, &announced),
            Lie::Plain => answer(place, &announced),
            Lie::Unproven => {
                let junk: [u8; REPLY_BODY] = random()?;
                answer(place, &[&REPLY, junk.as_slice(), &data, &announced].concat())
            }
            Lie::Replayed => answer(place, &self.heard),
            Lie::Injected => self.between(place, |turn, said| {
                if turn == 1 {
                    said.splice(..0, announced.iter().copied());
                }
            }),
            Lie::Changed => self.between(place, |turn, said| {
                if turn == 1
                    && let Some(last) = said.last_mut()
                {
                    *last ^= 1;
                }
            }),
            Lie::Untouched => self.between(place, |_, _| {}),
        }
    }

    /// Stands between the node and its hub until either ends it, and may change each record of the hub.
    fn between(&self, place: &TcpListener, mut change: impl FnMut(u32, &mut Vec<u8>)) -> Result<bool> {
        let (mut node, _) = place.accept()?;
        let mut hub = TcpStream::connect(self.hub)?;
        relay(&mut node, &mut hub, |turn, said| change(turn, said))?;
        Ok(false)
    }
}

/// Hands on what both say until one of them ends it, and the hub's records as `change` leaves them.
fn relay(node: &mut TcpStream, hub: &mut TcpStream, mut change: impl FnMut(u32, &mut Vec<u8>)) -> Result<()> {
    let (mut said, mut heard) = (node.try_clone()?, hub.try_clone()?);
    let asking = thread::spawn(move || {
        // Either may have gone already.
        let _ = io::copy(&mut said, &mut heard);
        let _ = heard.shutdown(Shutdown::Both);
    });
    for turn in 0.. {
        let Some(mut record) = next_record(hub) else { break };
        change(turn, &mut record);
        if node.write_all(&record).is_err() {
            break;
        }
    }
    let _ = node.shutdown(Shutdown::Both);
    asking.join().map_err(|_| anyhow!("whoever hands on what a node says has panicked"))
}

/// All that the hub says to a node with these keys until it has announced its next key, as it is.
pub(super) fn recorded(hub: SocketAddr, keys: &Keys) -> Result<Vec<u8>> {
    let place = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = place.local_addr()?;
    let recording = thread::spawn(move || -> Result<Vec<u8>> {
        let (mut node, mut heard) = (place.accept()?.0, Vec::new());
        relay(&mut node, &mut TcpStream::connect(hub)?, |_, record| heard.extend_from_slice(record))?;
        Ok(heard)
    });
    let node = HandNode::connect(near)?.encrypt(keys, |_| {})?;
    let mut node = node.context("the hub opens a session with a genuine node")?;
    let identity = Identity::Key(keys.public());
    node.frames(&Saying { identity, command: iot_proto::CommandId([0; 16]), number: 0 }.hello()?)?;
    while node.next()?.kind != MessageKind::NEXT_HUB_KEY {}
    drop(node);
    recording.join().map_err(|_| anyhow!("whoever records has panicked"))?
}

/// A next key that nobody has but whoever says it, in a frame.
fn announced() -> Result<Vec<u8>> {
    let key = HubKey(KeyPair::from_secret(random()?).public());
    let told = NextHubKey { number: 2, stage: HubKeyStage::IN_USE, key };
    let mut frame = Vec::new();
    iot_proto::encode_to_vec(&told, Correlation::Request(RequestId::FIRST), &mut frame)?;
    Ok(frame)
}

/// Answers a node that opens a session with these bytes, and waits until it goes.
fn answer(place: &TcpListener, lie: &[u8]) -> Result<bool> {
    let (mut node, _) = place.accept()?;
    node.set_read_timeout(Some(SOON))?;
    node.read_exact(&mut [0; OPENING]).context("the node opens a session")?;
    until_it_goes(node, lie).map(|_| false)
}

/// Dials a node, says these bytes, and waits until it goes. Whether it has said anything.
fn dial(listens: SocketAddr, lie: &[u8]) -> Result<bool> {
    let node = TcpStream::connect(listens)?;
    node.set_read_timeout(Some(SOON))?;
    Ok(!until_it_goes(node, lie)?.is_empty())
}

/// Says these bytes and no more, and gives what the node still says before it ends the connection.
fn until_it_goes(mut node: TcpStream, lie: &[u8]) -> Result<Vec<u8>> {
    // It may have gone already, which reading shows.
    let _ = node.write_all(lie);
    let _ = node.shutdown(Shutdown::Write);
    let mut said = Vec::new();
    match node.read_to_end(&mut said) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error).context("the node goes"),
        _ => Ok(said),
    }
}

/// The next record that somebody says, as it is; `None` where they say no more.
fn next_record(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut record = vec![0; RECORD_HEADER_LEN];
    from.read_exact(&mut record).ok()?;
    let len = record.last_chunk().map_or(0, |len| u16::from_le_bytes(*len));
    record.resize(RECORD_HEADER_LEN + usize::from(len), 0);
    let body = record.get_mut(RECORD_HEADER_LEN..).unwrap_or_default();
    from.read_exact(body).is_ok().then_some(record)
}
