//! What holds for every store of a [`Batch`]: whether it fits itself, and which runs of a node are remembered.

use iot_core::store::{Batch, Record, StoreError};
use iot_proto::BootId;

/// Runs of one node of which the highest sequence is remembered: the present one, and those before it
/// whose reports may still be on their way.
const RUNS: usize = 4;

/// Commands that have ended and that a hub is given back when it starts. The others are read where they are kept.
pub(crate) const RECALLED: usize = 1_000;

/// All or nothing: a batch whose reports speak of other readings than it has is refused whole.
pub(crate) fn check(batch: &Batch) -> Result<(), StoreError> {
    let count = |record: &Record| match record {
        Record::Report { readings, .. } => *readings,
        Record::Node(_)
        | Record::Gone(_)
        | Record::Command(_)
        | Record::Replaced { .. }
        | Record::Audit(_) => 0,
    };
    let announced: usize = batch.records.iter().map(count).sum();
    let given = batch.readings.len();
    if announced == given {
        return Ok(());
    }
    Err(StoreError { why: format!("the reports speak of {announced} readings and there are {given}").into() })
}

/// Notes a report of a run among the last `runs` of its node, the latest run last. Sequence 0 counts nothing.
pub(crate) fn note_run(runs: &mut Vec<(BootId, u32)>, boot: BootId, sequence: u32) {
    if sequence == 0 {
        return;
    }
    if let Some((_, highest)) = runs.iter_mut().find(|(run, _)| *run == boot) {
        *highest = sequence.max(*highest);
        return;
    }
    if runs.len() >= RUNS {
        runs.remove(0);
    }
    runs.push((boot, sequence));
}
