//! [`Figures`]: what a run or one of its stories counted. What a breach is says `found.rs`.

use std::time::Duration;

use crate::prove::{
    findings::{Findings, seconds},
    found::Breaches,
};

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) stories: u64,
    /// Wrecks opened and compared, no two of a story alike.
    pub(super) images: u64,
    /// How many of these were cut during a recovery.
    pub(super) during_recovery: u64,
    /// Wrecks that were byte for byte one that had been opened before, and were not opened again.
    pub(super) duplicates: u64,
    pub(super) breaches: Breaches,
}

impl Figures {
    /// Adds those of another story.
    pub(super) fn add(&mut self, other: &Self) {
        let Self { stories, images, during_recovery, duplicates, breaches } = other;
        self.stories += stories;
        self.images += images;
        self.during_recovery += during_recovery;
        self.duplicates += duplicates;
        self.breaches.add(breaches);
    }

    /// All of them for scripts, of a run that took so long.
    pub(super) fn to_findings(&self, elapsed: Duration) -> Findings {
        let mut findings = Findings::default();
        findings.tell("proof", "powerloss");
        findings.tell("stories", self.stories);
        findings.tell("images", self.images);
        findings.tell("during_recovery", self.during_recovery);
        findings.tell("duplicates", self.duplicates);
        self.breaches.write(&mut findings);
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        findings.tell("seconds", seconds(elapsed));
        findings.tell("images_per_s", self.images * 1_000 / millis);
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_add_up_and_seconds_are_those_of_the_run() {
        let story =
            Figures { stories: 1, images: 1_300, during_recovery: 300, duplicates: 40, ..Figures::default() };
        let mut run = Figures::default();
        (0..2).for_each(|_| run.add(&story));
        let document = run.to_findings(Duration::from_secs(2)).into_document(None);
        let figures = ["stories", "images", "during_recovery", "duplicates", "images_per_s"]
            .map(|name| &document[name]);
        assert_eq!(figures, [2, 2_600, 600, 80, 1_300].map(serde_json::Value::from).each_ref());
    }
}
