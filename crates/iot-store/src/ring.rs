//! [`Ring`]: the newest readings of one series, ordered by when they were measured.
//!
//! Compact, because there are thousands: a number takes 24 bytes with both its times, and only a series
//! with text, or one whose type has changed, takes more.

use std::collections::VecDeque;

use iot_core::{UnixMillis, view::ReadingView};
use iot_proto::{Finite, OwnedValue};

/// The newest readings of one series, oldest measurement first.
#[derive(Clone, Debug)]
pub(crate) enum Ring {
    Bools(VecDeque<Slot<bool>>),
    Ints(VecDeque<Slot<i64>>),
    Floats(VecDeque<Slot<Finite>>),
    Any(VecDeque<Slot<OwnedValue>>),
}

/// A value with both its times.
#[derive(Clone, Debug)]
pub(crate) struct Slot<T> {
    measured: UnixMillis,
    arrived: UnixMillis,
    value: T,
}

impl Ring {
    /// A ring for values like this one.
    pub(crate) fn like(value: &OwnedValue) -> Self {
        match value {
            OwnedValue::Bool(_) => Self::Bools(VecDeque::new()),
            OwnedValue::Int(_) => Self::Ints(VecDeque::new()),
            OwnedValue::Float(_) => Self::Floats(VecDeque::new()),
            OwnedValue::Text(_) => Self::Any(VecDeque::new()),
        }
    }

    /// Puts a reading where it belongs by when it was measured, behind others of the same time. Where
    /// there are more than `limit` then, the oldest measurement goes.
    pub(crate) fn insert(&mut self, reading: ReadingView, limit: usize) {
        let ReadingView { value, measured, arrived } = reading;
        match (&mut *self, value) {
            (Self::Bools(slots), OwnedValue::Bool(value)) => {
                insert(slots, Slot { measured, arrived, value }, limit);
            }
            (Self::Ints(slots), OwnedValue::Int(value)) => {
                insert(slots, Slot { measured, arrived, value }, limit);
            }
            (Self::Floats(slots), OwnedValue::Float(value)) => {
                insert(slots, Slot { measured, arrived, value }, limit);
            }
            (Self::Any(slots), value) => insert(slots, Slot { measured, arrived, value }, limit),
            (Self::Bools(_) | Self::Ints(_) | Self::Floats(_), value) => {
                let slots = self.range(UnixMillis(i64::MIN), None, usize::MAX).into_iter();
                let slots =
                    slots.map(|old| Slot { measured: old.measured, arrived: old.arrived, value: old.value });
                *self = Self::Any(slots.collect());
                self.insert(ReadingView { value, measured, arrived }, limit);
            }
        }
    }

    /// The reading that was measured last.
    pub(crate) fn latest(&self) -> Option<ReadingView> {
        match self {
            Self::Bools(slots) => slots.back().map(Slot::view),
            Self::Ints(slots) => slots.back().map(Slot::view),
            Self::Floats(slots) => slots.back().map(Slot::view),
            Self::Any(slots) => slots.back().map(Slot::view),
        }
    }

    /// The newest `limit` readings measured at `from` or later and before `to`, oldest first; without a
    /// `to` up to the last.
    pub(crate) fn range(&self, from: UnixMillis, to: Option<UnixMillis>, limit: usize) -> Vec<ReadingView> {
        match self {
            Self::Bools(slots) => range(slots, from, to, limit),
            Self::Ints(slots) => range(slots, from, to, limit),
            Self::Floats(slots) => range(slots, from, to, limit),
            Self::Any(slots) => range(slots, from, to, limit),
        }
    }
}

impl<T: Clone + IntoValue> Slot<T> {
    fn view(&self) -> ReadingView {
        ReadingView { value: self.value.clone().into_value(), measured: self.measured, arrived: self.arrived }
    }
}

/// What a slot holds, as the value that it stands for.
pub(crate) trait IntoValue {
    fn into_value(self) -> OwnedValue;
}

impl IntoValue for bool {
    fn into_value(self) -> OwnedValue {
        OwnedValue::Bool(self)
    }
}

impl IntoValue for i64 {
    fn into_value(self) -> OwnedValue {
        OwnedValue::Int(self)
    }
}

impl IntoValue for Finite {
    fn into_value(self) -> OwnedValue {
        OwnedValue::Float(self)
    }
}

impl IntoValue for OwnedValue {
    fn into_value(self) -> OwnedValue {
        self
    }
}

fn insert<T>(slots: &mut VecDeque<Slot<T>>, slot: Slot<T>, limit: usize) {
    // Most readings are the newest of their series and go straight to the end.
    let at = slots.iter().rposition(|other| other.measured <= slot.measured).map_or(0, |at| at + 1);
    slots.insert(at, slot);
    if slots.len() > limit {
        slots.pop_front();
    }
}

fn range<T: Clone + IntoValue>(
    slots: &VecDeque<Slot<T>>,
    from: UnixMillis,
    to: Option<UnixMillis>,
    limit: usize,
) -> Vec<ReadingView> {
    let begin = slots.partition_point(|slot| slot.measured < from);
    let end = to.map_or(slots.len(), |to| slots.partition_point(|slot| slot.measured < to));
    let begin = begin.max(end.saturating_sub(limit));
    slots.iter().take(end).skip(begin).map(Slot::view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_takes_24_bytes_with_both_its_times() {
        assert_eq!(
            (size_of::<Slot<i64>>(), size_of::<Slot<Finite>>(), size_of::<Slot<bool>>()),
            (24, 24, 24)
        );
    }

    #[test]
    fn a_series_whose_type_changes_keeps_what_it_had() {
        let mut ring = Ring::like(&OwnedValue::Int(1));
        let values = [OwnedValue::Int(1), OwnedValue::Text("two".into()), OwnedValue::Bool(true)];
        for (value, at) in values.iter().zip(1..) {
            let at = UnixMillis(at);
            ring.insert(ReadingView { value: value.clone(), measured: at, arrived: at }, 10);
        }
        let kept = ring.range(UnixMillis(0), None, 10).into_iter().map(|reading| reading.value);
        assert!(kept.eq(values));
    }
}
