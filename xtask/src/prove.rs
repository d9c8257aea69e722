//! `cargo xtask prove`: does harm and shows that the hub's promises hold.
//!
//! The proofs themselves are a binary of the package `iot-tests`; `docs/proofs.md` says what each one shows.

use std::ffi::OsStr;

use clap::{Args, Subcommand, ValueEnum};
use xshell::{Shell, cmd};

use crate::exec;

/// Kills of the short run that is part of the checks.
const SHORT_KILLS: u32 = 5;

/// Readings that it acknowledges.
const SHORT_ACKNOWLEDGED: u64 = 20_000;

/// Short runs of the proofs that read their options themselves, and their controls.
const SHORT: &[(&str, &[&str])] = &[
    ("diskfull", &["--rounds", "1"]),
    ("diskfull", &["--rounds", "1", "--plant", "memory"]),
    ("diskfull", &["--rounds", "1", "--plant", "leftover"]),
    ("powerloss", &["--images", "4000"]),
    ("powerloss", &["--images", "1000", "--plant", "dropped-sync"]),
    ("iofail", &["--batches", "12", "--every", "11"]),
    ("iofail", &["--batches", "12", "--every", "40", "--plant", "hidden-write"]),
    ("iofail", &["--batches", "12", "--every", "40", "--plant", "swallowed-error"]),
    ("bitrot", &["--flips", "400", "--truncations", "40"]),
    ("bitrot", &["--flips", "100", "--truncations", "0", "--plant", "wrong-value"]),
    ("sim", &["--seeds", "300"]),
    ("sim", &["--seeds", "300", "--plant", "early-ack"]),
    ("sim", &["--seeds", "300", "--plant", "forget"]),
    ("sim", &["--seeds", "300", "--plant", "store-again"]),
    ("claim", &["--claims", "200", "--codes", "100"]),
    ("claim", &["--plant", "look-first"]),
    ("secrets", &[]),
    ("secrets", &["--plant", "careless"]),
    ("web", &["--rounds", "3", "--nodes", "10", "--examples", "5"]),
    ("web", &["--rounds", "2", "--nodes", "10", "--plant", "own-page"]),
    ("web", &["--examples", "1", "--plant", "spoiled"]),
    ("pair", &["--runs", "1300"]),
    ("pair", &["--runs", "10", "--plant", "seen-secret"]),
    ("pair", &["--runs", "3", "--plant", "unchecked-nonce"]),
    ("pair", &["--runs", "3", "--plant", "unbound-way"]),
    ("pair", &["--runs", "3", "--plant", "unasked-press"]),
    ("pair", &["--runs", "3", "--plant", "careless-admin"]),
    ("identity", &["--attempts", "1600"]),
    ("identity", &["--attempts", "1000", "--plant", "stolen-key"]),
    ("identity", &["--attempts", "1000", "--plant", "untouched"]),
    ("identity", &["--attempts", "1000", "--plant", "open-door"]),
    ("identity", &["--attempts", "200", "--plant", "false-book"]),
    ("time", &["--seeds", "5"]),
    ("time", &["--seeds", "5", "--plant", "wall-deadlines"]),
    ("flood", &["--seconds", "5", "--nodes", "200"]),
    ("flood", &["--seconds", "5", "--nodes", "200", "--plant", "impostors"]),
    ("exhaust", &["--nodes", "50"]),
    ("exhaust", &["--nodes", "50", "--plant", "one-more"]),
    ("exhaust", &["--nodes", "50", "--plant", "usurper"]),
    ("exhaust", &["--nodes", "50", "--plant", "forgotten"]),
    ("slow", &["--seconds", "20", "--nodes", "200", "--connections", "1000"]),
    ("slow", &["--seconds", "4", "--nodes", "100", "--connections", "200", "--plant", "stopped"]),
    ("dial", &["--forged", "300", "--seconds", "10"]),
    ("dial", &["--forged", "20", "--seconds", "3", "--plant", "loopback"]),
    ("dial", &["--forged", "100", "--seconds", "3", "--plant", "gullible"]),
];

