//! [`Figures`]: what a run counted.

use std::time::Duration;

use crate::prove::{
    findings::{Findings, Seen, most, seconds},
    load::Compared,
};

/// What a run counted.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// How often the disk was filled.
    pub(super) rounds: u32,
    pub(super) acknowledged: u64,
    pub(super) acknowledged_while_full: u64,
    /// What the hub has at the end.
    pub(super) compared: Compared,
    /// Backups that were sent while the disk filled and when it was full.
    pub(super) uploads: u64,
    /// Those that were not refused for want of room.
    pub(super) not_refused: u64,
    /// Files that backups and uploads on a full disk left behind.
    pub(super) left: u64,
    /// From the full disk to the hub's word that it does not store.
    pub(super) noticed: Vec<Duration>,
    /// From room on the disk to the acknowledgement of every node.
    pub(super) recovered: Vec<Duration>,
    /// Pages and answers of the API while the disk was full.
    pub(super) pages: Vec<Duration>,
    /// What was broken, in words.
    pub(super) seen: Seen,
    pub(super) elapsed: Duration,
}

impl Figures {
    /// A promise was broken.
    pub(super) fn breach(&mut self, what: String) {
        self.seen.tell(what);
    }

    pub(super) fn to_findings(&self) -> Findings {
        let mut findings = Findings::default();
        findings.add(&self.seen);
        findings.tell("rounds", self.rounds);
        findings.tell("acknowledged", self.acknowledged);
        findings.zero("acknowledged_while_full", self.acknowledged_while_full);
        self.compared.tell(&mut findings);
        findings.tell("uploads", self.uploads);
        findings.zero("not_refused", self.not_refused);
        findings.zero("left", self.left);
        findings.tell("pages", self.pages.len());
        findings.tell("page_most_ms", most(&self.pages));
        findings.tell("noticed_most_ms", most(&self.noticed));
        findings.tell("recovered_most_ms", most(&self.recovered));
        findings.tell("seconds", seconds(self.elapsed));
        findings
    }
}
