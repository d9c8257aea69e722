//! Rules about words that have no place in a file: marks of unfinished work, and places that only one
//! machine has.

use super::{Finding, Tree, source};

/// Marks of unfinished work in comments, whole words. Written apart, since they are sought here too.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

/// The same in code.
const MACROS: &[&str] = &["todo!", "unimplemented!", "dbg!"];

/// Places that say nothing to a reader elsewhere: directories of build machines, hosts of registries.
const FOREIGN: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/tm", "p/wt"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("deb.", "debian.org"),
    concat!("registry.", "npmjs.org"),
    concat!("py", "pi.org"),
    concat!("files.", "pythonhosted.org"),
    concat!("proxy.", "golang.org"),
];

/// Endings of files in which a mark of unfinished work is sought, beside Rust's.
const CODE: &[&str] = &["css", "html", "js", "py", "sh", "toml", "yml"];

/// Nothing is committed unfinished.
pub(crate) fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mend = "finish it, or say in an issue what is missing and take the mark out";
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| !is_from_elsewhere(path)) {
        let mut note = |number, word: &str| {
            findings.push(Finding::in_line(path, number, format!("unfinished: `{word}`"), mend));
        };
        let ending = path.rsplit('.').next().unwrap_or_default();
        if ending == "rs" {
            for (number, line) in (1..).zip(source::lines(text)) {
                MARKS.iter().filter(|mark| has_word(&line.comment, mark)).for_each(|mark| note(number, mark));
                MACROS.iter().filter(|name| has_word(&line.code, name)).for_each(|name| note(number, name));
            }
        } else if CODE.contains(&ending) {
            for (number, line) in (1..).zip(text.lines()) {
                MARKS.iter().filter(|mark| has_word(line, mark)).for_each(|mark| note(number, mark));
            }
        }
    }
    findings
}

/// No file speaks of a place that its reader does not have.
pub(crate) fn foreign(tree: &Tree) -> Vec<Finding> {
    let mend = "write a path from the root of the repository, or name the package without its host";
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (number, line) in (1..).zip(text.lines()) {
            for place in FOREIGN.iter().filter(|place| has_place(line, place)) {
                let what = format!("`{place}` is a place that only one machine or network has");
                findings.push(Finding::in_line(path, number, what, mend));
            }
        }
    }
    findings
}

/// Whether a file was made by others and is kept as it came.
fn is_from_elsewhere(path: &str) -> bool {
    path.contains("/vendor/") || path.contains(".min.")
}

/// Whether a place is spoken of; a directory only where a path begins with it.
fn has_place(text: &str, place: &str) -> bool {
    text.match_indices(place).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let goes_on = |c: char| c.is_alphanumeric() || ['_', '-', '.'].contains(&c);
        !(place.starts_with('/') && before.is_some_and(goes_on))
    })
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let in_word = |neighbour: Option<char>| neighbour.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !in_word(before) && !in_word(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::planted;

    fn check(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str, findings: usize) {
        let found = rule(&planted::files(&[(path, text)]));
        assert_eq!(found.len(), findings, "{path}: {found:?}");
    }

    #[test]
    fn marks_of_unfinished_work_are_found() {
        for mark in MARKS {
            check(unfinished, "a.rs", &format!("fn a() {{}} // {mark}: b\n"), 1);
            check(unfinished, "a.py", &format!("# {mark} b\n"), 1);
            check(unfinished, "a.rs", &format!("let a = \"{mark}\"; // {mark}S\n"), 0);
            check(unfinished, "a/vendor/b.js", mark, 0);
        }
    }

    #[test]
    fn macros_of_unfinished_work_are_found() {
        for name in MACROS {
            check(unfinished, "a.rs", &format!("let a = {name}(b);\n"), 1);
            check(unfinished, "a.rs", &format!("// {name}\nlet a = \"{name}\"; my_{name}(b);\n"), 0);
        }
    }

    #[test]
    fn places_of_one_machine_are_found() {
        for place in FOREIGN {
            check(foreign, "a.md", &format!("see\n{place}x\n"), 1);
        }
        check(foreign, "a.md", "see crates/iot-core/src/hub.rs\n", 0);
        check(foreign, "a.md", &format!("see docs{}x\n", FOREIGN[0]), 0);
    }
}
