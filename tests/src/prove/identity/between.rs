//! Attacks of whoever stands in between a genuine node and its hub: what the node says is changed, cut, kept back,
//! repeated, sent back or said again. The node's own keys are at work, so whatever the hub takes of it counts.

use anyhow::{Context as _, Result};
use iot_node::{
    noise::{Handshake, Parties, Pattern, Role},
    runner::random,
    tunnel::Keys,
};
use iot_proto::{
    Correlation, HubKey, Offer, Opening, Ping, Purpose, RequestId, SESSION_MESSAGE, VersionRange,
};

use super::{
    Plant,
    attack::{Attacker, Attempt},
    genuine::keys,
};
use crate::prove::chance::Chance;

/// Clear bytes of an opening: header, versions, key number, zero.
const CLEAR: u64 = 8;

/// Bytes of an opening.
const SESSION_LEN: u64 = 116;

/// What becomes of the opening of a genuine session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtOpening {
    /// Other versions, key number, type or length in its clear bytes.
    Downgraded,
    /// It is meant for a key that the hub does not have.
    OtherHub,
    /// It was said for something else than a session.
    OtherPurpose,
    /// One bit of it is another.
    Flipped,
    /// Some of its bytes are missing.
    Cut,
    /// It was recorded, with records that have not reached the hub.
    Replayed,
}

/// What becomes of the records of a genuine session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InStream {
    /// One bit of one is another.
    Flipped,
    /// Some bytes of one are missing.
    Cut,
    /// One comes a second time.
    Repeated,
    /// One is left out.
    Skipped,
    /// Two come in the wrong order.
    Swapped,
    /// One of the hub's comes back to it.
    Reflected,
    /// Plain frames come in their place.
    Plain,
}

impl Attacker<'_> {
    /// Lets a genuine node open a session, of which the opening does not come as it was said.
    pub(super) fn opening(&mut self, attempt: &Attempt<'_>, what: AtOpening) -> Result<()> {
        let (genuine, chance) = (attempt.wards_keys(), &mut self.chance);
        match what {
            AtOpening::Downgraded => {
                let (at, bits) = (chance.below(CLEAR), bits(chance)?);
                self.open(attempt, genuine, |first| flip(first, at, bits))
            }
            AtOpening::Flipped => {
                let (at, bit) = (chance.below(SESSION_LEN), 1 << chance.below(8));
                self.open(attempt, genuine, |first| flip(first, at, bit))
            }
            AtOpening::OtherHub => {
                let other = if chance.one_in(2) {
                    Keys { hub: HubKey(keys(genuine.hub)?.public().0), ..genuine.clone() }
                } else {
                    Keys { hub_key: genuine.hub_key ^ bits(chance)?, ..genuine.clone() }
                };
                self.open(attempt, &other, |_| {})
            }
            AtOpening::Cut => {
                let (from, len) = (chance.below(SESSION_LEN), 1 + chance.below(SESSION_LEN));
                let mut first = record(genuine, Purpose::Session)?;
                cut(&mut first, from, len);
                self.refused(attempt, &first)
            }
            AtOpening::OtherPurpose => self.refused(attempt, &record(genuine, Purpose::Dial)?),
            AtOpening::Replayed => self.replay(attempt),
        }
    }

    /// A session that begins with an opening which is changed on its way. Should the hub go on, so does the node.
    fn open(&self, attempt: &Attempt<'_>, keys: &Keys, change: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let untouched = self.plant == Some(Plant::Untouched);
        let change = |first: &mut Vec<u8>| {
            if !untouched {
                change(first);
            }
        };
        let Some(mut node) = self.connect(attempt)?.encrypt(keys, change)? else { return Ok(()) };
        for frames in attempt.wards_frames()? {
            let _ = node.frames(&frames);
        }
        node.end().map(drop)
    }

    /// The opening of one connection on another, and behind it what the node has said on the first one.
    fn replay(&self, attempt: &Attempt<'_>) -> Result<()> {
        let mut recorded = Vec::new();
        let node =
            self.connect(attempt)?.encrypt(attempt.wards_keys(), |first| recorded.clone_from(first))?;
        let mut node = node.context("the hub opens a session with a genuine node")?;
        let [hello, message] = attempt.wards_frames()?;
        let kept_back = [node.seal(&hello)?, node.seal(&message)?].concat();
        if self.plant == Some(Plant::Untouched) {
            let _ = node.raw(&kept_back);
        }
        node.end()?;
        let mut again = self.connect(attempt)?;
        let _ = again.raw(&recorded);
        // Whoever says it again gets a reply, which is of no use to anybody.
        again.next_record()?;
        let _ = again.raw(&kept_back);
        again.end().map(drop)
    }

    /// A session in which the node has proven itself, by a message that changes nothing. From then on the stream of its
    /// records is not as it has left the node.
    pub(super) fn stream(&mut self, attempt: &Attempt<'_>, what: InStream) -> Result<()> {
        let node = self.connect(attempt)?.encrypt(attempt.wards_keys(), |_| {})?;
        let mut node = node.context("the hub opens a session with a genuine node")?;
        let mut harmless = Vec::new();
        iot_proto::encode_to_vec(&Ping, Correlation::Request(RequestId::FIRST), &mut harmless)?;
        let [hello, message] = attempt.wards_frames()?;
        let first = node.seal(&harmless)?;
        node.raw(&first)?;
        let answer = node.next_record()?;
        let skipped = if what == InStream::Skipped { node.seal(&harmless)? } else { Vec::new() };
        let (mut record, swapped) = (node.seal(&hello)?, node.seal(&harmless)?);
        let last = node.seal(&message)?;
        let len = u64::try_from(record.len())?;
        let chance = &mut self.chance;
        let stream = match what {
            _ if self.plant == Some(Plant::Untouched) => vec![skipped, record, swapped, last],
            InStream::Flipped => {
                flip(&mut record, chance.below(len), 1 << chance.below(8));
                vec![record, swapped, last]
            }
            InStream::Cut => {
                let (from, some) = (chance.below(len), 1 + chance.below(len));
                cut_before(&mut record, from, some, &swapped);
                vec![record, swapped, last]
            }
            InStream::Repeated => vec![first, record, swapped, last],
            InStream::Skipped => vec![record, swapped, last],
            InStream::Swapped => vec![swapped, record, last],
            InStream::Reflected => vec![answer, record, swapped, last],
            InStream::Plain => vec![hello, message],
        };
        let _ = node.raw(&stream.concat());
        node.end().map(drop)
    }
}

