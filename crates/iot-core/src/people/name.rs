//! What users and tokens are called, what a role may, and which passwords are taken. How a password is kept is
//! for whoever answers people.

use alloc::{boxed::Box, format, string::ToString};
use core::fmt;

use super::PeopleError;

/// What a user may do. Who may more may also do what those with less may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Look at everything but other people.
    Viewer,
    /// Also command, admit, name and archive nodes.
    Operator,
    /// Also say who may use the hub, and take and hand out its data.
    Admin,
}

impl Role {
    /// All roles, the one that may least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The role's word on pages, in commands and in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of this [word](Self::word).
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Name of a user: 1 to 32 lower-case letters, digits, `.`, `-` and `_`, the first a letter. It needs no escaping
/// anywhere, and no two of them look alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Box<str>);

impl UserName {
    /// Most bytes of a name.
    pub const MAX: usize = 32;

    /// Reads a name; capital letters become small ones.
    ///
    /// # Errors
    /// [`PeopleError::Name`].
    pub fn new(text: &str) -> Result<Self, PeopleError> {
        let name = text.trim().to_ascii_lowercase();
        let is_valid = (1..=Self::MAX).contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
            });
        if is_valid { Ok(Self(name.into())) } else { Err(PeopleError::Name) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a token is for: 1 to 64 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLabel(Box<str>);

impl TokenLabel {
    /// Most bytes of a label.
    pub const MAX: usize = 64;

    /// Reads a label.
    ///
    /// # Errors
    /// [`PeopleError::Label`].
    pub fn new(text: &str) -> Result<Self, PeopleError> {
        let text = text.trim();
        let is_valid = (1..=Self::MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        if is_valid { Ok(Self(text.into())) } else { Err(PeopleError::Label { bytes: text.len() }) }
    }

    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Shortest and longest password, in characters and in bytes. Long ones cost the hash nothing.
const SHORTEST: usize = 10;
const LONGEST: usize = 1_024;

/// Fewest different characters of a password: `aaaaaaaaaa` is none.
const DIFFERENT: usize = 4;

/// Whether a password may be one: long enough, not the user's name, and more than one key held down.
///
/// # Errors
/// [`PeopleError::Password`].
pub fn check_password(user: &UserName, password: &str) -> Result<(), PeopleError> {
    let refused = |why: Box<str>| Err(PeopleError::Password { why });
    let length = password.chars().count();
    if length < SHORTEST {
        return refused(format!("it has {length} characters, and at least {SHORTEST} are needed").into());
    }
    if password.len() > LONGEST {
        return refused(format!("it has {} bytes, and at most {LONGEST} are taken", password.len()).into());
    }
    let mut different: alloc::vec::Vec<char> = password.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT {
        return refused("it repeats the same few characters".into());
    }
    if password.to_lowercase().replace(user.as_str(), "").chars().count() < SHORTEST - DIFFERENT {
        return refused("it is little more than the name of the user".to_string().into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_no_escaping_anywhere() {
        for (text, expected) in [("ada", Some("ada")), (" Ada.L-1_x ", Some("ada.l-1_x")), ("a", Some("a"))] {
            assert_eq!(UserName::new(text).ok().as_ref().map(UserName::as_str), expected);
        }
        for text in ["", "1a", "a b", "ä", "<b>", "a/b", "a\nb", "-a", "a'b", &"a".repeat(33)] {
            assert_eq!(UserName::new(text), Err(PeopleError::Name), "{text}");
        }
    }

    #[test]
    fn a_password_is_long_and_not_the_name() {
        let ada = UserName::new("ada-lovelace").unwrap();
        for good in ["correct horse", "ünïcödé-lang", "0123456789"] {
            assert_eq!(check_password(&ada, good), Ok(()), "{good}");
        }
        for bad in ["", "short", "aaaaaaaaaaaaaaa", "Ada-Lovelace1", &"x1y2".repeat(300)] {
            assert!(matches!(check_password(&ada, bad), Err(PeopleError::Password { .. })), "{bad}");
        }
    }

    #[test]
    fn a_role_may_what_those_with_less_may() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
        for role in Role::ALL {
            assert_eq!(Role::from_word(role.word()), Some(role));
        }
        assert_eq!(Role::from_word("root"), None);
    }
}
