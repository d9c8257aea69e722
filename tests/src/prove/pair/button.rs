//! The attacks on nodes with a button, and on what a node says of how it confirms, at a [`Site`].
//!
//! The person types what the node shows, and presses its button where the page asks for that.

use anyhow::{Result, bail, ensure};
use iot_core::Request;
use iot_node::{
    join::{Join, JoinError, JoinStep},
    noise::KeyPair,
};
use iot_proto::{CODES, Confirm, Digits, JoinMessage, commitment, join_code};

use super::{
    Plant,
    attack::until,
    posed::{Posed, give, key, random, randomness, taken},
    puppet::Puppet,
    site::Site,
};

/// What the hub says to a node that joins, up to its nonce.
struct Met {
    puppet: Puppet,
    hub_nonce: [u8; 32],
    /// The records in which it did.
    said: [Vec<u8>; 3],
}

impl Site {
    /// The attacker speaks with the hub as a node with a button, and with such a node as a hub, which it tells that all
    /// is well.
    pub(super) fn relay_to_button(&mut self, plant: Option<Plant>, own: &KeyPair) -> Result<()> {
        let (mut at_hub, mut stream) = (Join::with_button(own, randomness()?)?, self.connect()?);
        until(&mut at_hub, &mut stream, |step| matches!(step, JoinStep::Show(_)))?;
        let mut victim = Join::with_button(&key()?, randomness()?)?;
        let mut posed = Posed::new(&mut victim)?;
        let digits = shown(&mut posed, &mut victim)?;
        drop(self.ask(Request::EnterDigits { digits })?);
        posed.say(&mut victim, &JoinMessage::Matched)?;
        ensure!(victim.advance()? == JoinStep::Press, "the node waits for a press");
        if self.asks_for_press()? || plant == Some(Plant::UnaskedPress) {
            self.trusted += u64::from(matches!(victim.pressed(), Ok(JoinStep::Trusted(_))));
        }
        Ok(())
    }

    /// The attacker speaks with a node as a hub, and somebody leans on its button before any hub has said a word.
    pub(super) fn press_early(&mut self) -> Result<()> {
        let mut victim = Join::with_button(&key()?, randomness()?)?;
        let mut counted = u64::from(victim.pressed().is_ok());
        let mut posed = Posed::new(&mut victim)?;
        counted += u64::from(victim.pressed().is_ok());
        shown(&mut posed, &mut victim)?;
        counted += u64::from(victim.pressed().is_ok());
        // What is the hub's word to another sort of node is none to this one.
        let (answer, mut other) = (random::<8>()?, Join::with_button(&key()?, randomness()?)?);
        let mut posed_to_other = Posed::new(&mut other)?;
        shown(&mut posed_to_other, &mut other)?;
        posed_to_other.say(&mut other, &JoinMessage::Answer(iot_proto::below_codes(answer)))?;
        ensure!(other.advance() == Err(JoinError::OutOfTurn), "a node with a button takes no answer");
        posed.say(&mut victim, &JoinMessage::Matched)?;
        counted += u64::from(victim.advance()? != JoinStep::Press);
        self.trusted += counted;
        Ok(())
    }

    /// The attacker says that its button was pressed, before and after digits are typed that it does not show.
    pub(super) fn say_pressed(&self, before: u64, own: &KeyPair) -> Result<()> {
        let nonce = random()?;
        let Met { mut puppet, hub_nonce, .. } = self.meets(own, random()?, nonce, Confirm::Button)?;
        let code = join_code(Confirm::Button, &puppet.transcript, &hub_nonce, &nonce);
        if before.is_multiple_of(2) {
            let digits = Digits { code: (code + 1) % CODES, answer: None };
            drop(self.ask(Request::EnterDigits { digits })?);
        }
        puppet.say(&JoinMessage::Stored)?;
        ensure!(puppet.hear()?.is_none(), "the hub refuses");
        Ok(())
    }

    /// The attacker knows the keys of a node's encryption, and changes nothing but how the node confirms.
    pub(super) fn turn(&mut self, before: u64, plant: Option<Plant>) -> Result<()> {
        let is_with_digits = before.is_multiple_of(2) || plant.is_some();
        let (is, said) = if is_with_digits {
            (Confirm::Digits, Confirm::Button)
        } else {
            (Confirm::Button, Confirm::Digits)
        };
        let (own, random) = (key()?, randomness()?);
        let begin = if is_with_digits { Join::with_code } else { Join::with_button };
        let mut node = begin(&own, random)?;
        let Met { puppet, hub_nonce, said: records } =
            self.meets(&own, random.ephemeral, random.nonce, said)?;
        let mut shown = None;
        for record in &records {
            taken(&mut node);
            give(&mut node, record);
            if let JoinStep::Show(digits) = node.advance()? {
                shown = Some(digits);
            }
        }
        let Some(mut digits) = shown else { bail!("the node shows digits") };
        if plant == Some(Plant::UnboundWay) {
            digits.code = join_code(said, &puppet.transcript, &hub_nonce, &random.nonce);
        } else {
            let code = join_code(is, &puppet.transcript, &hub_nonce, &random.nonce);
            ensure!(digits.code == code, "the node computes its own code");
        }
        // The page says that it has a button, so the person types six digits of it, and all of them after that.
        let six = Digits { code: digits.code, answer: None };
        for digits in [six, digits] {
            drop(self.ask(Request::EnterDigits { digits })?);
        }
        drop(puppet);
        Ok(())
    }

    /// Meets the hub as a node that confirms so.
    fn meets(&self, own: &KeyPair, ephemeral: [u8; 32], nonce: [u8; 32], confirm: Confirm) -> Result<Met> {
        let mut puppet = Puppet::new(self.connect()?, own, ephemeral)?;
        let Some((JoinMessage::Commitment(_), bound)) = puppet.hear()? else { bail!("a commitment") };
        puppet.say(&JoinMessage::Nonce(nonce, confirm))?;
        let Some((JoinMessage::Disclosure(hub_nonce), disclosed)) = puppet.hear()? else { bail!("a nonce") };
        let said = [puppet.reply.clone(), bound, disclosed];
        Ok(Met { puppet, hub_nonce, said })
    }
}

/// Leads a node as far as to its digits.
fn shown(posed: &mut Posed, victim: &mut Join) -> Result<Digits> {
    let nonce = random()?;
    posed.say(victim, &JoinMessage::Commitment(commitment(&posed.transcript, &nonce)))?;
    ensure!(victim.advance()? == JoinStep::Revealed, "the node says its nonce");
    let JoinMessage::Nonce(_, Confirm::Button) = posed.hear(victim)? else { bail!("a nonce and a button") };
    posed.say(victim, &JoinMessage::Disclosure(nonce))?;
    let JoinStep::Show(digits) = victim.advance()? else { bail!("digits") };
    Ok(digits)
}
