//! A report as it leaves: the ages of its readings have grown since it was made.
//!
//! An age counts from the moment at which the frame is sent. A report that waited for a connection, or is
//! sent again, must therefore be written anew each time. Only the ages change.

use iot_proto::{Body, DecodeError, List, MessageKind, Reading, Report, Taken};
use serde::{
    Serialize, Serializer,
    ser::{SerializeSeq, SerializeStruct},
};

/// A report whose readings are older by so many milliseconds than it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aged<'a> {
    /// The report as it was made.
    pub(crate) report: Report<'a>,
    /// Milliseconds since then.
    pub(crate) by_ms: u32,
}

impl<'a> Body<'a> for Aged<'a> {
    const KIND: MessageKind = MessageKind::REPORT;

    fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Report::decode(bytes).map(|report| Self { report, by_ms: 0 })
    }
}

impl Serialize for Aged<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut report = serializer.serialize_struct("Report", 3)?;
        report.serialize_field("boot", &self.report.boot)?;
        report.serialize_field("sequence", &self.report.sequence)?;
        report.serialize_field("readings", &Readings { of: self.report.readings, by_ms: self.by_ms })?;
        report.end()
    }
}

struct Readings<'a> {
    of: List<'a, Reading<'a>>,
    by_ms: u32,
}

impl Serialize for Readings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.of.len()))?;
        for reading in self.of.iter() {
            let taken = match reading.taken {
                Taken::Age(age) => Taken::Age(age.saturating_add(self.by_ms)),
                Taken::At(at) => Taken::At(at),
            };
            seq.serialize_element(&Reading { taken, ..reading })?;
        }
        seq.end()
    }
}

#[cfg(test)]
mod tests {
    use iot_proto::{BootId, Correlation, HEADER_LEN, UnixMillis, Value};

    use super::*;

    #[test]
    fn ages_grow_and_instants_stay() {
        let reading = |taken| Reading { module: 1, channel: 2, taken, value: Value::from(true) };
        let readings = [reading(Taken::Age(100)), reading(Taken::At(UnixMillis(9)))];
        let report = Report { boot: BootId(1), sequence: 2, readings: List::new(&readings).unwrap() };
        let mut wire = [0; 64];
        let len = iot_proto::encode(&Aged { report, by_ms: 900 }, Correlation::OneWay, &mut wire).unwrap();
        let sent = Report::decode(&wire[HEADER_LEN..len]).unwrap();
        let aged = [reading(Taken::Age(1_000)), reading(Taken::At(UnixMillis(9)))];
        assert_eq!(sent, Report { readings: List::new(&aged).unwrap(), ..report });
    }
}
