//! What a runner is given: the device behind its node, and where the node connects to and listens.
//!
//! Whoever writes a program for a board implements [`Device`]; the runner calls it, and owns nothing of it.

use core::{net::SocketAddr, time::Duration};

use super::HostNode;
use crate::{Answer, Command, Event, Instant, noise::KeyPair, tunnel::Keys};

/// What is behind the node: sensors, relays, whatever it carries.
pub trait Device {
    /// Does what a command asks for and says what became of it.
    ///
    /// What takes longer is [`Answer::Accepted`] here, and answered later with [`Node::answer`](crate::Node::answer)
    /// from [`wake`](Self::wake).
    fn obey<'d>(&'d mut self, command: Command<'_>) -> Answer<'d>;

    /// Reports what is to be reported, and says after how long it wants to be called again. It is called
    /// at the start, when that time is over, after every command, and when the hub has welcomed or
    /// admitted the node.
    fn wake(&mut self, node: &mut HostNode<'_>, now: Instant) -> Duration;

    /// The node has another key from now on: this one is to be stored in place of the one before.
    fn key_changed(&mut self, own: &KeyPair) {
        let _ = own;
    }

    /// The node knows other keys of its hub from now on: [`hub`](Keys::hub), [`hub_key`](Keys::hub_key) and
    /// [`next_hub`](Keys::next_hub) are to be stored before this returns, for the hub is then told that they are.
    fn hub_key_changed(&mut self, keys: &Keys) {
        let _ = keys;
    }

    /// Sees everything that the session tells; for logs and figures.
    fn observe(&mut self, event: &Event<'_>) {
        let _ = event;
    }
}

impl<D: Device + ?Sized> Device for &mut D {
    fn obey<'d>(&'d mut self, command: Command<'_>) -> Answer<'d> {
        (**self).obey(command)
    }

    fn wake(&mut self, node: &mut HostNode<'_>, now: Instant) -> Duration {
        (**self).wake(node, now)
    }

    fn key_changed(&mut self, own: &KeyPair) {
        (**self).key_changed(own);
    }

    fn hub_key_changed(&mut self, keys: &Keys) {
        (**self).hub_key_changed(keys);
    }

    fn observe(&mut self, event: &Event<'_>) {
        (**self).observe(event);
    }
}

/// Where a node connects to and listens.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The hub.
    pub hub: SocketAddr,
    /// The address to connect from; `None` leaves it to the system.
    pub from: Option<SocketAddr>,
    /// Where the hub may dial the node, usually port [`DIAL_PORT`](iot_proto::DIAL_PORT). Say so with
    /// [`Capabilities::LISTENS`](iot_proto::Capabilities::LISTENS).
    pub listen: Option<SocketAddr>,
}

impl Ends {
    /// A node that connects to `hub` and is not dialled.
    pub fn new(hub: SocketAddr) -> Self {
        Self { hub, from: None, listen: None }
    }
}
