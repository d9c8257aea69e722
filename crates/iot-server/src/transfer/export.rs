//! [`export`]: chosen readings of a store, series after series, the oldest first.

use std::io::Write;

use iot_core::{
    NodeId, Series, UnixMillis,
    store::{History, Pages, ReadingQuery, StoreError},
};
use iot_web::rows::{Row, RowError, RowWriter};
use thiserror::Error;

use super::PAGE;

/// Which readings are exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Of one node, or of all.
    pub node: Option<NodeId>,
    /// Of the modules with this index, or of all.
    pub module: Option<u8>,
    /// Of the properties and events with this number, or of all.
    pub channel: Option<u8>,
    /// Measured at this instant or later.
    pub from: UnixMillis,
    /// Measured before this instant.
    pub to: UnixMillis,
}

impl Selection {
    fn has(&self, series: &Series) -> bool {
        self.node.as_ref().is_none_or(|node| *node == series.node)
            && self.module.is_none_or(|module| module == series.module)
            && self.channel.is_none_or(|channel| channel == series.channel)
    }
}

/// Why readings were not exported whole.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The file cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] RowError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes the readings; gives how many there were. `watch` is told now and then how many there are so far.
///
/// # Errors
/// [`ExportError`].
pub fn export<W: Write>(
    history: &dyn History,
    selection: &Selection,
    rows: &mut RowWriter<W>,
    watch: &mut dyn FnMut(u64),
) -> Result<u64, ExportError> {
    let mut written = 0;
    for series in history.series()?.into_iter().filter(|series| selection.has(series)) {
        let (from, to) = (selection.from, selection.to);
        for page in Pages::new(history, ReadingQuery { series: series.clone(), from, to, limit: PAGE }) {
            for reading in page? {
                rows.write(&Row { series: series.clone(), reading })?;
                written += 1;
            }
            watch(written);
        }
    }
    rows.flush()?;
    Ok(written)
}
