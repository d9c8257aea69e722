//! `identity`: nobody is taken for a node but whoever has its key, whatever is said and however.
//!
//! Attackers say every kind of message in every way that is open to whoever has not the key of a node: under keys of
//! their own, in plain, in between, once more. What counts is what the real hub knows afterwards, in its API and in its
//! file, and not whether it has answered. Genuine nodes are at work beside them.

mod attack;
mod beside;
mod between;
mod cast;
mod genuine;
mod impostor;
mod kept;
mod keyless;
mod known;
mod mover;
mod saying;

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::{Args, ValueEnum};
use serde_json::Value;

use self::{
    attack::Attacker,
    beside::Beside,
    cast::{Busy, Cast},
    genuine::Genuine,
    impostor::Impostors,
    known::{Known, Rules},
    mover::Mover,
};
use super::{
    chance::Chance,
    findings::{Findings, Seen, millis, seconds},
    frame::Frame,
};
use crate::out;

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

/// Attackers at the same time.
const ATTACKERS: u8 = 2;

/// Attempts between two looks at what the hub knows.
const ROUND: u32 = 1_000;

/// Limits of the hub that do not matter: what they turn away is no attempt.
const HARMLESS: [&str; 2] = ["log-lines", "messages"];

/// What a run counts.
#[derive(Debug, Default)]
struct Tally {
    attempts: u32,
    by_attack: BTreeMap<&'static str, u32>,
    by_kind: BTreeMap<String, u32>,
    /// What the hub knew of somebody that it cannot know from them, once for each look.
    accepted: usize,
    /// Openings that no genuine node has made and that the hub has gone on with.
    answered: u64,
    seen: Seen,
}

/// Attacks as planned, prints what was found, and judges it.
///
/// # Errors
/// When the hub does not start, or a promise was broken; with a planted fault, when it was not found.
pub fn run(options: &Options) -> Result<()> {
    let (begin, plant) = (Instant::now(), options.frame.plant);
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
    for seen in [&tally.seen, &mover.seen, &dialled.seen, &fared.seen, &seen] {
        findings.add(seen);
    }
    findings.zero("accepted", tally.accepted);
    findings.zero("answered", tally.answered + dialled.answered);
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
            Plant::StolenKey | Plant::Untouched | Plant::OpenDoor => tally.accepted > 0 && kept.phantom > 0,
            Plant::FalseBook => kept.lost > 0 && kept.phantom > 0,
        },
        "nobody was taken for a node without its key, and no genuine node has lost anything",
    )
}

impl Tally {
    /// Attacks in rounds, and looks after each of them at what the hub knows.
    fn attack(
        &mut self,
        options: &Options,
        cast: &Cast,
        (mover, beside, impostors): (&mut Mover, &Beside, &Impostors),
    ) -> Result<()> {
        let host = cast.host();
        let rules = Rules::of(cast, impostors.commands.iter().map(ToString::to_string));
        let mut before = Known::ask(host.api)?;
        for turn in 0.. {
            let mut came = self.round(options, cast, mover)?;
            came.append(&mut mover.neighbours);
            beside.want(host.api, turn, &mut self.seen)?;
            let (now, mut seen) = (Known::ask(host.api)?, Seen::default());
            let waiting = now.judge(&before, &came, &rules, &mut seen);
            self.accepted += seen.count();
            self.seen.add(&seen);
            if self.attempts >= options.attempts || (options.frame.is_planted() && self.accepted > 0) {
                break;
            }
            waiting.iter().try_for_each(|id| host.act(id, "reject"))?;
            before = now.without(&waiting);
            if turn % 10 == 9 {
                out::progress(&format!("identity: {} attempts, {} accepted", self.attempts, self.accepted));
            }
        }
        Ok(())
    }

    /// Some attempts of all attackers, and one turn of the node that moves. Gives who came under names of their own.
    fn round(&mut self, options: &Options, cast: &Cast, mover: &mut Mover) -> Result<BTreeSet<String>> {
        let (from, end) = (self.attempts, options.attempts.min(self.attempts + ROUND));
        let work = |number: u8| -> Result<Attacker<'_>> {
            let chance = Chance::new(options.seed, u64::from(from + u32::from(number)));
            let mut attacker = Attacker::new(cast, options.frame.plant, chance, number)?;
            let mut numbers = (from..end).skip(number.into()).step_by(ATTACKERS.into());
            numbers.try_for_each(|number| attacker.attempt(number))?;
            Ok(attacker)
        };
        let attackers = thread::scope(|scope| -> Result<Vec<_>> {
            let all: Vec<_> = (0..ATTACKERS).map(|number| scope.spawn(move || work(number))).collect();
            mover.turn(cast.host())?;
            all.into_iter().map(|one| one.join().map_err(|_| anyhow!("an attacker has panicked"))?).collect()
        })?;
        self.attempts = end;
        let mut came = BTreeSet::new();
        for attacker in attackers {
            came.extend(attacker.came);
            self.answered += attacker.answered;
            for ((attack, kind), count) in attacker.made {
                *self.by_attack.entry(attack).or_default() += count;
                *self.by_kind.entry(kind.to_string()).or_default() += count;
            }
        }
        Ok(came)
    }

    /// What a limit has turned away was not turned away for who it is, and shows nothing.
    fn limits(&mut self, cast: &Cast) -> Result<()> {
        let overview = cast.hub.api.get("/overview")?;
        let reached = overview["limits_reached"].as_object().context("limits")?;
        let matters = |(word, count): &(&String, &Value)| !HARMLESS.contains(&word.as_str()) && **count != 0;
        for (word, count) in reached.iter().filter(matters) {
            self.seen.tell(format!("the limit {word} was reached {count} times"));
        }
        Ok(())
    }
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
