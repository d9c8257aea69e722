//! [`Attack`]: every way to say something as somebody else, and [`Attacker`], who tries them one after the other.
//!
//! Whoever stands in between a genuine node and its hub is in `between.rs`.

use core::net::IpAddr;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context as _, Result};
use iot_node::{runner::random, tunnel::Keys};
use iot_proto::{Correlation, Identity, MessageKind, Name, RequestId};

use super::{
    Plant,
    between::{AtOpening, InStream},
    cast::{Block, Cast, Ward, address},
    genuine::keys,
    keyless::{Said, first_record},
    saying::Saying,
};
use crate::{
    hand_node::HandNode,
    prove::{chance::Chance, low_order::POINTS},
};

/// How long a connection within this machine may take.
const CONNECT: Duration = Duration::from_secs(10);

/// New keys of an attacker in a round.
const STRANGERS: usize = 6;

/// The first byte of a record, and the number of the one that goes on with a handshake.
const REPLY: [u8; 2] = [0xE5, 4];

/// One way to say something as somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    /// A session of a key that nobody has let in.
    Unknown,
    /// A session of a key that was revoked.
    Revoked,
    /// A plain connection with the key of another node in its hello.
    PlainKey,
    /// A plain connection with the id of another node as its name.
    PlainName,
    /// Nothing was said before, plain or in a session.
    NoHello,
    /// A session of a key of one's own, with another's key in the hello.
    OtherId,
    /// A session of a node that was let in, with another's key in a second hello.
    SecondHello,
    /// Keys with which everybody agrees on zeros.
    LowOrder,
    /// A genuine session, of which the opening does not come as it was said.
    Opening(AtOpening),
    /// A genuine session, of which the records do not come as they were said.
    Stream(InStream),
}

/// Each attack, with its word.
const ATTACKS: [(Attack, &str); 21] = [
    (Attack::Unknown, "unknown"),
    (Attack::Revoked, "revoked"),
    (Attack::PlainKey, "plain_key"),
    (Attack::PlainName, "plain_name"),
    (Attack::NoHello, "no_hello"),
    (Attack::OtherId, "other_id"),
    (Attack::SecondHello, "second_hello"),
    (Attack::LowOrder, "low_order"),
    (Attack::Opening(AtOpening::Downgraded), "downgraded"),
    (Attack::Opening(AtOpening::OtherHub), "other_hub"),
    (Attack::Opening(AtOpening::OtherPurpose), "other_purpose"),
    (Attack::Opening(AtOpening::Flipped), "flipped_opening"),
    (Attack::Opening(AtOpening::Cut), "cut_opening"),
    (Attack::Opening(AtOpening::Replayed), "replayed_opening"),
    (Attack::Stream(InStream::Flipped), "flipped_record"),
    (Attack::Stream(InStream::Cut), "cut_record"),
    (Attack::Stream(InStream::Repeated), "repeated_record"),
    (Attack::Stream(InStream::Skipped), "skipped_record"),
    (Attack::Stream(InStream::Swapped), "swapped_records"),
    (Attack::Stream(InStream::Reflected), "reflected_record"),
    (Attack::Stream(InStream::Plain), "plain_inside"),
];

/// Somebody who attacks, with what is drawn for it.
#[derive(Debug)]
pub(super) struct Attacker<'a> {
    pub(super) cast: &'a Cast,
    pub(super) plant: Option<Plant>,
    pub(super) chance: Chance,
    /// Which of all attackers this is.
    number: u8,
    strangers: Vec<Keys>,
    /// Who has come under a key or name that is its own.
    pub(super) came: BTreeSet<String>,
    /// How often the hub has gone on with an opening that nobody genuine has made.
    pub(super) answered: u64,
    /// What was tried, and how often.
    pub(super) made: BTreeMap<(&'static str, MessageKind), u32>,
}

/// One attempt: an attack with a message, as a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    pub(super) attack: Attack,
    pub(super) kind: MessageKind,
    pub(super) number: u32,
    pub(super) ward: &'a Ward,
    /// From where.
    pub(super) from: IpAddr,
    /// Whether the message is a request, an answer or neither.
    pub(super) correlation: Correlation,
}

impl<'a> Attempt<'a> {
    /// What is said in the name of `identity`.
    fn saying<'i>(&self, identity: Identity<'i>) -> Saying<'i> {
        Saying { identity, command: self.ward.command, number: self.number }
    }

    /// A hello in the name of `identity`, and the message.
    pub(super) fn frames(&self, identity: Identity<'_>) -> Result<[Vec<u8>; 2]> {
        let saying = self.saying(identity);
        Ok([saying.hello()?, saying.frame(self.kind, self.correlation)?])
    }

    /// The same in the name of the ward.
    pub(super) fn wards_frames(&self) -> Result<[Vec<u8>; 2]> {
        self.frames(Identity::Key(self.ward.keys().public()))
    }

    /// The ward's keys.
    pub(super) fn wards_keys(&self) -> &'a Keys {
        self.ward.keys()
    }
}

impl<'a> Attacker<'a> {
    /// An attacker with new keys.
    pub(super) fn new(cast: &'a Cast, plant: Option<Plant>, chance: Chance, number: u8) -> Result<Self> {
        let strangers = (0..STRANGERS).map(|_| keys(cast.hub_key)).collect::<Result<_>>()?;
        Ok(Self {
            cast,
            plant,
            chance,
            number,
            strangers,
            came: BTreeSet::new(),
            answered: 0,
            made: BTreeMap::new(),
        })
    }

