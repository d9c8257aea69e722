//! Reads keys of a parsed TOML table, and remembers where each one stands.
//!
//! The forms that a definition uses (text, number, word, list) are here, so that a value of the wrong
//! form is named with its key and position. What the keys mean is up to the callers.

use alloc::{boxed::Box, string::ToString, vec::Vec};

use iot_proto::{Label, Name, Text};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::fault::Fault;

/// A fault and the offset in bytes at which it stands.
#[derive(Debug)]
pub(super) struct Misfit {
    /// Offset in the definition.
    pub(super) at: usize,
    /// What is wrong there.
    pub(super) fault: Fault,
}

/// One table of the definition.
#[derive(Debug)]
pub(super) struct Section<'t> {
    /// What it is, with its article, for people: `a property`.
    place: &'static str,
    table: &'t DeTable<'t>,
    at: usize,
}

/// A whole number as TOML has it; `None` beyond 64 bits.
type Int = Option<i64>;

impl<'t> Section<'t> {
    /// The table that begins at offset `at`; `known` are all keys that it may have.
    pub(super) fn new(
        place: &'static str,
        table: &'t DeTable<'t>,
        at: usize,
        known: &[&str],
    ) -> Result<Self, Misfit> {
        let unknown = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        match unknown.min_by_key(|key| key.span().start) {
            None => Ok(Self { place, table, at }),
            Some(key) => Err(Misfit {
                at: key.span().start,
                fault: Fault::UnknownKey { place, key: shown(key.get_ref()), known: known.join(", ").into() },
            }),
        }
    }

    /// What is wrong with the value of `key`, or with the whole table where it has no such key.
    pub(super) fn misfit(&self, key: &str, fault: Fault) -> Misfit {
        Misfit { at: self.at(key), fault }
    }

    fn at(&self, key: &str) -> usize {
        self.table.get(key).map_or(self.at, |value| value.span().start)
    }

    /// Whether the table has `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// What `read` gives, which must be there.
    pub(super) fn need<T>(&self, key: &'static str, read: Option<T>) -> Result<T, Misfit> {
        read.ok_or_else(|| self.misfit(key, Fault::MissingKey { place: self.place, key }))
    }

