//! [`KeySet`], the keys of a hub with their secrets, and [`Keyring`], which has the set that counts now and may be given
//! another one while the hub runs.
//!
//! Which key answers whom stands here; what nodes are told of it is the core's, and keeping it on disk that of whoever
//! runs the hub.

use std::sync::{Arc, PoisonError, RwLock};

use iot_core::{HubKeys, NumberedKey, UnixMillis};
use iot_proto::KeyId;
use thiserror::Error;

use crate::{HubIdentity, wall_clock};

/// The number of a hub's first key. Whoever has joined says it too, and means the key that it was given.
const FIRST: u8 = 1;

/// One key with its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldKey {
    /// Its number, from 1.
    pub number: u8,
    /// Since when it is what it is; `None` for a first key that was never changed.
    pub since: Option<UnixMillis>,
    /// The key.
    pub identity: Arc<HubIdentity>,
}

/// The keys of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet {
    /// The id of the hub, which is that of its first key.
    pub id: KeyId,
    /// The key that it goes by.
    pub current: HeldKey,
    /// The one that it will have.
    pub next: Option<HeldKey>,
    /// The one before, while it is taken.
    pub former: Option<HeldKey>,
}

/// Why the keys of a hub are not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyChangeError {
    /// A next one is announced already.
    #[error("key {number} is announced already: change to it first")]
    Announced {
        /// Its number.
        number: u8,
    },
    /// Nodes may still come with the one before.
    #[error("key {number} is still taken: one change in 30 days")]
    FormerTaken {
        /// Its number.
        number: u8,
    },
    /// No next one is announced.
    #[error("no next key is announced")]
    NotAnnounced,
    /// All numbers are used up.
    #[error("the hub has had 255 keys, and there are no more numbers")]
    NoNumber,
}

impl KeySet {
    /// Of a hub that has had no other key.
    pub fn first(identity: HubIdentity) -> Self {
        let id = identity.public().id();
        let current = HeldKey { number: FIRST, since: None, identity: Arc::new(identity) };
        Self { id, current, next: None, former: None }
    }

    /// The same with a next key, whose number is above all that were given; `known` is the highest that any node knows,
    /// for this set may be older than what nodes were told.
    ///
    /// # Errors
    /// [`KeyChangeError`].
    pub fn announcing(
        &self,
        identity: HubIdentity,
        known: Option<u8>,
        now: UnixMillis,
    ) -> Result<Self, KeyChangeError> {
        if let Some(HeldKey { number, .. }) = self.next {
            return Err(KeyChangeError::Announced { number });
        }
        if let Some(HeldKey { number, .. }) = self.former {
            return Err(KeyChangeError::FormerTaken { number });
        }
        let highest = known.unwrap_or(FIRST).max(self.current.number);
        let number = highest.checked_add(1).ok_or(KeyChangeError::NoNumber)?;
        let next = HeldKey { number, since: Some(now), identity: Arc::new(identity) };
        Ok(Self { next: Some(next), ..self.clone() })
    }

    /// The same, gone over to its next key.
    ///
    /// # Errors
    /// [`KeyChangeError::NotAnnounced`].
    pub fn changed(&self, now: UnixMillis) -> Result<Self, KeyChangeError> {
        let next = self.next.clone().ok_or(KeyChangeError::NotAnnounced)?;
        let since = Some(now);
        let former = HeldKey { since, ..self.current.clone() };
        Ok(Self { id: self.id, current: HeldKey { since, ..next }, next: None, former: Some(former) })
    }

    /// The same without the key before, where its time is over.
    pub fn without_ended(&self, now: UnixMillis) -> Option<Self> {
        let former = self.former.as_ref()?;
        (!is_taken(former, now)).then(|| Self { former: None, ..self.clone() })
    }

    /// The public halves, for the hub itself.
    pub fn public(&self) -> HubKeys {
        let public = |held: &HeldKey| NumberedKey {
            number: held.number,
            key: held.identity.public(),
            since: held.since,
        };
        HubKeys {
            id: self.id,
            current: public(&self.current),
            next: self.next.as_ref().map(public),
            former: self.former.as_ref().map(public),
        }
    }

    /// All keys that count, the present one first.
    pub fn all(&self) -> impl Iterator<Item = &HeldKey> {
        [Some(&self.current), self.next.as_ref(), self.former.as_ref()].into_iter().flatten()
    }

