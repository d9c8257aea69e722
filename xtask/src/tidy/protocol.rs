//! The rule that the normative text of the wire and the code have the same numbers and words: a document
//! that someone writes a node from must not be behind.

use std::collections::BTreeSet;

use iot_proto::{ErrorCode, MessageKind};

use super::{Finding, Tree, markdown};

const DOCUMENT: &str = "crates/iot-proto/PROTOCOL.md";

/// A number and its word.
type Entry = (u16, String);

/// The tables of message kinds, `| number | kind | …`, are those of the code.
pub(crate) fn kinds(tree: &Tree) -> Vec<Finding> {
    let defined = MessageKind::ALL.iter().map(|kind| (kind.0, kind.to_string())).collect();
    compare("message kind", tree, ["number", "kind"], &defined)
}

/// The tables of error codes, `| code | word | …`, are those of the code.
pub(crate) fn error_codes(tree: &Tree) -> Vec<Finding> {
    let defined = ErrorCode::ALL.iter().map(|code| (code.0, code.word().unwrap_or_default().to_owned()));
    compare("error code", tree, ["code", "word"], &defined.collect())
}

/// Compares what is defined with the document's tables whose first columns are called so.
fn compare(what: &str, tree: &Tree, columns: [&str; 2], defined: &BTreeSet<Entry>) -> Vec<Finding> {
    let documented = documented(tree.text(DOCUMENT).unwrap_or_default(), columns);
    if documented.is_empty() {
        let mend = "write the table: someone writes a node from this text alone";
        return vec![Finding::in_file(DOCUMENT, format!("there is no table of each {what}"), mend)];
    }
    let missing = defined.difference(&documented).map(|(number, word)| {
        let mend = "add a row for it to the table, and say what it means";
        Finding::in_file(
            DOCUMENT,
            format!("{what} {number:#06x} ({number}), {word}, is in the code alone"),
            mend,
        )
    });
    let unknown = documented.difference(defined).map(|(number, word)| {
        let mend = "define it in iot-proto, or correct the row; a number is never given away a second time";
        Finding::in_file(
            DOCUMENT,
            format!("{what} {number:#06x} ({number}), {word}, is in the text alone"),
            mend,
        )
    });
    missing.chain(unknown).collect()
}

fn documented(text: &str, columns: [&str; 2]) -> BTreeSet<Entry> {
    let tables = markdown::tables(text);
    let tables = tables.iter().filter(|table| table.header.starts_with(&columns.map(str::to_owned)));
    let rows = tables.flat_map(|table| &table.rows);
    rows.filter_map(|(_, cells)| match cells.as_slice() {
        [number, word, ..] => Some((parse(number)?, word.clone())),
        [_] | [] => None,
    })
    .collect()
}

fn parse(number: &str) -> Option<u16> {
    match number.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::planted;

    /// A document with all kinds and codes, and what `change` makes of its rows.
    fn document(change: impl Fn(String) -> Option<String>) -> Tree {
        let mut text = "| number | kind | direction |\n|---|---|---|\n".to_owned();
        let kinds = MessageKind::ALL.iter().map(|kind| format!("| `{:#06x}` | `{kind}` | both |\n", kind.0));
        text.extend(kinds.filter_map(&change));
        text += "\n| code | word | meaning |\n|---|---|---|\n";
        let codes = ErrorCode::ALL.iter().map(|code| (code.0, code.word().unwrap()));
        text.extend(codes.map(|(code, word)| format!("| {code} | `{word}` | … |\n")).filter_map(&change));
        planted::files(&[(DOCUMENT, &text)])
    }

    #[test]
    fn a_document_in_step_is_tidy() {
        let tree = document(Some);
        assert_eq!((kinds(&tree), error_codes(&tree)), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_row_that_is_missing_is_found() {
        let tree = document(|row| (!row.contains("`report`") && !row.contains("`blocked`")).then_some(row));
        assert_eq!((kinds(&tree).len(), error_codes(&tree).len()), (1, 1));
    }

    #[test]
    fn a_row_with_another_word_or_number_is_found() {
        let tree = document(|row| Some(row.replace("`report`", "`record`").replace("| 41 |", "| 941 |")));
        assert_eq!((kinds(&tree).len(), error_codes(&tree).len()), (2, 2));
    }

    #[test]
    fn a_document_that_is_gone_is_found() {
        assert_eq!((kinds(&Tree::default()).len(), error_codes(&Tree::default()).len()), (1, 1));
    }
}
