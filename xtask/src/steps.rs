//! A list of steps, run in order until one fails, with a headline each and a table at the end.
//!
//! What the steps do is in [`test`](crate::test).

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::out::{self, Mark};

/// One step of a task over a state `S` that all its steps share.
pub(crate) struct Step<S> {
    /// A short name for tables.
    pub(crate) name: &'static str,
    /// What it holds, for its headline.
    pub(crate) purpose: &'static str,
    /// Does it.
    pub(crate) run: fn(&mut S) -> anyhow::Result<()>,
}

/// Runs the steps in order, and shows what became of each.
///
/// # Errors
/// The error of the first step that fails, with the step's name; later steps are not run.
pub(crate) fn run<S>(steps: &[Step<S>], state: &mut S) -> anyhow::Result<()> {
    let mut rows = Vec::with_capacity(steps.len());
    let outcome = walk(steps, state, &mut rows);
    out::table("Summary of steps", &rows);
    outcome
}

fn walk<S>(
    steps: &[Step<S>],
    state: &mut S,
    rows: &mut Vec<(&'static str, String, Mark)>,
) -> anyhow::Result<()> {
    let mut outcome = Ok(());
    for step in steps {
        if outcome.is_err() {
            rows.push((step.name, "-".to_owned(), Mark::NotRun));
            continue;
        }
        out::headline(&format!("{}: {}", step.name, step.purpose));
        let begin = Instant::now();
        outcome = (step.run)(state).with_context(|| format!("step `{}` failed", step.name));
        let mark = if outcome.is_ok() { Mark::Ok } else { Mark::Failed };
        rows.push((step.name, seconds(begin.elapsed()), mark));
    }
    outcome
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, run: fn(&mut Vec<u8>) -> anyhow::Result<()>) -> Step<Vec<u8>> {
        Step { name, purpose: "a step of a test", run }
    }

    #[test]
    fn nothing_runs_after_a_step_that_failed() {
        let steps = [
            step("first", |seen| {
                seen.push(1);
                Ok(())
            }),
            step("second", |_| anyhow::bail!("it is broken")),
            step("third", |seen| {
                seen.push(3);
                Ok(())
            }),
        ];
        let (mut seen, mut rows) = (Vec::new(), Vec::new());
        let error = walk(&steps, &mut seen, &mut rows).unwrap_err();
        assert_eq!(format!("{error:#}"), "step `second` failed: it is broken");
        assert_eq!(seen, [1]);
        let marks: Vec<_> = rows.iter().map(|(name, _, mark)| (*name, *mark)).collect();
        assert_eq!(marks, [("first", Mark::Ok), ("second", Mark::Failed), ("third", Mark::NotRun)]);
    }
}
