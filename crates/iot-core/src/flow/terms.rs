//! Nodes that prove nothing: an admin permits commands to each. Where registration is open nobody is asked.

use alloc::format;

use super::audit::Asker;
use crate::{
    AdmissionState, Effects, Event, Hub, IotError, NodeId, Now,
    audit::Deed,
    config::Registration,
    registry::{Node, NodeNumber},
    store::Decision,
    view::Permission,
};

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
        if !node.is_unproven() || self.is_open() || node.is_permitted() {
            return Ok(());
        }
        Err(IotError::NotPermitted { node: node.id.clone() })
    }

    /// Whether commands to a node are taken, and by whose word.
    pub(crate) fn permission(&self, node: &Node) -> Permission {
        match node.terms.as_ref().and_then(|terms| terms.commands.clone()) {
            _ if !node.is_unproven() => Permission::Needless,
            _ if self.is_open() => Permission::Open,
            Some(decision) => Permission::Given(decision),
            None => Permission::Missing,
        }
    }

    /// Takes commands to a node that proves nothing; nothing where they are taken already.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`]; [`IotError::Standing`] for one that waits, or that proves its key.
    pub(crate) fn permit(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        id: &NodeId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.unproven(id)?;
        let Some(node) = self.registry.get_mut(number).filter(|node| !node.is_permitted()) else {
            return Ok(());
        };
        let decision = Decision { by: asker.by.into(), why: asker.why.into(), at: asker.at };
        node.change_terms(|terms| terms.commands = Some(decision));
        self.permission_changed(now, asker, (number, Deed::Permit), out);
        Ok(())
    }

    /// Takes no commands to a node that proves nothing any more: those that are under way are cancelled.
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
        let number = self.unproven(id)?;
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
        self.terms_changed(now, number, &format!("{after} by {}", asker.by), out);
    }

    /// Keeps the terms of a node, and tells all who watch.
    fn terms_changed(&mut self, now: Now, number: NodeNumber, what: &str, out: &mut Effects) {
        let Some(node) = self.registry.get(number) else { return };
        out.records.records.extend(node.record());
        out.publish(Event::Node { node: node.id.clone() });
        let (id, text) = (node.id.clone(), format!("{}: {what}.", node.title));
        self.activity.note(now.wall, Some(&id), text, out);
    }

    /// A node that has been let in and proves nothing.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Standing`].
    fn unproven(&self, id: &NodeId) -> Result<NodeNumber, IotError> {
        let number = self.registry.number(id)?;
        let standing = |why| Err(IotError::Standing { node: id.clone(), why });
        match self.registry.get(number) {
            Some(node) if !node.is_unproven() => standing("proves its key, and needs no leave"),
            Some(node) if node.admission == AdmissionState::Pending => standing("waits: let it in first"),
            _ => Ok(number),
        }
    }
}
