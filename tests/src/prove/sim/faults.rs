//! What goes wrong, when it is drawn, and what people do; and the end of both.

use std::net::IpAddr;

use iot_core::{Input, NodeId, Request, Ticket, view::Wanted};

use iot_node::proto::OwnedValue;

use super::{
    book::Book,
    course::{Course, Event, Fault},
    device::{CHANNEL, RELAY},
    machine::Power,
    weather::DAY,
    world::World,
};

/// Steps of a clock in milliseconds, forth and back.
const STEPS: [i64; 8] = [1_000, -1_000, 60_000, -3_600_000, 3_600_000, -DAY, 365 * DAY, -365 * DAY];

impl World {
    /// Draws when each fault happens for the first time.
    pub(super) fn plan_faults(&mut self) {
        for fault in [
            Fault::Reset,
            Fault::Partition,
            Fault::HubCrash,
            Fault::NodeCrash,
            Fault::Disk,
            Fault::HubClock,
            Fault::NodeClock,
            Fault::Swap,
        ] {
            plan(&mut self.around.course, fault);
        }
        self.plan_person();
    }

    fn plan_person(&mut self) {
        let weather = &self.around.course.weather;
        let every = [weather.commands, weather.decisions].into_iter().filter(|every| *every > 0).min();
        if let Some(every) = every {
            let millis = self.around.course.draw((1, 2 * every));
            self.around.course.after(millis, Event::Person);
        }
    }

    /// Something goes wrong.
    pub(super) fn goes_wrong(&mut self, fault: Fault) {
        if self.healed_at.is_some() {
            return;
        }
        plan(&mut self.around.course, fault);
        self.faults += 1;
        let course = &mut self.around.course;
        let node =
            usize::try_from(course.chance.below(u64::try_from(self.hosts.len()).unwrap_or(1))).unwrap_or(0);
        match fault {
            Fault::Reset => self.around.network.break_one(course),
            Fault::Partition => {
                let millis = course.pick(&[500, 5_000, 30_000, 120_000], 500);
                course.note(node, || format!("node {node} is cut off for {millis} ms"));
                self.around.network.cut_off(course.now, node, millis);
            }
            Fault::HubCrash => {
                let millis = course.draw((100, 20_000));
                let power = course.pick(&[Power::Stays, Power::Goes], Power::Stays);
                self.machine.crash(&mut self.around, power, millis);
            }
            Fault::NodeCrash => {
                let millis = course.draw((100, 20_000));
                self.crash_node(node, millis);
            }
            Fault::Disk => {
                let millis = course.draw((100, 30_000));
                self.machine.fail_disk(course, millis);
            }
            Fault::HubClock => {
                let step = course.pick(&STEPS, 0);
                self.machine.step_clock(course, step);
            }
            Fault::NodeClock => {
                let step = course.pick(&STEPS, 0);
                course.note(step, || format!("the clock of node {node} steps by {step} ms"));
                if let Some(host) = self.hosts.get_mut(node) {
                    host.clock_off += step;
                }
            }
            Fault::Swap => {
                // Devices get their addresses anew when they have been away.
                let addresses: Vec<u8> = self.hosts.iter().rev().map(|host| host.address).collect();
                for (node, address) in addresses.into_iter().enumerate() {
                    self.crash_node(node, 1_000);
                    if let Some(host) = self.hosts.get_mut(node) {
                        host.address = address;
                    }
                }
            }
        }
    }

    /// Somebody wants something.
    pub(super) fn person_wants(&mut self) {
        if self.healed_at.is_some() {
            return;
        }
        self.plan_person();
        let course = &mut self.around.course;
        let host = course.chance.below(u64::try_from(course.weather.nodes).unwrap_or(1));
        let Some(node) = Book::id(usize::try_from(host).unwrap_or(0)) else { return };
        let weather = &course.weather;
        let of_decisions = match (weather.commands, weather.decisions) {
            (0, _) => true,
            (_, 0) => false,
            _ => course.chance.one_in(4),
        };
        let request = if of_decisions { decision(course, node) } else { self.wish(node) };
        self.ask(request);
    }

