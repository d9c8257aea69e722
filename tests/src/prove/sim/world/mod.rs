//! [`World`]: a hub, its nodes, the network between them, and people; what happens in which order.
//!
//! It routes events to whoever they are for. The hub's machine is [`Machine`], a node's is a [`Host`]; what goes
//! wrong is drawn in `faults.rs`, what must hold is the [`Book`]'s.
//!
//! A run has two parts: first faults, during which nothing promised may be broken; then they end, and within a
//! bound everything must come to rest.

mod nodes;

use iot_node::{Connection, proto::CommandId};

use super::{
    Outcome, Plant,
    book::Book,
    course::{Course, Event, Side, Traced},
    device::{Device, NAMES, Nature},
    machine::Machine,
    network::Network,
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
}
