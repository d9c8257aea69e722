//! What each [`Attack`] does, at a [`Site`].

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
};

use anyhow::{Context as _, Result, bail, ensure};
use iot_core::Request;
use iot_node::{
    join::{Join, JoinError, JoinStep},
    noise::{Handshake, KeyPair, Parties, Pattern, Role},
};
use iot_proto::{
    CODES, Confirm, Digits, JoinMessage, NodeKey, Opening, Purpose, VersionRange, commitment, join_code,
};

use super::{
    Attack, Plant,
    posed::{Posed, grind, key, random, randomness, taken},
    site::Site,
};
use crate::prove::{chance::Chance, low_order::POINTS};

impl Site {
    /// Makes an attempt, after so many of its sort.
    pub(super) fn attack(
        &mut self,
        attack: Attack,
        before: u64,
        plant: Option<Plant>,
        chance: &mut Chance,
    ) -> Result<()> {
        let own = key()?;
        match attack {
            Attack::WrongSecret => {
                let seen = plant == Some(Plant::SeenSecret);
                let secret = if seen { self.secret.clone() } else { iot_net::new_secret()? };
                self.join(Join::with_secret(&own, &secret, random()?)?, |bytes, _| bytes)?;
            }
            Attack::NamedSecret => self.name_secret(&own)?,
            Attack::Replay => {
                let mut said = Vec::new();
                let secret = self.secret.clone();
                let run = Join::with_secret(&own, &secret, random()?)?;
                self.genuine.push(NodeKey(own.public()));
                let trusted = self.join(run, |bytes, _| {
                    said.extend_from_slice(&bytes);
                    bytes
                })?;
                ensure!(trusted, "a genuine node joins");
                self.joined += 1;
                self.told(&said)?;
            }
            Attack::Changed => {
                let (at, bit) = (chance.below(124), chance.below(8));
                let secret = self.secret.clone();
                let run = Join::with_secret(&own, &secret, random()?)?;
                self.join(run, |mut bytes, before| {
                    let place = usize::try_from(at).ok().and_then(|at| at.checked_sub(before));
                    if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
                        *byte ^= 1 << bit;
                    }
                    bytes
                })?;
            }
            Attack::LowOrder => {
                let which = usize::try_from(before)? % POINTS.len();
                let opening =
                    Opening { purpose: Purpose::JoinCode, versions: VersionRange::OURS, hub_key: 0 };
                let point = POINTS.get(which).context("a point")?;
                let told = self.told(&[opening.clear().as_ref(), point].concat())?;
                ensure!(told.len() <= 5, "the hub answered a key that leads to zero");
            }
            Attack::Relay | Attack::Ground => self.between(attack, plant, &own)?,
            Attack::ButtonRelay => self.relay_to_button(plant, &own)?,
            Attack::EarlyPress => self.press_early()?,
            Attack::FalsePress => self.say_pressed(before, &own)?,
            Attack::Turned => self.turn(before, plant)?,
            Attack::Downgraded => self.downgrade(before, plant, &own)?,
            Attack::Commanded => self.command_unverified(&own)?,
        }
        Ok(())
    }

    /// Begins as a node would that has the secret of the window, without it.
    fn name_secret(&self, own: &KeyPair) -> Result<()> {
        let slot = self.secret.slot();
        let opening =
            Opening { purpose: Purpose::JoinSecret { slot }, versions: VersionRange::OURS, hub_key: 0 };
        let psk = random()?;
        let parties =
            Parties { pattern: Pattern::XxPsk0, role: Role::Initiator, own, theirs: None, psk: Some(&psk) };
        let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), random()?);
        let mut message = [0; 48];
        handshake.write(&[], &mut message)?;
        self.told(&[opening.clear().as_ref(), &message].concat())?;
        Ok(())
    }

    /// The attacker speaks with the hub as a node, and with a node as a hub.
    fn between(&mut self, attack: Attack, plant: Option<Plant>, own: &KeyPair) -> Result<()> {
        let (mut at_hub, mut stream) = (code(own)?, self.connect()?);
        let JoinStep::Show(theirs) =
            until(&mut at_hub, &mut stream, |step| matches!(step, JoinStep::Show(_)))?
        else {
            bail!("the hub shows its nonce")
        };
        let mut victim = code(&key()?)?;
        let mut posed = Posed::new(&mut victim)?;
        let nonce = random()?;
        posed.say(&mut victim, &JoinMessage::Commitment(commitment(&posed.transcript, &nonce)))?;
        ensure!(victim.advance()? == JoinStep::Revealed, "the node says its nonce");
        let JoinMessage::Nonce(victims, _) = posed.hear(&mut victim)? else { bail!("a nonce") };
        let shown = match (attack, plant) {
            (Attack::Ground, Some(_)) => {
                let ground = grind(&posed.transcript, &victims, theirs.code);
                let code = join_code(Confirm::Digits, &posed.transcript, &ground, &victims);
                Some(Digits { code, answer: Some(0) })
            }
            (Attack::Ground, None) => {
                posed.say(&mut victim, &JoinMessage::Disclosure(random()?))?;
                let step = victim.advance();
                self.trusted += u64::from(step != Err(JoinError::Broken));
                None
            }
            _ => {
                posed.say(&mut victim, &JoinMessage::Disclosure(nonce))?;
                match victim.advance()? {
                    JoinStep::Show(digits) => Some(digits),
                    step @ (JoinStep::Met(_)
                    | JoinStep::Revealed
                    | JoinStep::Press
                    | JoinStep::Waits
                    | JoinStep::Trusted(_)
                    | JoinStep::Nothing) => {
                        bail!("{step:?} in place of digits")
                    }
                }
            }
        };
        if let Some(digits) = shown {
            // The person reads them from the node, and means well.
            drop(self.ask(Request::EnterDigits { digits })?);
            let other = (digits.answer.unwrap_or_default() + 1) % CODES;
            posed.say(&mut victim, &JoinMessage::Answer(other)).ok();
            if attack == Attack::Relay {
                self.trusted += u64::from(matches!(victim.advance(), Ok(JoinStep::Trusted(_))));
            }
        }
        Ok(())
    }

    /// Makes a run over a connection on which `passed` may change what the node says. Whether it trusts the hub.
    fn join(&mut self, mut run: Join, mut passed: impl FnMut(Vec<u8>, usize) -> Vec<u8>) -> Result<bool> {
        let (mut stream, mut before) = (self.connect()?, 0);
        loop {
            let step = run.advance();
            let waiting = run.waiting().to_vec();
            run.sent(waiting.len());
            let len = waiting.len();
            stream.write_all(&passed(waiting, before))?;
            before += len;
            match step {
                Ok(JoinStep::Trusted(hub)) => {
                    self.trusted += u64::from(hub != self.own.public());
                    return Ok(true);
                }
                Ok(JoinStep::Nothing) => match stream.read(run.room()) {
                    Ok(0) | Err(_) => return Ok(false),
                    Ok(read) => run.received(read),
                },
                Ok(_) => {}
                Err(_) => return Ok(false),
            }
        }
    }

    /// Says this to the hub, and gives all that it says until it closes or has said a whole reply.
    fn told(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut stream = self.connect()?;
        stream.write_all(bytes)?;
        stream.shutdown(Shutdown::Write)?;
        let mut told = Vec::new();
        // A connection that is reset has said all that it says.
        drop(stream.read_to_end(&mut told));
        Ok(told)
    }
}

/// Goes on with a run until a step is the one that is waited for.
pub(super) fn until(
    run: &mut Join,
    stream: &mut TcpStream,
    is_it: impl Fn(&JoinStep) -> bool,
) -> Result<JoinStep> {
    loop {
        let step = run.advance()?;
        stream.write_all(&taken(run))?;
        if is_it(&step) {
            return Ok(step);
        }
        if step == JoinStep::Nothing {
            let read = stream.read(run.room())?;
            ensure!(read > 0, "the hub goes on");
            run.received(read);
        }
    }
}

fn code(own: &KeyPair) -> Result<Join> {
    Ok(Join::with_code(own, randomness()?)?)
}
