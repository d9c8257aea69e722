//! [`Process`]: one life of the hub: the real [`Hub`] and the real [`GroupCommit`], and around them what the driver,
//! the connections and the dialler of `iot-net` do with sockets, here with links of the simulated network.
//!
//! It keeps to their contract: effects are executed when the commit of everything before them has returned, and in
//! order; while one batch is with the disk the next one gathers; a session that ends is told to the hub once
//! everything before is settled, and one that breaks at once; one delivery to an address at one time. Not played:
//! back-pressure, for devices never send faster than the hub takes.

mod perform;

use std::collections::{BTreeMap, VecDeque};

use iot_core::{
    DeliveryId, Hub, Input, Now, SessionId,
    store::{Batch, StoreError},
};
use iot_net::{GATHER, GroupCommit, Released};
use iot_node::proto::{Frame, Limits, MAX_FRAME};

use super::{
    book::Book,
    course::{Course, Event, Side},
    network::{Network, Use},
};

/// How long a connection that is dialled may take to be made, in milliseconds.
pub(super) const DIAL_LIMIT: u64 = 5_000;

/// How long after a failed commit it is tried again.
const STORE_RETRY: u64 = 1_000;

/// What is around a hub.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) course: Course,
    pub(super) network: Network,
    pub(super) book: Book,
}

/// A connection that a node opened, as the hub's side has it. Its id is that of its link.
#[derive(Debug)]
struct Connection {
    /// The beginning of a frame whose rest has not arrived.
    partial: Vec<u8>,
    limit: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// Reads no more; the hub is told when so many batches have been given out.
    Ending {
        settled: u64,
    },
}

/// An attempt to reach a node.
#[derive(Debug)]
pub(super) struct Dialled {
    /// The host part of the address.
    pub(super) host: u8,
    link: Option<u64>,
    frames: Vec<u8>,
    partial: Vec<u8>,
}

/// One life of the hub.
#[derive(Debug)]
pub(super) struct Process {
    life: u32,
    pub(super) hub: Hub,
    commit: GroupCommit,
    sessions: BTreeMap<u64, Connection>,
    waiting: VecDeque<(u64, Dialled)>,
    dialled: BTreeMap<u64, Dialled>,
    unserved: VecDeque<(DeliveryId, Box<str>)>,
    /// What the disk has been given and has not returned.
    flying: Option<Batch>,
    not_before: u64,
    gather_until: u64,
    alarm: Option<u64>,
    /// Ticks that the hub asked for and got.
    pub(super) ticks: u64,
    acknowledges_early: bool,
}

impl Process {
    /// A hub that has just started.
    pub(super) fn new(life: u32, hub: Hub, acknowledges_early: bool) -> Self {
        Self {
            life,
            hub,
            commit: GroupCommit::default(),
            sessions: BTreeMap::new(),
            waiting: VecDeque::new(),
            dialled: BTreeMap::new(),
            unserved: VecDeque::new(),
            flying: None,
            not_before: 0,
            gather_until: 0,
            alarm: None,
            ticks: 0,
            acknowledges_early,
        }
    }

    /// Tells the hub something, and does what can be done at once.
    pub(super) fn apply(&mut self, around: &mut Around, now: Now, input: Input<'_>) {
        let open = self.commit.open();
        let known = open.records.readings.len();
        self.hub.handle(now, input, open);
        let size = (open.list.len(), open.bytes.len(), open.records.records.len());
        around.course.note(size, || format!("hub: {} effects, {} records", size.0, size.2));
        around.book.recorded(&mut around.course, &open.records, known);
        self.settle(around, now);
    }

    /// A node has opened a connection.
    pub(super) fn opened(&mut self, around: &mut Around, now: Now, link: u64, host: u8) {
        let limit = Limits::UNTIL_AGREED.frame;
        self.sessions.insert(link, Connection { partial: Vec::new(), limit, stage: Stage::Open });
        let peer = ([10, 0, 0, host], 40_000).into();
        self.apply(around, now, Input::SessionOpened { session: SessionId(link), peer });
    }