/// The first record with which the owner of these keys opens something.
pub(super) fn record(keys: &Keys, purpose: Purpose) -> Result<Vec<u8>> {
    let opening = Opening { purpose, versions: VersionRange::OURS, hub_key: keys.hub_key };
    let (own, theirs) = (&keys.own, Some(keys.hub.0));
    let parties = Parties { pattern: Pattern::Ik, role: Role::Initiator, own, theirs, psk: None };
    let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), random()?);
    let mut message = [0; SESSION_MESSAGE];
    handshake.write(&Offer { record: 1024 }.encode(), &mut message)?;
    Ok([opening.clear().as_ref(), &message].concat())
}

/// Bits of a byte, at least one of them set.
fn bits(chance: &mut Chance) -> Result<u8> {
    Ok(u8::try_from(1 + chance.below(255))?)
}

/// Changes bits of one byte, which is counted round.
fn flip(bytes: &mut [u8], at: u64, bits: u8) {
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let at = usize::try_from(at.checked_rem(len).unwrap_or(0)).unwrap_or(0);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= bits;
    }
}

/// Takes some bytes out, at least one.
fn cut(bytes: &mut Vec<u8>, from: u64, len: u64) {
    let from = usize::try_from(from).unwrap_or(0).min(bytes.len().saturating_sub(1));
    let end = usize::try_from(len).map_or(bytes.len(), |len| (from + len).min(bytes.len()));
    bytes.drain(from..end);
}

/// Takes some bytes out of a record, at least one, so that it is not whole again by what follows: one in 256 records
/// ends with the byte that the next one begins with.
fn cut_before(record: &mut Vec<u8>, from: u64, len: u64, next: &[u8]) {
    let whole = record.clone();
    cut(record, from, len);
    while [record.as_slice(), next].concat().starts_with(&whole) {
        record.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_cut_is_not_made_whole_by_the_next_one() {
        let next = [0xE5, 5, 17, 0];
        let cut_at = |from, len| {
            let mut record = vec![0xE5, 5, 1, 2, 0xE5];
            cut_before(&mut record, from, len, &next);
            record
        };
        assert_eq!(cut_at(1, 2), [0xE5, 2, 0xE5]);
        assert_eq!(cut_at(3, 9), [0xE5, 5, 1]);
        assert_eq!(cut_at(4, 1), [0xE5, 5, 1], "and not the whole record with its last byte from the next");
    }
}
