//! Report: readings are judged one by one, kept, and acknowledged once they are on disk.

use alloc::vec::Vec;

use iot_proto::{
    Body as _, ErrorCode, Frame, HEADER_LEN, List, Reading, Rejected, Report, ReportAck, Taken, UnixMillis,
};

use crate::{
    Effects, Event, Hub, IotError, Now, SessionId,
    registry::{Arrival, Node, NodeNumber},
    store::StoredReading,
    view::ReadingView,
};

/// Most bytes of a frame that acknowledges a report, without what was refused.
const ACK_BYTES: usize = HEADER_LEN + 13;

/// Most bytes by which one refused reading lengthens it.
const REJECTED_BYTES: usize = 6;

/// The first of January 2020. What a node's clock shows before is no time, but a clock that nobody set.
const CLOCKS_BEGIN: UnixMillis = UnixMillis(1_577_836_800_000);

impl Hub {
    /// A frame with a report. They are nearly all that arrives, and so not moved into the message that could be any.
    ///
    /// # Errors
    /// [`IotError::Message`] where the body is none; else as [`report`](Self::report).
    pub(crate) fn report_frame(
        &mut self,
        now: Now,
        session: SessionId,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        // It is read where it was decoded: moving it once more would take as long as to judge it.
        match &Report::decode(frame.body) {
            Ok(report) => self.report(now, session, report, frame, out),
            Err(source) => Err(IotError::Message { kind: frame.kind, source: *source }),
        }
    }

    /// A node reports readings.
    ///
    /// # Errors
    /// [`IotError::OutOfTurn`] before hello or for the number 0; why the node is not let in.
    pub(crate) fn report(
        &mut self,
        now: Now,
        session: SessionId,
        report: &Report<'_>,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let Some(state) = self.sessions.get_mut(session) else { return Ok(()) };
        let number = state.node(frame)?;
        let is_awaited = self.ledger.open(number).next().is_some();
        if report.sequence == 0 {
            return Err(IotError::OutOfTurn { kind: frame.kind, why: "reports count from 1" });
        }
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        if let Err(error) = node.check_admission() {
            state.refused.get_or_insert((report.boot, report.sequence));
            return Err(error);
        }
        // An acknowledgement covers all reports before it: what was refused has to come first.
        match state.refused {
            Some((boot, refused)) if boot == report.boot && refused < report.sequence => {
                let why = alloc::format!("report {refused} was refused and comes first").into();
                return Err(IotError::NotStored { why });
            }
            Some((boot, _)) if boot == report.boot => state.refused = None,
            Some(_) | None => {}
        }
        let mut rejected = Vec::new();
        let first = out.records.readings.len();
        match node.runs.arrive(report.boot, report.sequence) {
            Arrival::Duplicate => node.duplicates += 1,
            Arrival::New { gap } => {
                node.reports += 1;
                node.lost_reports += u64::from(gap);
                rejected = node.take_readings(now, &report.readings, out);
                let readings = out.records.readings.len() - first;
                out.records.report(&node.id, (report.boot, report.sequence), gap, now.wall, readings);
            }
        }
        let (stored, max_frame) = (node.runs.highest(report.boot), node.max_frame);
        if is_awaited {
            self.settle_reported(now, number, first, out);
        }
        self.log_rejected(session, report, &rejected, out);
        // Where the node's frames cannot carry them all, the rest is told in the log alone.
        let room = usize::from(max_frame).saturating_sub(ACK_BYTES) / REJECTED_BYTES;
        let rejected = rejected.get(..room).unwrap_or(&rejected);
        if let (Some(answer), Ok(rejected)) = (frame.correlation.answer(), List::new(rejected)) {
            out.send_on(session, &ReportAck { boot: report.boot, stored, rejected }, answer);
        }
        Ok(())
    }

    fn log_rejected(
        &mut self,
        session: SessionId,
        report: &Report<'_>,
        rejected: &[Rejected],
        out: &mut Effects,
    ) {
        let Some(first) = rejected.first() else { return };
        let (count, of, position) = (rejected.len(), report.readings.len(), first.position);
        let text = alloc::format!("{count} of {of} readings refused, the first at position {position}");
        self.log_refused(session, IotError::Node { code: first.code, detail: text.into() }, out);
    }

    /// Accepted commands whose value has now been reported are done.
    fn settle_reported(&mut self, now: Now, number: NodeNumber, first: usize, out: &mut Effects) {
        let reported = out.records.readings.get(first..).unwrap_or_default().to_vec();
        for reading in reported {
            self.settle_reading(now, number, &reading, out);
        }
    }
}

impl Node {
    /// Takes readings that fit their module kind, and says which do not.
    fn take_readings(
        &mut self,
        now: Now,
        readings: &List<'_, Reading<'_>>,
        out: &mut Effects,
    ) -> Vec<Rejected> {
        let (mut position, mut rejected) = (0, Vec::new());
        readings.for_each(|reading| {
            if let Err(code) = self.take_reading(now, reading, out) {
                rejected.push(Rejected { position, code });
            }
            position += 1;
        });
        rejected
    }

    /// Takes a reading, if it fits its module kind.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) fn take_reading(
        &mut self,
        now: Now,
        reading: &Reading<'_>,
        out: &mut Effects,
    ) -> Result<(), ErrorCode> {
        let measured = measured(now, reading.taken);
        let module = self.module_mut(reading.module).ok_or(ErrorCode::MODULE_NOT_REGISTERED)?;
        let kind = module.kind().map_err(|error| error.code())?;
        kind.check_reading(reading.channel, reading.value).map_err(|error| error.code())?;
        let view = ReadingView { value: reading.value.into(), measured, arrived: now.wall };
        out.records.readings.push(StoredReading {
            module: reading.module,
            channel: reading.channel,
            measured,
            value: view.value.clone(),
        });
        if module.take(reading.channel, &view) && !out.is_unobserved {
            let (node, module, channel) = (self.id.clone(), reading.module, reading.channel);
            out.publish(Event::Reading { node, module, channel, reading: view });
        }
        Ok(())
    }
}

/// When a reading was measured, on the hub's clock.
///
/// Nothing is measured after it arrives, nor before there were nodes: where a node's clock says so it is wrong, or
/// the hub's is. The value is kept all the same, and the time of its arrival is the only one that is known.
fn measured(now: Now, taken: Taken) -> UnixMillis {
    match taken {
        Taken::Age(age_ms) => UnixMillis(now.wall.0.saturating_sub(age_ms.into())),
        Taken::At(at) if at < CLOCKS_BEGIN => now.wall,
        Taken::At(at) => at.min(now.wall),
    }
}
