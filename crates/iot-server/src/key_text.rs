//! How the keys of a hub are written: in `identity.key` of the data directory, and under a passphrase in a backup.
//!
//! A hub that has had no other key writes the 64 hexadecimal digits of its secret and nothing else. Any other writes its
//! id, and a line for each key:
//!
//! ```text
//! hub 7K2Q-M0XW-9T4C-7K2Q-M0XW-9T4C
//! current 2 1767225600000 0a1b…
//! former 1 1767225600000 2c3d…
//! ```
//!
//! A line says what the key is, its number, since when it is that in milliseconds since 1970, `-` where that is not known,
//! and the digits of its secret. What is written so is a secret itself, and wiped.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use iot_core::UnixMillis;
use iot_net::{HeldKey, HubIdentity, KeySet};
use iot_proto::{HubKey, KeyId};
use zeroize::Zeroizing;

/// Bytes of the longest text of keys.
pub(crate) const LONGEST: usize = 512;

/// The keys as text.
pub(crate) fn text(keys: &KeySet) -> Zeroizing<String> {
    // As long as it may become, so that no shorter copy is left behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST));
    // The digits of a secret key are written as those of a public one.
    let secret = |held: &HeldKey| HubKey(*held.identity.secret());
    if *keys == KeySet::first((*keys.current.identity).clone()) {
        let _ = writeln!(text, "{}", secret(&keys.current));
        return text;
    }
    let _ = writeln!(text, "hub {}", keys.id);
    let lines =
        [("current", Some(&keys.current)), ("next", keys.next.as_ref()), ("former", keys.former.as_ref())];
    for (what, held) in lines {
        let Some(held) = held else { continue };
        let since = held.since.map_or_else(|| "-".to_owned(), |since| since.0.to_string());
        let _ = writeln!(text, "{what} {} {since} {}", held.number, secret(held));
    }
    text
}

/// The keys of a text; `None` where it has none.
pub(crate) fn parse(text: &str) -> Option<KeySet> {
    let mut lines = text.lines();
    let first = lines.next()?;
    let Some(id) = first.strip_prefix("hub ") else {
        let alone = lines.next().is_none().then(|| identity(first))?;
        return alone.map(KeySet::first);
    };
    let id: KeyId = id.parse().ok()?;
    let mut held = BTreeMap::new();
    for line in lines {
        let (what, key) = line.split_once(' ')?;
        if held.insert(what, held_key(key)?).is_some() {
            return None;
        }
    }
    let current = held.remove("current")?;
    let keys = KeySet { id, current, next: held.remove("next"), former: held.remove("former") };
    let mut numbers: Vec<_> = keys.all().map(|held| held.number).collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    (held.is_empty() && numbers.len() == count && !numbers.contains(&0)).then_some(keys)
}

fn held_key(text: &str) -> Option<HeldKey> {
    let mut words = text.split(' ');
    let (number, since, secret) = (words.next()?, words.next()?, words.next()?);
    let since = if since == "-" { None } else { Some(UnixMillis(since.parse().ok()?)) };
    let key = HeldKey { number: number.parse().ok()?, since, identity: Arc::new(identity(secret)?) };
    words.next().is_none().then_some(key)
}

fn identity(digits: &str) -> Option<HubIdentity> {
    digits.parse::<HubKey>().ok().map(|secret| HubIdentity::from_secret(secret.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity_of(byte: u8) -> HubIdentity {
        HubIdentity::from_secret([byte; 32])
    }

    #[test]
    fn keys_are_read_as_they_were_written_and_a_single_one_is_its_digits_alone() {
        let first = KeySet::first(identity_of(1));
        assert_eq!(*text(&first), format!("{}\n", "01".repeat(32)));
        let announced = first.announcing(identity_of(2), None, UnixMillis(5)).unwrap();
        let changed = announced.changed(UnixMillis(9)).unwrap();
        let ended = changed.without_ended(UnixMillis(i64::MAX)).unwrap();
        for keys in [first, announced, changed, ended] {
            let written = text(&keys);
            assert!(written.len() <= LONGEST && written.capacity() == LONGEST, "{}", written.len());
            assert_eq!(parse(&written), Some(keys));
        }
    }

    #[test]
    fn what_is_no_text_of_keys_has_none() {
        let changed = KeySet::first(identity_of(1)).announcing(identity_of(2), None, UnixMillis(5)).unwrap();
        let whole = text(&changed);
        for from in ["current", "next 2", " 5 ", "hub ", "\n"] {
            for to in ["", "other", "current", "next 1"].into_iter().filter(|to| *to != from) {
                assert_eq!(parse(&whole.replacen(from, to, 1)), None, "{from:?} became {to:?}");
            }
        }
        assert_eq!(parse(&whole.replacen("next 2", "next 0", 1)), None);
        assert_eq!(parse(""), None);
    }
}