/// One proof.
#[derive(Debug, Subcommand)]
pub(crate) enum Proof {
    /// Kill the hub at random moments under load: nothing acknowledged is lost, nothing runs twice.
    Kill9(Kill9),
    /// Cut the power at any moment: nothing that was committed is lost.
    Powerloss(Passed),
    /// Let each operation of the disk fail in turn: nothing is promised that is not kept.
    Iofail(Passed),
    /// Turn bits over in the files of a store: what is damaged is refused, and never served.
    Bitrot(Passed),
    /// Claim a hub a thousand times at once: it gets one owner, and does nothing before.
    Claim(Passed),
    /// Give a hub secrets and search for them: none is in what it writes and answers.
    Secrets(Passed),
    /// Simulate hub, nodes and network from seeds: no promise is broken.
    Sim(Passed),
    /// Attack joining: nobody is let in whom no person has let in.
    Pair(Passed),
    /// Say everything as somebody else: nobody is taken for a node but whoever has its key.
    Identity(Passed),
    /// Let clocks step, stop and be wrong: no promise is broken.
    Time(Passed),
    /// Attack the pages from other sites, with names and with paths, and ask every operation of the API: nothing comes of it.
    Web(Passed),
    /// Let hostile peers loose beside good nodes: these do not notice.
    Flood(Passed),
    /// Fill every limit of the hub: each holds, and nobody else notices.
    Exhaust(Passed),
    /// Hold thousands of slow connections: each is closed, and nobody else notices.
    Slow(Passed),
    /// Name third parties to the hub in every way: it dials admitted nodes alone, and seldom.
    Dial(Passed),
    /// Fill the disk under load: nothing is acknowledged that is not kept, and the pages stay up.
    Diskfull(Passed),
    /// Let the disk hang under load: nothing is acknowledged meanwhile, and the pages stay up. Takes root.
    Diskhang(Passed),
}

/// Options that the program reads itself; `--help` after `--` tells them.
#[derive(Debug, Args)]
pub(crate) struct Passed {
    /// As docs/proofs.md and docs/figures.md have them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) options: Vec<String>,
}

/// How to kill.
#[derive(Debug, Args)]
pub(crate) struct Kill9 {
    /// How often the hub is killed.
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// Readings that are acknowledged in all, at least.
    #[arg(long, default_value_t = 50_000)]
    acknowledged: u64,
    /// Where what is random begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
    /// Plant a fault, which must be found.
    #[arg(long)]
    plant: Option<Plant>,
}

/// A fault that a proof must find.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Plant {
    /// The hub keeps everything in memory.
    Memory,
}

/// Builds what is shipped and runs a proof.
///
/// # Errors
/// When something does not build, a promise is broken, or a planted fault is not found.
pub(crate) fn run(sh: &Shell, proof: &Proof) -> anyhow::Result<()> {
    build(sh)?;
    match proof {
        Proof::Kill9(options) => kill9(sh, options),
        Proof::Powerloss(Passed { options }) => in_process(sh, "powerloss", options),
        Proof::Bitrot(Passed { options }) => in_process(sh, "bitrot", options),
        Proof::Iofail(Passed { options }) => in_process(sh, "iofail", options),
        Proof::Diskfull(Passed { options }) => in_process(sh, "diskfull", options),
        Proof::Diskhang(Passed { options }) => in_process(sh, "diskhang", options),
        Proof::Claim(Passed { options }) => in_process(sh, "claim", options),
        Proof::Secrets(Passed { options }) => in_process(sh, "secrets", options),
        Proof::Sim(Passed { options }) => in_process(sh, "sim", options),
        Proof::Web(Passed { options }) => in_process(sh, "web", options),
        Proof::Pair(Passed { options }) => in_process(sh, "pair", options),
        Proof::Identity(Passed { options }) => in_process(sh, "identity", options),
        Proof::Time(Passed { options }) => in_process(sh, "time", options),
        Proof::Flood(Passed { options }) => in_process(sh, "flood", options),
        Proof::Exhaust(Passed { options }) => in_process(sh, "exhaust", options),
        Proof::Slow(Passed { options }) => in_process(sh, "slow", options),
        Proof::Dial(Passed { options }) => in_process(sh, "dial", options),
    }
}

/// The short runs that are part of the checks, each with its control.
///
/// # Errors
/// As [`run`].
pub(crate) fn short(sh: &Shell) -> anyhow::Result<()> {
    build(sh)?;
    for plant in [None, Some(Plant::Memory)] {
        let (kills, acknowledged) = (SHORT_KILLS, SHORT_ACKNOWLEDGED);
        kill9(sh, &Kill9 { kills, acknowledged, seed: 1, json: true, plant })?;
    }
    SHORT.iter().try_for_each(|(proof, options)| in_process(sh, proof, options.iter().chain(&["--json"])))
}

fn in_process<S: AsRef<OsStr>>(
    sh: &Shell,
    proof: &str,
    options: impl IntoIterator<Item = S>,
) -> anyhow::Result<()> {
    exec::run(cmd!(sh, "target/release/prove {proof} {options...}"))
}

fn kill9(sh: &Shell, options: &Kill9) -> anyhow::Result<()> {
    let [kills, acknowledged, seed] =
        [options.kills.into(), options.acknowledged, options.seed].map(|number: u64| number.to_string());
    let json = options.json.then_some("--json");
    let plant = match options.plant {
        Some(Plant::Memory) => ["--plant", "memory"].as_slice(),
        None => &[],
    };
    exec::run(cmd!(
        sh,
        "target/release/prove kill9 --kills {kills} --acknowledged {acknowledged} --seed {seed} {json...} {plant...}"
    ))
}

fn build(sh: &Shell) -> anyhow::Result<()> {
    exec::run(cmd!(sh, "cargo build --release --bins -p iot-server -p iot-tests"))
}
