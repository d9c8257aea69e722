//! [`Machine`]: the hub's machine: its clocks, its disk, its power, and the process that runs on it now and then.

use std::sync::Arc;

use iot_core::{
    Hub, Input, Instant, Now, UnixMillis, View,
    catalogue::Catalogue,
    config::{HubConfig, Registration},
    store::StoreError,
};

use super::{
    Plant,
    course::{Course, Event, Side},
    disk::Disk,
    network::{Segment, Use},
    process::{Around, Process},
    weather::{Approval, Kept},
};

/// The hub's machine.
#[derive(Debug)]
pub(super) struct Machine {
    disk: Disk,
    disk_fails: bool,
    process: Option<Process>,
    life: u32,
    /// When the process started, in the world's time.
    started: u64,
    config: HubConfig,
    catalogue: Arc<Catalogue>,
    /// Where the wall clock stands at the world's beginning, and by how much it was moved since.
    wall: i64,
    /// By how much the monotonic clock is ahead of the world: a suspend that it counts.
    ahead: u64,
    /// Where the wall clock stood at the start.
    wall_at_start: i64,
    pub(super) ticks: u64,
    plant: Option<Plant>,
}

impl Machine {
    /// A machine that has not started yet.
    ///
    /// # Errors
    /// There is no directory for its store.
    pub(super) fn new(
        kept: Kept,
        approval: Approval,
        wall: i64,
        seed: u64,
        plant: Option<Plant>,
    ) -> anyhow::Result<Self> {
        let registration = match approval {
            Approval::Open => Registration::Open,
            Approval::ByPeople => Registration::Approve,
        };
        Ok(Self {
            disk: Disk::new(kept)?,
            disk_fails: false,
            process: None,
            life: 0,
            started: 0,
            config: HubConfig { registration, seed, ..HubConfig::default() },
            catalogue: Arc::new(Catalogue::built_in()),
            wall,
            ahead: 0,
            wall_at_start: wall,
            ticks: 0,
            plant,
        })
    }

    /// Both clocks of the machine, as its process sees them.
    fn now(&self, course: &Course) -> Now {
        let wall = self.wall.saturating_add(i64::try_from(course.now).unwrap_or(i64::MAX));
        let instant = match self.plant {
            Some(Plant::WallDeadlines) => u64::try_from(wall - self.wall_at_start).unwrap_or(0),
            _ => course.now - self.started + self.ahead,
        };
        Now { instant: Instant(instant), wall: UnixMillis(wall) }
    }

    /// How often the process has started.
    pub(super) fn lives(&self) -> u32 {
        self.life
    }

    /// Which life it is, while the process runs.
    pub(super) fn life(&self) -> Option<u32> {
        self.process.as_ref().map(|_| self.life)
    }

