//! A runner's changes of key, its own and its hub's: which connection is encrypted with which, and what follows from each
//! step. The steps are `rekey.rs`'s and `hub_keys.rs`'s.

use iot_proto::NextHubKey;

use super::{Device, Runner};
use crate::{
    Connection,
    noise::KeyPair,
    rekey::{Rekey, RekeyStep},
    tunnel::Keys,
};

impl<D: Device> Runner<'_, D> {
    /// Changes the node's key to this one, which was stored as the next one before. [`Device::key_changed`] is called
    /// once it is the node's own; where the hub does not take it, the old one stays. A plain node has no key to change.
    pub fn change_key(&mut self, next: KeyPair) {
        if self.keys.is_some() {
            let rekey = Rekey::new(next);
            self.node.announce_key(rekey.public());
            self.rekey = Some(rekey);
        }
    }

    /// With which connections are encrypted; `None` for a plain node.
    pub fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }

    /// With which a connection is encrypted. A key that is being tried is not expected by a hub that dials.
    pub(super) fn keys_for(&self, connection: Connection) -> Option<Keys> {
        let keys = self.keys.clone()?;
        let next = keys.of_next_hub().filter(|_| connection == Connection::Own && !self.next_hub_failed);
        let keys = next.unwrap_or(keys);
        let tried = self.rekey.as_ref().filter(|rekey| rekey.is_trying() && connection == Connection::Own);
        Some(match tried {
            Some(rekey) => Keys { own: rekey.next().clone(), ..keys },
            None => keys,
        })
    }

    /// The hub has told a key.
    pub(super) fn learn_hub_key(&mut self, told: NextHubKey) {
        match self.keys.as_mut().map(|keys| keys.learn(told)) {
            Some(Ok(has_changed)) => {
                if let Some(keys) = self.keys.as_ref().filter(|_| has_changed) {
                    self.device.hub_key_changed(keys);
                }
                self.node.hub_key_stored();
            }
            Some(Err(why)) => self.node.hub_key_refused(why),
            None => {}
        }
    }

    /// The hub has proven its key of this number.
    pub(super) fn hub_proven(&mut self, number: u8) {
        self.next_hub_failed = false;
        if let Some(keys) = &mut self.keys
            && keys.opened_with(number)
        {
            self.device.hub_key_changed(keys);
        }
    }

    /// An own connection has ended before the hub has proven itself: the hub's other key is tried with the next one.
    pub(super) fn hub_not_proven(&mut self) {
        self.next_hub_failed ^= true;
    }

    /// Goes on with a change of key.
    pub(super) fn rekey(&mut self, step: RekeyStep) {
        let now = self.now();
        match (step, &self.rekey, &mut self.keys) {
            (RekeyStep::Try, Some(rekey), _) => {
                self.node.set_key(rekey.public());
                self.node.renew(now);
            }
            (RekeyStep::Done, Some(rekey), Some(keys)) => {
                keys.own = rekey.next().clone();
                self.device.key_changed(&keys.own);
                self.rekey = None;
            }
            (RekeyStep::Failed, Some(rekey), Some(keys)) => {
                self.node.set_key(keys.public());
                if rekey.is_trying() {
                    self.node.renew(now);
                }
                self.rekey = None;
            }
            _ => {}
        }
    }
}
