//! Admission: nodes are let in, turned away, disabled, revoked, put away and forgotten by people.

use alloc::{boxed::Box, format};

use iot_proto::{Admission, Correlation};

use super::audit::Asker;
use crate::{
    AdmissionState, CommandState, Effects, Event, Hub, IotError, Limit, NodeId, Now,
    audit::Deed,
    config::Registration,
    deadlines::Timer,
    registry::{Node, NodeNumber},
    sessions::{Pending, Session},
    store::{Decision, Record},
};

impl Hub {
    /// Lets a node in.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Archived`]; [`IotError::TooMany`] for one plain node more.
    pub(crate) fn admit(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        id: &NodeId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.unless(id, AdmissionState::Archived, |node| IotError::Archived { node })?;
        self.check_room_for_plain(number, None)?;
        self.set_admission(now, asker, number, (AdmissionState::Admitted, Deed::Admit), out);
        self.pump(now, number, out);
        Ok(())
    }

    /// Whether one more plain node may be let in, while another one goes where that is named. Anyone can pose as one, so
    /// there are few, each known to a person; where registration is open, nobody has chosen any of them.
    ///
    /// # Errors
    /// [`IotError::TooMany`].
    pub(crate) fn check_room_for_plain(
        &self,
        number: NodeNumber,
        goes: Option<NodeNumber>,
    ) -> Result<(), IotError> {
        let is_let_in = |node: &Node| node.key().is_none() && node.admission == AdmissionState::Admitted;
        let asks = self.registry.get(number).is_some_and(|node| node.key().is_none() && !is_let_in(node));
        if !asks || self.config.registration == Registration::Open {
            return Ok(());
        }
        let stays = |(known, node): &(NodeNumber, &Node)| Some(*known) != goes && is_let_in(node);
        let let_in = self.registry.iter().filter(stays).count();
        let most = self.config.max_plain;
        if let_in < most { Ok(()) } else { Err(self.too_many(Limit::Plain, most)) }
    }

    /// Turns a waiting node away and forgets it.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`]; [`IotError::Standing`] for one that does not wait.
    pub(crate) fn reject(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        id: &NodeId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.registry.number(id)?;
        if self.registry.get(number).is_some_and(|node| node.admission != AdmissionState::Pending) {
            return Err(IotError::Standing {
                node: id.clone(),
                why: "does not wait: it has been let in once",
            });
        }
        if let Some(node) = self.remove(now, number, id, out) {
            out.audit(asker, Deed::TurnAway, node.target(), node.admission.word(), "");
            self.activity.note(
                now.wall,
                None,
                format!("{} was turned away by {}.", node.title, asker.by),
                out,
            );
        }
        Ok(())
    }

    /// Forgets a node that had been let in, with everything of it.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::ReasonMissing`]; [`IotError::Standing`] for one that waits.
    pub(crate) fn forget(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        id: &NodeId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.unless(id, AdmissionState::Pending, waits)?;
        asker.must_say_why("forgetting a node")?;
        if let Some(node) = self.remove(now, number, id, out) {
            let before = format!("{}, {} modules", node.admission.word(), node.modules.len());
            out.audit(asker, Deed::Forget, node.target(), before, "");
            self.activity.note(now.wall, None, format!("{} was forgotten by {}.", node.title, asker.by), out);
        }
        Ok(())
    }

    /// Takes a node out of everything.
    pub(crate) fn remove(
        &mut self,
        now: Now,
        number: NodeNumber,
        id: &NodeId,
        out: &mut Effects,
    ) -> Option<Node> {
        // First what waits for it, so that nothing is sent or dialled for it while it goes.
        for command in self.ledger.forget(number) {
            self.deadlines.cancel(Timer::Command(command));
            self.deadlines.cancel(Timer::Expiry(command));
        }
        self.take_away(now, number, id, out);
        self.deadlines.cancel(Timer::Presence(number));
        self.deadlines.cancel(Timer::Matched(number));
        self.deadlines.cancel(Timer::Redial(number));
        self.dials.reached(number);
        let node = self.registry.remove(number)?;
        if node.admission != AdmissionState::Pending {
            out.records.records.push(Record::Gone(id.clone()));
        }
        out.publish(Event::Gone { node: id.clone() });
        Some(node)
    }

    /// Disables a node, or enables it again.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`].
    pub(crate) fn set_disabled(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        id: &NodeId,
        deed: Deed,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.registry.number(id)?;
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        let before = standing(node);
        node.change_extras(|extras| extras.disabled = (deed == Deed::Disable).then(|| asker.decision()));
        let (target, after) = (node.target(), standing(node));
        let word = if deed == Deed::Disable { "disabled" } else { "enabled" };
        out.audit(asker, deed, target, before, after);
        self.admission_changed(now, number, &format!("{word} by {}", asker.by), out);
        self.pump(now, number, out);
        Ok(())
    }

    /// Lets a node in no more: its session ends, and what waited for it is cancelled.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::Archived`].
    pub(crate) fn revoke(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        id: &NodeId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.unless(id, AdmissionState::Archived, |node| IotError::Archived { node })?;
        self.set_admission(now, asker, number, (AdmissionState::Revoked, Deed::Revoke), out);
        self.end_service(now, number, &IotError::Revoked { node: id.clone() }, out);
        Ok(())
    }

