//! Runs one proof, and prints its figures as a table or as JSON. Run by
//! `cargo xtask prove`. Ends without success where the proof, or its control, falls short.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, ValueEnum};
#[cfg(unix)]
use iot_tests::prove::secrets;
use iot_tests::{
    out,
    prove::{
        bitrot, claim, dial, diskfull, flood, identity, iofail,
        kill9::{self, Figures, Plan},
        pair, powerloss, sim, slow, time, web,
    },
};

/// Proves what the hub promises.
#[derive(Debug, Parser)]
enum Proof {
    /// Kill the hub at random moments under load; nothing acknowledged may be lost
    Kill9(Kill9),
    /// Cut the power at any moment; nothing that was committed may be lost
    Powerloss(powerloss::Options),
    /// Damage the files of a store; no wrong value may be served
    Bitrot(bitrot::Options),
    /// Let each operation of the disk fail in turn; nothing may be promised that is not kept
    Iofail(iofail::Options),
    /// Fill the hub's disk under load; nothing may be acknowledged that is not kept, and its pages stay up
    Diskfull(diskfull::Options),
    /// Claim a hub a thousand times at once; it may get one owner, and do nothing before
    Claim(claim::Options),
    /// Give a hub secrets and search all that it writes and answers for them; none may be there
    #[cfg(unix)]
    Secrets(secrets::Options),
    /// Simulate hub, nodes and network from seeds; no promise may be broken
    Sim(sim::Options),
    /// Attack joining; nobody may be let in whom no person has let in
    Pair(pair::Options),
    /// Say everything as somebody else; nobody may be taken for a node but whoever has its key
    Identity(identity::Options),
    /// Let clocks step, stop and be wrong; no promise may be broken
    Time(time::Options),
    /// Attack the pages from other sites, with names and with paths; nothing may come of it
    Web(web::Options),
    /// Let hostile peers loose beside good nodes; these may not notice
    Flood(flood::Options),
    /// Hold thousands of slow connections to each port; each is closed, and nobody else may notice
    Slow(slow::Options),
    /// Name third parties to the hub in every way; it may dial admitted nodes alone, and seldom
    Dial(dial::Options),
}

/// How to kill.
#[derive(Debug, Args)]
struct Kill9 {
    /// How often
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// Readings that are acknowledged in all, at least
    #[arg(long, default_value_t = 50_000)]
    acknowledged: u64,
    /// Nodes that report, 1 to 64
    #[arg(long, default_value_t = 40)]
    nodes: u8,
    /// Where what is random begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Plant a fault that must be found
    #[arg(long)]
    plant: Option<Plant>,
}

/// A fault that a proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The hub keeps everything in memory
    Memory,
}

fn main() -> ExitCode {
    let proof = Proof::parse();
    if let Err(error) = iot_tests::hub::end_with_this_process() {
        out::progress(&format!("hubs may be left behind: {error:#}"));
    }
    let (name, outcome) = match proof {
        Proof::Kill9(args) => ("kill9", kill9(&args)),
        Proof::Powerloss(options) => ("powerloss", powerloss::run(&options)),
        Proof::Bitrot(options) => ("bitrot", bitrot::run(&options)),
        Proof::Iofail(options) => ("iofail", iofail::run(&options)),
        Proof::Diskfull(options) => ("diskfull", diskfull::run(&options)),
        Proof::Claim(options) => ("claim", claim::run(&options)),
        #[cfg(unix)]
        Proof::Secrets(options) => ("secrets", secrets::run(&options)),
        Proof::Sim(options) => ("sim", sim::command(&options)),
        Proof::Pair(options) => ("pair", pair::run(&options)),
        Proof::Identity(options) => ("identity", identity::run(&options)),
        Proof::Time(options) => ("time", time::command(&options)),
        Proof::Web(options) => ("web", web::run(&options)),
        Proof::Flood(options) => ("flood", flood::run(&options)),
        Proof::Slow(options) => ("slow", slow::run(&options)),
        Proof::Dial(options) => ("dial", dial::run(&options)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::progress(&format!("{name}: FAILED: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn kill9(args: &Kill9) -> Result<()> {
    let store = if args.plant.is_some() { "memory" } else { "disk" };
    let hub = ["--store", store].map(String::from).into();
    let Kill9 { kills, acknowledged, nodes, seed, .. } = *args;
    let figures = kill9::run(&Plan { kills, acknowledged, nodes, seed, hub })?;
    print(args, &figures);
    judge(args.plant, &figures)
}

fn print(args: &Kill9, figures: &Figures) {
    if args.json {
        let mut document = figures.to_json();
        document["plant"] = args.plant.map_or(serde_json::Value::Null, |_| "memory".into());
        out::line(&document.to_string());
    } else {
        figures.to_lines().iter().for_each(|line| out::line(line));
    }
}

/// Whether the run ended as it must.
///
/// # Errors
/// What fell short.
fn judge(plant: Option<Plant>, figures: &Figures) -> Result<()> {
    match plant {
        Some(Plant::Memory) => {
            anyhow::ensure!(figures.lost() > 0, "the planted fault was not found: the proof proves nothing");
            out::progress(&format!("kill9: the planted fault was found, {} lost", figures.lost()));
        }
        None => {
            anyhow::ensure!(!figures.is_breached(), "a promise was broken: {:?}", figures.seen());
            anyhow::ensure!(figures.is_ready_in_time(), "the hub took too long to be ready again");
            out::progress("kill9: nothing was lost, and nothing ran twice");
        }
    }
    Ok(())
}
