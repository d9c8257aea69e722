//! `identity`: nobody is taken for a node but whoever has its key, whatever is said and however.
//!
//! Attackers say every kind of message in every way that is open to whoever has not the key of a node: under keys of
//! their own, in plain, in between, once more. What counts is what the real hub knows afterwards, in its API and in its
//! file, and not whether it has answered. Genuine nodes are at work beside them. And nobody is taken for the hub who tells
//! a node another key of it.

mod attack;
mod beside;
mod between;
mod cast;
mod genuine;
mod impostor;
mod kept;
mod keyless;
mod known;
mod liar;
mod misled;
mod mover;
mod rounds;
mod saying;

use std::time::Instant;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use self::{
    beside::Beside,
    cast::{Busy, Cast},
    genuine::Genuine,
    impostor::Impostors,
    misled::Misled,
    mover::Mover,
    rounds::Tally,
};
use super::{
    findings::{Findings, Seen, millis, seconds},
    frame::Frame,
};

/// So many attempts on the hub come to one lie of each sort to a node.
const LIES: u32 = 200;

/// How much to attack.
#[derive(Debug, Args)]
pub struct Options {
    /// Attempts
    #[arg(long, default_value_t = 100_000)]
    attempts: u32,
    /// Where what is random begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// Attackers have the key of the node that they say they are
    StolenKey,
    /// Whoever is in between changes nothing and keeps nothing back
    Untouched,
    /// The hub lets in whoever comes
    OpenDoor,
    /// The book has another reading of a genuine node than that node has made
    FalseBook,
}

/// Attacks as planned, prints what was found, and judges it.
///
/// # Errors
/// When the hub does not start, or a promise was broken; with a planted fault, when it was not found.
pub fn run(options: &Options) -> Result<()> {
    let (begin, plant) = (Instant::now(), options.frame.plant);
    let misled = Misled::judge(options.attempts / LIES, plant == Some(Plant::Untouched))?;
    let registration = if plant == Some(Plant::OpenDoor) { "open" } else { "approve" };
    let (cast, Busy { beside, mover, mut sought }) = Cast::gather(registration)?;
    let impostors = Impostors::lie_in_wait(&cast, &mut sought)?;
    let (mut mover, beside) = (Mover::new(mover), Beside::start(beside));
    let (attacking, mut tally) = (Instant::now(), Tally::default());
    let attacked = tally.attack(options, &cast, (&mut mover, &beside, &impostors));
    let (rate, fared) = (f64::from(tally.attempts) / attacking.elapsed().as_secs_f64(), beside.end()?);
    attacked?;
    let dialled = impostors.end()?;
    tally.limits(&cast)?;
    ensure!(cast.hub.lines_of("ERROR").is_empty(), "the hub logged errors: {:?}", cast.hub.lines_of("ERROR"));
    ensure!(cast.hub.stop()?.success(), "the hub has not stopped in good order");

    let accomplices = cast.accomplices.iter().map(|node| node.id.clone()).collect();
    let away = cast.wards.into_iter().chain(cast.revoked).map(|ward| ward.node);
    let dropped = fared.dropped.len();
    let there = fared.nodes.into_iter().chain(fared.dropped).chain(sought);
    let mut nodes: Vec<Genuine> = there.chain(away).chain([mover.node]).collect();
    if plant == Some(Plant::FalseBook) {
        falsify(&mut nodes);
    }
    let mut seen = Seen::default();
    let kept = kept::judge(&cast.data_dir.path().join("hub.db"), &nodes, &accomplices, &mut seen)?;

    let mut findings = Findings::default();
    findings.tell("attempts", tally.attempts);
    findings.tell("by_attack", serde_json::to_value(tally.by_attack)?);
    findings.tell("by_kind", serde_json::to_value(tally.by_kind)?);
    findings.tell("by_lie", serde_json::to_value(misled.by_lie)?);
    for seen in [&tally.seen, &mover.seen, &dialled.seen, &fared.seen, &seen, &misled.seen] {
        findings.add(seen);
    }
    findings.zero("accepted", tally.accepted);
    findings.zero("answered", tally.answered + dialled.answered);
    findings.zero("misled", misled.taken);
    findings.tell("dialled", dialled.dials);
    findings.zero("told", dialled.told);
    findings.tell("moves", mover.moves);
    findings.tell("slowest_end_ms", millis(mover.slowest_end));
    findings.tell("acknowledged", kept.acknowledged);
    findings.zero("dropped", dropped);
    findings.zero("lost", kept.lost);
    findings.zero("phantom", kept.phantom);
    findings.tell("attempts_per_s", rate.round());
    findings.tell("seconds", seconds(begin.elapsed()));
    options.frame.conclude(
        "identity",
        findings,
        |plant| match plant {
            Plant::StolenKey | Plant::OpenDoor => tally.accepted > 0 && kept.phantom > 0,
            Plant::Untouched => tally.accepted > 0 && kept.phantom > 0 && misled.taken > 0,
            Plant::FalseBook => kept.lost > 0 && kept.phantom > 0,
        },
        "nobody was taken for a node without its key or told one a key of its hub, and no genuine node has lost anything",
    )
}

/// The book of one node has another reading than the node has made.
fn falsify(nodes: &mut [Genuine]) {
    if let Some(page) = nodes.first_mut().map(|node| &mut node.page)
        && let Some(made) = page.must.pop_first()
    {
        page.may.remove(&made);
        page.must.insert("never made".into());
    }
}
