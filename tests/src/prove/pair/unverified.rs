//! The attacks that lead to nodes which nobody has verified, at a [`Site`].

use anyhow::{Context as _, Result, bail, ensure};
use iot_core::{IotError, NodeId, Request, view::Wanted};
use iot_node::{
    join::{Join, JoinStep},
    noise::KeyPair,
};
use iot_proto::{JoinMessage, NodeKey};

use super::{
    Plant,
    attack::until,
    posed::{key, random, randomness},
    puppet::Puppet,
    site::Site,
};

impl Site {
    /// The attacker says for a node which shows digits that it can show nothing. The person sees the digits, and lets in
    /// nobody who says so.
    pub(super) fn downgrade(&mut self, before: u64, plant: Option<Plant>, own: &KeyPair) -> Result<()> {
        let is_allowed = before % 2 == 1 || plant.is_some();
        if is_allowed {
            self.ask(Request::AllowUnverified)?.context("the window is open")?;
        }
        let mut puppet = self.says_nothing(own)?;
        if !is_allowed {
            ensure!(puppet.hear()?.is_none(), "the hub refuses where nobody may ask");
            return Ok(());
        }
        if plant == Some(Plant::CarelessAdmin) {
            self.let_in(&mut puppet, own)?;
        }
        // The node before the person still waits for its answer, and nobody but the person can give it.
        let mut node = Join::with_code(&key()?, randomness()?)?;
        let mut stream = self.connect()?;
        let shown = until(&mut node, &mut stream, |step| matches!(step, JoinStep::Show(_)))?;
        ensure!(matches!(shown, JoinStep::Show(digits) if digits.answer.is_some()), "it shows twelve digits");
        Ok(())
    }

    /// The attacker is let in by an admin who knows no better; nobody can command it all the same.
    pub(super) fn command_unverified(&mut self, own: &KeyPair) -> Result<()> {
        self.genuine.push(NodeKey(own.public()));
        self.ask(Request::AllowUnverified)?.context("the window is open")?;
        let mut puppet = self.says_nothing(own)?;
        self.let_in(&mut puppet, own)?;
        let node = NodeId::of_key(&NodeKey(own.public()));
        let restart = Request::Command { node: node.clone(), wanted: Wanted::Restart, expires_in_s: None };
        self.commanded += u64::from(self.ask(restart)? != Err(IotError::NotPermitted { node }));
        Ok(())
    }

    /// Meets the hub as a node that can show nothing.
    fn says_nothing(&self, own: &KeyPair) -> Result<Puppet> {
        let mut puppet = Puppet::new(self.connect()?, own, random()?)?;
        let Some((JoinMessage::Commitment(_), _)) = puppet.hear()? else { bail!("a commitment") };
        puppet.say(&JoinMessage::Unshown(random()?))?;
        Ok(puppet)
    }

    /// An admin lets in whoever asks.
    fn let_in(&self, puppet: &mut Puppet, own: &KeyPair) -> Result<()> {
        let session = loop {
            if let Some(session) = self.asking()?.first() {
                break *session;
            }
            std::thread::yield_now();
        };
        self.ask(Request::AdmitUnverified { session })?.context("it asks")?;
        let Some((JoinMessage::Admitted(id), _)) = puppet.hear()? else { bail!("its admission") };
        ensure!(id == NodeKey(own.public()).id(), "another node was let in");
        Ok(())
    }
}
