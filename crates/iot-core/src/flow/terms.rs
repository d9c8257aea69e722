//! Nodes that prove nothing, and those that nobody has verified: an admin permits commands to each. Those that prove
//! nothing are let in at one address. Where registration is open nobody is asked, and neither holds.

use alloc::{format, string::ToString};
use core::net::IpAddr;

use super::audit::Asker;
use crate::{
    AdmissionState, Effects, Event, Hub, IotError, NodeId, Now, SessionId,
    audit::Deed,
    config::Registration,
    registry::{Node, NodeNumber},
    store::Stranger,
    view::Permission,
};

/// How long after a stranger was put into the audit the next one is. In milliseconds.
const NOTE_AGAIN_MS: u64 = 3_600_000;

impl Hub {
    /// Whether every node is let in without asking.
    pub(crate) fn is_open(&self) -> bool {
        self.config.registration == Registration::Open
    }

    /// Checks that commands to a node are taken.
    ///
    /// # Errors
    /// [`IotError::NotPermitted`].
    pub(crate) fn check_permitted(&self, node: &Node) -> Result<(), IotError> {
        if !node.needs_leave() || self.is_open() || node.is_permitted() {
            return Ok(());
        }
        Err(IotError::NotPermitted { node: node.id.clone() })
    }

    /// Whether commands to a node are taken, and by whose word.
    pub(crate) fn permission(&self, node: &Node) -> Permission {
        match node.is_permitted() {
            _ if !node.needs_leave() => Permission::Needless,
            _ if self.is_open() => Permission::Open,
            true => Permission::Given,
            false => Permission::Missing,
        }
    }

    /// Takes commands to a node that proves nothing, or that nobody has verified; nothing where they are taken already.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`]; [`IotError::Standing`] for one that waits, or that needs no leave.
    pub(crate) fn permit(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        id: &NodeId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.on_terms(id)?;
        let Some(node) = self.registry.get_mut(number).filter(|node| !node.is_permitted()) else {
            return Ok(());
        };
        node.change_terms(|terms| terms.commands = Some(asker.decision()));
        self.permission_changed(now, asker, (number, Deed::Permit), out);
        Ok(())
    }

    /// Takes no commands to such a node any more: those that are under way are cancelled.
    ///
    /// # Errors
    /// As [`permit`](Self::permit).
    pub(crate) fn forbid(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        id: &NodeId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.on_terms(id)?;
        let Some(node) = self.registry.get_mut(number).filter(|node| node.is_permitted()) else {
            return Ok(());
        };
        node.change_terms(|terms| terms.commands = None);
        self.permission_changed(now, asker, (number, Deed::Forbid), out);
        if !self.is_open() {
            self.cancel_all(now, number, &IotError::NotPermitted { node: id.clone() }, out);
            // What is being dialled may have been said already; nothing more is.
            if let Some(delivery) = self.registry.get(number).and_then(|node| node.delivery) {
                self.end_delivery(now, delivery, None, out);
            }
        }
        Ok(())
    }

    /// Whether a node is let in, and dialled, at an address. The port does not count.
    pub(crate) fn is_let_in_at(&self, node: &Node, address: IpAddr) -> bool {
        self.is_open() || node.home().is_none_or(|home| home == address.to_canonical())
    }

    /// Lets a node that proves nothing in at the address where it was last seen, and no other, where none was laid down
    /// yet. Whether that is so from now on.
    pub(crate) fn settle(&mut self, number: NodeNumber) -> bool {
        !self.is_open() && self.registry.get_mut(number).is_some_and(Node::settle)
    }

    /// Checks that a node says hello where it is let in. Who says its name anywhere else is marked on its page, and put
    /// into the audit as often as once an hour.
    ///
    /// # Errors
    /// [`IotError::Elsewhere`].
    pub(crate) fn check_home(
        &mut self,
        now: Now,
        session: SessionId,
        number: NodeNumber,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let Some(address) = self.sessions.get(session).map(|session| session.peer.ip().to_canonical()) else {
            return Ok(());
        };
        let Some(node) = self.registry.get(number) else { return Ok(()) };
        if self.waits_elsewhere(node, address) {
            return Err(IotError::Elsewhere { node: node.id.clone(), address });
        }
        if node.admission != AdmissionState::Admitted || self.is_let_in_at(node, address) {
            return Ok(());
        }
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        let noted = node.stranger().map(|stranger| stranger.noted);
        let noted = noted.filter(|noted| now.wall.0.abs_diff(noted.0) < NOTE_AGAIN_MS);
        let stranger = Stranger { address, at: now.wall, noted: noted.unwrap_or(now.wall) };
        node.change_terms(|terms| terms.stranger = Some(stranger));
        let (id, target, home) = (node.id.clone(), node.target(), node.home());
        if noted.is_none() {
            let before = home.map_or_else(Default::default, |home| format!("let in at {home}"));
            let asker = Asker { at: now.wall, by: &address.to_string(), why: "" };
            out.audit(asker, Deed::Refuse, target, before, format!("said its name at {address}"));
            self.node_changed(now, number, &format!(": somebody said its name at {address}"), out);
        } else {
            out.publish(Event::Node { node: id.clone() });
        }
        Err(IotError::Elsewhere { node: id, address })
    }