    /// Something that somebody wants of a node.
    fn wish(&mut self, node: NodeId) -> Request {
        let course = &mut self.around.course;
        let on = course.chance.one_in(2);
        let expires_in_s = Some(u32::try_from(course.pick(&[5, 30, 120, 600], 5)).unwrap_or(5));
        let wanted = match course.chance.below(12) {
            0 => {
                let ids = self.around.book.ledger.ids();
                let at = course.chance.below(u64::try_from(ids.len()).unwrap_or(0).min(4));
                let newest = ids.iter().rev().nth(usize::try_from(at).unwrap_or(0));
                if let Some(id) = newest {
                    return Request::Cancel { id: *id };
                }
                Wanted::Restart
            }
            1 => Wanted::Restart,
            2 => Wanted::Get { module: RELAY, channel: CHANNEL },
            3 => Wanted::Identify { for_s: 3 },
            _ => Wanted::Set { module: RELAY, channel: CHANNEL, value: OwnedValue::Bool(on) },
        };
        Request::Command { node, wanted, expires_in_s }
    }

    /// Asks the hub, where one runs.
    pub(super) fn ask(&mut self, request: Request) {
        if self.machine.life().is_none() {
            return;
        }
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.around.course.note(self.tickets, || format!("person {ticket:?} asks: {request:?}"));
        if let Request::Command { node, wanted, .. } = &request {
            self.around.book.ledger.wants(self.around.course.now, ticket, node, wanted);
        }
        self.machine.apply(&mut self.around, Input::Ask { ticket, by: "ann", why: "it hums", request });
    }

    /// A person lets in whoever waits and permits commands to whoever needs that; once nothing goes wrong any more, also whoever was turned away.
    pub(super) fn let_in_who_waits(&mut self) {
        use iot_core::AdmissionState::{Admitted, Archived, Matched, Pending, Revoked};
        let Some(view) = self.machine.view(&self.around.course) else { return };
        let is_end = self.healed_at.is_some();
        let mut requests = Vec::new();
        for node in view.nodes() {
            let id = node.id;
            match node.admission {
                Pending => requests.push(Request::Admit { node: id }),
                Revoked if is_end => requests.push(Request::Forget { node: id }),
                Admitted if is_end && node.presence.state == iot_core::PresenceState::Disabled => {
                    requests.push(Request::Enable { node: id });
                }
                // Whoever moved a device accepts where it is now; a twin is not what they look for.
                Admitted if node.home.is_some() && node.home != self.home_of(&id) => {
                    let address = self.home_of(&id);
                    requests.extend(address.map(|address| Request::AcceptAddress { node: id, address }));
                }
                Admitted if !node.permission.is_there() => requests.push(Request::Permit { node: id }),
                Admitted | Matched | Revoked | Archived => {}
            }
        }
        for request in requests {
            self.ask(request);
        }
    }

    /// Where a node is, as people know it.
    fn home_of(&self, node: &NodeId) -> Option<IpAddr> {
        let host = self.hosts.iter().find(|host| Book::id(host.name).as_ref() == Some(node))?;
        Some([10, 0, 0, host.address].into())
    }

    /// From here on nothing goes wrong any more.
    pub(super) fn heal(&mut self) {
        let names = self.around.course.weather.nodes;
        self.around.course.note(0xCA_u16, || "nothing goes wrong any more".into());
        self.around.course.weather.calm();
        self.around.book.end_reports();
        self.healed_at = Some(self.around.course.now);
        self.around.network.mend(self.around.course.now);
        self.machine.mend_disk(&mut self.around.course);
        for twin in names..self.hosts.len() {
            self.crash_node(twin, 0);
        }
    }
}

/// Draws when a fault happens next.
fn plan(course: &mut Course, fault: Fault) {
    let weather = &course.weather;
    let every = match fault {
        Fault::Reset => weather.resets,
        Fault::Partition => weather.partitions,
        Fault::HubCrash => weather.hub_crashes,
        Fault::NodeCrash => weather.node_crashes,
        Fault::Disk => weather.disk_faults,
        Fault::HubClock => weather.hub_clock,
        Fault::NodeClock => weather.node_clock,
        Fault::Swap => weather.swaps,
    };
    if every > 0 {
        let millis = course.draw((1, 2 * every));
        course.after(millis, Event::Fault(fault));
    }
}

/// What somebody decides about a node.
fn decision(course: &mut Course, node: NodeId) -> Request {
    match course.chance.below(10) {
        0..=2 => Request::Disable { node },
        3..=5 => Request::Enable { node },
        6 => Request::Revoke { node },
        7 => Request::Forget { node },
        8 => Request::Admit { node },
        _ => Request::Name { node, title: "North".into(), place: "Roof".into() },
    }
}
