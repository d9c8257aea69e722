//! Attacks on joining, against the real hub on real sockets: nobody is let in whom no person has let in, and no node
//! trusts a hub that is another's.
//!
//! In each run a person opens a window, and an attacker makes one attempt: as a node, as a hub to a node, or in between.
//! The person types what the node shows. The node is the state machine that runs on chips.

mod attack;
mod button;
mod posed;
mod puppet;
mod site;
mod unverified;

use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use self::site::Site;
use super::{
    chance::Chance,
    findings::{Findings, seconds},
    frame::Frame,
};

/// How much to attack.
#[derive(Debug, Args)]
pub struct Options {
    /// Runs
    #[arg(long, default_value_t = 10_000)]
    runs: u64,
    /// Where what is random begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The attacker has seen the secret
    SeenSecret,
    /// The node takes any nonce of the hub, whatever it was bound to
    UncheckedNonce,
    /// The code does not tell how the node confirms
    UnboundWay,
    /// The person presses a button that the page has not asked for
    UnaskedPress,
    /// An admin lets in whatever asks unverified, although the node before them shows digits
    CarelessAdmin,
}

impl Plant {
    /// In which attack it shows.
    fn attack(self) -> Attack {
        match self {
            Self::SeenSecret => Attack::WrongSecret,
            Self::UncheckedNonce => Attack::Ground,
            Self::UnboundWay => Attack::Turned,
            Self::UnaskedPress => Attack::ButtonRelay,
            Self::CarelessAdmin => Attack::Downgraded,
        }
    }
}

/// What an attacker tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    /// Joins with a secret of its own.
    WrongSecret,
    /// Names the secret of the window and does not have it.
    NamedSecret,
    /// Says again what a node has said that joined.
    Replay,
    /// Changes one bit of what a node says.
    Changed,
    /// Begins with a key that leads to zero.
    LowOrder,
    /// Stands in between, with keys of its own on either side.
    Relay,
    /// Does so, and opens another nonce than it was bound to, with which the codes are equal.
    Ground,
    /// Stands in between the hub and a node with a button.
    ButtonRelay,
    /// Poses as a hub to a node whose button is pressed too early.
    EarlyPress,
    /// Says that its button was pressed, and its digits were not typed.
    FalsePress,
    /// Changes how a node confirms, and nothing else.
    Turned,
    /// Says that a node which shows digits can show nothing, where no admin lets such nodes ask, and where one does.
    Downgraded,
    /// Is let in unverified by an admin, and has commands sent to it.
    Commanded,
}

const ATTACKS: [Attack; 13] = [
    Attack::WrongSecret,
    Attack::NamedSecret,
    Attack::Replay,
    Attack::Changed,
    Attack::LowOrder,
    Attack::Relay,
    Attack::Ground,
    Attack::ButtonRelay,
    Attack::EarlyPress,
    Attack::FalsePress,
    Attack::Turned,
    Attack::Downgraded,
    Attack::Commanded,
];

/// Runs it and prints its figures.
///
/// # Errors
/// What fell short, or what could not be done.
pub fn run(options: &Options) -> Result<()> {
    let (begin, mut chance) = (Instant::now(), Chance::new(options.seed, 9));
    let plant = options.frame.plant;
    let mut site = Site::start()?;
    let mut counts = [0_u64; ATTACKS.len()];
    for run in 0..options.runs {
        let next = ATTACKS.get(usize::try_from(run)? % ATTACKS.len()).copied().context("an attack")?;
        let attack = plant.map_or(next, Plant::attack);
        let place = ATTACKS.iter().position(|known| *known == attack);
        let count = place.and_then(|place| counts.get_mut(place)).context("an attack")?;
        site.window()?;
        site.attack(attack, *count, plant, &mut chance).with_context(|| format!("run {run}: {attack:?}"))?;
        *count += 1;
        site.judge().with_context(|| format!("run {run}: {attack:?}"))?;
        if plant.is_some() && site.accepted + site.trusted > 0 {
            break;
        }
    }
    let mut findings = Findings::default();
    findings.tell("runs", options.runs);
    for (attack, count) in ATTACKS.into_iter().zip(counts) {
        findings.tell(&format!("{attack:?}"), count);
    }
    findings.tell("joined", site.joined);
    findings.zero("accepted", site.accepted);
    findings.zero("trusted", site.trusted);
    findings.zero("commanded", site.commanded);
    findings.tell("seconds", seconds(begin.elapsed()));
    let broken = site.accepted + site.trusted;
    site.stop();
    options.frame.conclude("pair", findings, |_| broken > 0, "nobody was let in whom no person had let in")
}
