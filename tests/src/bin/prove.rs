//! Runs one proof, and prints its figures as a table or as JSON. Run by
//! `cargo xtask prove`. Ends without success where the proof, or its control, falls short.

use std::process::ExitCode;

use clap::Parser;
#[cfg(unix)]
use iot_tests::prove::secrets;
use iot_tests::{
    out,
    prove::{
        bitrot, claim, dial, diskfull, diskhang, exhaust, flood, identity, iofail, kill9, pair, powerloss,
        sim, slow, time, web,
    },
};

/// Proves what the hub promises.
#[derive(Debug, Parser)]
enum Proof {
    /// Kill the hub at random moments under load; nothing acknowledged may be lost
    Kill9(kill9::Options),
    /// Cut the power at any moment; nothing that was committed may be lost
    Powerloss(powerloss::Options),
    /// Damage the files of a store; no wrong value may be served
    Bitrot(bitrot::Options),
    /// Let each operation of the disk fail in turn; nothing may be promised that is not kept
    Iofail(iofail::Options),
    /// Fill the hub's disk under load; nothing may be acknowledged that is not kept, and its pages stay up
    Diskfull(diskfull::Options),
    /// Let the hub's disk hang under load; nothing may be acknowledged meanwhile, and its pages stay up
    Diskhang(diskhang::Options),
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
    /// Fill every limit of the hub; each may hold, and nobody else may notice
    Exhaust(exhaust::Options),
    /// Hold thousands of slow connections to each port; each is closed, and nobody else may notice
    Slow(slow::Options),
    /// Name third parties to the hub in every way; it may dial admitted nodes alone, and seldom
    Dial(dial::Options),
}

fn main() -> ExitCode {
    let proof = Proof::parse();
    if let Err(error) = iot_tests::hub::end_with_this_process() {
        out::progress(&format!("hubs may be left behind: {error:#}"));
    }
    let (name, outcome) = match proof {
        Proof::Kill9(options) => ("kill9", kill9::run(&options)),
        Proof::Powerloss(options) => ("powerloss", powerloss::run(&options)),
        Proof::Bitrot(options) => ("bitrot", bitrot::run(&options)),
        Proof::Iofail(options) => ("iofail", iofail::run(&options)),
        Proof::Diskfull(options) => ("diskfull", diskfull::run(&options)),
        Proof::Diskhang(options) => ("diskhang", diskhang::run(&options)),
        Proof::Claim(options) => ("claim", claim::run(&options)),
        #[cfg(unix)]
        Proof::Secrets(options) => ("secrets", secrets::run(&options)),
        Proof::Sim(options) => ("sim", sim::command(&options)),
        Proof::Pair(options) => ("pair", pair::run(&options)),
        Proof::Identity(options) => ("identity", identity::run(&options)),
        Proof::Time(options) => ("time", time::command(&options)),
        Proof::Web(options) => ("web", web::run(&options)),
        Proof::Flood(options) => ("flood", flood::run(&options)),
        Proof::Exhaust(options) => ("exhaust", exhaust::run(&options)),
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
