//! [`Device`]: a node's machine: the real session of `iot-node`, and a firmware with a thermometer and a relay.
//!
//! The firmware reports, obeys at once or later, sleeps and restarts as a seed has it, and tells the book everything
//! that it did. What a restart takes: all but the id of the command that caused it. Sockets are the world's.

use std::{sync::LazyLock, time::Duration};

use iot_node::{
    Answer, Config, Connection, Contact, Event as Told, Instant, Node, What,
    proto::{
        Announcement, BootId, Capabilities, CommandId, ErrorCode, Identity, Label, Name, NodeKey, OwnedValue,
        Reading, Taken, UnixMillis,
    },
};

use super::{
    Plant,
    book::{Book, Made},
    course::Course,
};

/// The names of all nodes.
pub(super) const NAMES: [&str; 5] = ["shed", "roof", "pump", "gate", "barn"];

/// The modules that every node carries.
static MODULES: LazyLock<Vec<Announcement<'static>>> = LazyLock::new(|| {
    let kinds = ["temperature", "relay"];
    let names = (0..).zip(kinds).filter_map(|(index, kind)| Some((index, Name::new(kind).ok()?)));
    names.map(|(index, kind)| Announcement { index, kind, kind_version: 1, title: Label::EMPTY }).collect()
});

/// Indexes of the modules, and their channel.
pub(super) const SENSOR: u8 = 0;
pub(super) const RELAY: u8 = 1;
pub(super) const CHANNEL: u8 = 1;

/// Longest time for which a device sleeps, in milliseconds.
const LONGEST_NAP: u64 = 90_000;

/// The session of a device: small buffers, so that they are full now and then.
pub(super) type Session = Node<'static, 1024, 1024, 1024>;

/// What a device is, beside its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nature {
    /// What it says that it can do: sleep, listen.
    pub(super) can: Capabilities,
    pub(super) visits: bool,
    /// Tells times by its own clock, and not ages.
    pub(super) has_clock: bool,
    /// Runs a command again that comes again: the fault that is planted.
    pub(super) forgets: bool,
}

impl Nature {
    /// What a seed makes of a device.
    pub(super) fn draw(course: &mut Course, plant: Option<Plant>) -> Self {
        let weather = course.weather.clone();
        let mut one_in = |times: u64| times > 0 && course.chance.one_in(times);
        let mut can = Capabilities::IDENTIFIES;
        for (times, capability) in
            [(weather.sleepers, Capabilities::SLEEPS), (weather.listeners, Capabilities::LISTENS)]
        {
            can = if one_in(times) { can.and(capability) } else { can };
        }
        Self {
            can,
            visits: one_in(weather.visitors),
            has_clock: one_in(weather.clocks),
            forgets: plant == Some(Plant::Forget),
        }
    }
}

/// What the session wants of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    Connect,
    Close(Connection),
}

/// A firmware that runs.
#[derive(Debug)]
pub(super) struct Device {
    /// Index of the node's name.
    pub(super) name: usize,
    pub(super) boot: BootId,
    nature: Nature,
    pub(super) session: Box<Session>,
    started: u64,
    relay: bool,
    /// Accepted commands, and when they will be done.
    later: Vec<(u64, CommandId, Option<bool>)>,
    next_report: u64,
    next_nap: u64,
    /// The command that asks for a restart, and when it comes.
    pub(super) restart: Option<(u64, CommandId)>,
    made: u64,
    dropped: u32,
    /// By how much its wall clock is off.
    pub(super) clock_off: i64,
}

