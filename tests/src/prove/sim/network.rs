//! [`Network`]: connections as TCP gives them: two streams of bytes, in order, cut anywhere, late, and sometimes
//! gone without a word.
//!
//! Segments of one direction never overtake each other; connections do. A partition keeps segments back until it
//! is over, as resends would. A reset may reach one side only: the other side then has half a connection, until it
//! sends something. Whose connection it is and what the bytes mean is no business of the network.

use std::collections::{BTreeMap, VecDeque};

use super::course::{Course, Event, Side};

/// What travels.
#[derive(Debug)]
pub(super) enum Segment {
    Bytes(Vec<u8>),
    /// The sender sends nothing more.
    Fin,
    /// The connection is gone.
    Reset,
}

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// A node opened it.
    Session,
    /// The hub dialled it, in this life.
    Delivery { life: u32, delivery: u64 },
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) node: usize,
    pub(super) used_as: Use,
    hub: End,
    at_node: End,
}

/// One side of a connection.
#[derive(Debug)]
struct End {
    /// Whether a process still has it.
    open: bool,
    /// What is on its way to it.
    coming: VecDeque<Segment>,
    /// When the last of that arrives.
    last_at: u64,
}

impl End {
    fn new() -> Self {
        Self { open: true, coming: VecDeque::new(), last_at: 0 }
    }
}

impl Link {
    fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Hub => &mut self.hub,
            Side::Node => &mut self.at_node,
        }
    }
}

/// All connections, and which machines can be reached.
#[derive(Debug)]
pub(super) struct Network {
    links: BTreeMap<u64, Link>,
    next: u64,
    /// For each node until when it is cut off.
    cut_off: Vec<u64>,
    /// Whether the machines have power.
    pub(super) hub_has_power: bool,
    pub(super) node_has_power: Vec<bool>,
}

impl Network {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            links: BTreeMap::new(),
            next: 1,
            cut_off: vec![0; nodes],
            hub_has_power: true,
            node_has_power: vec![true; nodes],
        }
    }

    /// A connection has been made.
    pub(super) fn open(&mut self, node: usize, used_as: Use) -> u64 {
        let id = self.next;
        self.next += 1;
        self.links.insert(id, Link { node, used_as, hub: End::new(), at_node: End::new() });
        id
    }

    /// A connection.
    pub(super) fn link(&self, id: u64) -> Option<&Link> {
        self.links.get(&id)
    }

    /// Cuts a node off for so many milliseconds.
    pub(super) fn cut_off(&mut self, now: u64, node: usize, millis: u64) {
        if let Some(until) = self.cut_off.get_mut(node) {
            *until = now + millis;
        }
    }

    /// Until when a node is cut off, if it is.
    pub(super) fn is_cut_off(&self, now: u64, node: usize) -> Option<u64> {
        self.cut_off.get(node).copied().filter(|until| *until > now)
    }

    /// Every node can be reached from now on.
    pub(super) fn mend(&mut self, now: u64) {
        self.cut_off.iter_mut().for_each(|until| *until = (*until).min(now));
    }

    /// A side sends bytes.
    pub(super) fn send(&mut self, course: &mut Course, id: u64, from: Side, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let most = course.weather.segment;
            let len = usize::try_from(1 + course.chance.below(most)).unwrap_or(1);
            // Most segments are full; what is drawn now and then is where they are cut.
            let len = if most > 1_000 && !course.chance.one_in(8) { rest.len() } else { len.min(rest.len()) };
            let (first, later) = rest.split_at(len);
            self.push(course, id, from, Segment::Bytes(first.to_vec()));
            rest = later;
        }
    }

    /// A side closes the connection in good order.
    pub(super) fn close(&mut self, course: &mut Course, id: u64, from: Side) {
        self.push(course, id, from, Segment::Fin);
        self.forget(id, from);
    }

    /// A side's process has the connection no more, and tells nobody.
    pub(super) fn forget(&mut self, id: u64, side: Side) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.end(side).open = false;
        link.end(side).coming.clear();
        if !link.hub.open
            && !link.at_node.open
            && link.hub.coming.is_empty()
            && link.at_node.coming.is_empty()
        {
            self.links.remove(&id);
        }
    }

    /// The connection breaks: for both sides, or for one of them.
    pub(super) fn break_one(&mut self, course: &mut Course) {
        let ids: Vec<u64> = self.links.keys().copied().collect();
        let id = course.pick(&ids, 0);
        let sides = course.pick(&[(true, true), (true, false), (false, true)], (true, true));
        for (side, hit) in [(Side::Hub, sides.0), (Side::Node, sides.1)] {
            if hit && let Some(link) = self.links.get_mut(&id) {
                // What was on its way is lost with it.
                let end = link.end(side);
                let lost = end.coming.len();
                end.coming.clear();
                end.coming.push_back(Segment::Reset);
                course
                    .note(lost, || format!("connection {id} breaks for the {side:?}, {lost} segments lost"));
                course.after(0, Event::Arrive { link: id, to: side });
            }
        }
    }

    /// The next segment reaches a side; `None` where nothing does now, or nobody is there.
    pub(super) fn arrive(&mut self, course: &mut Course, id: u64, to: Side) -> Option<Segment> {
        let link = self.links.get_mut(&id)?;
        let node = link.node;
        let has_power = match to {
            Side::Hub => self.hub_has_power,
            Side::Node => self.node_has_power.get(node).copied().unwrap_or_default(),
        };
        let cut_off = self.cut_off.get(node).copied().filter(|until| *until > course.now);
        let end = link.end(to);
        let is_break = matches!(end.coming.front(), Some(Segment::Reset));
        if let Some(until) = cut_off.filter(|_| !is_break) {
            let late = course.draw((0, 1_000));
            course.after(until - course.now + late, Event::Arrive { link: id, to });
            return None;
        }
        let segment = end.coming.pop_front()?;
        if end.open {
            return Some(segment);
        }
        let other = match to {
            Side::Hub => Side::Node,
            Side::Node => Side::Hub,
        };
        if has_power && matches!(segment, Segment::Bytes(_)) {
            // The machine knows of no such connection, and says so.
            self.push(course, id, to, Segment::Reset);
        }
        if self.links.get_mut(&id).is_some_and(|link| !link.end(other).open) {
            self.forget(id, to);
        }
        None
    }

    /// Connections that a node's process has, or the hub's.
    pub(super) fn of(&self, side: Side, node: Option<usize>) -> Vec<u64> {
        let is_meant = |link: &Link| {
            node.is_none_or(|node| node == link.node)
                && match side {
                    Side::Hub => link.hub.open,
                    Side::Node => link.at_node.open,
                }
        };
        self.links.iter().filter(|(_, link)| is_meant(link)).map(|(id, _)| *id).collect()
    }

    fn push(&mut self, course: &mut Course, id: u64, from: Side, segment: Segment) {
        let latency = course.draw(course.weather.latency);
        let Some(link) = self.links.get_mut(&id) else { return };
        let to = match from {
            Side::Hub => Side::Node,
            Side::Node => Side::Hub,
        };
        let end = link.end(to);
        end.last_at = end.last_at.max(course.now + latency);
        end.coming.push_back(segment);
        course.after(end.last_at - course.now, Event::Arrive { link: id, to });
    }
}
