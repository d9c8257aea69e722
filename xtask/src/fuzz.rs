//! `cargo xtask fuzz`: looks for bytes that break a decoder, or a side of an encrypted connection.
//!
//! Targets and corpus are in the `fuzz` folders of the crates; the ordinary tests replay the corpus and try inputs like
//! it. New inputs are kept under `target/`, so that only a chosen one is ever committed. The targets are built without a
//! sanitizer: the crates have no `unsafe`, and so the ordinary compiler suffices.

use std::time::Instant;

use anyhow::{Result, bail, ensure};
use serde::Serialize;
use xshell::{Shell, cmd};

use crate::{exec, out};

const DIRECTORIES: [&str; 2] = ["crates/iot-proto/fuzz", "crates/iot-node/fuzz"];

/// The target with a fault that must be found. It is run only when asked.
const PLANTED: &str = "planted";

/// Options of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// One target, such as frame; all of them when left out.
    pub(crate) target: Option<String>,
    /// How many inputs to try on each target.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) runs: u64,
    /// Run the control alone: a target with a fault, which must be found.
    #[arg(long, conflicts_with = "target")]
    pub(crate) plant: bool,
}

/// What became of one target.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    target: &'a str,
    /// Inputs tried.
    runs: u64,
    seconds: f64,
    /// Files whose bytes break the target.
    crashes: Vec<String>,
}

/// Fuzzes one target or all, one after another.
///
/// # Errors
/// When a target does not exist or build, or bytes were found that break it.
pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    if exec::find_program("cargo-fuzz").is_none() {
        exec::run(cmd!(sh, "cargo install --locked cargo-fuzz"))?;
    }
    let known = targets(sh)?;
    let wanted = if options.plant { Some(PLANTED) } else { options.target.as_deref() };
    let chosen: Vec<_> = known
        .iter()
        .filter(|(_, target)| wanted.map_or(target != PLANTED, |wanted| target == wanted))
        .collect();
    ensure!(!chosen.is_empty(), "no such fuzz target; there are: {}", names(&known));
    for directory in DIRECTORIES.iter().filter(|place| chosen.iter().any(|(found, _)| found == *place)) {
        exec::run(cmd!(sh, "cargo fuzz build --fuzz-dir {directory} --sanitizer none"))?;
    }
    let mut outcomes = Vec::with_capacity(chosen.len());
    for (directory, target) in chosen {
        outcomes.push(fuzz(sh, directory, target, options.runs)?);
    }
    for outcome in &outcomes {
        out::result(&serde_json::to_string(outcome)?);
    }
    let crashes: Vec<_> = outcomes.iter().flat_map(|outcome| &outcome.crashes).map(String::as_str).collect();
    if options.plant {
        ensure!(!crashes.is_empty(), "the planted fault was not found: fuzzing proves nothing");
        out::result("the planted fault was found");
    } else if !crashes.is_empty() {
        bail!("{} broke a target; make each a test, then mend what it broke", crashes.join(", "));
    }
    Ok(())
}

/// All targets, each with the directory that it is in.
fn targets(sh: &Shell) -> Result<Vec<(&'static str, String)>> {
    let mut targets = Vec::new();
    for directory in DIRECTORIES {
        let listed = cmd!(sh, "cargo fuzz list --fuzz-dir {directory}").quiet().read()?;
        targets.extend(listed.lines().map(|target| (directory, target.to_owned())));
    }
    Ok(targets)
}

fn names(targets: &[(&str, String)]) -> String {
    targets.iter().map(|(_, target)| target.as_str()).collect::<Vec<_>>().join(", ")
}

fn fuzz<'a>(sh: &Shell, directory: &str, target: &'a str, runs: u64) -> Result<Outcome<'a>> {
    out::headline(&format!("{target}: {runs} inputs"));
    let found = format!("target/fuzz/{target}");
    let corpus = format!("{directory}/corpus/{target}");
    sh.create_dir(&found)?;
    sh.create_dir(&corpus)?;
    let limit = format!("-runs={runs}");
    let run = cmd!(sh, "cargo fuzz run --fuzz-dir {directory} --sanitizer none {target} {found} {corpus}")
        .args(["--", &limit, "-print_final_stats=1"]);
    let begin = Instant::now();
    let mut outcome = Outcome { target, runs: 0, seconds: 0.0, crashes: Vec::new() };
    let status = exec::follow(run, |line| {
        outcome.read(line);
        if !is_about_the_corpus(line) {
            out::line(line);
        }
    })?;
    outcome.seconds = (begin.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    ensure!(
        status.success() || !outcome.crashes.is_empty(),
        "the target {target} ended with {status} and left no input that broke it"
    );
    ensure!(outcome.runs > 0 || !outcome.crashes.is_empty(), "the target {target} tried no input");
    Ok(outcome)
}

impl Outcome<'_> {
    /// Takes note of a line that the fuzzer prints; most say nothing about the outcome.
    fn read(&mut self, line: &str) {
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            self.runs = count.trim().parse().unwrap_or(self.runs);
        } else if let Some((_, file)) = line.split_once("Test unit written to ") {
            self.crashes.push(file.trim().to_owned());
        }
    }
}

/// Whether a line tells of an input that was added to the corpus, or of one that proved useful; there are
/// thousands of these.
fn is_about_the_corpus(line: &str) -> bool {
    let is_addition = line.starts_with('#') && (line.contains("NEW ") || line.contains("REDUCE "));
    is_addition || line.starts_with('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuzzers_closing_lines_are_read() {
        let mut outcome = Outcome { target: "frame", runs: 0, seconds: 1.5, crashes: Vec::new() };
        for line in [
            "#2\tNEW    cov: 14 ft: 14 corp: 1/1b exec/s: 0 rss: 30Mb",
            "artifact_prefix='artifacts/frame/'; Test unit written to artifacts/frame/crash-1",
            "stat::number_of_executed_units: 1234",
        ] {
            outcome.read(line);
        }
        assert_eq!(
            serde_json::to_string(&outcome).unwrap(),
            r#"{"target":"frame","runs":1234,"seconds":1.5,"crashes":["artifacts/frame/crash-1"]}"#
        );
    }

    #[test]
    fn what_the_fuzzer_says_about_its_corpus_is_not_shown() {
        assert!(is_about_the_corpus("#2\tNEW    cov: 14 ft: 14"));
        assert!(is_about_the_corpus(r#""\007\000" # Uses: 51"#));
        assert!(!is_about_the_corpus("#1024\tpulse  cov: 14 ft: 14"));
    }
}
