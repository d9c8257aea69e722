//! `cargo xtask test`: all that a change must pass, cheapest first, set up by itself on a fresh machine.
//!
//! How the machine is set up is in `machine.rs`.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{
    e2e, exec, machine, out, prove,
    steps::{self, Step},
    tally::Tally,
    tidy,
};

/// What the steps share.
struct State<'sh> {
    sh: &'sh Shell,
    tally: Tally,
}

/// Runs all checks in order and stops at the first that fails.
///
/// # Errors
/// The error of the check that failed.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    let plan = [
        Step { name: "machine", purpose: "what the checks need is installed", run: machine },
        Step { name: "format", purpose: "the code is laid out by rustfmt", run: format },
        Step { name: "clippy", purpose: "no lint has anything to say", run: clippy },
        Step { name: "tidy", purpose: "rules of this repository that no lint knows", run: tidy },
        Step { name: "tests", purpose: "tests of all crates", run: tests },
        Step { name: "doctests", purpose: "examples in the documentation", run: doctests },
        Step {
            name: "bare-metal",
            purpose: "proto, node and core build for chips without an OS",
            run: bare_metal,
        },
        Step { name: "windows", purpose: "the workspace checks for Windows", run: windows },
        Step { name: "doc", purpose: "the documentation builds without a warning", run: doc },
        Step {
            name: "e2e",
            purpose: "the real hub and simulated nodes, the whole way through",
            run: whole_way,
        },
        Step {
            name: "prove",
            purpose: "nothing acknowledged is lost when the hub is killed, in a short run",
            run: proofs,
        },
    ];
    let mut state = State { sh, tally: Tally::default() };
    let outcome = steps::run(&plan, &mut state);
    out::result(&state.tally.to_string());
    outcome
}

fn machine(state: &mut State<'_>) -> Result<()> {
    machine::prepare(state.sh)
}

fn format(state: &mut State<'_>) -> Result<()> {
    let sh = state.sh;
    exec::run(cmd!(sh, "cargo fmt --all --check"))?;
    exec::run(cmd!(sh, "cargo fmt --check --manifest-path crates/iot-proto/fuzz/Cargo.toml"))?;
    exec::run(cmd!(sh, "cargo fmt --check --manifest-path crates/iot-node/fuzz/Cargo.toml"))
}

fn clippy(state: &mut State<'_>) -> Result<()> {
    let sh = state.sh;
    exec::run(cmd!(sh, "cargo clippy --workspace --all-targets -- -D warnings"))?;
    // A node that takes the word of the first hub is built only where somebody wants it.
    let trusting = ["-p", "iot-node", "-p", "iot-sim", "--features", "iot-sim/trust-on-first-use"];
    exec::run(cmd!(sh, "cargo clippy --all-targets {trusting...} -- -D warnings"))
}

fn tidy(_: &mut State<'_>) -> Result<()> {
    out::command("cargo xtask tidy");
    tidy::run(exec::repository())
}

fn tests(state: &mut State<'_>) -> Result<()> {
    let sh = state.sh;
    let tests = if exec::find_program("cargo-nextest").is_some() {
        cmd!(sh, "cargo nextest run --workspace --no-fail-fast")
    } else {
        cmd!(sh, "cargo test --workspace --tests --no-fail-fast")
    };
    exec::run_tests(&mut state.tally, tests)
}

fn doctests(state: &mut State<'_>) -> Result<()> {
    let sh = state.sh;
    exec::run_tests(&mut state.tally, cmd!(sh, "cargo test --doc --workspace"))
}

fn bare_metal(state: &mut State<'_>) -> Result<()> {
    let sh = state.sh;
    for target in ["thumbv6m-none-eabi", "thumbv7em-none-eabi"] {
        let packages = ["-p", "iot-proto", "-p", "iot-node"];
        exec::run(cmd!(sh, "cargo build --lib --target {target} --no-default-features {packages...}"))?;
        // Encryption needs no allocator either.
        let noise = ["-p", "iot-node", "--features", "noise"];
        exec::run(cmd!(sh, "cargo build --lib --target {target} --no-default-features {noise...}"))?;
    }
    exec::run(cmd!(sh, "cargo build --lib --target thumbv7em-none-eabi -p iot-core"))
}

fn windows(state: &mut State<'_>) -> Result<()> {
    let sh = state.sh;
    exec::run(cmd!(sh, "cargo check --workspace --target x86_64-pc-windows-gnu"))
}

fn doc(state: &mut State<'_>) -> Result<()> {
    let sh = state.sh;
    exec::run_with(&[("RUSTDOCFLAGS", "-D warnings")], cmd!(sh, "cargo doc --no-deps --workspace"))
}

fn whole_way(state: &mut State<'_>) -> Result<()> {
    e2e::walk(state.sh, &mut state.tally)
}

fn proofs(state: &mut State<'_>) -> Result<()> {
    prove::short(state.sh)
}
