//! [`Chance`]: what is drawn at random in a proof, from a seed.

use std::time::Duration;

/// A splitmix64 sequence: the same seed and stream give the same draws.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The sequence of a seed; each of its streams is a sequence of its own.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut mix = Self(seed);
        let start = mix.draw();
        Self(start ^ Self(stream).draw())
    }

    /// A sequence of its own, whose length changes nothing of this one.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.draw())
    }

    /// Any number.
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where that is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.draw().checked_rem(end).unwrap_or(0)
    }

    /// True once in so many times.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these; `None` where there is none.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let at = self.below(u64::try_from(all.len()).unwrap_or(u64::MAX));
        all.get(usize::try_from(at).unwrap_or(usize::MAX))
    }

    /// A time shorter than `end`, in steps of a microsecond.
    pub(crate) fn within(&mut self, end: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(end.as_micros()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_stream_give_the_same_draws_and_others_do_not() {
        let draws = |seed, stream| {
            let mut chance = Chance::new(seed, stream);
            [chance.below(1 << 40), chance.below(1 << 40)]
        };
        assert_eq!(draws(1, 2), draws(1, 2));
        assert_ne!(draws(1, 2), draws(1, 3));
        assert_ne!(draws(1, 2), draws(2, 2));
    }
}