    /// Bytes of a node came in on its connection; `name` is whose.
    pub(super) fn received(&mut self, around: &mut Around, now: Now, link: u64, name: usize, bytes: &[u8]) {
        let Some(connection) = self.sessions.get_mut(&link) else { return };
        let mut arrived = std::mem::take(&mut connection.partial);
        arrived.extend_from_slice(bytes);
        let mut rest = arrived.as_slice();
        loop {
            let Some(connection) = self.sessions.get_mut(&link) else { return };
            if connection.stage != Stage::Open {
                return;
            }
            match Frame::split(rest, connection.limit) {
                Ok(Some((frame, used))) => {
                    around.book.heard(&around.course, name);
                    around.course.note(frame.kind.0, || format!("hub hears {:?} of {name}", frame.kind));
                    self.apply(around, now, Input::Received { session: SessionId(link), frame: &frame });
                    rest = rest.get(used..).unwrap_or_default();
                }
                Ok(None) => {
                    connection.partial = rest.to_vec();
                    return;
                }
                Err(error) => {
                    around.course.breach(|| format!("the bytes of {name} are no frames: {error}"));
                    return;
                }
            }
        }
    }

    /// The node has closed its side: the hub is told when everything before is settled.
    pub(super) fn finished(&mut self, around: &mut Around, now: Now, link: u64) {
        let settled = self.commit.end();
        if let Some(connection) = self.sessions.get_mut(&link) {
            connection.stage = Stage::Ending { settled };
        }
        self.settle(around, now);
    }

    /// The connection is gone: the hub is told at once.
    pub(super) fn broken(&mut self, around: &mut Around, now: Now, link: u64) {
        around.network.forget(link, Side::Hub);
        if self.sessions.remove(&link).is_some() {
            self.apply(around, now, Input::SessionClosed { session: SessionId(link) });
        }
    }

    /// Where a delivery goes that is not connected yet.
    pub(super) fn dials(&self, delivery: u64) -> Option<u8> {
        self.dialled.get(&delivery).filter(|dialled| dialled.link.is_none()).map(|dialled| dialled.host)
    }

    /// A delivery's connection has been made.
    pub(super) fn reached(&mut self, around: &mut Around, delivery: u64, link: u64) {
        if let Some(dialled) = self.dialled.get_mut(&delivery) {
            dialled.link = Some(link);
            around.network.send(&mut around.course, link, Side::Hub, &std::mem::take(&mut dialled.frames));
        }
    }

    /// A delivery's connection was not made, or has ended.
    pub(super) fn undelivered(&mut self, around: &mut Around, now: Now, delivery: u64, why: &str) {
        let Some(dialled) = self.dialled.remove(&delivery) else { return };
        if let Some(link) = dialled.link {
            around.network.close(&mut around.course, link, Side::Hub);
        }
        self.apply(around, now, Input::DeliveryEnded { delivery: DeliveryId(delivery), why: why.into() });
    }

    /// A dialled node has answered something.
    pub(super) fn answered(&mut self, around: &mut Around, now: Now, delivery: u64, bytes: &[u8]) {
        let Some(dialled) = self.dialled.get_mut(&delivery) else { return };
        let mut arrived = std::mem::take(&mut dialled.partial);
        arrived.extend_from_slice(bytes);
        let mut rest = arrived.as_slice();
        while let Ok(Some((frame, used))) = Frame::split(rest, MAX_FRAME) {
            let delivery_id = DeliveryId(delivery);
            self.apply(around, now, Input::DeliveryReceived { delivery: delivery_id, frame });
            rest = rest.get(used..).unwrap_or_default();
            if !self.dialled.contains_key(&delivery) {
                return;
            }
        }
        if let Some(dialled) = self.dialled.get_mut(&delivery) {
            dialled.partial = rest.to_vec();
        }
    }

