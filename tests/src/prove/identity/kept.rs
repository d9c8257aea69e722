//! [`judge`]: what is in the hub's file once it has stopped, beside what its nodes have said and were promised.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::Result;
use iot_core::{
    UnixMillis,
    audit::AuditQuery,
    store::{Chronicle as _, History as _, ReadingQuery, Store as _},
};
use iot_proto::OwnedValue;
use iot_store::SqliteStore;

use super::genuine::{Genuine, Page};
use crate::{people::OWNER, prove::findings::Seen};

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    /// Readings that were acknowledged.
    pub(super) acknowledged: usize,
    /// Of these, those that are not there.
    pub(super) lost: usize,
    /// Readings, nodes and changes that are there and that nobody has made who may; and readings that are there twice.
    pub(super) phantom: usize,
}

/// Compares a file with the books of its nodes. What `accomplices` have said of themselves is their own.
pub(super) fn judge(
    path: &Path,
    nodes: &[Genuine],
    accomplices: &BTreeSet<String>,
    seen: &mut Seen,
) -> Result<Kept> {
    let (mut store, history) = SqliteStore::open(path)?;
    let mut kept = Kept::default();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for series in history.series()? {
        let (from, to, limit) = (UnixMillis(i64::MIN), UnixMillis(i64::MAX), usize::MAX);
        let readings = history.readings(&ReadingQuery { series: series.clone(), from, to, limit })?;
        let texts = readings.into_iter().map(|reading| match reading.value {
            OwnedValue::Text(text) => text.to_string(),
            OwnedValue::Bool(_) | OwnedValue::Int(_) | OwnedValue::Float(_) => format!("{:?}", reading.value),
        });
        found.entry(series.node.as_str().to_owned()).or_default().extend(texts);
    }
    for node in nodes {
        kept.page(&node.id, &node.page, found.remove(&node.id).unwrap_or_default(), seen);
    }
    found.retain(|id, _| !accomplices.contains(id));
    for (id, texts) in found {
        kept.phantom += texts.len();
        seen.tell(format!("{id} has readings: {texts:?}"));
    }
    let known: BTreeSet<_> = nodes.iter().map(|node| node.id.as_str()).collect();
    for id in store.load()?.nodes.into_iter().map(|node| node.id) {
        if !known.contains(id.as_str()) && !accomplices.contains(id.as_str()) {
            kept.phantom += 1;
            seen.tell(format!("{id} is kept"));
        }
    }
    for entry in store.chronicle()?.audit(&AuditQuery { limit: usize::MAX, ..AuditQuery::default() })? {
        let record = entry.record;
        if record.target.node.is_some() && !record.by.starts_with(OWNER.0) {
            kept.phantom += 1;
            seen.tell(format!("nobody did: {record:?}"));
        }
    }
    Ok(kept)
}

impl Kept {
    /// Compares the readings of one node.
    fn page(&mut self, id: &str, page: &Page, found: Vec<String>, seen: &mut Seen) {
        self.acknowledged += page.must.len();
        let mut there = BTreeSet::new();
        for text in found {
            let is_known = page.may.contains(&text) || page.must.contains(&text);
            if !is_known || !there.insert(text.clone()) {
                self.phantom += 1;
                seen.tell(format!("{id} has a reading that it has not made, or not twice: {text}"));
            }
        }
        for text in page.must.difference(&there) {
            self.lost += 1;
            seen.tell(format!("{id} has lost a reading: {text}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_that_are_lost_new_or_there_twice_are_found() {
        let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        let page = Page { must: texts(&["a", "b"]), may: texts(&["a", "b", "c"]) };
        let judged = |found: &[&str]| {
            let (mut kept, mut seen) = (Kept::default(), Seen::default());
            kept.page("n", &page, found.iter().map(ToString::to_string).collect(), &mut seen);
            assert_eq!(seen.is_empty(), kept.lost + kept.phantom == 0);
            (kept.lost, kept.phantom)
        };
        assert_eq!(judged(&["a", "b"]), (0, 0));
        assert_eq!(judged(&["a", "b", "c"]), (0, 0));
        assert_eq!(judged(&["a"]), (1, 0));
        assert_eq!(judged(&["a", "b", "b"]), (0, 1));
        assert_eq!(judged(&["a", "b", "d"]), (0, 1));
    }
}
