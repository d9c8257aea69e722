//! What is behind one simulated node: its modules, and when it reports them.

use alloc::{collections::VecDeque, sync::Arc};
use core::time::Duration;
use std::{
    sync::{Mutex, PoisonError},
    time,
};

use iot_node::{
    Answer, Command, End, Event, Instant, What,
    runner::{Device, HostNode},
};
use iot_proto::{CommandId, ErrorCode, OwnedValue, Reading, Taken};
use tokio::sync::watch;

use crate::{
    Plan, Stats,
    archetype::Archetype,
    module::{Module, Obeyed, Told},
    random::Random,
};

/// A node looks after its modules at least this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Values that have not changed are reported again every so many reports.
const FULL_REPORT_EVERY: u32 = 60;

/// Readings in one report: no more than surely fit the frames of a [`HostNode`].
const READINGS_IN_REPORT: usize = 16;

/// Reports whose acknowledgement is waited for; older ones are not measured.
const MOST_UNACKNOWLEDGED: usize = 1_000;

/// Time between reports where none are wanted: longer than anything simulated.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// How long a sleeping node still listens.
const LISTEN: Duration = Duration::from_millis(500);

/// How a node spends the time between its reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    Awake,
    Sleeps(Duration),
    Visits(Duration),
}

/// The modules of one node, and its part in the figures of the fleet.
#[derive(Debug)]
pub(crate) struct SimDevice {
    modules: Vec<Module>,
    habit: Habit,
    plan: watch::Receiver<Plan>,
    stats: Arc<Mutex<Stats>>,
    random: Random,
    next_report: Instant,
    made: u32,
    /// Events that were not reported yet.
    happened: Vec<Owned>,
    late: Option<Late>,
    unacknowledged: VecDeque<(u32, Option<time::Instant>)>,
    is_online: bool,
    has_reported: bool,
    resent: u32,
    given_up: u32,
    last: Option<(u32, Vec<Owned>)>,
    obeyed: Obeyed,
    restart: Option<CommandId>,
    now: Instant,
}

/// A reading that stands on its own.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    module: u8,
    channel: u8,
    at: Instant,
    value: OwnedValue,
}

/// A report that is held back.
#[derive(Debug)]
struct Late {
    until: Instant,
    readings: Vec<Owned>,
}

impl SimDevice {
    /// The modules of an archetype, just started.
    pub(crate) fn new(
        archetype: &Archetype,
        habit: Habit,
        plan: watch::Receiver<Plan>,
        stats: Arc<Mutex<Stats>>,
        mut random: Random,
    ) -> Self {
        let modules = archetype.modules.iter().map(|(kind, _)| Module::new(kind, &mut random)).collect();
        let stagger = period(&plan.borrow()).mul_f64(random.unit());
        Self {
            modules,
            habit,
            plan,
            stats,
            random,
            next_report: Instant(0).after(stagger),
            made: 0,
            happened: Vec::new(),
            late: None,
            unacknowledged: VecDeque::new(),
            is_online: false,
            has_reported: false,
            resent: 0,
            given_up: 0,
            last: None,
            obeyed: Obeyed::Accepted,
            restart: None,
            now: Instant(0),
        }
    }

    /// The command that asks for a restart, once.
    pub(crate) fn take_restart(&mut self) -> Option<CommandId> {
        self.restart.take()
    }

    /// A value as a module has it.
    pub(crate) fn value(&self, module: u8, channel: u8) -> Option<OwnedValue> {
        self.modules.get(usize::from(module))?.value(channel).cloned()
    }

    /// The last report that was made: its sequence and readings.
    pub(crate) fn last_report(&self) -> Option<(u32, &[Owned])> {
        self.last.as_ref().map(|(sequence, readings)| (*sequence, readings.as_slice()))
    }

    /// The node is gone: what it was counted for, it is no longer.
    pub(crate) fn gone(&mut self, node: &HostNode<'_>) {
        self.count_node(node);
        if core::mem::take(&mut self.is_online) {
            self.count(|stats| stats.online -= 1);
        }
    }

