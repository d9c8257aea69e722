//! [`Passphrase`]: what a person remembers, or keeps on paper, to get the hub's key back out of a backup.

use alloc::{boxed::Box, format};
use core::fmt;

use super::PeopleError;

/// Longest passphrase, in bytes.
const LONGEST: usize = 1_024;

/// Fewest different characters.
const DIFFERENT: usize = 6;

/// Words under which the hub's key is sealed: 16 characters to 1,024 bytes. They are never shown and never stored.
#[derive(Clone)]
pub struct Passphrase(Box<str>);

impl Passphrase {
    /// Fewest characters: whoever finds a backup can try as many as they like.
    pub const SHORTEST: usize = 16;

    /// Takes words as they were typed.
    ///
    /// # Errors
    /// [`PeopleError::Passphrase`], which tells nothing of them but their length.
    pub fn new(text: &str) -> Result<Self, PeopleError> {
        let refused = |why: Box<str>| Err(PeopleError::Passphrase { why });
        let length = text.chars().count();
        if length < Self::SHORTEST {
            let least = Self::SHORTEST;
            return refused(format!("it has {length} characters, and at least {least} are needed").into());
        }
        if text.len() > LONGEST {
            return refused(format!("it has {} bytes, and at most {LONGEST} are taken", text.len()).into());
        }
        let mut different: alloc::vec::Vec<char> = text.chars().collect();
        different.sort_unstable();
        different.dedup();
        if different.len() < DIFFERENT {
            return refused("it repeats the same few characters".into());
        }
        Ok(Self(text.into()))
    }

    /// The bytes from which a key is made.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    /// Tells nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_words_are_taken_and_what_can_be_tried_out_is_not() {
        assert!(Passphrase::new("four words are good").is_ok());
        for bad in ["", "fifteen letters", &"ab".repeat(20), &"x1y2z3".repeat(200)] {
            assert!(matches!(Passphrase::new(bad), Err(PeopleError::Passphrase { .. })), "{bad}");
        }
    }

    #[test]
    fn it_shows_nothing_of_itself() {
        let shown = format!("{:?}", Passphrase::new("four words are good").unwrap());
        assert_eq!(shown, "Passphrase(…)");
    }
}
