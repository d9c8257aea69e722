//! [`Mover`]: a genuine node that comes from another address each time, that somebody else comes from too, and that is
//! revoked in the middle of its session.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use iot_proto::Capabilities;

use super::{
    cast::{Block, Host, address},
    genuine::Genuine,
};
use crate::prove::findings::Seen;

/// Reports of each sort in a session.
const REPORTS: usize = 3;

/// Addresses from which it comes in turn.
const HOSTS: u32 = 250;

/// The session of a node that is revoked ends within this.
const ENDS: Duration = Duration::from_secs(1);

/// A node that moves, with what was seen of it.
#[derive(Debug)]
pub(super) struct Mover {
    pub(super) node: Genuine,
    /// How often it has come, and the strangers who have come from where it was.
    pub(super) moves: u32,
    pub(super) neighbours: BTreeSet<String>,
    /// The longest time from a person's word to the end of the session.
    pub(super) slowest_end: Duration,
    pub(super) seen: Seen,
}

impl Mover {
    pub(super) fn new(node: Genuine) -> Self {
        let (moves, neighbours, slowest_end, seen) = (0, BTreeSet::new(), Duration::ZERO, Seen::default());
        Self { node, moves, neighbours, slowest_end, seen }
    }

    /// Comes from the next address, reports, and is revoked while reports are on their way. A person lets it in again.
    pub(super) fn turn(&mut self, host: Host<'_>) -> Result<()> {
        let from = address(Block::Mover, u8::try_from(self.moves % HOSTS)? + 1);
        self.moves += 1;
        self.node.go()?;
        self.node.come(host.tcp, from)?;
        (0..REPORTS).try_for_each(|_| self.node.report())?;
        let mut neighbour = Genuine::new(host.hub_key, Capabilities::KEEPS_SESSION)?;
        neighbour.come(host.tcp, from)?;
        let (own, other) = (host.api.node(&self.node.id)?, host.api.node(&neighbour.id)?);
        let (own, other) = (own.context("it is known")?, other.context("whoever waits is known")?);
        if !own["address"].as_str().is_some_and(|known| known.starts_with(&format!("{from}:"))) {
            self.seen
                .tell(format!("{} has come from {from} and is known at {}", self.node.id, own["address"]));
        }
        if other["admission"] != "pending" || own["admission"] != "admitted" {
            self.seen.tell(format!("at {from} are {own} and {other}"));
        }
        self.neighbours.insert(neighbour.id.clone());
        neighbour.go()?;
        self.revoked(host)?;
        let refused = self.node.come(host.tcp, from);
        ensure!(
            refused.is_err_and(|why| why.to_string().contains("not welcome")),
            "who is revoked is told so"
        );
        host.act(&self.node.id, "admit")
    }

    fn revoked(&mut self, host: Host<'_>) -> Result<()> {
        // These may be stored, or come too late.
        (0..REPORTS).try_for_each(|_| self.node.send().map(drop))?;
        let (begin, sent) = (Instant::now(), self.node.page.may.clone());
        host.act(&self.node.id, "revoke")?;
        // The hub has answered: from here on nothing may be stored, whether it can still be sent or not.
        (0..REPORTS).for_each(|_| drop(self.node.send()));
        self.node.page.may = sent;
        self.node.sent_away()?;
        let took = begin.elapsed();
        if took > ENDS {
            self.seen.tell(format!("a session has lasted {took:?} after its node was revoked"));
        }
        self.slowest_end = self.slowest_end.max(took);
        Ok(())
    }
}
