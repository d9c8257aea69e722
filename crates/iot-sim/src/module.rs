//! One simulated module: its values, and how they move by themselves and on command.
//!
//! Sensors walk at random about a daily curve; actuators hold what was set. A cover takes its time, as a
//! real one does, and says so on the way.

use core::{f64::consts::TAU, time::Duration};

use iot_node::Instant;
use iot_proto::{CommandId, ErrorCode, OwnedValue, Value};

use crate::{
    kind::{self, Access, Kind, Property, Shape},
    random::Random,
};

/// How far a cover moves in one millisecond, in thousandths of a percent: from end to end in 5 s.
const COVER_PER_MS: i64 = 20;

/// What became of a command that a module was given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Obeyed {
    /// It goes on, and ends later.
    Accepted,
    Done(Option<OwnedValue>),
    Failed {
        code: ErrorCode,
        detail: &'static str,
    },
}

/// Something that a module has to tell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// An event happened.
    Event { channel: u8, value: OwnedValue },
    /// A command that was accepted has ended.
    Ended { command: CommandId, how: Obeyed },
}

/// A module of a simulated node.
#[derive(Debug)]
pub(crate) struct Module {
    kind: &'static Kind,
    values: Vec<Held>,
    /// Where in the daily curve the module stands, from 0 to 1.
    phase: f64,
    /// What a random walk has added up to.
    walk: f64,
    /// When something ends that was begun: a pulse, a movement before a sensor.
    until: Option<Instant>,
    goal: Option<Goal>,
    stepped: Instant,
    told: Vec<Told>,
    /// A value has changed that is not measured anew every time.
    has_changed: bool,
}

/// A value, and whether it has changed since it was last reported.
#[derive(Debug)]
struct Held {
    channel: u8,
    value: OwnedValue,
    is_news: bool,
}

/// Where a cover moves to, and who wants it.
#[derive(Clone, Copy, Debug)]
struct Goal {
    position: i64,
    /// Where the cover is, in thousandths of a percent.
    at: i64,
    command: CommandId,
}

impl Module {
    /// A module in its first state.
    pub(crate) fn new(kind: &'static Kind, random: &mut Random) -> Self {
        let held = |property: &Property| Held {
            channel: property.channel,
            value: match property.shape {
                Shape::Bool => OwnedValue::Bool(false),
                Shape::Int { .. } => OwnedValue::Int(0),
                Shape::Float { min, max } => float(0.0_f64.clamp(min, max)),
                Shape::Text { .. } => OwnedValue::Text("".into()),
            },
            is_news: true,
        };
        let mut module = Self {
            kind,
            values: kind.properties.iter().map(held).collect(),
            phase: random.unit(),
            walk: 0.0,
            until: None,
            goal: None,
            stepped: Instant(0),
            told: Vec::new(),
            has_changed: true,
        };
        module.step(Instant(0), random);
        module
    }

    /// Sets a property.
    pub(crate) fn set(&mut self, command: CommandId, channel: u8, value: Value<'_>) -> Obeyed {
        let Some(property) = self.kind.properties.iter().find(|property| property.channel == channel) else {
            return Obeyed::Failed { code: ErrorCode::UNKNOWN_CHANNEL, detail: "no such property" };
        };
        if property.access != Access::Write {
            return Obeyed::Failed { code: ErrorCode::NOT_WRITABLE, detail: "it only reports" };
        }
        if let Err(code) = property.shape.check(value) {
            return Obeyed::Failed { code, detail: "the module cannot take this value" };
        }
        if let (true, Value::Int(position)) = (self.is(&kind::COVER) && channel == 1, value) {
            self.end_goal("another position was set");
            let at = match self.value(1) {
                Some(OwnedValue::Int(now)) => now * 1_000,
                _ => 0,
            };
            self.goal = Some(Goal { position, at, command });
            return Obeyed::Accepted;
        }
        self.until = None;
        self.put(channel, value.into());
        Obeyed::Done(Some(value.into()))
    }