    /// Text as it stands.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<&'t str>, Misfit> {
        self.read(key, "text in quotes", DeValue::as_str)
    }

    /// Text of 1 to `MAX` bytes that people read in one line.
    pub(super) fn line<const MAX: usize>(&self, key: &'static str) -> Result<Option<Box<str>>, Misfit> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        line::<MAX>(key, text).map(Some).map_err(|fault| self.misfit(key, fault))
    }

    /// A name that machines read.
    pub(super) fn name(&self, key: &'static str) -> Result<Box<str>, Misfit> {
        let text = self.need(key, self.text(key)?)?;
        match Name::new(text) {
            Ok(name) => Ok(name.as_str().into()),
            Err(_) => Err(self.misfit(key, Fault::Name { key, text: shown(text) })),
        }
    }

    /// One of `words`: what it stands for.
    pub(super) fn word<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>, Misfit> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let meaning = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ").into();
        let fault = || Fault::Word { key, word: shown(text), known: known() };
        meaning.map(Some).ok_or_else(|| self.misfit(key, fault()))
    }

    /// A whole number from `low` to `high`.
    pub(super) fn int(&self, key: &'static str, low: i64, high: i64) -> Result<Option<i64>, Misfit> {
        let Some(value) = self.read(key, "a whole number", int)? else { return Ok(None) };
        self.within(key, value, low, high).map(Some)
    }

    /// Two whole numbers from `low` to `high`.
    pub(super) fn int_pair(
        &self,
        key: &'static str,
        low: i64,
        high: i64,
    ) -> Result<Option<(i64, i64)>, Misfit> {
        let Some((a, b)) = self.read(key, "two whole numbers in brackets", |value| pair(value, int))? else {
            return Ok(None);
        };
        Ok(Some((self.within(key, a, low, high)?, self.within(key, b, low, high)?)))
    }

    /// A finite number.
    pub(super) fn number(&self, key: &'static str) -> Result<Option<f64>, Misfit> {
        let Some(value) = self.read(key, "a number", number)? else { return Ok(None) };
        self.finite(key, value).map(Some)
    }

    /// Two finite numbers.
    pub(super) fn number_pair(&self, key: &'static str) -> Result<Option<(f64, f64)>, Misfit> {
        let Some((a, b)) = self.read(key, "two numbers in brackets", |value| pair(value, number))? else {
            return Ok(None);
        };
        Ok(Some((self.finite(key, a)?, self.finite(key, b)?)))
    }

    /// Two texts.
    pub(super) fn text_pair(&self, key: &'static str) -> Result<Option<(&'t str, &'t str)>, Misfit> {
        self.read(key, "two texts in brackets", |value| pair(value, DeValue::as_str))
    }

    /// The table under `key`; `known` are all keys that it may have.
    pub(super) fn section(
        &self,
        key: &'static str,
        place: &'static str,
        known: &[&str],
    ) -> Result<Option<Self>, Misfit> {
        let Some(table) = self.read(key, "a table", DeValue::as_table)? else { return Ok(None) };
        Section::new(place, table, self.at(key), known).map(Some)
    }

    /// The tables of the list under `key`; none where there is no such list.
    pub(super) fn sections(
        &self,
        key: &'static str,
        place: &'static str,
        known: &[&str],
    ) -> Result<Vec<Self>, Misfit> {
        const FORM: &str = "a list of tables, written [[…]] or [{ … }]";
        let Some(list) = self.read(key, FORM, DeValue::as_array)? else { return Ok(Vec::new()) };
        list.iter()
            .map(|item| {
                let at = item.span().start;
                let found = item.get_ref().type_str();
                let table = item.get_ref().as_table();
                let table = table.ok_or(Misfit { at, fault: Fault::Form { key, expected: FORM, found } })?;
                Section::new(place, table, at, known)
            })
            .collect()
    }

    /// The value of `key` in the form that `as_form` recognises.
    fn read<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        as_form: impl FnOnce(&'t DeValue<'t>) -> Option<T>,
    ) -> Result<Option<T>, Misfit> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let found = value.get_ref().type_str();
        let form = as_form(value.get_ref());
        form.map(Some).ok_or_else(|| self.misfit(key, Fault::Form { key, expected, found }))
    }

    fn within(&self, key: &'static str, value: Int, low: i64, high: i64) -> Result<i64, Misfit> {
        let fits = value.filter(|value| (low..=high).contains(value));
        let text = || value.map_or_else(|| "one beyond 64 bits".into(), |value| value.to_string().into());
        fits.ok_or_else(|| self.misfit(key, Fault::Number { key, low, high, value: text() }))
    }

    fn finite(&self, key: &'static str, value: f64) -> Result<f64, Misfit> {
        if value.is_finite() { Ok(value) } else { Err(self.misfit(key, Fault::NotFinite { key })) }
    }
}

/// Checks text of 1 to `MAX` bytes that people read in one line.
pub(super) fn line<const MAX: usize>(key: &'static str, text: &str) -> Result<Box<str>, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::Empty { key });
    }
    let text = Text::<MAX>::new(text).map_err(|source| Fault::Text { key, source })?;
    Ok(text.as_str().into())
}

/// As much of `text` as a message has room for.
fn shown(text: &str) -> Box<str> {
    Label::clipped(text).as_str().into()
}

fn int(value: &DeValue<'_>) -> Option<Int> {
    let value = value.as_integer()?;
    Some(i64::from_str_radix(value.as_str(), value.radix()).ok())
}

/// A number, with or without a point. One too large for a float is infinite.
fn number(value: &DeValue<'_>) -> Option<f64> {
    match value.as_float() {
        Some(float) => float.as_str().parse().ok(),
        None => value.as_integer().filter(|int| int.radix() == 10)?.as_str().parse().ok(),
    }
}

fn pair<'t, T>(value: &'t DeValue<'t>, read: impl Fn(&'t DeValue<'t>) -> Option<T>) -> Option<(T, T)> {
    let list = value.as_array()?;
    let item = |index: usize| list.get(index).map(Spanned::get_ref).and_then(&read);
    if list.len() == 2 { Some((item(0)?, item(1)?)) } else { None }
}