impl Device {
    /// A device that has just got power, or restarts because it was told to.
    pub(super) fn start(
        course: &mut Course,
        name: usize,
        boot: BootId,
        nature: Nature,
        restarted_by: Option<CommandId>,
    ) -> Self {
        let every = Duration::from_millis(course.draw((5_000, 40_000)));
        let identity = Name::new(NAMES.get(name).copied().unwrap_or("node")).map(Identity::Name);
        let config = Config {
            contact: if nature.visits { Contact::Visits { every } } else { Contact::Session },
            capabilities: nature.can,
            restarted_by,
            ..Config::new(
                identity.unwrap_or(Identity::Key(NodeKey([0; 32]))),
                boot,
                u64::from(boot.0),
                &MODULES,
            )
        };
        let (next_report, next_nap) =
            (course.now + course.draw((0, 2_000)), course.now + course.draw((0, 60_000)));
        Self {
            name,
            boot,
            nature,
            session: Box::new(Session::new(config)),
            started: course.now,
            relay: false,
            later: Vec::new(),
            next_report,
            next_nap,
            restart: None,
            made: 0,
            dropped: 0,
            clock_off: 0,
        }
    }

    /// The device's own monotonic clock.
    pub(super) fn now(&self, course: &Course) -> Instant {
        Instant(course.now - self.started)
    }

    /// Tells the firmware everything that the session has to tell; gives what it wants of the world.
    pub(super) fn poll(&mut self, course: &mut Course, book: &mut Book) -> Option<Wants> {
        loop {
            let now = self.now(course);
            let told = match self.session.poll(now) {
                None => break,
                Some(Told::Connect) => return Some(Wants::Connect),
                Some(Told::Close(connection)) => return Some(Wants::Close(connection)),
                Some(Told::Connected { stored, .. } | Told::Acknowledged { stored, .. }) => {
                    Heard::Stored(stored)
                }
                Some(Told::Command(command)) => Heard::Command(command.id, Wish::of(&command.what)),
                Some(Told::Repeated(id)) => Heard::Repeated(id),
                Some(Told::Registered(verdicts)) => {
                    let refused = verdicts.iter().find(|verdict| {
                        !matches!(
                            verdict.code,
                            ErrorCode::OK | ErrorCode::PENDING_APPROVAL | ErrorCode::DISABLED
                        )
                    });
                    Heard::Registered(refused.map(|verdict| verdict.code))
                }
                Some(_) => continue,
            };
            self.hear(course, book, told);
            self.count_dropped(book);
        }
        self.act(course, book);
        None
    }

    fn hear(&mut self, course: &mut Course, book: &mut Book, heard: Heard) {
        match heard {
            Heard::Stored(stored) => book.told_stored(course, self.name, self.boot, stored),
            Heard::Registered(None) => {}
            Heard::Registered(Some(code)) => {
                course.breach(|| format!("a module of {} is refused: {code}", self.name));
            }
            Heard::Command(id, wish) => {
                book.ran(course, self.name, self.boot, id);
                self.obey(course, book, id, &wish);
            }
            Heard::Repeated(id) => {
                course.note(id, || format!("{} has {id} again", self.name));
                if self.nature.forgets {
                    book.ran(course, self.name, self.boot, id);
                }
            }
        }
    }

    fn obey(&mut self, course: &mut Course, book: &mut Book, id: CommandId, wish: &Wish) {
        let mode = course.chance.below(8);
        let set = match wish {
            Wish::Set(value) => Some(*value),
            Wish::Get | Wish::Act | Wish::Restart => None,
        };
        if let (Some(value), 0..=4) = (set, mode) {
            self.relay = value;
        }
        let answer = match (wish, mode) {
            (Wish::Restart, _) => {
                self.restart = Some((course.now + course.draw((0, 3_000)), id));
                Answer::Done(None)
            }
            (_, 7) => Answer::Failed { code: ErrorCode::BLOCKED, detail: "something is in the way" },
            (_, 5 | 6) => {
                self.later.push((course.now + course.draw((10, 20_000)), id, set));
                Answer::Accepted
            }
            (Wish::Set(_) | Wish::Get, _) => {
                book.said_value(course, self.name, self.relay);
                Answer::Done(Some(self.relay.into()))
            }
            (Wish::Act, _) => Answer::Done(None),
        };
        // A command that came again is answered from memory; only a planted fault answers it twice.
        let _ = self.session.answer(id, answer);
    }

