//! The rule that a released version of the wire never changes: its vectors are recorded with a hash of each
//! file, and a recorded file stays as it is, byte for byte.
//!
//! The record has the form of `sha256sum`, so that `sha256sum -c` reads it too.

use std::fmt::Write as _;

use anyhow::bail;
use sha2::{Digest as _, Sha256};

use super::{Finding, Tree};

/// Where the hashes of released files are recorded.
pub(crate) const RECORD: &str = "crates/iot-proto/tests/wire/released.sha256";

const DIRECTORY: &str = "crates/iot-proto/tests/wire/";

/// Recorded files are unchanged, and from version 1.0 of the wire crate on, all versions are recorded.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = changed(tree);
    let is_released = tree
        .packages()
        .iter()
        .any(|package| package.name == "iot-proto" && !package.version.starts_with("0."));
    if is_released {
        let mend = "run `cargo xtask vectors --release` and commit the record";
        let missing = vectors(tree).filter(|(name, _)| recorded(tree).all(|(_, recorded)| recorded != *name));
        findings.extend(missing.map(|(name, _)| {
            Finding::in_file(RECORD, format!("the released file {name} is not recorded"), mend)
        }));
    }
    findings
}

/// Refuses a tree in which a released file has changed.
///
/// # Errors
/// The first finding.
pub(crate) fn ensure_unchanged(tree: &Tree) -> anyhow::Result<()> {
    match changed(tree).first() {
        Some(finding) => bail!("{finding}"),
        None => Ok(()),
    }
}

/// The record with all files that it lacks added, and how many these are.
pub(crate) fn record(tree: &Tree) -> (String, usize) {
    let mut text = tree.text(RECORD).unwrap_or_default().to_owned();
    let mut added = 0;
    for (name, content) in vectors(tree) {
        if recorded(tree).all(|(_, recorded)| recorded != name) {
            writeln!(text, "{}  {name}", hash(content)).expect("a String takes any text");
            added += 1;
        }
    }
    (text, added)
}

fn changed(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (expected, name) in recorded(tree) {
        let path = format!("{DIRECTORY}{name}");
        if tree.text(&path).map(hash).as_deref() != Some(expected) {
            let mend = "restore the file; another shape of a message is another message kind";
            findings.push(Finding::in_file(&path, "a released file has changed or is gone", mend));
        }
    }
    findings
}

/// The recorded files: hash and name.
fn recorded(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.text(RECORD).unwrap_or_default().lines().filter_map(|line| line.split_once("  "))
}

/// The files of all versions: name and content.
fn vectors(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    let files = tree.texts().filter_map(|(path, text)| Some((path.strip_prefix(DIRECTORY)?, text)));
    files.filter(|(name, _)| {
        let version = name.strip_prefix('v').and_then(|name| name.split_once('.'));
        version.is_some_and(|(number, _)| number.parse::<u8>().is_ok())
    })
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::planted;

    /// What `printf a | sha256sum` says.
    const HASH_OF_A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    fn tree(content: &str, record: &str) -> Tree {
        planted::files(&[
            ("crates/iot-proto/tests/wire/v1.txt", content),
            ("crates/iot-proto/tests/wire/main.rs", "not recorded"),
            (RECORD, record),
        ])
    }

    #[test]
    fn a_released_file_that_changed_is_found() {
        let record = format!("{HASH_OF_A}  v1.txt\n");
        assert_eq!(check(&tree("a", &record)), []);
        assert_eq!(check(&tree("b", &record)).len(), 1);
        assert!(ensure_unchanged(&tree("b", &record)).is_err());
    }

    #[test]
    fn a_released_file_that_is_gone_is_found() {
        assert_eq!(check(&tree("a", &format!("{HASH_OF_A}  v2.txt\n"))).len(), 1);
    }

    #[test]
    fn only_files_that_are_not_recorded_are_added_to_the_record() {
        let (text, added) = record(&tree("a", ""));
        assert_eq!((text.as_str(), added), (format!("{HASH_OF_A}  v1.txt\n").as_str(), 1));
        assert_eq!(record(&tree("b", &text)), (text.clone(), 0));
    }
}
