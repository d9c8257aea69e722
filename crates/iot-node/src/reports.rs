//! Reports that the hub has not acknowledged, in memory whose size the firmware chooses.
//!
//! A report is kept as it was made, with its sequence number and the instant, until the hub says that it
//! is stored. When the memory is full the oldest goes, and is counted: its number is then missing, so that
//! the hub can prove the gap instead of guessing.
//!
//! ```text
//!  offset  bytes  field of a record (little-endian)
//!  0       2      length of the body
//!  2       4      sequence
//!  6       8      when it was made, in milliseconds
//!  14      …      body of the report
//! ```

use core::ops::Range;

use iot_proto::{Body, BootId, Correlation, HEADER_LEN, List, MAX_READINGS, Reading, Report, Value};

use crate::{Instant, ReportError, aged::Aged};

/// Bytes of a record before its body.
const RECORD_HEADER: usize = 14;

/// Reports that wait for their acknowledgement, oldest first, in `N` bytes.
#[derive(Debug)]
pub(crate) struct Reports<const N: usize> {
    memory: [u8; N],
    used: Range<usize>,
    last: u32,
    /// Highest report that was ever sent.
    sent: u32,
    dropped: u32,
    resent: u32,
}

/// A report as it is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept<'a> {
    /// Its sequence number.
    pub(crate) sequence: u32,
    made: Instant,
    body: &'a [u8],
}

impl<'a> Kept<'a> {
    /// The report as it leaves at `now`; `None` only where the memory does not hold what was put into it.
    pub(crate) fn aged(&self, now: Instant) -> Option<Aged<'a>> {
        let by_ms = u32::try_from(now.since(self.made).as_millis()).unwrap_or(u32::MAX);
        Report::decode(self.body).ok().map(|report| Aged { report, by_ms })
    }

    fn record_len(&self) -> usize {
        RECORD_HEADER + self.body.len()
    }
}

impl<const N: usize> Reports<N> {
    /// No reports.
    pub(crate) fn new() -> Self {
        Self { memory: [0; N], used: 0..0, last: 0, sent: 0, dropped: 0, resent: 0 }
    }

    /// Keeps a report that was made at `now`, for frames of at most `limit` bytes; gives its sequence.
    pub(crate) fn push(
        &mut self,
        now: Instant,
        boot: BootId,
        readings: &[Reading<'_>],
        limit: usize,
    ) -> Result<u32, ReportError> {
        let count = readings.len();
        if count > usize::from(MAX_READINGS) {
            return Err(ReportError::TooManyReadings { count });
        }
        let len = longest(readings);
        let limit = limit.min(N.saturating_sub(RECORD_HEADER - HEADER_LEN));
        if len > limit {
            return Err(ReportError::TooLong { len, limit });
        }
        self.make_room(len + RECORD_HEADER - HEADER_LEN);
        let readings = List::new(readings).map_err(ReportError::Encode)?;
        let sequence = self.last.saturating_add(1);
        self.append(now, &Report { boot, sequence, readings })?;
        self.last = sequence;
        Ok(sequence)
    }

    /// Gives a sequence number to a report that is lost already, so that the loss can be proven.
    pub(crate) fn lose(&mut self) {
        self.last = self.last.saturating_add(1);
        self.dropped = self.dropped.saturating_add(1);
    }

    /// A report was sent, perhaps not for the first time.
    pub(crate) fn mark_sent(&mut self, sequence: u32) {
        if sequence <= self.sent {
            self.resent = self.resent.saturating_add(1);
        }
        self.sent = self.sent.max(sequence);
    }

    /// How many reports were sent that had been sent before.
    pub(crate) fn resent(&self) -> u32 {
        self.resent
    }

    /// Forgets every report up to `stored`.
    pub(crate) fn forget_to(&mut self, stored: u32) {
        let gone = self.iter().take_while(|kept| kept.sequence <= stored);
        self.used.start += gone.map(|kept| kept.record_len()).sum::<usize>();
    }

    /// Gives up a report that the hub will not take.
    pub(crate) fn give_up(&mut self, sequence: u32) {
        let before: usize =
            self.iter().take_while(|kept| kept.sequence < sequence).map(|kept| kept.record_len()).sum();
        let Some(record) = self.iter().find(|kept| kept.sequence == sequence).map(|kept| kept.record_len())
        else {
            return;
        };
        let start = self.used.start + before;
        self.memory.copy_within(start + record..self.used.end, start);
        self.used.end -= record;
        self.dropped = self.dropped.saturating_add(1);
    }

    /// The oldest report with a sequence above `sent`.
    pub(crate) fn after(&self, sent: u32) -> Option<Kept<'_>> {
        self.iter().find(|kept| kept.sequence > sent)
    }

