//! [`Tally`]: attempts in rounds, with a look after each of them at what the hub knows, and what comes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;

use super::{
    Options,
    attack::Attacker,
    beside::Beside,
    cast::Cast,
    impostor::Impostors,
    known::{Known, Rules},
    mover::Mover,
};
use crate::{
    out,
    prove::{chance::Chance, findings::Seen},
};

/// Attackers at the same time.
const ATTACKERS: u8 = 2;

/// Attempts between two looks at what the hub knows.
const ROUND: u32 = 1_000;

/// Limits of the hub that do not matter: what they turn away is no attempt.
const HARMLESS: [&str; 2] = ["log-lines", "messages"];

/// What a run counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) attempts: u32,
    pub(super) by_attack: BTreeMap<&'static str, u32>,
    pub(super) by_kind: BTreeMap<String, u32>,
    /// What the hub knew of somebody that it cannot know from them, once for each look.
    pub(super) accepted: usize,
    /// Openings that no genuine node has made and that the hub has gone on with.
    pub(super) answered: u64,
    pub(super) seen: Seen,
}

impl Tally {
    /// Attacks in rounds, and looks after each of them at what the hub knows.
    pub(super) fn attack(
        &mut self,
        options: &Options,
        cast: &Cast,
        (mover, beside, impostors): (&mut Mover, &Beside, &Impostors),
    ) -> Result<()> {
        let host = cast.host();
        let rules = Rules::of(cast, impostors.commands.iter().map(ToString::to_string), &beside.ids);
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
    pub(super) fn limits(&mut self, cast: &Cast) -> Result<()> {
        let overview = cast.hub.api.get("/overview")?;
        let reached = overview["limits_reached"].as_object().context("limits")?;
        let matters = |(word, count): &(&String, &Value)| !HARMLESS.contains(&word.as_str()) && **count != 0;
        for (word, count) in reached.iter().filter(matters) {
            self.seen.tell(format!("the limit {word} was reached {count} times"));
        }
        Ok(())
    }
}
