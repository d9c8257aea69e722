//! Counts tests from the closing lines of the test runners: cargo-nextest, `cargo test` and the walk.

use std::fmt;

/// How many tests were run, over all runners.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    /// How many passed so far.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Takes note of a line of a runner's output; all but closing lines are passed over.
    pub(crate) fn read(&mut self, line: &str) {
        let line = without_colour(line);
        let counts = if let Some(counts) =
            line.strip_prefix("test result: ").or_else(|| line.strip_prefix("walk: "))
        {
            counts
        } else if let Some((head, counts)) =
            line.split_once(" tests run: ").or_else(|| line.split_once(" test run: "))
            && head.trim_start().starts_with("Summary")
        {
            counts
        } else {
            return;
        };
        for part in counts.split([',', ';', '.']) {
            let mut words = part.split_whitespace();
            let Some(Ok(count)) = words.next().map(str::parse::<u64>) else { continue };
            match words.next() {
                Some("passed") => self.passed += count,
                Some("failed" | "exec" | "timed") => self.failed += count,
                Some("skipped" | "ignored") => self.skipped += count,
                Some(_) | None => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tests: {} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The line without the escape sequences that colour it on a terminal.
fn without_colour(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, expected: &str) {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.read(line));
        assert_eq!(tally.to_string(), format!("tests: {expected}"));
    }

    #[test]
    fn the_summary_of_nextest_is_counted() {
        check(
            "     Summary [   0.034s] 12 tests run: 12 passed, 3 skipped",
            "12 passed, 0 failed, 3 skipped",
        );
        check("     Summary [   0.034s] 1 test run: 1 passed, 0 skipped", "1 passed, 0 failed, 0 skipped");
        check(
            "     Summary [  9.1s] 9/12 tests run: 6 passed (1 slow, 2 flaky), 2 failed, 1 timed out, 3 skipped",
            "6 passed, 3 failed, 3 skipped",
        );
    }

    #[test]
    fn a_coloured_summary_is_counted() {
        check(
            "\x1b[32;1m     Summary\x1b[0m [   0.0s] \x1b[1m2\x1b[0m tests run: \x1b[1m2\x1b[0m \x1b[32;1mpassed\x1b[0m, \x1b[1m0\x1b[0m \x1b[33;1mskipped\x1b[0m",
            "2 passed, 0 failed, 0 skipped",
        );
    }

    #[test]
    fn summaries_of_cargo_test_add_up() {
        check(
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "7 passed, 3 failed, 1 skipped",
        );
    }

    #[test]
    fn steps_of_the_walk_count_as_tests() {
        check("walk: 23 passed, 1 failed", "23 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn a_failure_that_nextest_shows_again_counts_once() {
        check(
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out\n     \
             Summary [   0.7s] 5 tests run: 4 passed, 1 failed, 0 skipped",
            "4 passed, 1 failed, 0 skipped",
        );
    }

    #[test]
    fn other_lines_count_for_nothing() {
        check(
            "        PASS [   0.034s] 5 passed, 1 failed\nrunning 5 tests",
            "0 passed, 0 failed, 0 skipped",
        );
    }
}