    /// Tells a property's value.
    pub(crate) fn get(&self, channel: u8) -> Obeyed {
        match self.value(channel) {
            Some(value) => Obeyed::Done(Some(value.clone())),
            None => Obeyed::Failed { code: ErrorCode::UNKNOWN_CHANNEL, detail: "no such property" },
        }
    }

    /// Runs an action.
    pub(crate) fn invoke(&mut self, now: Instant, channel: u8, argument: Option<Value<'_>>) -> Obeyed {
        if !self.kind.actions.contains(&channel) {
            return Obeyed::Failed { code: ErrorCode::UNKNOWN_CHANNEL, detail: "no such action" };
        }
        if self.is(&kind::RELAY) {
            let Some(Value::Int(millis)) = argument else {
                return Obeyed::Failed { code: ErrorCode::WRONG_TYPE, detail: "a pulse has a length in ms" };
            };
            let Ok(millis @ 1..=3_600_000) = u64::try_from(millis) else {
                return Obeyed::Failed { code: ErrorCode::OUT_OF_RANGE, detail: "a pulse lasts 1 ms to 1 h" };
            };
            self.put(1, OwnedValue::Bool(true));
            self.until = Some(now.after(Duration::from_millis(millis)));
        } else if self.is(&kind::POWER_METER) {
            self.put(2, float(0.0));
        } else if self.is(&kind::COVER) {
            self.end_goal("it was stopped on the way");
            self.put(2, OwnedValue::Int(0));
        } else {
            self.put(1, OwnedValue::Text("".into()));
        }
        Obeyed::Done(None)
    }

    /// Time passes; gives how soon the module wants to move again, where it is under way.
    pub(crate) fn step(&mut self, now: Instant, random: &mut Random) -> Option<Duration> {
        let passed = now.since(self.stepped);
        let seconds = passed.as_secs_f64();
        let day = (TAU * (Duration::from_millis(now.0).as_secs_f64() / 86_400.0 + self.phase)).sin();
        self.stepped = now;
        self.walk = (self.walk + random.between(-0.1, 0.1)) * 0.995;
        let walk = self.walk;
        if self.is(&kind::TEMPERATURE) {
            self.measure(1, 17.0 + 6.0 * day + walk);
        } else if self.is(&kind::HUMIDITY) {
            self.measure(1, 55.0 - 15.0 * day + 3.0 * walk);
        } else if self.is(&kind::PRESSURE) {
            self.measure(1, 1013.0 + 8.0 * day + walk);
        } else if self.is(&kind::POWER_METER) {
            self.meter(seconds, day, random);
        } else if self.is(&kind::MOTION) {
            self.toggle(now, random, seconds / 30.0, 8.0);
        } else if self.is(&kind::CONTACT) {
            self.toggle(now, random, seconds / 120.0, 20.0);
        } else if self.is(&kind::SWITCH_INPUT) && random.happens(seconds / 60.0) {
            let clicks = 1 + i64::from(random.draw_u32() % 3);
            self.told.push(Told::Event { channel: 2, value: OwnedValue::Int(clicks) });
        } else if self.is(&kind::RELAY) && self.until.is_some_and(|until| now >= until) {
            self.until = None;
            self.put(1, OwnedValue::Bool(false));
        } else if self.is(&kind::COVER) {
            self.travel(passed);
        }
        let moving = self.goal.map(|_| Duration::from_millis(250));
        moving.or_else(|| self.until.map(|until| until.since(now)))
    }

    /// Every value now, as news or not.
    pub(crate) fn make_all_news(&mut self) {
        self.values.iter_mut().for_each(|held| held.is_news = true);
    }

    /// Whether a value has changed that should be reported at once.
    pub(crate) fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// Whether a value was not reported yet.
    pub(crate) fn has_news(&self) -> bool {
        self.values.iter().any(|held| held.is_news)
    }

