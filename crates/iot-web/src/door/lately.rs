//! [`Lately`]: who was let in lately. A store that does not answer cannot tell who somebody is, and just then people
//! have to see that it does not.

use core::time::Duration;
use std::{collections::BTreeMap, time::Instant};

use iot_core::people::Used;

use super::Who;

/// Who was found in the store no longer than this before it fell silent is still let in. What was taken from somebody by
/// another program meanwhile, and never tried since, is not known here: so it is not longer.
const LATELY: Duration = Duration::from_hours(1);

/// Logins and tokens that are remembered at most: many more than people of one site use within an hour.
const REMEMBERED: usize = 1_024;

/// What is remembered of what the store has told.
#[derive(Debug, Default)]
pub(super) struct Lately {
    found: BTreeMap<Used, (Who, Instant)>,
    silent_since: Option<Instant>,
    changes: u64,
}

impl Lately {
    /// How often all was forgotten. Who asks the store remembers it until the answer has come.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// The store has told who this is, to somebody who asked when there had been so many changes.
    pub(super) fn told(&mut self, key: Used, who: Option<&Who>, changes: u64) {
        self.silent_since = None;
        self.found.remove(&key);
        // What was read before a change may not hold any more.
        let Some(who) = who.filter(|_| changes == self.changes) else { return };
        if self.found.len() >= REMEMBERED {
            let oldest = self.found.iter().min_by_key(|(_, (_, at))| *at).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                self.found.remove(&oldest);
            }
        }
        self.found.insert(key, (who.clone(), Instant::now()));
    }

    /// Who this is, where the store does not tell.
    pub(super) fn known(&mut self, key: Used) -> Option<Who> {
        let silent_since = *self.silent_since.get_or_insert_with(Instant::now);
        let lately = |at: Instant| silent_since.saturating_duration_since(at) <= LATELY;
        self.found.get(&key).filter(|(_, at)| lately(*at)).map(|(who, _)| who.clone())
    }

    /// Somebody may have lost what they had.
    pub(super) fn forget(&mut self) {
        self.found.clear();
        self.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use iot_core::{
        UnixMillis,
        people::{Login, Role, SecretHash, UserName},
    };

    use super::*;
    use crate::door::With;

    fn key(number: u16) -> Used {
        let mut hash = [0; 32];
        hash[..2].copy_from_slice(&number.to_be_bytes());
        Used::Login(SecretHash(hash))
    }

    fn who() -> Who {
        let (user, at) = (UserName::new("ada").unwrap(), UnixMillis(0));
        let address = [10, 0, 0, 5].into();
        let login = Login { key: SecretHash([0; 32]), user: user.clone(), address, began: at, used: at };
        Who { user, role: Role::Viewer, with: With::Login(login) }
    }

    #[test]
    fn who_was_found_is_known_until_something_changes() {
        let mut lately = Lately::default();
        lately.told(key(1), Some(&who()), lately.changes());
        assert!(lately.known(key(1)).is_some());
        assert!(lately.known(key(2)).is_none());
        lately.told(key(1), None, lately.changes());
        assert!(lately.known(key(1)).is_none(), "it is nobody's any more");
        let before = lately.changes();
        lately.told(key(1), Some(&who()), before);
        lately.forget();
        assert!(lately.known(key(1)).is_none(), "it may have been taken from them");
        lately.told(key(1), Some(&who()), before);
        assert!(lately.known(key(1)).is_none(), "it was read before");
    }

    #[test]
    fn who_was_found_long_before_the_silence_is_not_known_and_the_length_of_that_does_not_matter() {
        let mut lately = Lately::default();
        lately.told(key(1), Some(&who()), 0);
        let found = lately.found[&key(1)].1;
        lately.silent_since = Some(found + LATELY);
        assert!(lately.known(key(1)).is_some());
        lately.silent_since = Some(found + LATELY + Duration::from_millis(1));
        assert!(lately.known(key(1)).is_none());
        lately.told(key(2), None, 0);
        assert!(lately.known(key(1)).is_some(), "it has spoken since");
    }

    #[test]
    fn of_more_than_are_remembered_the_one_goes_that_came_first() {
        let mut lately = Lately::default();
        for number in 0..=u16::try_from(REMEMBERED).unwrap() {
            lately.told(key(number), Some(&who()), 0);
        }
        assert_eq!(lately.found.len(), REMEMBERED);
        assert!(lately.known(key(0)).is_none() && lately.known(key(1)).is_some());
    }
}
