//! `cargo xtask tidy`: the rules of this repository that no lint knows. `cargo test` holds them too.
//!
//! A rule is a function from the [`Tree`] to its [`Finding`]s; each finding says where, what, and how to mend
//! it. A rule's test plants the fault that the rule is there to catch.

mod dependencies;
mod documents;
mod finding;
mod markdown;
mod protocol;
pub(crate) mod released;
mod rust;
mod source;
mod tree;
mod words;

pub(crate) use finding::Finding;
pub(crate) use tree::Tree;

use std::path::Path;

use anyhow::ensure;

use crate::out;

/// The rules.
const RULES: &[fn(&Tree) -> Vec<Finding>] = &[
    rust::opening,
    rust::length,
    rust::name,
    rust::attributes,
    words::unfinished,
    words::foreign,
    dependencies::lints,
    dependencies::direction,
    dependencies::bare_metal,
    documents::links,
    documents::crates_are_mapped,
    protocol::kinds,
    protocol::error_codes,
    released::check,
];

/// Holds all rules.
///
/// # Errors
/// When a rule is broken; every finding has been shown then.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let tree = Tree::read(root)?;
    let findings = findings(&tree);
    for finding in &findings {
        out::line(&finding.to_string());
    }
    ensure!(findings.is_empty(), "not tidy; what to mend is said above ({} in all)", findings.len());
    out::line(&format!("{} rules hold over {} files", RULES.len(), tree.len()));
    Ok(())
}

fn findings(tree: &Tree) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| rule(tree)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        let tree = Tree::read(crate::exec::repository()).unwrap();
        let findings: Vec<_> = findings(&tree).iter().map(Finding::to_string).collect();
        assert!(findings.is_empty(), "not tidy:\n{}", findings.join("\n"));
    }
}
