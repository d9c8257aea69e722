//! A list inside a body, without an allocator: always the last field, checked whole before it is handed out.
//!
//! Encoding takes the items from a slice. Decoding walks the encoded items once, so that a list which
//! exists is valid, and decodes each again when it is read. A decoded list costs no memory of its own.

use core::fmt;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeSeq};

use crate::{DecodeError, EncodeError, body};

/// A bounded list of `T`, borrowed from a slice or from the frame that it came in.
#[derive(Clone, Copy)]
pub struct List<'a, T> {
    items: &'a [T],
    /// Where it came in a frame: encoded items, each of which decodes, and how many they are.
    encoded: &'a [u8],
    count: usize,
}

impl<'a, T> List<'a, T> {
    /// No items.
    pub const EMPTY: Self = Self { items: &[], encoded: &[], count: 0 };

    /// A list of these items.
    ///
    /// # Errors
    /// [`EncodeError::TooManyItems`] above 65,535; what a message allows is checked when it is decoded.
    pub fn new(items: &'a [T]) -> Result<Self, EncodeError> {
        u16::try_from(items.len())
            .map(|_| Self { items, ..Self::EMPTY })
            .map_err(|_| EncodeError::TooManyItems { count: items.len() })
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.len() + self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a, T: Copy + Serialize + Deserialize<'a>> List<'a, T> {
    /// Checks an encoded list that takes up all of `bytes` and has at most `limit` items.
    pub(crate) fn decode(bytes: &'a [u8], limit: u16) -> Result<Self, DecodeError> {
        let (count, encoded) = body::take::<u32>(bytes)?;
        let count = u16::try_from(count).ok().filter(|count| *count <= limit);
        let count = count.ok_or(DecodeError::ListTooLong { limit })?;
        let mut rest = encoded;
        for _ in 0..count {
            (_, rest) = body::take::<T>(rest)?;
        }
        if rest.is_empty() {
            Ok(Self { items: &[], encoded, count: count.into() })
        } else {
            Err(DecodeError::Trailing { len: rest.len() })
        }
    }

    /// The items, in order.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let Self { items, encoded: mut bytes, count: mut left } = *self;
        let encoded = core::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let (item, rest) = postcard::take_from_bytes(bytes).ok()?;
            bytes = rest;
            Some(item)
        });
        items.iter().copied().chain(encoded)
    }

    /// Gives each item, in order, where it was decoded: moving one takes about as long as decoding it.
    pub fn for_each(&self, mut each: impl FnMut(&T)) {
        self.items.iter().for_each(&mut each);
        let mut bytes = self.encoded;
        for _ in 0..self.count {
            let Ok((item, rest)) = &postcard::take_from_bytes(bytes) else { return };
            bytes = rest;
            each(item);
        }
    }
}

impl<'a, T: Copy + Serialize + Deserialize<'a>> Serialize for List<'a, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.len()))?;
        for item in self.iter() {
            seq.serialize_element(&item)?;
        }
        seq.end()
    }
}

impl<'a, T: Copy + PartialEq + Serialize + Deserialize<'a>> PartialEq for List<'a, T> {
    /// Lists are equal when their items are, however they are held.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Copy + fmt::Debug + Serialize + Deserialize<'a>> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_given_in_order_however_they_are_held() {
        let own = List::new(&[3_u16, 300, 7]).unwrap();
        let encoded = List::decode(&[3, 3, 0xac, 2, 7], 3).unwrap();
        for list in [own, encoded] {
            let mut expected = [3, 300, 7].into_iter();
            list.for_each(|item| assert_eq!(Some(*item), expected.next()));
            assert_eq!(expected.next(), None);
            assert!(list.iter().eq([3, 300, 7]));
        }
    }
}