    /// Takes the values that are news.
    pub(crate) fn take_news(&mut self) -> impl Iterator<Item = (u8, OwnedValue)> {
        self.has_changed = false;
        self.values
            .iter_mut()
            .filter_map(|held| core::mem::take(&mut held.is_news).then(|| (held.channel, held.value.clone())))
    }

    /// Takes what the module has to tell beside its values.
    pub(crate) fn take_told(&mut self) -> impl Iterator<Item = Told> {
        self.told.drain(..)
    }

    /// A value as it is.
    pub(crate) fn value(&self, channel: u8) -> Option<&OwnedValue> {
        self.values.iter().find(|held| held.channel == channel).map(|held| &held.value)
    }

    fn is(&self, kind: &'static Kind) -> bool {
        core::ptr::eq(self.kind, kind)
    }

    fn put(&mut self, channel: u8, value: OwnedValue) {
        if let Some(held) = self.values.iter_mut().find(|held| held.channel == channel && held.value != value)
        {
            held.value = value;
            held.is_news = true;
            self.has_changed = true;
        }
    }

    /// A sensor measures anew every time, whatever it measured before.
    fn measure(&mut self, channel: u8, value: f64) {
        if let Some(held) = self.values.iter_mut().find(|held| held.channel == channel) {
            held.value = float((value * 100.0).round() / 100.0);
            held.is_news = true;
        }
    }

    fn meter(&mut self, seconds: f64, day: f64, random: &mut Random) {
        let energy = match self.value(2) {
            Some(OwnedValue::Float(energy)) => energy.get(),
            _ => 0.0,
        };
        let power = (400.0 + 250.0 * day + 120.0 * self.walk).max(5.0);
        let voltage = random.between(228.0, 232.0);
        self.measure(1, power);
        self.measure(3, voltage);
        self.measure(4, power / voltage);
        // Not rounded: small steps would be lost.
        if let Some(held) = self.values.iter_mut().find(|held| held.channel == 2) {
            held.value = float(energy + power * seconds / 3_600_000.0);
            held.is_news = true;
        }
    }

    /// A thing that is on now and then, for a while.
    fn toggle(&mut self, now: Instant, random: &mut Random, chance: f64, longest_s: f64) {
        let begins = self.until.is_none() && random.happens(chance);
        let ends = self.until.is_some_and(|until| now >= until);
        if begins || ends {
            let length = Duration::from_secs_f64(random.between(2.0, longest_s));
            self.until = begins.then(|| now.after(length));
            self.put(1, OwnedValue::Bool(begins));
            self.told.push(Told::Event { channel: 2, value: OwnedValue::Bool(begins) });
        }
    }

    fn travel(&mut self, passed: Duration) {
        let Some(mut goal) = self.goal else { return };
        let step = COVER_PER_MS.saturating_mul(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX));
        let way = goal.position * 1_000 - goal.at;
        goal.at += way.clamp(-step, step);
        self.goal = Some(goal);
        self.put(1, OwnedValue::Int(goal.at / 1_000));
        self.put(2, OwnedValue::Int(if way > 0 { 1 } else { 2 }));
        if goal.at == goal.position * 1_000 {
            self.goal = None;
            self.put(2, OwnedValue::Int(0));
            let how = Obeyed::Done(Some(OwnedValue::Int(goal.position)));
            self.told.push(Told::Ended { command: goal.command, how });
        }
    }

    fn end_goal(&mut self, detail: &'static str) {
        if let Some(goal) = self.goal.take() {
            let how = Obeyed::Failed { code: ErrorCode::FAILED, detail };
            self.told.push(Told::Ended { command: goal.command, how });
        }
    }
}

impl Shape {
    fn check(&self, value: Value<'_>) -> Result<(), ErrorCode> {
        let fits = match (self, value) {
            (Self::Bool, Value::Bool(_)) => true,
            (Self::Int { min, max }, Value::Int(value)) => (*min..=*max).contains(&value),
            (Self::Float { min, max }, Value::Float(value)) => (*min..=*max).contains(&value.get()),
            (Self::Text { max_bytes }, Value::Text(text)) => text.len() <= *max_bytes,
            _ => return Err(ErrorCode::WRONG_TYPE),
        };
        if fits { Ok(()) } else { Err(ErrorCode::OUT_OF_RANGE) }
    }
}