    /// The hub as people see it.
    pub(super) fn view(&self, course: &Course) -> Option<View<'_>> {
        self.process.as_ref().map(|process| process.hub.view(self.now(course)))
    }

    /// The process starts, with what is on disk.
    pub(super) fn start(&mut self, around: &mut Around) {
        around.network.hub_has_power = true;
        if self.process.is_some() {
            return;
        }
        self.life += 1;
        self.started = around.course.now;
        self.ahead = 0;
        (around.book.ledger.hub_started, around.book.ledger.ahead) = (self.started, 0);
        self.wall_at_start = self.wall.saturating_add(i64::try_from(around.course.now).unwrap_or(i64::MAX));
        let mut snapshot = match self.disk.load() {
            Ok(snapshot) => snapshot,
            Err(error) => return around.course.breach(|| format!("the hub cannot start: {error:#}")),
        };
        around.book.verify(&mut around.course, &snapshot, |series| self.disk.readings(series));
        if self.plant == Some(Plant::StoreAgain) {
            snapshot.sequences.clear();
        }
        let (now, life) = (self.now(&around.course), self.life);
        around.course.note(life, || format!("the hub starts for the {life}. time"));
        let hub = Hub::new(self.config.clone(), Arc::clone(&self.catalogue), snapshot, now);
        let mut process = Process::new(life, hub, self.plant == Some(Plant::EarlyAck));
        process.apply(around, now, Input::Tick);
        self.process = Some(process);
    }

    /// The process ends without a word; `power` says whether the machine goes with it.
    pub(super) fn crash(&mut self, around: &mut Around, power: Power, millis: u64) {
        let Some(mut process) = self.process.take() else { return };
        // What the disk had been given may have come through all the same.
        if let Some(batch) = process.flying()
            && !self.disk_fails
            && around.course.chance.one_in(2)
            && self.plant != Some(Plant::EarlyAck)
            && self.disk.commit(&batch).is_ok()
        {
            around.book.committed(&mut around.course, &batch);
        }
        self.ticks += process.ticks;
        self.disk.close();
        around.course.note(millis, || format!("the hub crashes for {millis} ms, {power:?}"));
        for link in around.network.of(Side::Hub, None) {
            match power {
                Power::Stays => around.network.close(&mut around.course, link, Side::Hub),
                Power::Goes => around.network.forget(link, Side::Hub),
            }
        }
        around.network.hub_has_power = power == Power::Stays;
        around.course.after(millis, Event::HubStarts);
    }

    /// Gives the process something to do, where that life is still its own.
    pub(super) fn with(
        &mut self,
        around: &mut Around,
        life: u32,
        act: impl FnOnce(&mut Process, &mut Around, Now),
    ) {
        let now = self.now(&around.course);
        if let Some(process) = self.process.as_mut().filter(|_| life == self.life) {
            act(process, around, now);
        }
    }

    /// Tells the hub something.
    pub(super) fn apply(&mut self, around: &mut Around, input: Input<'_>) {
        self.with(around, self.life, |process, around, now| process.apply(around, now, input));
    }

    /// A node has opened a connection.
    pub(super) fn opened(&mut self, around: &mut Around, link: u64, address: u8) {
        self.with(around, self.life, |process, around, now| process.opened(around, now, link, address));
    }

    /// Where a delivery goes that is not connected yet.
    pub(super) fn dials(&self, life: u32, delivery: u64) -> Option<u8> {
        self.process.as_ref().filter(|_| life == self.life)?.dials(delivery)
    }

    /// A segment of a node has come in.
    pub(super) fn receives(
        &mut self,
        around: &mut Around,
        (link, used_as, name): (u64, Use, usize),
        segment: Segment,
    ) {
        self.with(around, self.life, |process, around, now| {
            match (used_as, process.owns(used_as), segment) {
                (Use::Session, _, Segment::Bytes(bytes)) => process.received(around, now, link, name, &bytes),
                (Use::Session, _, Segment::Fin) => process.finished(around, now, link),
                (Use::Session, _, Segment::Reset) => process.broken(around, now, link),
                (_, Some(delivery), Segment::Bytes(bytes)) => process.answered(around, now, delivery, &bytes),
                (_, Some(delivery), Segment::Fin | Segment::Reset) => {
                    process.undelivered(around, now, delivery, "the connection has ended");
                }
                (_, None, _) => {}
            }
        });
    }

    /// The disk has done, or failed to do, what it was given.
    pub(super) fn disk_done(&mut self, around: &mut Around, life: u32) {
        let now = self.now(&around.course);
        let Some(process) = self.process.as_mut().filter(|_| life == self.life) else { return };
        let Some(batch) = process.flying() else { return };
        let result = if self.disk_fails {
            Err(StoreError { why: "the disk fails".into() })
        } else {
            self.disk.commit(&batch)
        };
        match &result {
            Ok(()) => around.book.committed(&mut around.course, &batch),
            Err(error) => around.course.note(0xD15C_u16, || format!("not stored: {}", error.why)),
        }
        process.stored(around, now, batch, result);
    }

    /// The disk takes nothing for so many milliseconds.
    pub(super) fn fail_disk(&mut self, course: &mut Course, millis: u64) {
        self.disk_fails = true;
        course.note(millis, || format!("the disk fails for {millis} ms"));
        course.after(millis, Event::DiskMended);
    }

    /// The disk takes what it is given again.
    pub(super) fn mend_disk(&mut self, course: &mut Course) {
        self.disk_fails = false;
        course.note(0xF1_u16, || "the disk works".into());
    }

    /// The wall clock jumps.
    pub(super) fn step_clock(&mut self, course: &mut Course, millis: i64) {
        self.wall = self.wall.saturating_add(millis);
        course.note(millis, || format!("the hub's wall clock steps by {millis} ms"));
    }

    /// The monotonic clock jumps, as after a suspend that it counts, and the process notices.
    pub(super) fn suspend(&mut self, around: &mut Around, ahead: u64) {
        self.ahead += ahead;
        around.book.ledger.ahead = self.ahead;
        around.course.note(ahead, || format!("the hub was suspended, and its clock is {ahead} ms ahead"));
        self.apply(around, Input::Tick);
    }

    /// Somebody looks at the hub.
    pub(super) fn look(&self, around: &mut Around) {
        if let Some(view) = self.view(&around.course) {
            around.book.look(&mut around.course, &view);
        }
    }

    /// Looks at what is on disk.
    pub(super) fn verify(&mut self, around: &mut Around) {
        self.ticks += self.process.take().map_or(0, |process| process.ticks);
        self.disk.close();
        match self.disk.load() {
            Ok(snapshot) => {
                around.book.verify(&mut around.course, &snapshot, |series| self.disk.readings(series));
            }
            Err(error) => around.course.breach(|| format!("the disk cannot be read: {error:#}")),
        }
    }
}

/// Whether the machine keeps its power when its process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    Stays,
    Goes,
}
