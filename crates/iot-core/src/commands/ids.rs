//! Ids of commands: UUIDs of version 7, so that their order is the order of time.

use iot_proto::{CommandId, UnixMillis};

/// Makes ids from the wall clock and a seeded sequence: the same seed and times give the same ids.
#[derive(Debug)]
pub(crate) struct CommandIds {
    state: u64,
    /// The last id, above which every later one lies even where the clock goes back.
    last_millis: u64,
}

impl CommandIds {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, last_millis: 0 }
    }

    /// A new id, above all earlier ones.
    pub(crate) fn next(&mut self, now: UnixMillis) -> CommandId {
        let millis = u64::try_from(now.0).unwrap_or(0);
        // Two ids of one millisecond would have no order, so each takes a millisecond of its own.
        self.last_millis = millis.max(self.last_millis + 1);
        let mut random = [0; 10];
        let (high, low) = (self.random().to_le_bytes(), self.random().to_le_bytes());
        for (byte, drawn) in random.iter_mut().zip(high.into_iter().chain(low)) {
            *byte = drawn;
        }
        let uuid = uuid::Builder::from_unix_timestamp_millis(self.last_millis, &random).into_uuid();
        CommandId(uuid.into_bytes())
    }

    /// Makes later ids lie above one that was made before the hub started.
    pub(crate) fn stay_above(&mut self, id: CommandId) {
        let millis = id.0.iter().take(6).fold(0, |millis, byte| (millis << 8) | u64::from(*byte));
        self.last_millis = self.last_millis.max(millis);
    }

    /// The next number of a splitmix64 sequence.
    pub(crate) fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_even_where_the_clock_stands_or_goes_back() {
        let mut ids = CommandIds::new(1);
        let made = [1_000, 1_000, 500, 2_000].map(|millis| ids.next(UnixMillis(millis)));
        assert!(made.is_sorted());
        assert_eq!(made[0].0[6] >> 4, 7, "version 7");
    }

    #[test]
    fn ids_lie_above_those_of_before_even_where_the_clock_went_back() {
        let before = CommandIds::new(1).next(UnixMillis(5_000));
        let mut ids = CommandIds::new(1);
        ids.stay_above(before);
        assert!(ids.next(UnixMillis(1_000)) > before);
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        assert_eq!(CommandIds::new(9).next(UnixMillis(5)), CommandIds::new(9).next(UnixMillis(5)));
        assert_ne!(CommandIds::new(9).next(UnixMillis(5)), CommandIds::new(8).next(UnixMillis(5)));
    }
}
