//! A node under load: reports in flight, a resend after each cut, and commands run once.
//!
//! It does what the protocol asks of a node and notes in the book what it gave, what it was promised and
//! which commands it ran. It registers once: later sessions rely on the hub's memory. Between two sessions it
//! may begin a new run; the commands that it remembers outlive that, as in flash.

use std::{collections::VecDeque, net::SocketAddr, sync::atomic::Ordering, thread, time::Duration};

use anyhow::{Result, bail, ensure};
use iot_proto::{
    Acknowledged, Admission, Announcement, BootId, Capabilities, CommandId, ErrorCode, HubMessage, Label,
    List, Name, Outcome, OutcomeStatus, Pong, Reading, Register, Report, Set, Taken, UnixMillis, Value,
};

use super::{
    book::{Book, Page, value},
    stage::Stage,
};
use crate::{
    hand_node::{HandNode, Received},
    prove::chance::Chance,
};

/// Index of the module that measures.
pub(super) const SENSOR: u8 = 0;
/// Index of the module that is commanded.
pub(super) const RELAY: u8 = 1;

/// Once in so many sessions that left nothing unacknowledged, a node begins a new run.
const NEW_RUN: u64 = 3;

/// Keepalive that nodes wish, in seconds: long, since they report all the time.
const KEEPALIVE_S: u32 = 60;

/// Commands that a node remembers, as the protocol says.
const REMEMBERED: usize = 16;

/// Most readings of a report.
const READINGS: u32 = 4;

/// Longest time between two bursts of reports of one node. Without it the hub stores far more than can be
/// looked at through its API between two kills.
const PAUSE: Duration = Duration::from_millis(100);

/// Before a node comes back to a hub that has not restarted.
const BACK_OFF: Duration = Duration::from_millis(20);

/// A node over all its sessions.
#[derive(Debug)]
pub(super) struct Node<'a> {
    number: u8,
    book: &'a Book,
    stage: &'a Stage,
    page: &'a Page,
    chance: Chance,
    /// Reports that are not acknowledged, oldest first.
    pending: VecDeque<Pending>,
    /// How many of these have been sent in this session.
    in_flight: usize,
    /// The run that it is in.
    boot: BootId,
    /// The number of the last report of this run.
    sequence: u32,
    /// The last commands that it ran, with the value that it answered.
    remembered: VecDeque<(CommandId, bool)>,
}

/// A report that waits to be acknowledged.
#[derive(Clone, Copy, Debug)]
struct Pending {
    sequence: u32,
    first: u32,
    count: u32,
}

impl<'a> Node<'a> {
    /// The node of this page of the book.
    pub(super) fn new(number: u8, page: &'a Page, book: &'a Book, stage: &'a Stage, chance: Chance) -> Self {
        Self {
            number,
            book,
            stage,
            page,
            chance,
            pending: VecDeque::new(),
            in_flight: 0,
            boot: BootId(1),
            sequence: 0,
            remembered: VecDeque::new(),
        }
    }

    /// Lives until the run is over.
    pub(super) fn live(mut self) {
        let mut last = 0;
        while let Some(place) = self.stage.await_hub() {
            if place.life == last {
                thread::sleep(BACK_OFF);
            }
            last = place.life;
            if let Err(error) = self.session(place.tcp) {
                self.book.ledger().trouble = format!("{}: {error:#}", self.page.id);
            }
            if self.pending.is_empty() && self.chance.one_in(NEW_RUN) {
                self.boot.0 += 1;
                self.sequence = 0;
            }
        }
    }

    /// One session, which ends in an error since the hub ends it.
    fn session(&mut self, hub: SocketAddr) -> Result<()> {
        let can = Capabilities::KEEPS_SESSION;
        let (mut line, answer) = HandNode::hello(hub, &self.page.name, self.boot.0, KEEPALIVE_S, can)?;
        let HubMessage::Welcome(welcome) = answer.message()? else { bail!("no welcome: {answer:?}") };
        ensure!(welcome.admission == Admission::ADMITTED, "not let in: {:?}", welcome.admission);
        let window = usize::from(welcome.inflight);
        self.check_memory(welcome.stored);
        self.settle(welcome.stored);
        self.in_flight = 0;
        if !self.page.registered.load(Ordering::SeqCst) {
            self.register(&mut line)?;
        }
        loop {
            self.report(&mut line, window)?;
            let received = line.next()?;
            self.take(&mut line, &received)?;
        }
    }

    /// A hub that promised to have stored a report must still know it.
    fn check_memory(&self, stored: u32) {
        let settled = self.pending.front().map_or(self.sequence, |oldest| oldest.sequence - 1);
        if stored < settled {
            let what = format!("{}: report {settled} was acknowledged, welcome says {stored}", self.page.id);
            self.book.ledger().forgotten.push(what);
        }
    }

