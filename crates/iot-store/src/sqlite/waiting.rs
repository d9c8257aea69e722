//! [`Waiting`]: readings of one series that stand in the journal and wait to be folded.
//!
//! They are kept in memory so that folding reads nothing back. There may be many, and each is written once and read once, so
//! that what they take is what they cost: 16 bytes for each of a series of numbers. Other series are kept as they are.

use iot_core::{UnixMillis, view::ReadingView};
use iot_proto::OwnedValue;

use super::{fault::Fault, value::finite};

/// Readings in the order of their commits.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// The first of those that are packed: the others are of its type, and of about its time.
    first: Option<(Type, UnixMillis)>,
    packed: Vec<Packed>,
    /// All of them, once there is one that is unlike the first.
    plain: Vec<ReadingView>,
}

/// The types of which a value takes no more than eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Bool,
    Int,
    Float,
}

/// A reading like the first of its series.
#[derive(Clone, Copy, Debug)]
struct Packed {
    /// How much later than the first it was measured, in milliseconds.
    after: i32,
    /// How much later than that it arrived, in milliseconds.
    delay: u32,
    value: u64,
}

impl Waiting {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.packed.is_empty() && self.plain.is_empty()
    }

    /// Adds readings: value, when measured, when arrived. Those that came together are added together, because their
    /// memory is far from the processor, and is fetched for several at a time.
    pub(crate) fn extend<'a>(
        &mut self,
        readings: impl Iterator<Item = (&'a OwnedValue, UnixMillis, UnixMillis)>,
    ) -> Result<(), Fault> {
        for (value, measured, arrived) in readings {
            if self.plain.is_empty() {
                if let Some(packed) = self.pack(value, measured, arrived) {
                    self.packed.push(packed);
                    continue;
                }
                self.unpack()?;
            }
            self.plain.push(ReadingView { value: value.clone(), measured, arrived });
        }
        Ok(())
    }

    /// Takes all of them out.
    pub(crate) fn take(&mut self) -> Result<Vec<ReadingView>, Fault> {
        self.unpack()?;
        Ok(core::mem::take(&mut self.plain))
    }

    fn pack(&mut self, value: &OwnedValue, measured: UnixMillis, arrived: UnixMillis) -> Option<Packed> {
        let (of, value) = match value {
            OwnedValue::Bool(value) => (Type::Bool, u64::from(*value)),
            OwnedValue::Int(value) => (Type::Int, value.cast_unsigned()),
            OwnedValue::Float(value) => (Type::Float, value.get().to_bits()),
            OwnedValue::Text(_) => return None,
        };
        let (first_of, first) = *self.first.get_or_insert((of, measured));
        let after = i32::try_from(measured.0.checked_sub(first.0)?).ok().filter(|_| of == first_of)?;
        let delay = u32::try_from(arrived.0.checked_sub(measured.0)?).ok()?;
        Some(Packed { after, delay, value })
    }

    fn unpack(&mut self) -> Result<(), Fault> {
        let Some((of, first)) = self.first.take() else { return Ok(()) };
        self.plain.reserve(self.packed.len());
        for Packed { after, delay, value } in self.packed.drain(..) {
            let value = match of {
                Type::Bool => OwnedValue::Bool(value != 0),
                Type::Int => OwnedValue::Int(value.cast_signed()),
                Type::Float => OwnedValue::Float(finite(f64::from_bits(value))?),
            };
            let measured = UnixMillis(first.0.wrapping_add(after.into()));
            let arrived = UnixMillis(measured.0.wrapping_add(delay.into()));
            self.plain.push(ReadingView { value, measured, arrived });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use iot_proto::Finite;
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::sqlite::value::drawn;

    /// Mostly of one type, as those of a series are.
    fn values() -> impl Strategy<Value = OwnedValue> {
        let float = |tenths: i32| Finite::new(f64::from(tenths) / 10.0).ok().map(OwnedValue::Float);
        prop_oneof![9 => any::<i32>().prop_filter_map("finite", float), 1 => drawn::values()]
    }

    /// Near times, as most are, and any.
    fn times() -> impl Strategy<Value = i64> {
        prop_oneof![9 => 0..100_000_i64, 1 => any::<i64>()]
    }

    proptest! {
        #[test]
        fn what_waits_comes_back_as_it_was(readings in vec((values(), times(), times()), 0..30), rounds in 1..3) {
            let mut waiting = Waiting::default();
            for _ in 0..rounds {
                let mut given = Vec::new();
                for (value, measured, arrived) in &readings {
                    let (measured, arrived) = (UnixMillis(*measured), UnixMillis(*arrived));
                    waiting.extend([(value, measured, arrived)].into_iter()).unwrap();
                    given.push(ReadingView { value: value.clone(), measured, arrived });
                }
                prop_assert_eq!(waiting.is_empty(), given.is_empty());
                prop_assert_eq!(waiting.take().unwrap(), given);
                prop_assert!(waiting.is_empty());
            }
        }
    }

    #[test]
    fn a_reading_of_a_number_takes_sixteen_bytes() {
        assert_eq!(size_of::<Packed>(), 16);
        let mut waiting = Waiting::default();
        for at in 0..100 {
            let reading = (&OwnedValue::Int(at), UnixMillis(at * 1_000), UnixMillis(at * 1_000 + 9));
            waiting.extend([reading].into_iter()).unwrap();
        }
        assert_eq!((waiting.packed.len(), waiting.plain.capacity()), (100, 0));
    }
}