    /// The driver wakes: a deadline may have come, or a commit may begin.
    pub(super) fn wake(&mut self, around: &mut Around, now: Now) {
        if self.alarm.is_none_or(|at| at > around.course.now) {
            return;
        }
        self.alarm = None;
        if self.hub.next_deadline().is_some_and(|deadline| deadline.at <= now.instant) {
            self.ticks += 1;
            self.apply(around, now, Input::Tick);
        } else {
            self.settle(around, now);
        }
    }

    /// What the disk was given last, and has not returned.
    pub(super) fn flying(&mut self) -> Option<Batch> {
        self.flying.take()
    }

    /// The disk has returned what it was given.
    pub(super) fn stored(
        &mut self,
        around: &mut Around,
        now: Now,
        batch: Batch,
        result: Result<(), StoreError>,
    ) {
        self.not_before = if result.is_err() { around.course.now + STORE_RETRY } else { 0 };
        if let Some(released) = self.commit.ended(batch, result) {
            self.execute(around, released);
        }
        self.settle(around, now);
    }

    /// Executes what is free, tells the hub what came of it, and begins a commit where one can begin.
    fn settle(&mut self, around: &mut Around, now: Now) {
        loop {
            if let Some(free) = self.commit.take_free() {
                self.execute(around, Released::Stored(free));
            } else if let Some((delivery, why)) = self.unserved.pop_front() {
                self.hub.handle(now, Input::DeliveryEnded { delivery, why }, self.commit.open());
            } else if let Some(session) = self.next_settled() {
                self.sessions.remove(&session);
                around.network.close(&mut around.course, session, Side::Hub);
                let input = Input::SessionClosed { session: SessionId(session) };
                self.hub.handle(now, input, self.commit.open());
            } else if let Some(delivery) = self.start_delivery(around) {
                self.hub.handle(now, Input::DeliveryStarted { delivery }, self.commit.open());
            } else {
                break;
            }
        }
        self.begin(around, now);
    }

    /// A session that has ended and whose last words are said.
    fn next_settled(&self) -> Option<u64> {
        let released = self.commit.released();
        let is_settled = |connection: &Connection| matches!(connection.stage, Stage::Ending { settled } if settled <= released);
        self.sessions.iter().find(|(_, connection)| is_settled(connection)).map(|(link, _)| *link)
    }

    fn begin(&mut self, around: &mut Around, now: Now) {
        let at = around.course.now;
        let gathers = self.commit.may_gather() && self.gather_until > at;
        if self.not_before <= at
            && !gathers
            && let Some(batch) = self.commit.begin()
        {
            self.gather_until = at + u64::try_from(GATHER.as_millis()).unwrap_or(u64::MAX);
            let millis = around.course.draw(around.course.weather.disk);
            around.course.after(millis, Event::DiskDone { life: self.life });
            if self.acknowledges_early
                && let Some(released) = self.commit.ended(batch.clone(), Ok(()))
            {
                self.execute(around, released);
            }
            self.flying = Some(batch);
        }
        let deadline =
            self.hub.next_deadline().map(|deadline| deadline.at.0.saturating_sub(now.instant.0) + at);
        let commit = [self.not_before, self.gather_until].into_iter().filter(|time| *time > at).max();
        let commit = commit.filter(|_| self.commit.can_begin());
        if let Some(wake_at) = deadline.into_iter().chain(commit).min()
            && self.alarm.is_none_or(|alarm| wake_at < alarm)
        {
            self.alarm = Some(wake_at);
            around.course.after(wake_at.saturating_sub(at), Event::HubWakes { life: self.life });
        }
    }

    /// Whether a link is this process's delivery.
    pub(super) fn owns(&self, used_as: Use) -> Option<u64> {
        match used_as {
            Use::Delivery { life, delivery } if life == self.life => Some(delivery),
            Use::Delivery { .. } | Use::Session => None,
        }
    }
}