    /// Makes the attempt with this number: attacks, kinds of messages and forms of frames take turns, all else is
    /// drawn.
    pub(super) fn attempt(&mut self, number: u32) -> Result<()> {
        let (at, attacks, kinds) = (usize::try_from(number)?, ATTACKS, MessageKind::ALL);
        let (attack, word) = *attacks.get(at % attacks.len()).context("an attack")?;
        let turn = at / attacks.len();
        let kind = *kinds.get(turn % kinds.len()).context("a kind")?;
        let correlation = match (turn / kinds.len()) % 3 {
            0 => Correlation::Request(RequestId::FIRST.next()),
            1 => Correlation::OneWay,
            _ => Correlation::Response(RequestId::FIRST),
        };
        let of_sort = if attack == Attack::Revoked { &self.cast.revoked } else { &self.cast.wards };
        let victim = self.chance.pick(of_sort).context("a node")?;
        let host = 1 + u8::try_from(self.chance.below(100))? + 100 * (self.number % 2);
        let from = if self.chance.one_in(3) { victim.from } else { address(Block::Attackers, host) };
        let attempt = Attempt { attack, kind, number, ward: victim, from, correlation };
        self.carry_out(&attempt)
            .with_context(|| format!("attempt {number}: {word} with {kind} as {}", victim.node.id))?;
        *self.made.entry((word, kind)).or_default() += 1;
        Ok(())
    }

    fn carry_out(&mut self, attempt: &Attempt<'_>) -> Result<()> {
        match attempt.attack {
            Attack::Unknown => {
                let keys = self.stranger()?;
                self.came.insert(keys.public().id().to_string());
                let frames = attempt.frames(Identity::Key(keys.public()))?;
                self.in_session(attempt, &keys, &frames)
            }
            Attack::Revoked => self.in_session(attempt, attempt.wards_keys(), &attempt.wards_frames()?),
            Attack::PlainKey => self.plain(attempt, &attempt.wards_frames()?),
            Attack::PlainName => {
                let name = attempt.ward.node.id.to_lowercase();
                self.came.insert(format!("plain:{name}"));
                self.plain(attempt, &attempt.frames(Identity::Name(Name::new(&name)?))?)
            }
            Attack::NoHello => {
                let [_, message] = attempt.wards_frames()?;
                // A hello would not be without one.
                let frames = if attempt.kind == MessageKind::HELLO { Vec::new() } else { vec![message] };
                if self.chance.one_in(2) {
                    return self.plain(attempt, &frames);
                }
                let keys = self.stranger()?;
                self.in_session(attempt, &keys, &frames)
            }
            Attack::OtherId => {
                let stolen = self.plant == Some(Plant::StolenKey);
                let keys = if stolen { attempt.wards_keys().clone() } else { self.stranger()? };
                self.in_session(attempt, &keys, &attempt.wards_frames()?)
            }
            Attack::SecondHello => {
                let own = self.chance.pick(&self.cast.accomplices).context("a node")?;
                let [hello, _] = attempt.frames(Identity::Key(own.keys.public()))?;
                let [second, message] = attempt.wards_frames()?;
                self.in_session(attempt, &own.keys, &[hello, second, message])
            }
            Attack::LowOrder => self.low_order(attempt),
            Attack::Opening(what) => self.opening(attempt, what),
            Attack::Stream(what) => self.stream(attempt, what),
        }
    }

    /// Says frames on a plain connection.
    fn plain(&self, attempt: &Attempt<'_>, frames: &[Vec<u8>]) -> Result<()> {
        let mut node = self.connect(attempt)?;
        // Where the hub has ended the connection already, the end is all that is left.
        let _ = node.raw(&frames.concat());
        node.end().map(drop)
    }

    /// Says frames in a session of these keys, in one record or in one each.
    fn in_session(&mut self, attempt: &Attempt<'_>, keys: &Keys, frames: &[Vec<u8>]) -> Result<()> {
        let node = self.connect(attempt)?.encrypt(keys, |_| {})?;
        let mut node = node.context("the hub opens a session with a key that is proven")?;
        let together = [frames.concat()];
        let records = if self.chance.one_in(2) { together.as_slice() } else { frames };
        for record in records.iter().filter(|record| !record.is_empty()) {
            let _ = node.frames(record);
        }
        node.end().map(drop)
    }

    /// Opens with keys of low order, one or both of them.
    fn low_order(&mut self, attempt: &Attempt<'_>) -> Result<()> {
        let mut point = || self.chance.pick(&POINTS).copied().map(Said::low_order).context("a point");
        let (ephemeral, own) = (point()?, point()?);
        let honest = Said::honest(random()?, self.cast.hub_key);
        let ephemeral = if self.chance.one_in(2) { honest } else { ephemeral };
        self.refused(attempt, &first_record(self.cast.hub_key, ephemeral, own)?)
    }

    /// Opens with a record with which no hub may go on.
    pub(super) fn refused(&mut self, attempt: &Attempt<'_>, record: &[u8]) -> Result<()> {
        let mut node = self.connect(attempt)?;
        let _ = node.raw(record);
        self.answered += u64::from(node.end()?.starts_with(&REPLY));
        Ok(())
    }

    pub(super) fn connect(&self, attempt: &Attempt<'_>) -> Result<HandNode> {
        HandNode::connect_from(attempt.from, self.cast.hub.tcp, CONNECT)
    }

    fn stranger(&mut self) -> Result<Keys> {
        self.chance.pick(&self.strangers).cloned().context("a stranger")
    }
}
