//! [`Book`]: every secret that a hub was given or gave out, and the search for each of them in whatever form.

use aho_corasick::AhoCorasick;
use anyhow::Result;
use base64::{
    Engine as _, engine::general_purpose::STANDARD_NO_PAD, engine::general_purpose::URL_SAFE_NO_PAD,
};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// Places of secrets that are told in words.
const TOLD: usize = 10;

/// One secret.
#[derive(Clone, Debug)]
struct Secret {
    /// What it is, for whoever reads that it was found.
    what: String,
    /// Every way in which its bytes may be written.
    bytes: Vec<Vec<u8>>,
}

/// All secrets, and where they were found.
#[derive(Debug, Default)]
pub(super) struct Book {
    secrets: Vec<Secret>,
    /// Places that were searched, and their bytes.
    pub(super) places: usize,
    pub(super) searched: usize,
    /// Secrets found, once for each place.
    pub(super) found: usize,
    /// The first of them in words.
    pub(super) seen: Vec<String>,
}

impl Book {
    /// Notes a secret. A part of it that nothing else has and that no encoding of text changes is enough to find it.
    pub(super) fn note(&mut self, what: impl Into<String>, text: &str, part: &str) {
        let mut bytes = vec![text.as_bytes().to_vec(), part.as_bytes().to_vec()];
        // Tokens, cookies and keys are written as hexadecimal digits, and could be kept as what these stand for.
        bytes.extend(unhex(part));
        // Some are written in groups.
        if text.contains('-') {
            bytes.push(text.replace('-', "").into_bytes());
        }
        self.secrets.push(Secret { what: what.into(), bytes });
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Looks for each secret in each of these places.
    ///
    /// # Errors
    /// When there is more to look for than fits into memory.
    pub(super) fn search<'a>(&mut self, places: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<()> {
        let (mut patterns, mut owners) = (Vec::new(), Vec::new());
        for (owner, secret) in self.secrets.iter().enumerate() {
            for pattern in secret.bytes.iter().flat_map(|bytes| forms(bytes)) {
                patterns.push(pattern);
                owners.push(owner);
            }
        }
        let finder = AhoCorasick::new(&patterns)?;
        for (place, bytes) in places {
            self.places += 1;
            self.searched += bytes.len();
            let found =
                finder.find_overlapping_iter(bytes).filter_map(|at| owners.get(at.pattern().as_usize()));
            let mut found: Vec<_> = found.copied().collect();
            found.sort_unstable();
            found.dedup();
            self.found += found.len();
            for secret in found.into_iter().filter_map(|owner| self.secrets.get(owner)) {
                if self.seen.len() < TOLD {
                    self.seen.push(format!("{} in {place}", secret.what));
                }
            }
        }
        Ok(())
    }
}

/// The bytes as they are, in hexadecimal digits, in base64 wherever in a longer text, and as in an address.
fn forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lower = hex(bytes);
    let mut forms = vec![bytes.to_vec(), lower.to_uppercase().into_bytes(), lower.into_bytes()];
    forms.push(percent_encode(bytes, NON_ALPHANUMERIC).to_string().into_bytes());
    for before in 0..3 {
        let mut text = vec![0; before];
        text.extend(bytes);
        // Three bytes are four digits: what shares a digit with a neighbour is left out.
        text.truncate(text.len() / 3 * 3);
        for digits in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
            let own = digits.get(if before == 0 { 0 } else { 4 }..).unwrap_or_default();
            forms.push(own.as_bytes().to_vec());
        }
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

/// The bytes that hexadecimal digits stand for; `None` where it is no such text of 16 bytes or more.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let is_long = text.len() >= 32 && text.len().is_multiple_of(2);
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
    bytes.collect::<Option<Vec<u8>>>().filter(|_| is_long)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form_and_nothing_else_is() {
        let (text, part) = ("Ab & ü/+ 0123456789abcdef", "0123456789abcdef");
        for hidden in [
            format!("x{text}y"),
            "Ab &amp; &uuml;/+ 0123456789abcdef".into(),
            hex(part.as_bytes()).to_uppercase(),
            STANDARD.encode(format!("ada:{text}")),
            STANDARD.encode(format!("eve:x{part}")),
            format!("?p={}", percent_encode(text.as_bytes(), NON_ALPHANUMERIC)),
        ] {
            let mut book = Book::default();
            book.note("a password", text, part);
            book.search([("here", hidden.as_bytes()), ("there", "0123456789abcdee".as_bytes())]).unwrap();
            assert_eq!(book.seen, ["a password in here"], "{hidden}");
        }
    }

    #[test]
    fn the_bytes_that_digits_stand_for_are_found() {
        let mut book = Book::default();
        book.note("a key", &"0f".repeat(32), &"0f".repeat(32));
        book.search([("here", [15; 40].as_slice())]).unwrap();
        assert_eq!(book.found, 1);
    }
}
