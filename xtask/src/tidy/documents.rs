//! Rules about documents: what they link to exists, and the map names every crate.

use super::{Finding, Tree, markdown};

const MAP: &str = "ARCHITECTURE.md";

/// Links in documents to files of this repository lead somewhere.
pub(crate) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts_with_ending(".md") {
        for (number, target) in markdown::links(text) {
            let file = target.split('#').next().unwrap_or_default();
            if target.contains("://") || target.starts_with("mailto:") || file.is_empty() {
                continue;
            }
            if resolve(path, file).is_none_or(|file| !tree.has(&file)) {
                let mend = "correct the path, which is taken from the directory of the document";
                findings.push(Finding::in_line(path, number, format!("nothing lies at `{file}`"), mend));
            }
        }
    }
    findings
}

/// The map of the code names every crate.
pub(crate) fn crates_are_mapped(tree: &Tree) -> Vec<Finding> {
    let map = tree.text(MAP).unwrap_or_default();
    let missing = tree.packages().iter().filter(|package| !map.contains(&package.name));
    missing
        .map(|package| {
            let mend = "give it a paragraph: what it owns, and what it leaves to others";
            Finding::in_file(MAP, format!("the crate {} is not on the map", package.name), mend)
        })
        .collect()
}

/// The path from the root of what a document at `from` calls `to`; `None` where that is outside the root.
fn resolve(from: &str, to: &str) -> Option<String> {
    let (directory, to) = match to.strip_prefix('/') {
        Some(to) => ("", to),
        None => (from.rsplit_once('/').map_or("", |(directory, _)| directory), to),
    };
    let mut parts = Vec::new();
    for part in directory.split('/').chain(to.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::planted;

    #[test]
    fn a_link_to_nothing_is_found() {
        let check = |target: &str, findings: usize| {
            let document = format!("see [it]({target})\n");
            let tree = planted::files(&[("docs/a.md", &document), ("docs/b.md", ""), ("src/c.rs", "")]);
            assert_eq!(links(&tree).len(), findings, "{target}");
        };
        for target in ["b.md", "./b.md#part", "../src/c.rs", "/src/c.rs", "../src", "..", "#part"] {
            check(target, 0);
        }
        for target in ["https://example.org/x", "mailto:a@example.org"] {
            check(target, 0);
        }
        for target in ["c.md", "../docs/c.md", "../../b.md", "/c.rs"] {
            check(target, 1);
        }
    }

    #[test]
    fn a_crate_that_is_not_on_the_map_is_found() {
        let package =
            r#"{"name":"iot-x","version":"0.1.0","manifest_path":"","dependencies":[],"features":{}}"#;
        let found = crates_are_mapped(&planted::package(package));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].to_string().contains("iot-x"));
    }
}
