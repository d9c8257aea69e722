//! [`RetentionLayer`]: how the configuration says for how many days readings and roll-ups are kept.
//!
//! What it means is [`RetentionPolicy`], which belongs to the store.

use core::{fmt, time::Duration};
use std::collections::BTreeMap;

use iot_core::{IotError, NodeId, catalogue::Catalogue};
use iot_store::{Retention, RetentionPolicy};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

/// The table `[retention]`. What it leaves out is kept as all modules' are, or as where nothing is said.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionLayer {
    /// For all modules.
    #[serde(default)]
    pub all: TiersLayer,
    /// For modules of a kind, by its name.
    #[serde(default)]
    pub kinds: BTreeMap<Box<str>, TiersLayer>,
    /// For one module, by `node/index`, as in the address of its page; this comes before its kind.
    #[serde(default)]
    pub modules: BTreeMap<ModuleKey, TiersLayer>,
}

/// For how long each is kept: days from 1 to 65535, or `"ever"`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is that of Retention with its name")]
pub struct TiersLayer {
    pub readings: Option<Kept>,
    pub five_minutes: Option<Kept>,
    pub hours: Option<Kept>,
    pub days: Option<Kept>,
}

/// How long something is kept; `None` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept(Option<Duration>);

/// A module of a node, written `node/index`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Box<str>")]
pub struct ModuleKey(NodeId, u8);

impl RetentionLayer {
    /// What holds in the end, over what held before.
    pub(crate) fn over(&self, before: &RetentionPolicy) -> RetentionPolicy {
        let all = self.all.over(before.all);
        let mut policy = RetentionPolicy { all, ..before.clone() };
        policy.kinds.extend(self.kinds.iter().map(|(kind, tiers)| (kind.clone(), tiers.over(all))));
        policy.modules.extend(self.modules.iter().map(|(module, tiers)| {
            let ModuleKey(node, index) = module.clone();
            ((node, index), tiers.over(all))
        }));
        policy
    }
}

impl TiersLayer {
    fn over(&self, before: Retention) -> Retention {
        let or = |kept: Option<Kept>, before| kept.map_or(before, |kept| kept.0);
        Retention {
            readings: or(self.readings, before.readings),
            five_minutes: or(self.five_minutes, before.five_minutes),
            hours: or(self.hours, before.hours),
            days: or(self.days, before.days),
        }
    }
}

/// Checks that the kinds which have times of their own exist.
///
/// # Errors
/// [`IotError::KindUnsupported`] for the first that does not: most likely a slip of the pen.
pub fn check_kinds(policy: &RetentionPolicy, catalogue: &Catalogue) -> Result<(), IotError> {
    policy.kinds.keys().try_for_each(|kind| catalogue.kind(kind).map(drop))
}

/// How long each is kept, in words.
pub fn words(retention: &Retention) -> String {
    let days = |kept: Option<Duration>| {
        kept.map_or_else(|| "for ever".into(), |kept| format!("{} days", kept.as_secs() / (24 * 3600)))
    };
    let Retention { readings, five_minutes, hours, days: buckets } = *retention;
    let (readings, five_minutes) = (days(readings), days(five_minutes));
    format!("readings {readings}, five minutes {five_minutes}, hours {}, days {}", days(hours), days(buckets))
}

impl TryFrom<Box<str>> for ModuleKey {
    type Error = String;

    fn try_from(text: Box<str>) -> Result<Self, String> {
        let parsed = text.rsplit_once('/').and_then(|(node, index)| {
            Some(Self(NodeId::parse(node)?, index.parse().ok()?)) //
        });
        parsed.ok_or_else(|| format!("`{text}` is not a node and a module's index, as in plain:shed/0"))
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeptVisitor)
    }
}

struct KeptVisitor;

impl Visitor<'_> for KeptVisitor {
    type Value = Kept;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("days from 1 to 65535, or \"ever\"")
    }

    fn visit_i64<E: de::Error>(self, days: i64) -> Result<Kept, E> {
        match u16::try_from(days) {
            Ok(days @ 1..) => Ok(Kept(Some(Duration::from_hours(24 * u64::from(days))))),
            _ => Err(E::invalid_value(de::Unexpected::Signed(days), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Kept, E> {
        match word {
            "ever" => Ok(Kept(None)),
            _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RetentionPolicy, String> {
        let layer: RetentionLayer = toml::from_str(text).map_err(|error| error.to_string())?;
        Ok(layer.over(&RetentionPolicy::default()))
    }

    fn days(count: u64) -> Duration {
        Duration::from_hours(24 * count)
    }

    #[test]
    fn a_kind_and_a_module_have_their_own_and_the_rest_of_all() {
        let policy = read(
            "all = { readings = 30 }
            kinds.temperature = { readings = \"ever\", hours = 900 }
            modules.\"plain:shed/2\" = { five_minutes = 7 }",
        )
        .unwrap();
        assert_eq!((policy.all.readings, policy.all.five_minutes), (Some(days(30)), Some(days(400))));
        let kind = policy.kinds["temperature"];
        assert_eq!((kind.readings, kind.five_minutes, kind.hours), (None, Some(days(400)), Some(days(900))));
        let module = policy.modules[&(NodeId::parse("plain:shed").unwrap(), 2)];
        assert_eq!(
            (module.readings, module.five_minutes, module.hours),
            (Some(days(30)), Some(days(7)), None)
        );
        assert_eq!(words(&module), "readings 30 days, five minutes 7 days, hours for ever, days for ever");
    }

    #[test]
    fn what_is_no_time_or_no_module_is_refused_by_name() {
        for (text, part) in [
            ("all = { readings = 0 }", "days from 1 to 65535"),
            ("all = { readings = 70000 }", "days from 1 to 65535"),
            ("all = { readings = \"long\" }", "\"ever\""),
            ("all = { weeks = 1 }", "weeks"),
            ("modules.\"plain:shed\" = {}", "as in plain:shed/0"),
            ("modules.\"shed/0\" = {}", "as in plain:shed/0"),
            ("modules.\"plain:shed/256\" = {}", "as in plain:shed/0"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
