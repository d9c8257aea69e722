//! Rules about each Rust file: how it opens, how long it is, what it is called, what it allows.

use super::{
    Finding, Tree,
    source::{self, Line},
};

/// Most lines of a file that are neither blank nor in a test module.
const MOST_LINES: usize = 400;

/// The same for the type that routes all inputs of the hub: such a file grows the fastest everywhere.
const MOST_LINES_OF_HUB: usize = 250;

/// Names of files that say nothing about what is in them.
const EMPTY_NAMES: &[&str] = &["common", "helpers", "manager", "misc", "types", "util", "utils"];

/// Every file says first what it owns and what it leaves to others.
pub(crate) fn opening(tree: &Tree) -> Vec<Finding> {
    let silent = tree.texts_with_ending(".rs").filter(|(_, text)| !text.starts_with("//!"));
    silent
        .map(|(path, _)| {
            let mend =
                "begin it with 2 to 8 lines of `//!` that say what it owns and what it leaves to others";
            Finding::in_file(path, "the file does not say what it is for", mend)
        })
        .collect()
}

/// A file is one idea, and short.
pub(crate) fn length(tree: &Tree) -> Vec<Finding> {
    let code = tree.texts_with_ending(".rs").filter(|(path, _)| !holds_only_tests(path));
    code.filter_map(|(path, text)| {
        let is_hub = path.ends_with("iot-core/src/hub.rs");
        let most = if is_hub { MOST_LINES_OF_HUB } else { MOST_LINES };
        let len = source::lines(text).iter().filter(|line| !line.in_tests && !line.is_blank()).count();
        let mend = "move a type that owns its own state to a file of its own, with its tests";
        (len > most).then(|| {
            Finding::in_file(path, format!("{len} lines without tests exceed the limit of {most}"), mend)
        })
    })
    .collect()
}

/// A file is called after what is in it.
pub(crate) fn name(tree: &Tree) -> Vec<Finding> {
    let paths = tree.texts_with_ending(".rs").map(|(path, _)| path);
    paths
        .filter(|path| EMPTY_NAMES.iter().any(|name| path.ends_with(&format!("/{name}.rs"))))
        .map(|path| {
            let mend =
                "call it after the one idea that it holds, or give its parts to the files that use them";
            Finding::in_file(path, "the name says nothing about what is in the file", mend)
        })
        .collect()
}

/// A lint is relaxed with a reason, and only as long as it has something to say.
pub(crate) fn attributes(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts_with_ending(".rs") {
        for (number, line) in (1..).zip(source::lines(text)) {
            if allows_a_lint(&line) {
                let mend = "mend what the lint says, or write `#[expect(lint, reason = \"…\")]`";
                findings.push(Finding::in_line(path, number, "a lint is silenced for ever", mend));
            }
        }
    }
    findings
}

fn allows_a_lint(line: &Line) -> bool {
    let code = line.code.trim_start();
    code.starts_with('#') && (code.contains("[allow(") || code.contains(" allow("))
}

/// Whether a file holds tests and nothing else, by where it lies.
fn holds_only_tests(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
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
    fn a_file_that_opens_with_code_is_found() {
        check(opening, "a/src/b.rs", "//! What it is for.\n", 0);
        check(opening, "a/src/b.rs", "use std::fmt;\n", 1);
        check(opening, "a/tests/b.rs", "// A note.\n//! Too late.\n", 1);
    }

    #[test]
    fn a_file_that_is_too_long_is_found() {
        let code = |lines: usize| "let a = 1;\n".repeat(lines);
        check(length, "a/src/b.rs", &code(400), 0);
        check(length, "a/src/b.rs", &code(401), 1);
        check(length, "crates/iot-core/src/hub.rs", &code(250), 0);
        check(length, "crates/iot-core/src/hub.rs", &code(251), 1);
    }

    #[test]
    fn tests_and_blank_lines_do_not_count_towards_the_length() {
        let code = "let a = 1;\n\n".repeat(400);
        let tests = "    let a = 1;\n".repeat(400);
        check(length, "a/src/b.rs", &format!("{code}#[cfg(test)]\nmod tests {{\n{tests}}}\n"), 0);
        check(length, "a/src/b.rs", &format!("{code}#[cfg(unix)]\nmod others {{\n{tests}}}\n"), 1);
        check(length, "a/tests/b.rs", &tests.repeat(2), 0);
        check(length, "tests/src/b.rs", &tests.repeat(2), 1);
    }

    #[test]
    fn a_file_named_after_nothing_is_found() {
        check(name, "a/src/utils.rs", "", 1);
        check(name, "a/src/prototypes.rs", "", 0);
    }

    #[test]
    fn a_silenced_lint_is_found() {
        check(attributes, "a/src/b.rs", "#[allow(dead_code)]\nfn a() {}\n", 1);
        check(attributes, "a/src/b.rs", "#![allow(missing_docs)]\n", 1);
        check(attributes, "a/src/b.rs", "#[cfg_attr(test, allow(dead_code))]\n", 1);
        check(attributes, "a/src/b.rs", "// #[allow(a)] is not\nlet a = \"#[allow(a)]\"; allow(a);\n", 0);
    }
}
