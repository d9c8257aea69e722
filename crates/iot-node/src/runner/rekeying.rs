//! A runner's change of key: which connection is encrypted with which, and what follows from each step. The steps are
//! `rekey.rs`'s.

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
        let tried = self.rekey.as_ref().filter(|rekey| rekey.is_trying() && connection == Connection::Own);
        Some(match tried {
            Some(rekey) => Keys { own: rekey.next().clone(), ..keys },
            None => keys,
        })
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