    fn count(&self, count: impl FnOnce(&mut Stats)) {
        count(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Counts what the session knows of.
    fn count_node(&mut self, node: &HostNode<'_>) {
        let (resent, given_up) = (node.resent_reports(), node.dropped_reports());
        if (resent, given_up) != (self.resent, self.given_up) {
            let more = |now: u32, before: u32| u64::from(now.saturating_sub(before));
            let (resent_more, given_up_more) = (more(resent, self.resent), more(given_up, self.given_up));
            self.count(|stats| {
                stats.resent += resent_more;
                stats.given_up += given_up_more;
            });
            (self.resent, self.given_up) = (resent, given_up);
        }
    }

    /// Lets the modules move; gives how soon one wants to move again.
    fn step(&mut self, node: &mut HostNode<'_>, now: Instant) -> Option<Duration> {
        let mut soonest: Option<Duration> = None;
        for (module, index) in self.modules.iter_mut().zip(0..) {
            let next = module.step(now, &mut self.random);
            soonest = soonest.into_iter().chain(next).min();
            for told in module.take_told() {
                match told {
                    Told::Event { channel, value } => {
                        self.happened.push(Owned { module: index, channel, at: now, value });
                    }
                    // The command may be forgotten by now; then no one waits for its end.
                    Told::Ended { command, how } => drop(node.answer(command, answer(&how))),
                }
            }
        }
        soonest
    }

    /// Makes a report of all that is new, or loses it, or holds it back.
    fn report_news(&mut self, node: &mut HostNode<'_>, now: Instant) {
        let has_news = !self.happened.is_empty() || self.modules.iter().any(Module::has_news);
        if !has_news || self.made.is_multiple_of(FULL_REPORT_EVERY) {
            self.modules.iter_mut().for_each(Module::make_all_news);
        }
        self.made = self.made.wrapping_add(1);
        let mut readings = core::mem::take(&mut self.happened);
        for (module, index) in self.modules.iter_mut().zip(0..) {
            let news = module.take_news();
            readings.extend(news.map(|(channel, value)| Owned { module: index, channel, at: now, value }));
        }
        let plan = *self.plan.borrow();
        if self.random.happens(f64::from(plan.loss) / 100.0) {
            node.lose_report();
            self.given_up += 1;
            self.count(|stats| stats.lost += 1);
        } else if self.late.is_none() && self.random.happens(f64::from(plan.late) / 100.0) {
            let delay = Duration::from_secs_f64(self.random.between(1.0, 5.0));
            self.late = Some(Late { until: now.after(delay), readings });
        } else {
            self.report(node, now, &readings);
        }
    }

    fn report(&mut self, node: &mut HostNode<'_>, now: Instant, readings: &[Owned]) {
        for part in readings.chunks(READINGS_IN_REPORT) {
            let part_readings: Vec<_> = part.iter().map(|owned| owned.reading(now)).collect();
            let Ok(sequence) = node.report(now, &part_readings) else {
                self.count(|stats| stats.given_up += 1);
                continue;
            };
            let sent = node.is_online().then(time::Instant::now);
            self.unacknowledged.push_back((sequence, sent));
            if self.unacknowledged.len() > MOST_UNACKNOWLEDGED {
                self.unacknowledged.pop_front();
            }
            self.has_reported = true;
            self.last = Some((sequence, part.to_vec()));
            self.count(|stats| stats.reports += 1);
        }
    }

    /// The hub has all reports up to `stored`.
    fn acknowledged(&mut self, stored: u32) {
        let mut took = Vec::new();
        let mut count = 0;
        while let Some((_, sent)) = self.unacknowledged.pop_front_if(|(sequence, _)| *sequence <= stored) {
            count += 1;
            took.extend(sent.map(|sent| sent.elapsed()));
        }
        self.count(|stats| {
            stats.acknowledged += count;
            for took in took {
                stats.latency.count(took);
            }
        });
    }

    fn module(&mut self, index: u8) -> Option<&mut Module> {
        self.modules.get_mut(usize::from(index))
    }

    fn may_report(&self, node: &HostNode<'_>) -> bool {
        self.habit == Habit::Awake || node.is_online()
    }
}

impl Device for SimDevice {
    fn obey<'d>(&'d mut self, command: Command<'_>) -> Answer<'d> {
        self.count(|stats| stats.commands += 1);
        let unknown = Obeyed::Failed { code: ErrorCode::MODULE_NOT_REGISTERED, detail: "no such module" };
        let now = self.now;
        let how = match command.what {
            What::Set { module, channel, value } => {
                self.module(module).map_or(unknown, |it| it.set(command.id, channel, value))
            }
            What::Get { module, channel } => self.module(module).map_or(unknown, |it| it.get(channel)),
            What::Invoke { module, channel, argument } => {
                self.module(module).map_or(unknown, |it| it.invoke(now, channel, argument))
            }
            What::Identify { .. } => Obeyed::Done(None),
            What::Restart => {
                self.restart = Some(command.id);
                Obeyed::Done(None)
            }
        };
        self.obeyed = how;
        answer(&self.obeyed)
    }

    fn wake(&mut self, node: &mut HostNode<'_>, now: Instant) -> Duration {
        self.now = now;
        self.count_node(node);
        let is_told = self.has_reported && node.waiting_reports() == 0;
        let moves = self.step(node, now).unwrap_or(LONGEST_PAUSE);
        if let Some(late) = self.late.take_if(|late| now >= late.until) {
            self.report(node, now, &late.readings);
        }
        let pace = period(&self.plan.borrow());
        let is_due = pace < NEVER && now >= self.next_report;
        let is_urgent = !self.happened.is_empty() || self.modules.iter().any(Module::has_changed);
        if (is_due || is_urgent) && self.may_report(node) {
            self.report_news(node, now);
        }
        if is_due {
            // A node that was held up goes on at its pace, and does not catch up.
            self.next_report = self.next_report.after(pace).max(now.after(pace / 2));
        }
        let mut pause = LONGEST_PAUSE.min(moves).min(self.next_report.since(now));
        if let Habit::Sleeps(length) = self.habit
            && node.is_online()
        {
            pause = pause.min(LISTEN / 5);
            if is_told && node.sleep(length, LISTEN).is_ok() {
                self.has_reported = false;
            }
        }
        self.late.as_ref().map_or(pause, |late| pause.min(late.until.since(now)))
    }

    fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Connected { stored, .. } => {
                self.is_online = true;
                self.has_reported = false;
                if self.habit != Habit::Awake {
                    self.next_report = Instant(0);
                }
                self.count(|stats| (stats.connects, stats.online) = (stats.connects + 1, stats.online + 1));
                self.acknowledged(*stored);
            }
            Event::Acknowledged { stored, rejected } => {
                let refused = u64::try_from(rejected.len()).unwrap_or(u64::MAX);
                self.count(|stats| stats.rejected_readings += refused);
                self.acknowledged(*stored);
            }
            Event::Repeated(_) => self.count(|stats| stats.repeated_commands += 1),
            Event::Error { code, .. } | Event::Refused { code, .. } => self.count(|stats| stats.error(*code)),
            Event::Disconnected { why, .. } => {
                let was_online = core::mem::take(&mut self.is_online);
                self.count(|stats| {
                    stats.online -= u64::from(was_online);
                    *stats.disconnects.entry(why.to_string()).or_default() += 1;
                    if let End::Broken(error) = why {
                        stats.error(error.code());
                    }
                });
            }
            Event::Connect
            | Event::Close(_)
            | Event::Admission(_)
            | Event::Registered(_)
            | Event::Command(_)
            | _ => {}
        }
    }
}

impl Owned {
    /// The reading as it is sent at `now`.
    pub(crate) fn reading(&self, now: Instant) -> Reading<'_> {
        let age = u32::try_from(now.since(self.at).as_millis()).unwrap_or(u32::MAX);
        let (module, channel) = (self.module, self.channel);
        Reading { module, channel, taken: Taken::Age(age), value: self.value.borrow() }
    }
}

fn answer(how: &Obeyed) -> Answer<'_> {
    match how {
        Obeyed::Accepted => Answer::Accepted,
        Obeyed::Done(value) => Answer::Done(value.as_ref().map(OwnedValue::borrow)),
        Obeyed::Failed { code, detail } => Answer::Failed { code: *code, detail },
    }
}

/// Time between two reports.
fn period(plan: &Plan) -> Duration {
    Duration::try_from_secs_f64(1.0 / plan.rate).unwrap_or(NEVER).min(NEVER)
}
