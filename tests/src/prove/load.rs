//! [`Load`]: nodes that report for as long as a proof of the disk runs, and what the hub has acknowledged of them.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use iot_proto::{
    Admission, BootId, Capabilities, HubMessage, List, Pong, Reading, Report, Taken, UnixMillis, Value,
};
use serde_json::Value as Json;

use super::findings::{Findings, Seen};
use crate::{api::Api, hand_node::HandNode, wait::until};

/// Nodes that report.
const NODES: u8 = 8;

/// Readings that each node has acknowledged before something is done to the disk, and again after it is well.
const GOAL: u32 = 40;

/// Longest wait for all nodes to reach that.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first reading of each node was measured so long before the proof began; each further one a millisecond later.
const MEASURED_BEFORE: Duration = Duration::from_hours(1);

/// Pause between two bursts of reports of one node.
const PAUSE: Duration = Duration::from_millis(20);

/// Before a node comes back.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Most readings that the API gives at once: more than a node has here.
const LIMIT: usize = 10_000;

/// The id of a node.
pub(super) fn id(number: u8) -> String {
    format!("plain:{}", name(number))
}

fn name(number: u8) -> String {
    format!("load-{number}")
}

/// What the report with this number says: each has one reading.
fn value(number: u8, sequence: u32) -> f64 {
    f64::from(sequence % 100) / 4.0 + f64::from(number) / 64.0
}

/// All nodes: what they sent, and what they were promised. Reports count from 1.
#[derive(Debug)]
pub(super) struct Load {
    /// When the reading before each node's first was measured.
    measured: i64,
    sent: Vec<AtomicU32>,
    stored: Vec<AtomicU32>,
    rests: AtomicBool,
    over: AtomicBool,
}

impl Load {
    pub(super) fn new() -> Self {
        let each = || (0..NODES).map(|_| AtomicU32::new(0)).collect();
        let measured = iot_net::wall_clock().0 - i64::try_from(MEASURED_BEFORE.as_millis()).unwrap_or(0);
        Self {
            measured,
            sent: each(),
            stored: each(),
            rests: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    /// For each node the last report that was acknowledged.
    pub(super) fn each(&self) -> Vec<u32> {
        self.stored.iter().map(|stored| stored.load(Ordering::SeqCst)).collect()
    }

    /// How many reports were acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.each().into_iter().map(u64::from).sum()
    }

    /// Waits until each node has had as many more acknowledged as a proof needs to go on.
    pub(super) fn await_more(&self) -> Result<()> {
        let before = self.each();
        until("every node is acknowledged", PATIENCE, || {
            let all = self.each().iter().zip(&before).all(|(now, then)| *now >= then + GOAL);
            Ok(all.then_some(()))
        })
    }

    /// Waits until the hub is well, and each node has had more acknowledged than `before`; gives how long that took.
    pub(super) fn await_again(&self, api: &Api, before: &[u32], limit: Duration) -> Result<Duration> {
        let begun = Instant::now();
        until("every node is acknowledged again", limit, || {
            let told = api.page("/healthz")?.0 == 200;
            let all = self.each().iter().zip(before).all(|(now, then)| now > then);
            Ok((told && all).then(|| begun.elapsed()))
        })
    }

    /// Lets all nodes rest once what they sent is acknowledged, or go on.
    pub(super) fn rest(&self, rests: bool) {
        self.rests.store(rests, Ordering::SeqCst);
    }

    /// Lets all nodes report to this hub until they are ended.
    pub(super) fn live<'scope>(&'scope self, scope: &'scope thread::Scope<'scope, '_>, hub: SocketAddr) {
        for (number, (sent, stored)) in (0..).zip(self.sent.iter().zip(&self.stored)) {
            let node = Node { number, load: self, sent, stored, hub, is_registered: false };
            scope.spawn(|| node.live());
        }
    }

    /// Ends all nodes when what is given back is dropped.
    pub(super) fn end_when_dropped(&self) -> impl Drop {
        End(self)
    }

