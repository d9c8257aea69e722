//! [`World`]: a hub, its nodes, the network between them, and people; what happens in which order.
//!
//! It routes events to whoever they are for. The hub's machine is [`Machine`], a node's is a [`Host`]; what goes
//! wrong is drawn in `faults.rs`, what must hold is the [`Book`]'s.
//!
//! A run has two parts: first faults, during which nothing promised may be broken; then they end, and within a
//! bound everything must come to rest.

use iot_node::{
    Connection,
    proto::{BootId, Capabilities, CommandId},
};

use super::{
    Outcome, Plant,
    book::Book,
    course::{Course, Event, Side, Traced},
    device::{Device, NAMES, Nature, Wants},
    machine::Machine,
    network::{Network, Segment, Use},
    process::{Around, Process},
    rest::LOOK,
    script::Step,
    weather::{Twins, Weather},
};
use crate::prove::chance::Chance;

/// How long a connection to the hub may take to be made, in milliseconds.
const KNOCK_LIMIT: u64 = 10_000;

/// A node's machine.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: usize,
    pub(super) nature: Nature,
    /// The host part of its address.
    pub(super) address: u8,
    pub(super) device: Option<Device>,
    /// Counts its starts, so that what was planned for an earlier one is known as such.
    pub(super) run: u32,
    own: Option<u64>,
    dialled: Option<u64>,
    wakes_at: u64,
    pub(super) clock_off: i64,
    restarted_by: Option<CommandId>,
}

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    pub(super) around: Around,
    pub(super) machine: Machine,
    pub(super) hosts: Vec<Host>,
    boots: u32,
    pub(super) tickets: u64,
    pub(super) healed_at: Option<u64>,
    pub(super) faults: u64,
    /// What happens to the clocks, where that is written down.
    pub(super) script: Vec<Step>,
}

impl World {
    /// The world of a seed.
    ///
    /// # Errors
    /// The machine gives no directory for the store.
    pub(super) fn new(seed: u64, plant: Option<Plant>, traced: Traced) -> anyhow::Result<Self> {
        let mut chance = Chance::new(seed, 0);
        let weather = Weather::draw(&mut chance);
        Self::under(weather, chance, plant, traced)
    }

