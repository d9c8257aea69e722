//! Scripts of what the hub hears on an encrypted connection: said by a node, changed on the way, said twice, left out,
//! or made up. Nothing comes of it but what the node said, in order.
//!
//! The node's side is the one that runs on chips. What such a node hears is fuzzed in `crates/iot-node/fuzz`.

use iot_node::{
    noise::KeyPair,
    tunnel::{Keys, Step, Tunnel},
};
use iot_proto::{Correlation, HubKey, MAX_RECORD, NodeKey, Ping, Record};
use proptest::{collection::vec, prelude::*};
use tokio::runtime::Builder;

use super::{Seal, answer};
use crate::{keyring::KeySet, noise::HubIdentity};

/// Room for a record of 600 bytes.
type Small = Tunnel<604>;

/// What becomes of a record on its way.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    /// With one bit turned over; of which byte, as far as there are so many.
    Changed(usize),
    Lost,
    Twice,
    /// Something else comes in its place.
    MadeUp(u8),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Arrives),
        1 => any::<u16>().prop_map(|at| Fate::Changed(at.into())),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        1 => any::<u8>().prop_map(Fate::MadeUp),
    ]
}

impl Fate {
    /// What arrives in place of a record, and whether that is the record and nothing else.
    fn of(self, record: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let mut changed = record.to_vec();
        match self {
            Self::Arrives => (vec![changed], true),
            Self::Lost => (Vec::new(), false),
            Self::Twice => (vec![changed.clone(), changed], false),
            Self::Changed(at) => {
                let at = at % changed.len();
                changed[at] ^= 1 << (at % 8);
                (vec![changed], false)
            }
            Self::MadeUp(byte) => {
                changed.iter_mut().skip(4).for_each(|old| *old = byte);
                (vec![changed], false)
            }
        }
    }
}

/// Both ends of a session, with the first record on its way to its fate; `None` where the hub gives no session.
fn opened(fate: Fate) -> Option<(Small, Seal)> {
    let identity = HubIdentity::from_secret([2; 32]);
    let own = KeyPair::from_secret([1; 32]);
    let key = NodeKey(own.public());
    let keys = Keys::new(own, HubKey(identity.public().0));
    let mut tunnel = Small::connect(&keys, [3; 32]).expect("a genuine key");
    let asked = tunnel.waiting().to_vec();
    tunnel.sent(asked.len());
    let (arrived, is_genuine) = fate.of(&asked);
    let arrived = arrived.first()?;
    let (record, _) = Record::split(arrived, 0).ok()??;
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let answered = runtime.block_on(answer(&KeySet::first(identity), record));
    // A replay is answered like the first: nothing counts before a record has opened.
    assert_eq!(answered.is_ok(), is_genuine || matches!(fate, Fate::Twice), "{answered:?}");
    let answered = answered.ok()?;
    assert_eq!(answered.key, key, "the key that the node has");
    tunnel.room()[..answered.reply.len()].copy_from_slice(&answered.reply);
    tunnel.received(answered.reply.len());
    assert_eq!(tunnel.advance(), Ok(Step::Opened));
    Some((tunnel, answered.seal))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_comes_of_a_connection_but_what_its_node_said_in_order(
        first in prop_oneof![3 => Just(Fate::Arrives), 2 => fate()],
        fates in vec(fate(), 0..8),
    ) {
        let Some((mut tunnel, seal)) = opened(first) else { return Ok(()) };
        let (mut said, mut heard, mut is_genuine) = (0, 0, true);
        'records: for fate in fates {
            let mut frames = Vec::new();
            iot_proto::encode_to_vec(&Ping, Correlation::OneWay, &mut frames).expect("a ping");
            prop_assert_eq!(tunnel.seal(&frames), Ok(frames.len()));
            let record = tunnel.waiting().to_vec();
            tunnel.sent(record.len());
            said += 1;
            let (arrived, is_whole) = fate.of(&record);
            for (number, arrived) in arrived.iter().enumerate() {
                let split = Record::split(arrived, MAX_RECORD);
                let Ok(Some((record, _))) = split else { break 'records };
                let mut text = [0; 64];
                let opened = record.body.len() <= text.len() && seal.open(record, &mut text).is_ok();
                // The first of two that are alike is genuine; the second is a replay.
                let is_expected = is_genuine && (is_whole || (matches!(fate, Fate::Twice) && number == 0));
                prop_assert_eq!(opened, is_expected, "{:?}", fate);
                if !opened {
                    // The connection ends with the first record that does not open.
                    break 'records;
                }
                prop_assert_eq!(&text[..frames.len()], &frames[..]);
                heard += 1;
            }
            is_genuine &= is_whole;
        }
        prop_assert!(heard <= said);
    }
}