    /// How many reports wait.
    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }

    /// The highest sequence given.
    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    /// How many reports were given up because the memory was full or the hub did not take them.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The reports, oldest first.
    fn iter(&self) -> impl Iterator<Item = Kept<'_>> {
        let mut rest = self.memory.get(self.used.clone()).unwrap_or_default();
        core::iter::from_fn(move || {
            let (header, records) = rest.split_first_chunk::<RECORD_HEADER>()?;
            let [l0, l1, s0, s1, s2, s3, made @ ..] = *header;
            let (body, records) = records.split_at_checked(usize::from(u16::from_le_bytes([l0, l1])))?;
            rest = records;
            let made = Instant(u64::from_le_bytes(made));
            Some(Kept { sequence: u32::from_le_bytes([s0, s1, s2, s3]), made, body })
        })
    }

    /// Drops the oldest reports until `room` bytes are free in one piece behind the newest.
    fn make_room(&mut self, room: usize) {
        while N - self.used.len() < room {
            let Some(oldest) = self.iter().next().map(|kept| kept.record_len()) else { break };
            self.used.start += oldest;
            self.dropped = self.dropped.saturating_add(1);
        }
        if N - self.used.end < room {
            self.memory.copy_within(self.used.clone(), 0);
            self.used = 0..self.used.len();
        }
    }

    fn append(&mut self, made: Instant, report: &Report<'_>) -> Result<(), ReportError> {
        let free = self.memory.get_mut(self.used.end..).unwrap_or_default();
        // The frame is placed so that its body lies where the record's body belongs; the record's header
        // then takes the place of the frame's.
        let frame = free.get_mut(RECORD_HEADER - HEADER_LEN..).unwrap_or_default();
        let len =
            iot_proto::encode(report, Correlation::OneWay, frame).map_err(ReportError::Encode)? - HEADER_LEN;
        let [l0, l1] = u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes();
        let [s0, s1, s2, s3] = report.sequence.to_le_bytes();
        let [m0, m1, m2, m3, m4, m5, m6, m7] = made.0.to_le_bytes();
        if let Some(header) = free.first_chunk_mut::<RECORD_HEADER>() {
            *header = [l0, l1, s0, s1, s2, s3, m0, m1, m2, m3, m4, m5, m6, m7];
        }
        self.used.end += RECORD_HEADER + len;
        Ok(())
    }
}

