//! [`Case`]: one limit that was filled, and what is wrong with it; [`uncovered`]: limits that nobody fills.

use std::collections::BTreeSet;

use iot_server::limits;
use serde_json::{Value, json};

/// Limits that other proofs fill, and which.
const ELSEWHERE: [(&str, &str); 15] = [
    ("lists of nodes held for answers", "tests of iot-web"),
    ("bytes to send", "tests of iot-net"),
    ("attempts at one address", "dial"),
    ("time for the TLS handshake of a page", "tests of iot-web"),
    ("time for the head of a request", "slow"),
    ("time for the body of a request", "slow"),
    ("time in which a reader must take something", "slow"),
    ("time in which the store must tell who asks", "diskhang, tests of iot-web"),
    ("time in which the store must tell the past", "diskhang"),
    ("time of a delivery, from its turn", "dial"),
    ("bytes of a backup that is sent", "tests of iot-web and iot-server"),
    ("backups that are sent at one time", "tests of iot-server"),
    ("time for each 64 KiB of a backup that is sent", "tests of iot-web"),
    ("bytes that such a backup leaves free on the disk", "tests of iot-server"),
    ("nodes that wait for an admin unverified", "tests of iot-core"),
];

/// A limit that was filled.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// What is limited, as the table of the limits says it.
    pub(super) what: &'static str,
    /// How much of it there may be.
    pub(super) limit: u64,
    /// How much there was at most, and how much there must have been.
    pub(super) most: u64,
    pub(super) least: u64,
    /// What whoever came beyond was told, and what must be in it.
    pub(super) told: String,
    pub(super) to_tell: &'static str,
}

impl Case {
    /// Something countable, of which there must be as much as the limit says and no more.
    pub(super) fn counted(
        what: &'static str,
        limit: u64,
        most: usize,
        (told, to_tell): (String, &'static str),
    ) -> Self {
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        Self { what, limit, most, least: limit, told, to_tell }
    }

    /// What breaks the promise that a limit holds and is told.
    pub(super) fn breaches(&self) -> Vec<String> {
        let Self { what, limit, most, least, told, to_tell } = self;
        let mut breaches = Vec::new();
        if most > limit {
            breaches.push(format!("{what}: {most}, and {limit} is the limit"));
        }
        if most < least {
            breaches.push(format!("{what}: {most} at most, so the limit of {limit} was not reached"));
        }
        if !told.contains(to_tell) {
            breaches.push(format!("{what}: told {told:?}, and not {to_tell:?}"));
        }
        breaches
    }

    /// For scripts.
    pub(super) fn to_json(&self) -> Value {
        json!({ "limit": self.limit, "most": self.most, "told": self.told })
    }
}

/// How much there may be of something, as the code's own table says it by default; 0 where it does not.
pub(super) fn default_of(what: &str) -> u64 {
    let row = limits::rows().into_iter().find(|row| row.what == what);
    let Some(text) = row.map(|row| row.default) else { return 0 };
    let number = text.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
    if text.ends_with("KiB") { number * 1024 } else { number }
}

/// The limits of the code's table that were filled by no case, here or in another proof, and cases of no limit.
pub(super) fn uncovered(cases: &[Case]) -> Vec<String> {
    let filled = cases.iter().map(|case| case.what);
    let filled: BTreeSet<_> = filled.chain(ELSEWHERE.iter().map(|(what, _)| *what)).collect();
    let rows = limits::rows();
    let known: BTreeSet<_> = rows.iter().map(|row| row.what).collect();
    let nobody = known.difference(&filled).map(|what| format!("{what}: nobody fills this limit"));
    nobody.chain(filled.difference(&known).map(|what| format!("{what}: no limit of the table"))).collect()
}

/// The words under which limits are counted that the hub has not counted as reached.
pub(super) fn uncounted(reached: &Value) -> Vec<String> {
    let rows = limits::rows().into_iter().filter_map(|row| row.word);
    rows.filter(|word| reached[word].as_u64().unwrap_or(0) == 0)
        .map(|word| format!("{word}: the hub has not counted that it was reached"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(most: usize) -> Case {
        Case::counted("modules", 64, most, ("modules would exceed the limit of 64".into(), "limit of 64"))
    }

    #[test]
    fn a_limit_that_does_not_hold_or_was_not_reached_or_is_not_told_is_a_breach() {
        assert_eq!(case(64).breaches(), Vec::<String>::new());
        assert_eq!(case(65).breaches().len(), 1);
        assert_eq!(case(63).breaches().len(), 1);
        assert_eq!(Case { told: "no".into(), ..case(64) }.breaches().len(), 1);
    }

    #[test]
    fn a_limit_of_the_table_that_nobody_fills_is_found_and_so_is_a_case_of_none() {
        let open = uncovered(&[]);
        assert!(open.contains(&"modules: nobody fills this limit".into()), "{open:?}");
        assert!(!uncovered(&[case(64)]).contains(&"modules: nobody fills this limit".into()));
        let other = Case { what: "cats", ..case(64) };
        assert!(uncovered(&[other]).contains(&"cats: no limit of the table".into()));
    }

    #[test]
    fn the_numbers_are_those_of_the_table() {
        assert_eq!(default_of("modules"), 64);
        assert_eq!(default_of("bytes to send"), 256 * 1024);
        assert_eq!(default_of("hello"), 10);
        assert_eq!(default_of("log lines about one peer"), 20);
    }
}
