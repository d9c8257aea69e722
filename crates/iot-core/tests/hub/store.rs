//! What a store would have: the records of a hub put together, so that another hub can start from them.

use std::collections::BTreeMap;

use iot_core::{
    NodeId, Series,
    audit::AuditRecord,
    store::{Batch, CommandRecord, NodeRecord, Record, Snapshot},
    view::ReadingView,
};
use iot_proto::{BootId, CommandId};

/// The records of a hub.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    nodes: BTreeMap<NodeId, NodeRecord>,
    sequences: BTreeMap<(NodeId, BootId), u32>,
    latest: BTreeMap<Series, ReadingView>,
    commands: BTreeMap<CommandId, CommandRecord>,
    /// What people changed, oldest first.
    pub(crate) audit: Vec<AuditRecord>,
}

impl Kept {
    /// Takes a batch, and checks that it is one: readings belong to reports, and what has ended stays so.
    pub(crate) fn commit(&mut self, batch: &Batch) {
        let mut readings = batch.readings.iter();
        for record in &batch.records {
            match record {
                Record::Node(node) => {
                    assert_ne!(
                        node.admission,
                        iot_core::AdmissionState::Pending,
                        "a waiting node is not kept"
                    );
                    self.nodes.insert(node.id.clone(), (**node).clone());
                }
                Record::Gone(id) => self.forget(id),
                Record::Report { node, boot, sequence, arrived, readings: count, .. } => {
                    assert!(self.nodes.contains_key(node), "a report of a node that is not kept");
                    let highest = self.sequences.entry((node.clone(), *boot)).or_default();
                    assert!(*sequence == 0 || sequence > highest, "a report is kept once");
                    *highest = (*highest).max(*sequence);
                    for _ in 0..*count {
                        let reading = readings.next().expect("as many readings as reports speak of");
                        let (module, channel) = (reading.module, reading.channel);
                        let series = Series { node: node.clone(), module, channel };
                        let (value, measured) = (reading.value.clone(), reading.measured);
                        self.latest.insert(series, ReadingView { value, measured, arrived: *arrived });
                    }
                }
                Record::Command(command) => {
                    if let Some(before) = self.commands.insert(command.id, (**command).clone()) {
                        assert!(before.state().is_under_way(), "a command that has ended changes no more");
                    }
                }
                Record::Replaced { old, new, modules } => self.replace(old, new, modules),
                Record::Audit(record) => self.audit.push((**record).clone()),
            }
        }
        assert_eq!(readings.next(), None, "every reading belongs to a report");
    }

    fn replace(&mut self, old: &NodeId, new: &NodeId, modules: &[u8]) {
        let (moved, left): (BTreeMap<_, _>, _) = std::mem::take(&mut self.latest)
            .into_iter()
            .partition(|(series, _)| series.node == *old && modules.contains(&series.module));
        self.latest = left;
        for (series, view) in moved {
            let own =
                self.latest.entry(Series { node: new.clone(), ..series }).or_insert_with(|| view.clone());
            if own.measured < view.measured {
                *own = view;
            }
        }
        for command in self.commands.values_mut().filter(|command| command.node == *old) {
            if command.wanted.module().is_none_or(|module| modules.contains(&module)) {
                command.node = new.clone();
            }
        }
    }

    fn forget(&mut self, id: &NodeId) {
        assert!(self.nodes.remove(id).is_some(), "only what is kept is forgotten");
        self.sequences.retain(|(node, _), _| node != id);
        self.latest.retain(|series, _| series.node != *id);
        self.commands.retain(|_, command| command.node != *id);
    }

    /// What a hub starts from.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            nodes: self.nodes.values().cloned().collect(),
            sequences: self.sequences.iter().map(|((id, boot), n)| (id.clone(), *boot, *n)).collect(),
            latest: self.latest.iter().map(|(series, view)| (series.clone(), view.clone())).collect(),
            commands: self.commands.values().cloned().collect(),
        }
    }
}
