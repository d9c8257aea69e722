//! [`RetentionPolicy`]: how long readings and roll-ups are kept, for all modules, a kind of module, or one.

use std::{collections::BTreeMap, time::Duration};

use iot_core::{NodeId, store::Resolution};

/// How long each is kept, counted from the arrival of the last report; `None` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Readings. They go in whole chunks, a chunk when its last reading is too old.
    pub readings: Option<Duration>,
    /// Buckets of five minutes. They go by the day.
    pub five_minutes: Option<Duration>,
    /// Buckets of an hour. They go by 16 days.
    pub hours: Option<Duration>,
    /// Buckets of a day. They go by 512 days.
    pub days: Option<Duration>,
}

impl Default for Retention {
    /// Readings and buckets of five minutes for 400 days, so that a year can be compared with the one before;
    /// hours and days for ever, because they are small.
    fn default() -> Self {
        let days_400 = Some(Duration::from_hours(400 * 24));
        Self { readings: days_400, five_minutes: days_400, hours: None, days: None }
    }
}

impl Retention {
    /// How long the buckets of a resolution are kept.
    pub(crate) fn of(&self, resolution: Resolution) -> Option<Duration> {
        match resolution {
            Resolution::FiveMinutes => self.five_minutes,
            Resolution::Hour => self.hours,
            Resolution::Day => self.days,
        }
    }
}

/// How long what is kept of which module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Where nothing else is said.
    pub all: Retention,
    /// For modules of a kind, by its name.
    pub kinds: BTreeMap<Box<str>, Retention>,
    /// For one module, by its node and index; this comes before its kind.
    pub modules: BTreeMap<(NodeId, u8), Retention>,
}

impl RetentionPolicy {
    /// What holds for a module, whose kind may not be known.
    pub(crate) fn of(&self, node: &NodeId, module: u8, kind: Option<&str>) -> &Retention {
        let own = || self.modules.get(&(node.clone(), module));
        let of_kind = || kind.and_then(|kind| self.kinds.get(kind));
        // Few have settings of their own, and none has a node to be copied for.
        let own = if self.modules.is_empty() { None } else { own() };
        own.or_else(of_kind).unwrap_or(&self.all)
    }
}

#[cfg(test)]
mod tests {
    use iot_proto::Name;

    use super::*;

    #[test]
    fn a_module_comes_before_its_kind_and_a_kind_before_all() {
        let keep =
            |days: u64| Retention { hours: Some(Duration::from_hours(days * 24)), ..Retention::default() };
        let node = NodeId::plain(Name::new("a").unwrap());
        let policy = RetentionPolicy {
            all: keep(1),
            kinds: [("relay".into(), keep(2))].into(),
            modules: [((node.clone(), 3), keep(3))].into(),
        };
        assert_eq!(*policy.of(&node, 0, None), keep(1));
        assert_eq!(*policy.of(&node, 0, Some("lamp")), keep(1));
        assert_eq!(*policy.of(&node, 0, Some("relay")), keep(2));
        assert_eq!(*policy.of(&node, 3, Some("relay")), keep(3));
    }
}
