//! [`Numbered`]: a map whose keys are numbers that were given out one after the other.
//!
//! It is an array in the order of its keys. As long as none is missing, the place of a key is known without a search, and
//! what is missing only narrows where it can be. There is one entry for each node and each session, and every message
//! looks some of them up.

use alloc::vec::Vec;

/// A map from numbers, nearly all of which are given out one after the other.
#[derive(Clone, Debug)]
pub struct Numbered<K, V> {
    /// In the order of the numbers, each of which is there once.
    entries: Vec<(K, V)>,
}

impl<K, V> Default for Numbered<K, V> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<K: Copy + Ord + Into<u64>, V> Numbered<K, V> {
    /// Puts something in; what had this number before comes back. Fast for a number above all others.
    pub fn insert(&mut self, number: K, value: V) -> Option<V> {
        match self.place(number) {
            Ok(place) => self.entries.get_mut(place).map(|(_, known)| core::mem::replace(known, value)),
            Err(place) => {
                self.entries.insert(place, (number, value));
                None
            }
        }
    }

    /// Takes something out. All that came later moves up.
    pub fn remove(&mut self, number: K) -> Option<V> {
        let place = self.place(number).ok()?;
        Some(self.entries.remove(place).1)
    }

    /// What has this number.
    pub fn get(&self, number: K) -> Option<&V> {
        self.find(number).and_then(|place| self.entries.get(place)).map(|(_, value)| value)
    }

    /// What has this number, to change it.
    pub fn get_mut(&mut self, number: K) -> Option<&mut V> {
        self.find(number).and_then(|place| self.entries.get_mut(place)).map(|(_, value)| value)
    }

    /// All of them, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.entries.iter().map(|(number, value)| (*number, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a number is: as far behind the first as it is greater, unless one between them is missing.
    #[inline]
    fn find(&self, number: K) -> Option<usize> {
        let (first, _) = self.entries.first()?;
        let place = usize::try_from(number.into().wrapping_sub((*first).into())).unwrap_or(usize::MAX);
        match self.entries.get(place) {
            Some((known, _)) if *known == number => Some(place),
            Some(_) | None => self.place(number).ok(),
        }
    }

    /// Where a number is, or where it would be put.
    fn place(&self, number: K) -> Result<usize, usize> {
        let (Some((first, _)), Some((end, _))) = (self.entries.first(), self.entries.last()) else {
            return Err(0);
        };
        let len = self.entries.len();
        let Some(behind_first) = number.into().checked_sub((*first).into()) else { return Err(0) };
        let Some(before_end) = (*end).into().checked_sub(number.into()) else { return Err(len) };
        // Each number is there at most once, so no more than these lie before it, and behind it.
        let most = usize::try_from(behind_first).unwrap_or(len).min(len - 1);
        let least = (len - 1).saturating_sub(usize::try_from(before_end).unwrap_or(len));
        if self.entries.get(most).is_some_and(|(known, _)| *known == number) {
            return Ok(most);
        }
        let within = self.entries.get(least..most).unwrap_or_default();
        let found = within.binary_search_by_key(&number, |(known, _)| *known);
        found.map(|place| least + place).map_err(|place| least + place)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn it_answers_as_any_map_does(steps in vec((0..40_u64, any::<bool>()), 0..200)) {
            let (mut numbered, mut map) = (Numbered::<u64, u64>::default(), BTreeMap::new());
            for (number, is_put) in steps {
                if is_put {
                    prop_assert_eq!(numbered.insert(number, number * 2), map.insert(number, number * 2));
                } else {
                    prop_assert_eq!(numbered.remove(number), map.remove(&number));
                }
                prop_assert_eq!(numbered.len(), map.len());
                prop_assert!(numbered.iter().eq(map.iter().map(|(number, value)| (*number, value))));
                for number in 0..42 {
                    prop_assert_eq!(numbered.get(number), map.get(&number));
                    prop_assert_eq!(numbered.get_mut(number), map.get_mut(&number));
                }
            }
        }
    }

    #[test]
    fn the_greatest_numbers_are_numbers_too() {
        let mut numbered = Numbered::<u64, u64>::default();
        for number in [u64::MAX, 0, 7] {
            assert_eq!(numbered.insert(number, number), None);
        }
        assert!([0, 7, u64::MAX].into_iter().eq(numbered.iter().map(|(number, _)| number)));
        assert_eq!((numbered.get(u64::MAX), numbered.get(8)), (Some(&u64::MAX), None));
    }
}
