//! A Rust file, line by line, apart into code and comments, so that a rule about code is not misled by a
//! string or a comment that speaks of it.
//!
//! Knows where comments, strings and characters begin and end, and nothing else of the language.

/// A line of a Rust file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its code; strings have lost what is between their quotes.
    pub(crate) code: String,
    /// Its comments.
    pub(crate) comment: String,
    /// Whether it belongs to a test module of its file.
    pub(crate) in_tests: bool,
}

impl Line {
    /// Whether nothing is on it.
    pub(crate) fn is_blank(&self) -> bool {
        self.code.trim().is_empty() && self.comment.trim().is_empty()
    }
}

/// What a stretch of the file is.
#[derive(Clone, Copy)]
enum Stretch {
    Code,
    Comment,
    Literal,
}

/// Takes a Rust file apart into its lines.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let (stretch, len) = next_stretch(rest, first, before);
        let (part, after) = rest.split_at(len);
        for character in part.chars() {
            let line = lines.last_mut().expect("there is always a line");
            match (character, stretch) {
                ('\n', _) => lines.push(Line::default()),
                (_, Stretch::Code) => line.code.push(character),
                (_, Stretch::Comment) => line.comment.push(character),
                (_, Stretch::Literal) => {}
            }
        }
        if matches!(stretch, Stretch::Literal) {
            lines.last_mut().expect("there is always a line").code.push_str("\"\"");
        }
        before = part.chars().next_back().unwrap_or(before);
        rest = after;
    }
    if text.ends_with('\n') {
        lines.pop();
    }
    mark_tests(&mut lines);
    lines
}

fn next_stretch(rest: &str, first: char, before: char) -> (Stretch, usize) {
    if rest.starts_with("//") {
        return (Stretch::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Stretch::Comment, block_comment(rest));
    }
    let in_word = before.is_alphanumeric() || before == '_';
    let literal = match first {
        '"' => Some(1 + quoted(&rest[1..], '"')),
        '\'' => character(rest),
        'r' | 'b' | 'c' if !in_word => raw_string(rest),
        _ => None,
    };
    match literal {
        Some(len) => (Stretch::Literal, len),
        None => (Stretch::Code, first.len_utf8()),
    }
}

/// Length of a block comment, with those inside it.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// Length up to and with the quote that is not escaped.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// Length of a character between quotes; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut characters = rest.chars().skip(1);
    let first = characters.next()?;
    (first == '\\' || characters.next() == Some('\'')).then(|| 1 + quoted(&rest[1..], '\''))
}

/// Length of a string such as `r#"…"#` or `br"…"`; `None` for anything else.
fn raw_string(rest: &str) -> Option<usize> {
    let marks = rest.trim_start_matches(['b', 'c']).strip_prefix('r')?;
    let content = marks.trim_start_matches('#').strip_prefix('"')?;
    let hashes = "#".repeat(marks.len() - content.len() - 1);
    let end = format!("\"{hashes}");
    let begin = rest.len() - content.len();
    Some(content.find(&end).map_or(rest.len(), |at| begin + at + end.len()))
}

/// Marks the lines of modules behind `#[cfg(test)]`, whose braces rustfmt puts at the margin.
fn mark_tests(lines: &mut [Line]) {
    let mut at = 0;
    while at < lines.len() {
        let head = lines[at..].iter().take_while(|line| line.code.starts_with("#[")).count();
        let is_test = lines[at..at + head].iter().any(|line| line.code.starts_with("#[cfg(test)]"));
        let opens = lines.get(at + head).is_some_and(|line| {
            let code = line.code.trim_start_matches("pub(crate) ");
            code.starts_with("mod ") && code.ends_with('{')
        });
        let mut len = head.max(1);
        if is_test && opens {
            len =
                lines[at..].iter().position(|line| line.code == "}").map_or(lines.len() - at, |end| end + 1);
            lines[at..at + len].iter_mut().for_each(|line| line.in_tests = true);
        }
        at += len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, code: &[&str], comments: &[&str]) {
        let lines = lines(text);
        assert_eq!(lines.iter().map(|line| line.code.trim_end()).collect::<Vec<_>>(), code);
        assert_eq!(lines.iter().map(|line| line.comment.as_str()).collect::<Vec<_>>(), comments);
    }

    #[test]
    fn comments_are_apart_from_code() {
        check("a // b\nc /* d /* e */\nf */ g\n", &["a", "c", " g"], &["// b", "/* d /* e */", "f */"]);
    }

    #[test]
    fn strings_hide_what_is_in_them() {
        check(r#"f("// \" a", b'"', '\'', "é") // b"#, &[r#"f("", b"", "", "")"#], &["// b"]);
        check("r#\"a\" // \"# b", &["\"\" b"], &[""]);
        check("\"a\nb\" c", &["", "\"\" c"], &["", ""]);
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        check("f<'a>(&'a str, r#type, for_r\"x\")", &["f<'a>(&'a str, r#type, for_r\"\")"], &[""]);
    }

    #[test]
    fn test_modules_are_known_from_their_attribute_to_their_brace() {
        let text = "a\n#[cfg(test)]\nmod tests {\n    \"\n}\n\"\n}\nb\n#[cfg(test)]\nextern crate std;\nc\n";
        let in_tests: Vec<_> = lines(text).iter().map(|line| line.in_tests).collect();
        assert_eq!(in_tests, [false, true, true, true, true, true, true, false, false, false, false]);
    }
}
