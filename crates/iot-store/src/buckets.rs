//! [`Buckets`]: a roll-up that is being made, for every store.

use std::collections::BTreeMap;

use iot_core::{
    UnixMillis,
    store::{Bucket, Resolution},
    view::ReadingView,
};

/// Buckets of one series by when they begin, all of one resolution.
#[derive(Clone, Debug)]
pub(crate) struct Buckets {
    resolution: Resolution,
    by_start: BTreeMap<UnixMillis, Bucket>,
    /// What the last readings come to that were added. Readings come in the order of time, and most belong to the bucket
    /// of the one before: those cost neither a division nor a look at the others.
    last: Option<Bucket>,
}

impl Buckets {
    /// None yet.
    pub(crate) fn new(resolution: Resolution) -> Self {
        Self { resolution, by_start: BTreeMap::new(), last: None }
    }

    /// Adds a reading, unless it is a text.
    pub(crate) fn add(&mut self, reading: &ReadingView) {
        let (UnixMillis(measured), span) = (reading.measured, self.resolution.millis());
        let is_in = |last: &Bucket| {
            measured.checked_sub(last.start.0).is_some_and(|since| since < span && since >= 0)
        };
        if let Some(last) = self.last.as_mut().filter(|last| is_in(last)) {
            if let Some(one) = Bucket::of(last.start, &reading.value) {
                last.merge(&one);
            }
        } else if let Some(one) = Bucket::of(self.resolution.start_of(reading.measured), &reading.value)
            && let Some(before) = self.last.replace(one)
        {
            self.merge(&before);
        }
    }

    /// Adds what another bucket has, which may be a shorter one.
    pub(crate) fn merge(&mut self, other: &Bucket) {
        let start = self.resolution.start_of(other.start);
        match self.by_start.get_mut(&start) {
            Some(bucket) => bucket.merge(other),
            None => drop(self.by_start.insert(start, Bucket { start, ..*other })),
        }
    }

    /// All of them, the oldest first, with their sums to twelve digits.
    pub(crate) fn into_vec(mut self) -> Vec<Bucket> {
        if let Some(last) = self.last.take() {
            self.merge(&last);
        }
        self.by_start.into_values().map(|bucket| Bucket { sum: rounded_sum(&bucket), ..bucket }).collect()
    }
}

/// The sum to twelve digits of the largest reading, so that a sum of tenths is tenths again, in whatever order
/// they were added.
fn rounded_sum(bucket: &Bucket) -> f64 {
    let largest = format!("{:e}", bucket.min.abs().max(bucket.max.abs()));
    let exponent: i32 = largest.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let decimals = usize::try_from(11 - exponent).unwrap_or(0);
    let rounded: f64 = format!("{:.decimals$}", bucket.sum).parse().unwrap_or(bucket.sum);
    // A negative zero becomes zero.
    rounded + 0.0
}

#[cfg(test)]
mod tests {
    use iot_proto::{Finite, OwnedValue};

    use super::*;

    fn reading(measured: i64, value: OwnedValue) -> ReadingView {
        ReadingView { value, measured: UnixMillis(measured), arrived: UnixMillis(0) }
    }

    #[test]
    fn readings_fall_into_the_bucket_that_begins_at_a_multiple_before_them() {
        let mut buckets = Buckets::new(Resolution::FiveMinutes);
        for (measured, value) in [(-1, 4), (0, 1), (299_999, 5), (300_000, 7)] {
            buckets.add(&reading(measured, OwnedValue::Int(value)));
        }
        let all = buckets.into_vec();
        let told: Vec<_> = all.iter().map(|bucket| (bucket.start.0, bucket.count, bucket.mean())).collect();
        assert_eq!(told, [(-300_000, 1, 4.0), (0, 2, 3.0), (300_000, 1, 7.0)]);
    }

    #[test]
    fn sums_of_tenths_are_tenths_and_texts_do_not_count() {
        let mut buckets = Buckets::new(Resolution::Day);
        for tenths in [-2.0, 1.0, 2.0, -1.0, -3.0, 3.0] {
            buckets.add(&reading(5, OwnedValue::Float(Finite::new(tenths / 10.0).unwrap())));
        }
        buckets.add(&reading(5, OwnedValue::Text("off".into())));
        assert_eq!(
            buckets.into_vec()[0],
            Bucket { start: UnixMillis(0), count: 6, min: -0.3, max: 0.3, sum: 0.0 }
        );
    }

    #[test]
    fn a_sum_that_is_too_large_stays_at_the_largest_float() {
        let mut buckets = Buckets::new(Resolution::Hour);
        for _ in 0..3 {
            buckets.add(&reading(5, OwnedValue::Float(Finite::new(f64::MAX).unwrap())));
        }
        assert!(buckets.into_vec()[0].sum.is_finite());
    }
}