fn float(value: f64) -> OwnedValue {
    OwnedValue::from(Value::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: CommandId = CommandId([1; 16]);

    fn module(kind: &'static Kind) -> (Module, Random) {
        let mut random = Random::new(1, 1);
        (Module::new(kind, &mut random), random)
    }

    fn told(module: &mut Module) -> Vec<Told> {
        module.take_told().collect()
    }

    #[test]
    fn sensors_stay_within_their_range_for_a_week() {
        for kind in [&kind::TEMPERATURE, &kind::HUMIDITY, &kind::PRESSURE, &kind::POWER_METER] {
            let (mut module, mut random) = module(kind);
            for minute in 0..7 * 24 * 60 {
                module.step(Instant(minute * 60_000), &mut random);
                for property in kind.properties {
                    let value = module.value(property.channel).unwrap();
                    assert_eq!(property.shape.check(value.borrow()), Ok(()), "{} {value:?}", kind.name);
                }
            }
        }
    }

    #[test]
    fn a_cover_takes_its_time_and_then_is_done() {
        let (mut cover, mut random) = module(&kind::COVER);
        assert_eq!(cover.set(ID, 1, Value::from(50)), Obeyed::Accepted);
        cover.step(Instant(1_000), &mut random);
        assert_eq!(cover.value(1), Some(&OwnedValue::Int(20)));
        assert_eq!(cover.value(2), Some(&OwnedValue::Int(1)));
        assert!(told(&mut cover).is_empty());
        cover.step(Instant(2_500), &mut random);
        let how = Obeyed::Done(Some(OwnedValue::Int(50)));
        assert_eq!(told(&mut cover), [Told::Ended { command: ID, how }]);
        assert_eq!(cover.value(2), Some(&OwnedValue::Int(0)));
    }

    #[test]
    fn a_cover_that_is_stopped_did_not_arrive() {
        let (mut cover, mut random) = module(&kind::COVER);
        cover.set(ID, 1, Value::from(100));
        cover.step(Instant(1_000), &mut random);
        assert_eq!(cover.invoke(Instant(1_000), 3, None), Obeyed::Done(None));
        assert!(matches!(told(&mut cover).as_slice(), [Told::Ended { how: Obeyed::Failed { .. }, .. }]));
        assert_eq!(cover.value(1), Some(&OwnedValue::Int(20)));
    }

    #[test]
    fn what_a_module_cannot_do_is_refused_with_the_reason() {
        let code = |kind, channel, value| match module(kind).0.set(ID, channel, value) {
            Obeyed::Failed { code, .. } => code,
            other @ (Obeyed::Accepted | Obeyed::Done(_)) => panic!("{other:?}"),
        };
        assert_eq!(code(&kind::RELAY, 9, Value::from(true)), ErrorCode::UNKNOWN_CHANNEL);
        assert_eq!(code(&kind::RELAY, 1, Value::from(1)), ErrorCode::WRONG_TYPE);
        assert_eq!(code(&kind::DIMMER, 2, Value::from(101)), ErrorCode::OUT_OF_RANGE);
        assert_eq!(code(&kind::MOTION, 1, Value::from(true)), ErrorCode::NOT_WRITABLE);
    }

    #[test]
    fn a_pulse_ends() {
        let (mut relay, mut random) = module(&kind::RELAY);
        assert_eq!(relay.invoke(Instant(0), 2, Some(Value::from(500))), Obeyed::Done(None));
        assert_eq!(relay.step(Instant(100), &mut random), Some(Duration::from_millis(400)));
        assert_eq!(relay.value(1), Some(&OwnedValue::Bool(true)));
        relay.step(Instant(500), &mut random);
        assert_eq!(relay.value(1), Some(&OwnedValue::Bool(false)));
    }
}
