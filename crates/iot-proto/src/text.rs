//! Bounded text: checked once, when it is built or decoded, and valid from then on.

use core::{fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, de};
use thiserror::Error;

/// UTF-8 text of at most `MAX` bytes without control characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<'a, const MAX: usize>(&'a str);

/// Text that people read in one line: titles, firmware names, details of an error.
pub type Label<'a> = Text<'a, 64>;

/// Why text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    /// More bytes than allowed.
    #[error("text of {len} bytes exceeds the limit of {limit}")]
    TooLong {
        /// Bytes that the text has.
        len: usize,
        /// Bytes that it may have.
        limit: usize,
    },
    /// A control character.
    #[error("text has a control character at byte {at}")]
    Control {
        /// Offset of the character in bytes.
        at: usize,
    },
    /// A name that is empty or has a character other than `a-z 0-9 - _ .`, or begins with `.`.
    #[error("a name has 1 to 32 of a-z 0-9 - _ . and does not begin with a dot")]
    NotAName,
}

impl<'a, const MAX: usize> Text<'a, MAX> {
    /// No text.
    pub const EMPTY: Self = Self("");

    /// Checks `text`.
    ///
    /// # Errors
    /// [`TextError::TooLong`] above `MAX` bytes; [`TextError::Control`] for a control character.
    pub fn new(text: &'a str) -> Result<Self, TextError> {
        if text.len() > MAX {
            return Err(TextError::TooLong { len: text.len(), limit: MAX });
        }
        // Nearly all texts are, and bytes are looked at sooner than characters.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Ok(Self(text));
        }
        match text.char_indices().find(|(_, c)| c.is_control()) {
            Some((at, _)) => Err(TextError::Control { at }),
            None => Ok(Self(text)),
        }
    }

    /// As much of `text` as fits: cut at a character, and before the first control character.
    pub fn clipped(text: &'a str) -> Self {
        if let Ok(text) = Self::new(text) {
            return text;
        }
        let mut end = 0;
        for (at, c) in text.char_indices() {
            if c.is_control() || at + c.len_utf8() > MAX {
                break;
            }
            end = at + c.len_utf8();
        }
        Self(text.get(..end).unwrap_or_default())
    }

    /// The text, for as long as the bytes that it came from.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl<const MAX: usize> Deref for Text<'_, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<'_, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl<const MAX: usize> fmt::Display for Text<'_, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'de: 'a, 'a, const MAX: usize> Deserialize<'de> for Text<'a, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<&str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A name that machines read: 1 to 32 of `a-z 0-9 - _ .`, not beginning with a dot.
///
/// Names of plain nodes and of module kinds; safe in a path, a URL and a log line as it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// Most bytes in a name.
    pub const MAX: usize = 32;

    /// Checks `name`.
    ///
    /// # Errors
    /// [`TextError::NotAName`].
    pub fn new(name: &'a str) -> Result<Self, TextError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
        let fits = (1..=Self::MAX).contains(&name.len()) && !name.starts_with('.');
        if fits && name.bytes().all(allowed) { Ok(Self(name)) } else { Err(TextError::NotAName) }
    }

    /// The name, for as long as the bytes that it came from.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl Deref for Name<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.0
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<&str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bounded_in_bytes_and_has_no_control_characters() {
        assert!(Text::<4>::new("1234").is_ok());
        assert_eq!(Text::<4>::new("12345"), Err(TextError::TooLong { len: 5, limit: 4 }));
        assert_eq!(Text::<4>::new("ü\u{7}"), Err(TextError::Control { at: 2 }));
    }

    #[test]
    fn clipped_text_ends_at_a_character() {
        assert_eq!(Text::<3>::clipped("aüü").as_str(), "aü");
        assert_eq!(Text::<8>::clipped("ab\ncd").as_str(), "ab");
    }

    #[test]
    fn names_are_safe_everywhere() {
        for good in ["a", "north-bay_1", "esp32.kitchen", "0"] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", ".a", "A", "a b", "a/b", "ü", "123456789012345678901234567890123"] {
            assert_eq!(Name::new(bad), Err(TextError::NotAName), "{bad}");
        }
    }
}
