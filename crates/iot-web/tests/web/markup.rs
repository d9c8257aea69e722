//! What every page must keep: tags that close, ids that are single, no markup out of anybody's words.

use std::collections::BTreeSet;

/// Elements that have no end.
const VOID: [&str; 4] = ["meta", "link", "input", "br"];

/// Checks that tags nest and ids are single.
pub(crate) fn check(path: &str, page: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut ids = BTreeSet::new();
    for tag in tags(page) {
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            assert_eq!(last.as_deref(), Some(name.trim()), "{path}: </{name}> closes what is not open");
            continue;
        }
        let name = tag.split([' ', '\n', '/']).next().unwrap_or_default();
        if !tag.ends_with('/') && !VOID.contains(&name) && name != "!doctype" {
            open.push(name.to_owned());
        }
        for id in attributes(&tag, "id") {
            assert!(ids.insert(id.clone()), "{path}: the id {id} is there twice");
        }
        for name in ["style", "onclick", "onload", "onerror"] {
            let found = attributes(&tag, name);
            assert!(found.is_empty(), "{path}: the policy forbids {name} in <{tag}>");
        }
    }
    assert!(open.is_empty(), "{path}: never closed: {open:?}");
}

/// Every address that a page leads to.
pub(crate) fn links(page: &str) -> BTreeSet<String> {
    let of = |tag: &String| [attributes(tag, "href"), attributes(tag, "src")].concat();
    tags(page).iter().flat_map(of).filter(|link| !link.starts_with('#')).collect()
}

/// Every address to which a form posts.
pub(crate) fn actions(page: &str) -> BTreeSet<String> {
    let posts = tags(page).into_iter().filter(|tag| tag.starts_with("form") && tag.contains("\"post\""));
    posts.flat_map(|tag| attributes(&tag, "action")).collect()
}

fn tags(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        let mut quoted = false;
        let end = after.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let end = end.expect("every tag ends");
        tags.push(after[..end].to_owned());
        rest = &after[end..];
    }
    tags
}

fn attributes(tag: &str, name: &str) -> Vec<String> {
    let begin = format!(" {name}=\"");
    let values = tag.match_indices(&begin).map(|(at, _)| &tag[at + begin.len()..]);
    values.filter_map(|value| value.split('"').next()).map(|value| value.replace("&#38;", "&")).collect()
}
