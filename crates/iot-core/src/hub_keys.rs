//! [`HubKeys`]: the keys by which nodes know this hub. Their secrets are not here: whoever runs the hub keeps them in a
//! file of their own, and says which there are.
//!
//! ```text
//!   next --(a person, or when all nodes have it)--> current --(another one takes its place)--> former --(30 days)--> gone
//! ```

use alloc::{format, string::String};
use core::time::Duration;

use iot_proto::{HubKey, HubKeyStage, KeyId, NextHubKey, UnixMillis};

/// How long the key before is taken, so that a node that was away still gets in with it.
pub const HUB_KEY_GRACE: Duration = Duration::from_hours(30 * 24);

/// The keys of a hub: the one that it goes by, and at most one beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubKeys {
    /// The id of the hub: that of its first key, whatever key it has.
    pub id: KeyId,
    /// The key that it goes by.
    pub current: NumberedKey,
    /// The one that it will have, and tells its nodes.
    pub next: Option<NumberedKey>,
    /// The one before, while it is taken.
    pub former: Option<NumberedKey>,
}

/// One key of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberedKey {
    /// Its number, from 1; later keys have higher ones.
    pub number: u8,
    /// The key.
    pub key: HubKey,
    /// Since when it is what it is; `None` for the first key of a hub that has had no other.
    pub since: Option<UnixMillis>,
}

impl NumberedKey {
    /// Until when it is taken as the key before.
    pub fn taken_until(&self) -> UnixMillis {
        let grace = i64::try_from(HUB_KEY_GRACE.as_millis()).unwrap_or(i64::MAX);
        UnixMillis(self.since.map_or(0, |since| since.0).saturating_add(grace))
    }
}

/// How new a key is to a node that knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    Gone,
    Current,
    Next,
}

impl HubKeys {
    /// Which keys there are, as the audit says it: `key 2, taken as well: key 1`.
    pub fn words(&self) -> String {
        let key = |what: &str, key: &NumberedKey| format!(", {what} key {}", key.number);
        let next = self.next.as_ref().map(|next| key("announced", next)).unwrap_or_default();
        let former = self.former.as_ref().map(|former| key("taken as well:", former)).unwrap_or_default();
        format!("key {}{next}{former}", self.current.number)
    }

    /// The key that every node should have: the next one, where there is one.
    pub fn newest(&self) -> &NumberedKey {
        self.next.as_ref().unwrap_or(&self.current)
    }

    /// Whether a node that has stored the key of this number lacks the newest one.
    pub(crate) fn is_behind(&self, known: Option<u8>) -> bool {
        self.age(known) < self.age(Some(self.newest().number))
    }

    /// Whether a node that has stored the key of this number learns something by another one.
    pub(crate) fn is_newer(&self, number: u8, known: Option<u8>) -> bool {
        known.is_none() || self.age(Some(number)) > self.age(known)
    }

    /// What a node is told in a session that it opened with the key of number `by`, of which it has stored `known`;
    /// `None` where it has all that it needs. What is in use comes first: a node must not stay behind by two.
    pub(crate) fn to_tell(&self, by: u8, known: Option<u8>) -> Option<NextHubKey> {
        let tell = |key: &NumberedKey, stage| NextHubKey { number: key.number, stage, key: key.key };
        if self.age(Some(by)) == Age::Gone {
            return Some(tell(&self.current, HubKeyStage::IN_USE));
        }
        let next = self.next.as_ref().filter(|next| next.number != by && self.is_behind(known))?;
        Some(tell(next, HubKeyStage::ANNOUNCED))
    }

    /// With which key a node is dialled that has stored the key of this number.
    pub(crate) fn dials_with(&self, known: Option<u8>) -> u8 {
        let former = self.former.as_ref().filter(|_| self.age(known) == Age::Gone);
        former.unwrap_or(&self.current).number
    }

    fn age(&self, number: Option<u8>) -> Age {
        let is = |key: &NumberedKey| Some(key.number) == number;
        match &self.next {
            Some(next) if is(next) => Age::Next,
            _ if is(&self.current) => Age::Current,
            _ => Age::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> NumberedKey {
        NumberedKey { number, key: HubKey([number; 32]), since: Some(UnixMillis(0)) }
    }

    fn hub() -> HubKeys {
        HubKeys { id: HubKey([1; 32]).id(), current: key(1), next: None, former: None }
    }

    fn told(keys: &HubKeys, by: u8, known: Option<u8>) -> Option<(u8, HubKeyStage)> {
        keys.to_tell(by, known).map(|told| (told.number, told.stage))
    }

    #[test]
    fn a_hub_with_one_key_tells_nothing() {
        assert_eq!(told(&hub(), 1, None), None);
        assert!(!hub().is_behind(Some(1)) && hub().dials_with(None) == 1);
    }

    #[test]
    fn a_next_key_is_announced_until_a_node_has_it_and_no_node_is_dialled_with_it() {
        let keys = HubKeys { next: Some(key(2)), ..hub() };
        assert_eq!(told(&keys, 1, Some(1)), Some((2, HubKeyStage::ANNOUNCED)));
        assert_eq!(told(&keys, 1, Some(2)), None);
        assert!(keys.is_behind(None) && keys.is_behind(Some(1)) && !keys.is_behind(Some(2)));
        assert_eq!((keys.dials_with(Some(1)), keys.dials_with(Some(2))), (1, 1));
    }

    #[test]
    fn who_comes_with_the_key_before_is_told_the_present_one_and_dialled_with_what_it_has() {
        let keys = HubKeys { current: key(2), former: Some(key(1)), ..hub() };
        for known in [None, Some(1), Some(2)] {
            assert_eq!(told(&keys, 1, known), Some((2, HubKeyStage::IN_USE)), "{known:?}");
            assert_eq!(told(&keys, 2, known), None, "{known:?}");
        }
        assert_eq!([None, Some(1), Some(2)].map(|known| keys.dials_with(known)), [1, 1, 2]);
        let ended = HubKeys { former: None, ..keys };
        assert_eq!(ended.dials_with(Some(1)), 2, "nothing else is left");
    }

    #[test]
    fn who_is_behind_by_two_is_told_what_is_in_use_first() {
        let keys = HubKeys { current: key(2), next: Some(key(3)), ..hub() };
        assert_eq!(told(&keys, 1, None), Some((2, HubKeyStage::IN_USE)));
        assert_eq!(told(&keys, 2, Some(2)), Some((3, HubKeyStage::ANNOUNCED)));
        assert!(keys.is_newer(3, Some(2)) && !keys.is_newer(2, Some(3)) && keys.is_newer(1, None));
    }
}