    /// A world with this weather.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(super) fn under(
        weather: Weather,
        chance: Chance,
        plant: Option<Plant>,
        traced: Traced,
    ) -> anyhow::Result<Self> {
        let (store, approval, dawn) = (weather.store, weather.approval, weather.dawn);
        let names = weather.nodes.min(NAMES.len());
        let twins = weather.twins;
        let mut course = Course::new(chance, weather, traced);
        let mut hosts = Vec::new();
        for address in 0..names + usize::from(twins == Twins::One) {
            let nature = Nature::draw(&mut course, plant);
            hosts.push(Host {
                name: address % names,
                nature,
                address: u8::try_from(address + 1).unwrap_or(u8::MAX),
                device: None,
                run: 0,
                own: None,
                dialled: None,
                wakes_at: u64::MAX,
                clock_off: 0,
                restarted_by: None,
            });
            let millis = course.draw((0, 3_000));
            course.after(millis, Event::NodeStarts { node: address });
        }
        let (seed, span) = (course.chance.below(u64::MAX), course.weather.span);
        course.after(0, Event::HubStarts);
        course.after(LOOK, Event::Look);
        course.after(span, Event::Heal);
        let network = Network::new(hosts.len());
        let around = Around { course, network, book: Book::default() };
        let machine = Machine::new(store, approval, dawn, seed, plant)?;
        let mut world = Self {
            around,
            machine,
            hosts,
            boots: 0,
            tickets: 0,
            healed_at: None,
            faults: 0,
            script: Vec::new(),
        };
        world.plan_faults();
        Ok(world)
    }

    /// Lets everything happen, up to the first breach or to rest.
    pub(super) fn run(mut self) -> Outcome {
        while !self.around.course.is_breached() && !self.is_at_rest() {
            let Some(event) = self.around.course.step(u64::MAX) else { break };
            self.happens(event);
        }
        self.machine.verify(&mut self.around);
        let (book, ledger) = (&self.around.book, &self.around.book.ledger);
        let mut outcome = Outcome {
            acknowledged_reports: book.acknowledged,
            stored_readings: book.stored,
            acknowledged_commands: ledger.acknowledged,
            ended: ledger.ended.clone(),
            events: self.around.course.events,
            simulated_ms: self.around.course.now,
            lives: self.machine.lives(),
            boots: self.boots,
            faults: self.faults,
            ticks: self.machine.ticks,
            ..Outcome::default()
        };
        (outcome.breach, outcome.hash, outcome.trace) = self.around.course.end();
        outcome
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrive { link, to } => self.arrives(link, to),
            Event::Knock { node, run } => self.knocks(node, run),
            Event::Unanswered { node, run } => {
                if let Some(device) = self.device(node, run) {
                    device.1.session.closed(device.1.now(device.0), Connection::Own);
                    self.settle(node);
                }
            }
            Event::Dial { life, delivery } => self.dialled(life, delivery),
            Event::DialLimit { life, delivery } => {
                self.machine.with(&mut self.around, life, |process, around, now| {
                    if process.dials(delivery).is_some() {
                        process.undelivered(around, now, delivery, "no connection in time");
                    }
                });
            }
            Event::HubWakes { life } => {
                self.machine.with(&mut self.around, life, Process::wake);
            }
            Event::DiskDone { life } => self.machine.disk_done(&mut self.around, life),
            Event::HubStarts => self.machine.start(&mut self.around),
            Event::NodeWakes { node, run } => {
                if let Some(host) = self.hosts.get_mut(node).filter(|host| host.run == run) {
                    host.wakes_at = u64::MAX;
                    self.settle(node);
                }
            }
            Event::NodeStarts { node } => self.start_node(node),
            Event::Fault(fault) => self.goes_wrong(fault),
            Event::Script { step } => self.steps(step),
            Event::DiskMended => self.machine.mend_disk(&mut self.around.course),
            Event::Person => self.person_wants(),
            Event::Look => self.look(),
            Event::Heal => self.heal(),
        }
    }

    fn device(&mut self, node: usize, run: u32) -> Option<(&mut Course, &mut Device)> {
        let host = self.hosts.get_mut(node).filter(|host| host.run == run)?;
        Some((&mut self.around.course, host.device.as_mut()?))
    }

    /// A segment of a connection reaches a side.
    fn arrives(&mut self, link: u64, to: Side) {
        let Some(known) = self.around.network.link(link) else { return };
        let (node, used_as) = (known.node, known.used_as);
        let Some(segment) = self.around.network.arrive(&mut self.around.course, link, to) else { return };
        match to {
            Side::Node => self.node_receives(node, link, used_as, segment),
            Side::Hub => {
                let name = self.hosts.get(node).map_or(0, |host| host.name);
                self.machine.receives(&mut self.around, (link, used_as, name), segment);
            }
        }
    }

    fn node_receives(&mut self, node: usize, link: u64, used_as: Use, segment: Segment) {
        let Some(host) = self.hosts.get_mut(node) else { return };
        let connection = if host.own == Some(link) { Connection::Own } else { Connection::Dialled };
        if connection == Connection::Dialled && host.dialled != Some(link) {
            // Only a delivery can be there that nobody has accepted: it has not been read.
            debug_assert!(used_as != Use::Session);
            return;
        }
        match segment {
            Segment::Bytes(bytes) => {
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    let Some(host) = self.hosts.get_mut(node) else { return };
                    let Some(device) = &mut host.device else { return };
                    let now = device.now(&self.around.course);
                    let taken = device.session.received(now, connection, rest);
                    rest = rest.get(taken..).unwrap_or_default();
                    self.settle(node);
                    if taken == 0 && !rest.is_empty() {
                        let name = NAMES.get(self.hosts.get(node).map_or(0, |host| host.name));
                        return self.around.course.breach(|| format!("{name:?} takes no more bytes"));
                    }
                }
            }
            Segment::Fin | Segment::Reset => {
                self.hang_up(node, connection);
                self.settle(node);
            }
        }
    }

    /// A node's attempt to connect reaches the hub's machine.
    fn knocks(&mut self, node: usize, run: u32) {
        let Around { course, network, .. } = &mut self.around;
        if self.hosts.get(node).is_none_or(|host| host.run != run) {
            return;
        }
        if !network.hub_has_power || network.is_cut_off(course.now, node).is_some() {
            return course.after(KNOCK_LIMIT, Event::Unanswered { node, run });
        }
        if self.machine.life().is_none() {
            let latency = course.draw(course.weather.latency);
            return course.after(latency, Event::Unanswered { node, run });
        }
        let link = network.open(node, Use::Session);
        let Some(host) = self.hosts.get_mut(node) else { return };
        host.own = Some(link);
        if let Some(device) = &mut host.device {
            device.session.connected(device.now(course));
        }
        let address = host.address;
        self.machine.opened(&mut self.around, link, address);
        self.settle(node);
    }

    /// A delivery's attempt to connect reaches the node's machine.
    fn dialled(&mut self, life: u32, delivery: u64) {
        let Some(address) = self.machine.dials(life, delivery) else { return };
        let Some(node) = self.hosts.iter().position(|host| host.address == address) else { return };
        let Around { course, network, .. } = &mut self.around;
        let has_power = network.node_has_power.get(node).copied().unwrap_or_default();
        let Some(host) = self.hosts.get_mut(node) else { return };
        if !has_power || network.is_cut_off(course.now, node).is_some() {
            return;
        }
        match &mut host.device {
            Some(_) if host.nature.can.has(Capabilities::LISTENS) && host.dialled.is_some() => {
                course.after(500, Event::Dial { life, delivery });
            }
            Some(device) if host.nature.can.has(Capabilities::LISTENS) => {
                let link = network.open(node, Use::Delivery { life, delivery });
                host.dialled = Some(link);
                device.session.dialled(device.now(course));
                self.machine.with(&mut self.around, life, |process, around, _| {
                    process.reached(around, delivery, link);
                });
                self.settle(node);
            }
            Some(_) | None => self.machine.with(&mut self.around, life, |process, around, now| {
                process.undelivered(around, now, delivery, "connection refused");
            }),
        }
    }

    /// A node's process has a connection no more.
    fn hang_up(&mut self, node: usize, connection: Connection) {
        let Some(host) = self.hosts.get_mut(node) else { return };
        let link = match connection {
            Connection::Own => host.own.take(),
            Connection::Dialled => host.dialled.take(),
        };
        if let Some(link) = link {
            self.around.network.close(&mut self.around.course, link, Side::Node);
        }
        if let Some(device) = &mut host.device {
            device.session.closed(device.now(&self.around.course), connection);
        }
    }

    /// A node's connections are gone for it, and the hub is not told.
    pub(super) fn lose_connections(&mut self, node: usize) {
        for link in self.around.network.of(Side::Node, Some(node)) {
            self.around.network.forget(link, Side::Node);
        }
        self.hang_up(node, Connection::Own);
        self.hang_up(node, Connection::Dialled);
        self.settle(node);
    }

    /// Lets a node's firmware do everything that it wants to do now.
    pub(super) fn settle(&mut self, node: usize) {
        loop {
            let Some(host) = self.hosts.get_mut(node) else { return };
            let Some(device) = &mut host.device else { return };
            device.clock_off = host.clock_off;
            let run = host.run;
            match device.poll(&mut self.around.course, &mut self.around.book) {
                Some(Wants::Connect) => {
                    let latency = self.around.course.draw(self.around.course.weather.latency);
                    self.around.course.after(latency, Event::Knock { node, run });
                    continue;
                }
                Some(Wants::Close(connection)) => {
                    self.hang_up(node, connection);
                    continue;
                }
                None => {}
            }
            if !self.transmit(node, Connection::Own) && !self.transmit(node, Connection::Dialled) {
                break;
            }
        }
        self.plan_wake(node);
    }

    /// Sends what waits on a node's connection; whether there was anything.
    fn transmit(&mut self, node: usize, connection: Connection) -> bool {
        let Some(host) = self.hosts.get_mut(node) else { return false };
        let link = match connection {
            Connection::Own => host.own,
            Connection::Dialled => host.dialled,
        };
        let (Some(link), Some(device)) = (link, &mut host.device) else { return false };
        let now = device.now(&self.around.course);
        let bytes = device.session.transmit(now, connection);
        let len = bytes.len();
        if len > 0 {
            self.around.network.send(&mut self.around.course, link, Side::Node, bytes);
            device.session.sent(now, connection, len);
        }
        len > 0
    }

    /// Plans when the firmware wakes next, or restarts it where it was told to and has said so.
    fn plan_wake(&mut self, node: usize) {
        let course = &mut self.around.course;
        let Some(host) = self.hosts.get_mut(node) else { return };
        let Some(device) = &host.device else { return };
        if let Some((_, id)) = device.restart.filter(|(at, _)| *at <= course.now) {
            host.restarted_by = Some(id);
            return self.crash_node(node, 100);
        }
        let at = device.wakes_at().max(course.now + 1);
        if at < host.wakes_at {
            host.wakes_at = at;
            let run = host.run;
            course.after(at - course.now, Event::NodeWakes { node, run });
        }
    }

    /// A node's machine stops; nobody is told. It starts again after so many milliseconds.
    pub(super) fn crash_node(&mut self, node: usize, millis: u64) {
        let Some(host) = self.hosts.get_mut(node) else { return };
        host.run += 1;
        (host.device, host.own, host.dialled, host.wakes_at) = (None, None, None, u64::MAX);
        for link in self.around.network.of(Side::Node, Some(node)) {
            self.around.network.forget(link, Side::Node);
        }
        if let Some(power) = self.around.network.node_has_power.get_mut(node) {
            *power = false;
        }
        self.around.course.note(node, || format!("node {node} stops for {millis} ms"));
        self.around.course.after(millis, Event::NodeStarts { node });
    }

    fn start_node(&mut self, node: usize) {
        let is_twin = node >= self.around.course.weather.nodes.min(NAMES.len());
        let Some(host) = self.hosts.get_mut(node) else { return };
        if host.device.is_some() || (is_twin && self.healed_at.is_some()) {
            return;
        }
        self.boots += 1;
        let (boot, by) = (BootId(self.boots), host.restarted_by.take());
        host.run += 1;
        let (name, nature) = (host.name, host.nature);
        self.around.course.note(boot, || format!("node {node} starts as {name}, {boot:?}, {nature:?}"));
        host.device = Some(Device::start(&mut self.around.course, name, boot, nature, by));
        if let Some(power) = self.around.network.node_has_power.get_mut(node) {
            *power = true;
        }
        self.settle(node);
    }
}