    /// What the firmware does by itself at its times.
    fn act(&mut self, course: &mut Course, book: &mut Book) {
        let due: Vec<_> = self.later.extract_if(.., |(at, ..)| *at <= course.now).collect();
        for (_, id, set) in due {
            self.relay = set.unwrap_or(self.relay);
            book.said_value(course, self.name, self.relay);
            let answer = match course.chance.below(4) {
                0 => Answer::Done(None),
                1 => Answer::Failed { code: ErrorCode::FAILED, detail: "" },
                _ => Answer::Done(Some(self.relay.into())),
            };
            let _ = self.session.answer(id, answer);
        }
        if course.now >= self.next_report {
            self.next_report = course.now + course.draw(course.weather.reports);
            if book.takes_reports() {
                self.report(course, book);
            }
        }
        if self.nature.can.has(Capabilities::SLEEPS) && course.now >= self.next_nap {
            self.next_nap = course.now + course.draw((5_000, 60_000));
            let length = Duration::from_millis(course.draw((1_000, LONGEST_NAP)));
            let listen = Duration::from_millis(course.draw((0, 5_000)));
            if book.takes_reports() {
                // Where it is not online it stays awake.
                let _ = self.session.sleep(length, listen);
            }
        }
    }

    fn report(&mut self, course: &mut Course, book: &mut Book) {
        let late = course.pick(&[0, 0, 0, 5, 2_000], 0);
        let taken = if self.nature.has_clock {
            Taken::At(UnixMillis(Book::right_clock(course.now - late.min(course.now)) + self.clock_off))
        } else {
            Taken::Age(u32::try_from(late.min(course.now)).unwrap_or_default())
        };
        self.made += 1;
        let marked = f64::from(u32::try_from(self.made % 100_000).unwrap_or_default()) / 1_000.0;
        let values = [
            (SENSOR, OwnedValue::from(iot_node::proto::Value::from(marked))),
            (RELAY, OwnedValue::Bool(self.relay)),
        ];
        let readings = values.each_ref().map(|(module, value)| Reading {
            module: *module,
            channel: CHANNEL,
            taken,
            value: value.borrow(),
        });
        let now = self.now(course);
        match self.session.report(now, &readings) {
            Ok(sequence) => {
                let measured = course.now - late.min(course.now);
                let made = Made { sequence, measured, taken, values: values.into() };
                book.made(course, self.name, self.boot, made);
            }
            Err(error) => course.breach(|| format!("{}: cannot report: {error}", self.name)),
        }
        self.count_dropped(book);
    }

    /// The oldest reports may have made room for newer ones.
    fn count_dropped(&mut self, book: &mut Book) {
        let dropped = self.session.dropped_reports();
        book.dropped(self.name, self.boot, dropped - self.dropped);
        self.dropped = dropped;
    }

    /// When the firmware wakes by itself.
    pub(super) fn wakes_at(&self) -> u64 {
        let session =
            self.session.next_deadline().map_or(u64::MAX, |at| at.at.0.saturating_add(self.started));
        let later = self.later.iter().map(|(at, ..)| *at).min().unwrap_or(u64::MAX);
        let nap = if self.nature.can.has(Capabilities::SLEEPS) { self.next_nap } else { u64::MAX };
        let restart = self.restart.map_or(u64::MAX, |(at, _)| at);
        session.min(later).min(self.next_report).min(nap).min(restart)
    }
}

/// What the firmware hears of the session, without what is borrowed.
enum Heard {
    Stored(u32),
    Registered(Option<ErrorCode>),
    Command(CommandId, Wish),
    Repeated(CommandId),
}

/// What a command wants of this firmware.
enum Wish {
    Set(bool),
    Get,
    Act,
    Restart,
}

impl Wish {
    fn of(what: &What<'_>) -> Self {
        match *what {
            What::Set { value: iot_node::proto::Value::Bool(value), .. } => Self::Set(value),
            What::Get { .. } => Self::Get,
            What::Set { .. } | What::Invoke { .. } | What::Identify { .. } => Self::Act,
            What::Restart => Self::Restart,
        }
    }
}