/// The most bytes that a frame with these readings takes, however old they have become.
pub(crate) fn longest(readings: &[Reading<'_>]) -> usize {
    const BOOT_SEQUENCE_COUNT: usize = 5 + 5 + 3;
    const MODULE_CHANNEL_AGE: usize = 1 + 1 + (1 + 10);
    let values = readings.iter().map(|reading| match reading.value {
        Value::Bool(_) => 2,
        Value::Int(_) => 1 + 10,
        Value::Float(_) => 1 + 8,
        Value::Text(text) => 1 + 2 + text.len(),
    });
    HEADER_LEN + BOOT_SEQUENCE_COUNT + values.map(|value| MODULE_CHANNEL_AGE + value).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use iot_proto::{Taken, Text, UnixMillis};
    use proptest::prelude::*;

    use super::*;

    fn reading(value: Value<'_>) -> Reading<'_> {
        Reading { module: 255, channel: 255, taken: Taken::Age(0), value }
    }

    fn sequences<const N: usize>(reports: &Reports<N>) -> Vec<u32> {
        reports.iter().map(|kept| kept.sequence).collect()
    }

    #[test]
    fn full_memory_drops_the_oldest_and_counts_it() {
        let mut reports = Reports::<160>::new();
        for _ in 0..9 {
            reports.push(Instant(0), BootId(1), &[reading(Value::from(true))], 512).unwrap();
        }
        let kept = sequences(&reports);
        assert_eq!(kept.last(), Some(&9));
        assert_eq!(usize::try_from(reports.dropped()).unwrap() + kept.len(), 9);
        assert!(kept.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{kept:?}");
    }

    #[test]
    fn a_report_beyond_the_limit_costs_no_other_report() {
        let mut reports = Reports::<256>::new();
        reports.push(Instant(0), BootId(1), &[reading(Value::from(1))], 512).unwrap();
        let text = "x".repeat(200);
        let long = [reading(Value::Text(Text::new(&text).unwrap())); 2];
        let refused = reports.push(Instant(0), BootId(1), &long, 512);
        assert!(matches!(refused, Err(ReportError::TooLong { limit: 254, .. })), "{refused:?}");
        assert_eq!((sequences(&reports), reports.last()), (Vec::from([1]), 1));
    }

    #[test]
    fn a_lost_report_leaves_a_gap() {
        let mut reports = Reports::<256>::new();
        reports.lose();
        assert_eq!(reports.push(Instant(0), BootId(1), &[], 512), Ok(2));
        reports.give_up(2);
        assert_eq!((reports.len(), reports.dropped(), reports.last()), (0, 2, 2));
    }

    #[test]
    fn the_longest_frame_is_never_exceeded() {
        let text = "y".repeat(256);
        let readings = [
            Value::from(false),
            Value::from(i64::MIN),
            Value::from(f64::MIN),
            Value::Text(Text::new(&text).unwrap()),
        ];
        for value in readings {
            for taken in [Taken::Age(u32::MAX), Taken::At(UnixMillis(i64::MIN))] {
                let readings = [Reading { taken, ..reading(value) }; 200];
                let list = List::new(&readings).unwrap();
                let report = Report { boot: BootId(u32::MAX), sequence: u32::MAX, readings: list };
                let mut wire = alloc::vec![0; 65_535];
                let len = iot_proto::encode(&report, Correlation::OneWay, &mut wire);
                if let Ok(len) = len {
                    assert!(len <= longest(&readings), "{len} bytes");
                }
            }
        }
    }

    proptest! {
        /// Against a model: whatever is pushed, acknowledged and given up, the kept ones are a suffix of
        /// what the model keeps, in order, and decode to what was pushed.
        #[test]
        fn what_is_kept_is_what_was_pushed(steps in proptest::collection::vec((0..4_u8, 0..30_usize), 1..120)) {
            let mut reports = Reports::<700>::new();
            let mut model = Vec::new();
            for (step, size) in steps {
                match step {
                    0 | 1 => {
                        let readings: Vec<_> = (0..size).map(|_| reading(Value::from(7))).collect();
                        if let Ok(sequence) = reports.push(Instant(0), BootId(1), &readings, 512) {
                            model.push((sequence, size));
                        }
                    }
                    2 => {
                        let stored = reports.last().saturating_sub(u32::try_from(size).unwrap() / 4);
                        reports.forget_to(stored);
                        model.retain(|(sequence, _)| *sequence > stored);
                    }
                    _ => {
                        let gone = reports.last().saturating_sub(u32::try_from(size).unwrap() / 8);
                        reports.give_up(gone);
                        model.retain(|(sequence, _)| *sequence != gone);
                    }
                }
                let kept: Vec<_> = reports
                    .iter()
                    .map(|kept| (kept.sequence, kept.aged(Instant(0)).unwrap().report.readings.len()))
                    .collect();
                prop_assert!(model.ends_with(&kept), "{kept:?} of {model:?}");
                model = kept;
            }
        }
    }
}