    /// The key of this number, where it is taken now.
    pub(crate) fn of(&self, number: u8, now: UnixMillis) -> Option<&Arc<HubIdentity>> {
        let former = self.former.as_ref().filter(|former| !is_taken(former, now)).map(|ended| ended.number);
        let held = self.all().find(|held| held.number == number && former != Some(number));
        held.map(|held| &held.identity)
    }

    /// The keys that somebody may mean who names this number, the likelier first.
    pub(crate) fn meant_by(&self, number: u8, now: UnixMillis) -> impl Iterator<Item = &Arc<HubIdentity>> {
        let is_given = number == FIRST && self.current.number != FIRST;
        let given = is_given.then_some(&self.current.identity);
        self.of(number, now).into_iter().chain(given)
    }
}

fn is_taken(former: &HeldKey, now: UnixMillis) -> bool {
    let key = former.identity.public();
    now < NumberedKey { number: former.number, key, since: former.since }.taken_until()
}

/// The keys that count now.
#[derive(Debug)]
pub struct Keyring(RwLock<Arc<KeySet>>);

impl Keyring {
    /// These keys count.
    pub fn new(keys: KeySet) -> Self {
        Self(RwLock::new(Arc::new(keys)))
    }

    /// The keys that count now.
    pub fn get(&self) -> Arc<KeySet> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// These keys count from now on. What is open goes on; what is opened next goes by them.
    pub fn set(&self, keys: KeySet) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The key of this number, where it is taken now.
    pub(crate) fn of(&self, number: u8) -> Option<Arc<HubIdentity>> {
        self.get().of(number, wall_clock()).cloned()
    }
}

/// A hub with one key.
impl From<HubIdentity> for Keyring {
    fn from(identity: HubIdentity) -> Self {
        Self::new(KeySet::first(identity))
    }
}

impl PartialEq for Keyring {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Keyring {}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: i64 = 30 * 86_400_000;

    fn identity(of: u8) -> HubIdentity {
        HubIdentity::from_secret([of; 32])
    }

    fn set() -> KeySet {
        KeySet::first(identity(1))
    }

    fn meant(keys: &KeySet, number: u8, now: i64) -> Vec<HubIdentity> {
        keys.meant_by(number, UnixMillis(now)).map(|meant| (**meant).clone()).collect()
    }

    #[test]
    fn a_next_key_has_a_number_that_no_node_knows_and_there_is_one_at_a_time() {
        let announced = set().announcing(identity(2), None, UnixMillis(5)).unwrap();
        let next = announced.next.as_ref().unwrap();
        assert_eq!((next.number, next.since), (2, Some(UnixMillis(5))));
        let again = announced.announcing(identity(3), None, UnixMillis(6));
        assert_eq!(again, Err(KeyChangeError::Announced { number: 2 }));
        let known = set().announcing(identity(2), Some(7), UnixMillis(5)).unwrap();
        assert_eq!(known.next.map(|next| next.number), Some(8), "nodes were told 7 by an earlier hub");
        assert_eq!(set().announcing(identity(2), Some(255), UnixMillis(5)), Err(KeyChangeError::NoNumber));
    }

    #[test]
    fn the_key_before_is_taken_for_30_days_and_the_id_stays() {
        assert_eq!(set().changed(UnixMillis(5)), Err(KeyChangeError::NotAnnounced));
        let announced = set().announcing(identity(2), None, UnixMillis(0)).unwrap();
        assert_eq!(meant(&announced, 2, 0), [identity(2)], "a node that moved early is no stranger");
        let changed = announced.changed(UnixMillis(5)).unwrap();
        assert_eq!((changed.id, changed.current.number), (set().id, 2));
        assert_eq!(meant(&changed, 2, 5), [identity(2)]);
        assert_eq!(meant(&changed, 1, MONTH + 4), [identity(1), identity(2)]);
        assert_eq!(meant(&changed, 1, MONTH + 5), [identity(2)], "who has just joined means that");
        assert_eq!(changed.without_ended(UnixMillis(MONTH + 4)), None);
        let again = changed.announcing(identity(3), None, UnixMillis(9));
        assert_eq!(again, Err(KeyChangeError::FormerTaken { number: 1 }));
        let ended = changed.without_ended(UnixMillis(MONTH + 5)).unwrap();
        assert_eq!((ended.former.is_none(), ended.public().current.number), (true, 2));
        assert!(meant(&ended, 3, 0).is_empty() && meant(&ended, 0, 0).is_empty());
    }
}
