//! [`Figures`]: whom the hub has dialled, beside whom it may.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::watch::Attempt;
use crate::prove::findings::{Findings, millis};

/// Least time between two attempts at one address of which the first reached no node.
const APART: Duration = Duration::from_secs(1);

/// How much later than it was sent a packet may be seen, on a busy machine.
const LATE: Duration = Duration::from_millis(200);

/// Third parties that are told by address.
const TOLD: usize = 5;

/// Whom the hub may dial.
#[derive(Debug)]
pub(super) struct Allowed {
    /// Where admitted nodes were last.
    pub(super) hosts: BTreeSet<IpAddr>,
    /// Where they are dialled.
    pub(super) port: u16,
    /// Where the hub listens: those who connect there are nodes on its own machine.
    pub(super) hub: SocketAddr,
}

/// What a run counted.
#[derive(Debug, Default)]
pub(super) struct Figures {
    forged: u16,
    wanted: u64,
    /// Attempts at admitted nodes.
    attempts: u64,
    /// Admitted nodes' addresses at which none was made.
    never: BTreeSet<IpAddr>,
    /// Whoever else was dialled.
    pub(super) others: BTreeSet<SocketAddr>,
    /// The shortest time between two attempts at one address.
    shortest: Option<Duration>,
    /// Addresses with more attempts than seconds.
    too_often: BTreeSet<IpAddr>,
}

impl Figures {
    /// Sorts what was seen, in the order in which it was seen.
    pub(super) fn of(forged: u16, wanted: u64, allowed: &Allowed, attempts: &[Attempt]) -> Self {
        let mut figures = Self { forged, wanted, ..Self::default() };
        let mut times: BTreeMap<IpAddr, Vec<Duration>> = BTreeMap::new();
        for Attempt { at, to, .. } in attempts.iter().filter(|attempt| attempt.to != allowed.hub) {
            if allowed.hosts.contains(&to.ip()) && to.port() == allowed.port {
                times.entry(to.ip()).or_default().push(*at);
                figures.attempts += 1;
            } else {
                figures.others.insert(*to);
            }
        }
        figures.never = allowed.hosts.iter().filter(|host| !times.contains_key(host)).copied().collect();
        for (host, at) in times {
            let gaps = at.iter().zip(at.iter().skip(1)).map(|(one, next)| next.saturating_sub(*one));
            figures.shortest = figures.shortest.into_iter().chain(gaps).min();
            let span =
                at.last().zip(at.first()).map_or(Duration::ZERO, |(last, first)| last.saturating_sub(*first));
            let least: Duration = at.iter().skip(1).map(|_| APART).sum();
            if least > span + LATE {
                figures.too_often.insert(host);
            }
        }
        figures
    }

    /// What of it breaks the promise, and what makes it show nothing.
    pub(super) fn breaches(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        if !self.others.is_empty() {
            let told: Vec<_> = self.others.iter().take(TOLD).map(SocketAddr::to_string).collect();
            breaches.push(format!("{} others were dialled, such as {}", self.others.len(), told.join(", ")));
        }
        if let Some(shortest) = self.shortest.filter(|shortest| *shortest + LATE < APART) {
            breaches.push(format!("an address was dialled again after {} ms", millis(shortest)));
        }
        if !self.too_often.is_empty() {
            breaches.push(format!("dialled more than once a second: {:?}", self.too_often));
        }
        if !self.never.is_empty() {
            breaches.push(format!("wanted, and never dialled: {:?}", self.never));
        }
        breaches
    }

    pub(super) fn to_findings(&self) -> Findings {
        let mut findings = Findings::default();
        self.breaches().into_iter().for_each(|what| findings.breach(what));
        findings.tell("forged", self.forged);
        findings.tell("wanted", self.wanted);
        findings.tell("attempts", self.attempts);
        findings.tell("others", self.others.len());
        findings.tell("shortest_gap_ms", self.shortest.map(millis));
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is broken by attempts at these moments and addresses, where `10.0.0.5:1234` alone is allowed.
    fn breaches(attempts: &[(u64, &str)]) -> String {
        let hub = "10.0.0.1:5070".parse().unwrap();
        let allowed = Allowed { hosts: ["10.0.0.5".parse().unwrap()].into(), port: 1234, hub };
        let attempts: Vec<_> = attempts
            .iter()
            .map(|(at, to)| Attempt { at: Duration::from_millis(*at), from: hub, to: to.parse().unwrap() })
            .collect();
        Figures::of(1, 1, &allowed, &attempts).breaches().join("; ")
    }

    #[test]
    fn an_admitted_node_may_be_dialled_once_a_second() {
        assert_eq!(breaches(&[(0, "10.0.0.5:1234"), (1_000, "10.0.0.5:1234"), (2_000, "10.0.0.5:1234")]), "");
    }

    #[test]
    fn two_attempts_in_a_second_are_found() {
        let seen = breaches(&[(0, "10.0.0.5:1234"), (500, "10.0.0.5:1234")]);
        assert!(seen.contains("again after 500 ms"), "{seen}");
    }

    #[test]
    fn attempts_that_are_each_a_little_early_are_found_by_their_number() {
        let often: Vec<_> = (0..10).map(|number| (number * 900, "10.0.0.5:1234")).collect();
        assert!(breaches(&often).contains("more than once a second"));
    }

    #[test]
    fn other_addresses_other_ports_and_the_hub_itself_are_found() {
        for to in ["10.0.0.6:1234", "10.0.0.5:22", "10.0.0.1:1234", "127.0.0.1:1234"] {
            let seen = breaches(&[(0, "10.0.0.5:1234"), (9, to)]);
            assert!(seen.contains(&format!("1 others were dialled, such as {to}")), "{seen}");
        }
    }

    #[test]
    fn a_node_on_the_hubs_machine_that_connects_is_not_dialled_by_the_hub() {
        assert_eq!(breaches(&[(0, "10.0.0.5:1234"), (9, "10.0.0.1:5070")]), "");
    }

    #[test]
    fn a_run_in_which_nobody_was_dialled_shows_nothing() {
        assert!(breaches(&[]).contains("never dialled"));
    }
}
