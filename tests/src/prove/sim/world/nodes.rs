//! The side of the nodes: how their machines start and crash, knock and are dialled, take and give bytes, and wake.

use iot_node::{
    Connection,
    proto::{BootId, Capabilities},
};

use super::{KNOCK_LIMIT, World};
use crate::prove::sim::{
    course::{Event, Side},
    device::{Device, NAMES, Wants},
    network::{Segment, Use},
    process::Around,
};

impl World {
    pub(super) fn node_receives(&mut self, node: usize, link: u64, used_as: Use, segment: Segment) {
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
    pub(super) fn knocks(&mut self, node: usize, run: u32) {
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
    pub(super) fn dialled(&mut self, life: u32, delivery: u64) {
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
    pub(super) fn hang_up(&mut self, node: usize, connection: Connection) {
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
    pub(in super::super) fn lose_connections(&mut self, node: usize) {
        for link in self.around.network.of(Side::Node, Some(node)) {
            self.around.network.forget(link, Side::Node);
        }
        self.hang_up(node, Connection::Own);
        self.hang_up(node, Connection::Dialled);
        self.settle(node);
    }

    /// Lets a node's firmware do everything that it wants to do now.
    pub(in super::super) fn settle(&mut self, node: usize) {
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
    pub(super) fn transmit(&mut self, node: usize, connection: Connection) -> bool {
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
    pub(super) fn plan_wake(&mut self, node: usize) {
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
    pub(in super::super) fn crash_node(&mut self, node: usize, millis: u64) {
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

    pub(super) fn start_node(&mut self, node: usize) {
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