    fn register(&self, line: &mut HandNode) -> Result<()> {
        let module = |index, kind| -> Result<_> {
            Ok(Announcement { index, kind: Name::new(kind)?, kind_version: 1, title: Label::EMPTY })
        };
        let modules = [module(SENSOR, "temperature")?, module(RELAY, "relay")?];
        line.send(&Register { total: 2, modules: List::new(&modules)? }, true)?;
        let answer = line.next()?;
        let HubMessage::Registered(registered) = answer.message()? else { bail!("{answer:?}") };
        ensure!(registered.verdicts.iter().all(|verdict| verdict.code == ErrorCode::OK), "{registered:?}");
        self.page.registered.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Fills the window once it is empty, after a pause: first with what was sent before and not
    /// acknowledged, then with new reports.
    fn report(&mut self, line: &mut HandNode, window: usize) -> Result<()> {
        if self.in_flight > 0 {
            return Ok(());
        }
        if self.pending.is_empty() {
            thread::sleep(self.chance.within(PAUSE));
        }
        while self.in_flight < window {
            let report = match self.pending.get(self.in_flight) {
                Some(again) => *again,
                None if self.stage.is_resting() => break,
                None => self.measure(),
            };
            let reading = |number| Reading {
                module: SENSOR,
                channel: 1,
                taken: Taken::At(UnixMillis(self.book.measured(number))),
                value: Value::from(value(self.number, number)),
            };
            let readings: Vec<_> = (report.first..report.first + report.count).map(reading).collect();
            line.queue(&Report {
                boot: self.boot,
                sequence: report.sequence,
                readings: List::new(&readings)?,
            })?;
            self.in_flight += 1;
        }
        line.flush()
    }

    /// Makes a new report. It counts as sent before it is.
    fn measure(&mut self) -> Pending {
        self.sequence += 1;
        let count = 1 + self.sequence % READINGS;
        let first = self.page.sent.fetch_add(count, Ordering::SeqCst);
        let report = Pending { sequence: self.sequence, first, count };
        self.pending.push_back(report);
        report
    }

    /// Everything up to this report is on disk, says the hub.
    fn settle(&mut self, stored: u32) {
        while let Some(oldest) = self.pending.pop_front_if(|oldest| oldest.sequence <= stored) {
            self.in_flight = self.in_flight.saturating_sub(1);
            self.page.acknowledged.store(oldest.first + oldest.count, Ordering::SeqCst);
        }
    }

    fn take(&mut self, line: &mut HandNode, received: &Received) -> Result<()> {
        match received.message()? {
            HubMessage::ReportAck(ack) => {
                if let Some(rejected) = ack.rejected.iter().next() {
                    let what = format!("{}: a reading was refused: {:?}", self.page.id, rejected.code);
                    self.book.ledger().forgotten.push(what);
                    self.page.registered.store(false, Ordering::SeqCst);
                }
                self.settle(ack.stored);
                ensure!(self.page.registered.load(Ordering::SeqCst), "the hub knows the modules no more");
                Ok(())
            }
            HubMessage::Set(set) => self.obey(line, received, &set),
            HubMessage::Ping(_) => line.answer(received, &Pong { time: None }),
            HubMessage::Admission(_) => line.answer(received, &Acknowledged),
            HubMessage::Error(error) => bail!("{:?}: {}", error.code, error.detail.as_str()),
            HubMessage::Close(close) => bail!("closed, {:?}: {}", close.code, close.detail.as_str()),
            HubMessage::Acknowledged(_)
            | HubMessage::Dial(_)
            | HubMessage::Get(_)
            | HubMessage::Identify(_)
            | HubMessage::Invoke(_)
            | HubMessage::Pong(_)
            | HubMessage::Registered(_)
            | HubMessage::Restart(_)
            | HubMessage::SleepAck(_)
            | HubMessage::NextHubKey(_)
            | HubMessage::UpdateBlock(_)
            | HubMessage::UpdateOffer(_)
            | HubMessage::Welcome(_) => bail!("nobody asked for {:?}", received.kind),
        }
    }

    /// Runs a command, or answers a resend from memory.
    fn obey(&mut self, line: &mut HandNode, received: &Received, set: &Set<'_>) -> Result<()> {
        let Value::Bool(wanted) = set.value else { bail!("a relay is on or off: {set:?}") };
        let known = self.remembered.iter().find(|(id, _)| *id == set.command);
        let on = known.map_or(wanted, |(_, answered)| *answered);
        if known.is_none() {
            self.book.ledger().ran(set.command.to_string(), usize::from(self.number));
            if self.remembered.len() == REMEMBERED {
                self.remembered.pop_front();
            }
            self.remembered.push_back((set.command, on));
        }
        let outcome = Outcome {
            command: set.command,
            status: OutcomeStatus::DONE,
            code: ErrorCode::OK,
            value: Some(Value::Bool(on)),
            detail: Label::EMPTY,
        };
        line.answer(received, &outcome)
    }
}