    /// Whether a node that proves nothing waits at another address and is connected: who looks at it in the inbox lets in
    /// what is there, and not whoever takes its name meanwhile.
    fn waits_elsewhere(&self, node: &Node, address: IpAddr) -> bool {
        let waits = node.is_unproven() && node.admission == AdmissionState::Pending;
        let there = node.session.filter(|_| waits).and_then(|session| self.sessions.get(session));
        there.is_some_and(|session| session.peer.ip().to_canonical() != address)
    }

    /// Lets a node that proves nothing in at this address from now on, and at no other.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`]; [`IotError::Standing`] for one that waits, or that proves its key.
    pub(crate) fn accept_address(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        (id, address): (&NodeId, IpAddr),
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let (number, address) = (self.unproven(id)?, address.to_canonical());
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        let before = node.home();
        if before == Some(address) && node.stranger().is_none() {
            return Ok(());
        }
        node.change_terms(|terms| (terms.home, terms.stranger) = (Some(address), None));
        let before = before.map_or_else(Default::default, |home| home.to_string());
        out.audit(asker, Deed::AcceptAddress, node.target(), before, address.to_string());
        self.node_changed(now, number, &format!(": let in at {address} by {}", asker.by), out);
        self.leave_other_addresses(now, number, out);
        Ok(())
    }

    /// Ends what is under way with whoever is at another address than a node's home.
    fn leave_other_addresses(&mut self, now: Now, number: NodeNumber, out: &mut Effects) {
        let Some(node) = self.registry.get(number) else { return };
        let (id, delivery) = (node.id.clone(), node.delivery);
        let at = |address: IpAddr| !self.is_let_in_at(node, address);
        let session = node.session.and_then(|id| Some((id, self.sessions.get(id)?.peer.ip())));
        let session = session.filter(|(_, address)| at(*address));
        let is_called_there = node.address.is_some_and(|address| at(address.ip()));
        if let Some(delivery) = delivery.filter(|_| is_called_there) {
            self.end_delivery(now, delivery, None, out);
        }
        if let Some((session, address)) = session {
            self.end_session(now, session, &IotError::Elsewhere { node: id, address }, out);
        }
    }

    fn permission_changed(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        (number, deed): (NodeNumber, Deed),
        out: &mut Effects,
    ) {
        let Some(node) = self.registry.get(number) else { return };
        let words = ["commands not permitted", "commands permitted"];
        let [after, before] = if deed == Deed::Permit { [words[1], words[0]] } else { words };
        out.audit(asker, deed, node.target(), before, after);
        self.node_changed(now, number, &format!(": {after} by {}", asker.by), out);
    }

    /// A node that has been let in and proves nothing.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Standing`].
    fn unproven(&self, id: &NodeId) -> Result<NodeNumber, IotError> {
        let number = self.on_terms(id)?;
        match self.registry.get(number) {
            Some(node) if !node.is_unproven() => {
                Err(IotError::Standing { node: id.clone(), why: "proves its key, and is let in anywhere" })
            }
            _ => Ok(number),
        }
    }

    /// A node that has been let in and whose commands need an admin's leave.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Standing`].
    fn on_terms(&self, id: &NodeId) -> Result<NodeNumber, IotError> {
        let number = self.registry.number(id)?;
        let standing = |why| Err(IotError::Standing { node: id.clone(), why });
        match self.registry.get(number) {
            Some(node) if !node.needs_leave() => standing("proves its key, and stands on no terms"),
            Some(node) if node.admission == AdmissionState::Pending => standing("waits: let it in first"),
            _ => Ok(number),
        }
    }
}
