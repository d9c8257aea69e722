//! The keys of the hub that a node knows: the one that it goes by, and the next one that the hub has told it of.
//!
//! ```text
//!   told: announced ──▶ next ──told: in use──▶ next, tried first ──a connection opens with it──▶ known, alone
//! ```
//!
//! It has no IO. The firmware stores what has changed before the hub is answered, so that a node that lost its power
//! has what the hub believes that it has. A key counts only because the hub said it in a session: whoever calls
//! [`Keys::learn`] with anything else gives the node away.

use iot_proto::{ErrorCode, HubKey, HubKeyStage, NextHubKey};

use crate::{noise::KeyPair, tunnel::Keys};

/// The number of a hub's first key, and of one that was given without its number.
pub const FIRST_HUB_KEY: u8 = 1;

/// A key that the hub has told a node of, beside the one that the node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextHub {
    /// The key.
    pub key: HubKey,
    /// Its number, from 1.
    pub number: u8,
    /// Whether connections are to be opened with it.
    pub is_in_use: bool,
}

impl Keys {
    /// A node that has just learnt who its hub is.
    pub fn new(own: KeyPair, hub: HubKey) -> Self {
        Self { own, hub, hub_key: FIRST_HUB_KEY, next_hub: None }
    }

    /// Takes a key that the hub has told; whether anything has changed, which is then to be stored before the hub is
    /// answered.
    ///
    /// # Errors
    /// With this the hub is refused: a number that is none, or that another key has.
    pub fn learn(&mut self, told: NextHubKey) -> Result<bool, ErrorCode> {
        let NextHubKey { number, stage, key } = told;
        let is_in_use = stage == HubKeyStage::IN_USE;
        let before = (self.hub_key, self.next_hub);
        if number == 0 || (number == self.hub_key && key != self.hub) {
            return Err(ErrorCode::MALFORMED_MESSAGE);
        }
        if key == self.hub {
            // A node that has joined knows the key, and not its number.
            self.hub_key = number;
            self.next_hub = self.next_hub.filter(|next| next.number != number);
        } else {
            self.next_hub = Some(NextHub { key, number, is_in_use });
        }
        Ok(before != (self.hub_key, self.next_hub))
    }

    /// With which a connection is opened to a hub that goes by its next key; `None` where it does not yet.
    pub fn of_next_hub(&self) -> Option<Self> {
        let next = self.next_hub.filter(|next| next.is_in_use)?;
        Some(Self { hub: next.key, hub_key: next.number, next_hub: None, own: self.own.clone() })
    }

    /// A connection has opened with the hub's key of this number; whether the node forgets the one before for it, which
    /// is then to be stored.
    pub fn opened_with(&mut self, number: u8) -> bool {
        let proven = self.next_hub.take_if(|next| next.number == number);
        if let Some(next) = proven {
            (self.hub, self.hub_key) = (next.key, next.number);
        }
        proven.is_some()
    }

    /// The hub's key of this number, as far as the node knows it.
    pub(crate) fn hub_of(&self, number: u8) -> Option<HubKey> {
        let next = self.next_hub.filter(|next| next.number == number);
        next.map(|next| next.key).or_else(|| (number == self.hub_key).then_some(self.hub))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(number: u8, stage: HubKeyStage) -> NextHubKey {
        NextHubKey { number, stage, key: HubKey([number; 32]) }
    }

    fn keys() -> Keys {
        Keys::new(KeyPair::from_secret([7; 32]), HubKey([1; 32]))
    }

    #[test]
    fn a_key_that_is_announced_is_kept_beside_the_other_and_used_once_the_hub_does() {
        let mut keys = keys();
        assert_eq!(keys.learn(told(2, HubKeyStage::ANNOUNCED)), Ok(true));
        assert_eq!(keys.learn(told(2, HubKeyStage::ANNOUNCED)), Ok(false), "twice is once");
        assert!(keys.of_next_hub().is_none() && keys.hub_key == 1);
        assert_eq!(keys.learn(told(2, HubKeyStage::IN_USE)), Ok(true));
        let next = keys.of_next_hub().expect("it is in use");
        assert_eq!((next.hub, next.hub_key), (HubKey([2; 32]), 2));
        assert_eq!((keys.hub_of(1), keys.hub_of(2)), (Some(HubKey([1; 32])), Some(HubKey([2; 32]))));
        assert!(!keys.opened_with(1), "the next one is not proven by it");
        assert!(keys.opened_with(2) && !keys.opened_with(2));
        assert_eq!((keys.hub_key, keys.next_hub, keys.hub_of(1)), (2, None, None));
    }

    #[test]
    fn a_third_key_takes_the_place_of_the_next_one_and_never_of_the_known_one() {
        let mut keys = keys();
        assert_eq!(keys.learn(told(2, HubKeyStage::IN_USE)), Ok(true));
        assert_eq!(keys.learn(told(3, HubKeyStage::ANNOUNCED)), Ok(true));
        assert_eq!((keys.hub_of(1), keys.hub_of(2)), (Some(HubKey([1; 32])), None));
        assert!(keys.of_next_hub().is_none(), "announced alone");
    }

    #[test]
    fn no_number_is_given_twice_and_a_node_that_joined_learns_the_number_of_its_key() {
        let mut keys = keys();
        let other = NextHubKey { key: HubKey([9; 32]), ..told(1, HubKeyStage::IN_USE) };
        let nothing = NextHubKey { number: 0, ..other };
        for refused in [other, nothing] {
            assert_eq!(keys.learn(refused), Err(ErrorCode::MALFORMED_MESSAGE));
        }
        let its_own = NextHubKey { key: HubKey([1; 32]), ..told(4, HubKeyStage::IN_USE) };
        assert_eq!((keys.learn(its_own), keys.hub_key, keys.next_hub), (Ok(true), 4, None));
    }
}
