//! What a rule found: where, what is wrong there, and how to mend it.

use std::fmt;

/// One place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// Counted from 1; `None` where the file as a whole is meant.
    line: Option<usize>,
    what: String,
    mend: &'static str,
}

impl Finding {
    /// A finding about a file as a whole.
    pub(crate) fn in_file(path: &str, what: impl Into<String>, mend: &'static str) -> Self {
        Self { path: path.to_owned(), line: None, what: what.into(), mend }
    }

    /// A finding in a line, counted from 1.
    pub(crate) fn in_line(path: &str, line: usize, what: impl Into<String>, mend: &'static str) -> Self {
        Self { path: path.to_owned(), line: Some(line), what: what.into(), mend }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}\n    {}", self.what, self.mend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_where_what_and_how_to_mend_it() {
        let finding = Finding::in_line("a/b.rs", 7, "it is wrong", "make it right");
        assert_eq!(finding.to_string(), "a/b.rs:7: it is wrong\n    make it right");
    }
}