    /// Puts a node away that is not used any more.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`]; [`IotError::Standing`] for one that waits.
    pub(crate) fn archive(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        id: &NodeId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.unless(id, AdmissionState::Pending, waits)?;
        self.set_admission(now, asker, number, (AdmissionState::Archived, Deed::Archive), out);
        self.end_service(now, number, &IotError::Archived { node: id.clone() }, out);
        Ok(())
    }

    /// Takes a node out of the archive and lets it in again.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`]; [`IotError::Standing`] for one that is not there; [`IotError::TooMany`] for one plain
    /// node more.
    pub(crate) fn unarchive(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        id: &NodeId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let number = self.registry.number(id)?;
        if self.registry.get(number).is_some_and(|node| node.admission != AdmissionState::Archived) {
            return Err(IotError::Standing { node: id.clone(), why: "is not in the archive" });
        }
        self.check_room_for_plain(number, None)?;
        self.set_admission(now, asker, number, (AdmissionState::Admitted, Deed::Unarchive), out);
        Ok(())
    }

    /// A node that is known and does not stand so, which is refused.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], and what `refused` says.
    fn unless(
        &self,
        id: &NodeId,
        stands: AdmissionState,
        refused: fn(NodeId) -> IotError,
    ) -> Result<NodeNumber, IotError> {
        let number = self.registry.number(id)?;
        let is_so = self.registry.get(number).is_some_and(|node| node.admission == stands);
        if is_so { Err(refused(id.clone())) } else { Ok(number) }
    }

    /// Changes whether a node is let in; nothing where it is so already.
    fn set_admission(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        number: NodeNumber,
        (admission, deed): (AdmissionState, Deed),
        out: &mut Effects,
    ) {
        let Some(before) = self.registry.get(number).map(|node| node.admission) else { return };
        if before == admission {
            return;
        }
        self.registry.set_admission(number, admission);
        self.settle(number);
        self.deadlines.cancel(Timer::Matched(number));
        if let Some(node) = self.registry.get(number) {
            out.audit(asker, deed, node.target(), before.word(), admission.word());
        }
        let what = match (before, admission) {
            (_, AdmissionState::Archived) => "put into the archive",
            (AdmissionState::Archived, _) => "taken out of the archive",
            _ => admission.word(),
        };
        self.admission_changed(now, number, &format!("{what} by {}", asker.by), out);
    }

    /// Ends what is under way with a node that is not served any more.
    pub(crate) fn end_service(&mut self, now: Now, number: NodeNumber, cause: &IotError, out: &mut Effects) {
        self.cancel_all(now, number, cause, out);
        if let Some(id) = self.node_id(Some(number)) {
            self.take_away(now, number, &id, out);
        }
    }

    /// Cancels every command of a node that is under way.
    pub(crate) fn cancel_all(&mut self, now: Now, number: NodeNumber, cause: &IotError, out: &mut Effects) {
        for state in [CommandState::Queued, CommandState::Sent, CommandState::Accepted] {
            for command in self.ledger.in_state(number, state) {
                self.transition(now, command, CommandState::Cancelled, Some(cause.clone()), out);
            }
        }
    }

    /// Ends a node's session, and the attempt to reach it.
    pub(crate) fn take_away(&mut self, now: Now, number: NodeNumber, id: &NodeId, out: &mut Effects) {
        if let Some(delivery) = self.registry.get(number).and_then(|node| node.delivery) {
            self.end_delivery(now, delivery, None, out);
        }
        let Some(node) = self.registry.get(number) else { return };
        let error = match node.admission {
            AdmissionState::Archived => IotError::Archived { node: id.clone() },
            AdmissionState::Pending
            | AdmissionState::Matched
            | AdmissionState::Admitted
            | AdmissionState::Revoked => IotError::Revoked { node: id.clone() },
        };
        if let Some(session) = node.session {
            self.end_session(now, session, &error, out);
        }
    }

    /// Keeps a change of a node's admission, and tells it and all who watch.
    pub(crate) fn admission_changed(&mut self, now: Now, number: NodeNumber, what: &str, out: &mut Effects) {
        let Some(node) = self.registry.get(number) else { return };
        let session = node.session;
        if let Some(session) = session
            && let Some(requests) = self.sessions.get_mut(session).map(Session::requests)
        {
            let admission: Admission = node.wire_admission();
            out.send(session, &admission, Correlation::Request(requests.begin(Pending::Admission)));
        }
        self.node_changed(now, number, &format!(" was {what}"), out);
        if let Some(session) = session {
            self.tell_hub_key(session, number, out);
        }
    }

    /// Keeps a node as it is now, and tells all who watch what has become of it: `words` come behind its title.
    pub(crate) fn node_changed(&mut self, now: Now, number: NodeNumber, words: &str, out: &mut Effects) {
        let Some(node) = self.registry.get(number) else { return };
        out.records.records.extend(node.record());
        let (id, text) = (node.id.clone(), format!("{}{words}.", node.title));
        out.publish(Event::Node { node: id.clone() });
        self.activity.note(now.wall, Some(&id), text, out);
    }
}

/// What is refused to one that waits.
fn waits(node: NodeId) -> IotError {
    IotError::Standing { node, why: "waits: turn it away instead" }
}

/// How a node stands, in words.
fn standing(node: &Node) -> Box<str> {
    match &node.extras().disabled {
        None => node.admission.word().into(),
        Some(Decision { by, why, .. }) if why.is_empty() => format!("disabled by {by}").into(),
        Some(Decision { by, why, .. }) => format!("disabled by {by}: {why}").into(),
    }
}