    /// Compares what the hub has with what was sent and acknowledged; what does not fit is told to `seen`.
    pub(super) fn compare(&self, api: &Api, seen: &mut Seen) -> Result<Compared> {
        let mut compared = Compared::default();
        for (number, (sent, stored)) in (0..).zip(self.sent.iter().zip(&self.stored)) {
            let (sent, stored) = (sent.load(Ordering::SeqCst), stored.load(Ordering::SeqCst));
            let measured = self.measured;
            let to = measured + i64::from(sent) + 1;
            let path = format!(
                "/readings?node={}&module=0&channel=1&from={measured}&to={to}&limit={LIMIT}",
                id(number)
            );
            let found = match api.page(&format!("/api/v1{path}"))? {
                (200, text) => serde_json::from_str::<Json>(&text)?,
                // A hub that has forgotten the node.
                _ => Json::Null,
            };
            let none = Vec::new();
            let found = found["readings"].as_array().unwrap_or(&none);
            ensure!(found.len() < LIMIT, "node {number} has sent too much to be looked at");
            let key =
                |reading: &Json| Some((reading["measured"].as_i64()?, reading["value"].as_f64()?.to_bits()));
            let mut keys: Vec<_> = found.iter().map(key).collect::<Option<_>>().context("a reading")?;
            let all = keys.len();
            keys.sort_unstable();
            keys.dedup();
            let of = |sequence: u32| (measured + i64::from(sequence), value(number, sequence).to_bits());
            let is_there = |sequence: &u32| keys.binary_search(&of(*sequence)).is_ok();
            let kept = u64::try_from((1..=sent).filter(is_there).count())?;
            let missing: Vec<_> = (1..=stored).filter(|sequence| !is_there(sequence)).collect();
            let lost = u64::try_from(missing.len())?;
            let phantom = u64::try_from(keys.len())?.saturating_sub(kept);
            let twice = u64::try_from(all - keys.len())?;
            compared.lost += lost;
            compared.phantom += phantom;
            compared.duplicate += twice;
            if lost + phantom + twice > 0 {
                seen.tell(format!(
                    "{}: {lost} lost {:?}, {phantom} never sent, {twice} twice",
                    id(number),
                    missing.first().zip(missing.last())
                ));
            }
        }
        Ok(compared)
    }
}

/// How what the hub has differs from what it acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Compared {
    /// Readings that were acknowledged and are not there.
    pub(super) lost: u64,
    /// Those that were never sent.
    phantom: u64,
    /// Those that are there twice.
    duplicate: u64,
}

impl Compared {
    pub(super) fn tell(self, findings: &mut Findings) {
        findings.zero("lost", self.lost);
        findings.zero("phantom", self.phantom);
        findings.zero("duplicate", self.duplicate);
    }
}

struct End<'a>(&'a Load);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
    }
}

/// A node over all its sessions.
#[derive(Debug)]
struct Node<'a> {
    number: u8,
    load: &'a Load,
    sent: &'a AtomicU32,
    stored: &'a AtomicU32,
    hub: SocketAddr,
    is_registered: bool,
}

impl Node<'_> {
    /// Reports until the proof is over.
    fn live(mut self) {
        while !self.load.over.load(Ordering::SeqCst) {
            // It comes back whatever ended the session; that it is acknowledged again is waited for elsewhere.
            if self.session().is_err() {
                thread::sleep(BACK_OFF);
            }
        }
    }

    fn session(&mut self) -> Result<()> {
        let can = Capabilities::KEEPS_SESSION;
        let (mut line, answer) = HandNode::hello(self.hub, &name(self.number), 1, 60, can)?;
        let HubMessage::Welcome(welcome) = answer.message()? else { bail!("no welcome: {answer:?}") };
        ensure!(welcome.admission == Admission::ADMITTED, "not let in");
        self.settle(welcome.stored);
        let window = u32::from(welcome.inflight);
        if !self.is_registered {
            let answer = line.register("temperature", 1, "Load")?;
            ensure!(matches!(answer.message()?, HubMessage::Registered(_)), "not registered: {answer:?}");
            self.is_registered = true;
        }
        let mut next = welcome.stored + 1;
        while !self.load.over.load(Ordering::SeqCst) {
            if next == self.stored.load(Ordering::SeqCst) + 1 {
                // Everything has been acknowledged.
                thread::sleep(PAUSE);
                if self.load.rests.load(Ordering::SeqCst) {
                    continue;
                }
                for sequence in next..next + window {
                    self.report(&mut line, sequence)?;
                }
                next += window;
                line.flush()?;
            }
            let received = line.next()?;
            let message = received.message()?;
            if let HubMessage::ReportAck(ack) = message {
                ensure!(ack.rejected.is_empty(), "refused: {ack:?}");
                self.settle(ack.stored);
            } else if let HubMessage::Ping(_) = message {
                line.answer(&received, &Pong { time: None })?;
            } else {
                bail!("nobody asked for {:?}", received.kind);
            }
        }
        Ok(())
    }

    fn report(&self, line: &mut HandNode, sequence: u32) -> Result<()> {
        let taken = Taken::At(UnixMillis(self.load.measured + i64::from(sequence)));
        let value = Value::from(value(self.number, sequence));
        let reading = Reading { module: 0, channel: 1, taken, value };
        // It counts as sent before it is.
        self.sent.fetch_max(sequence, Ordering::SeqCst);
        line.queue(&Report { boot: BootId(1), sequence, readings: List::new(&[reading])? })
    }

    fn settle(&self, stored: u32) {
        self.stored.fetch_max(stored, Ordering::SeqCst);
    }
}
