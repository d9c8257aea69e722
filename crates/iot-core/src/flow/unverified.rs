//! Nodes that can show nothing and have no button: where an admin allows it, they ask, and the admin lets each in by
//! itself. Nobody can tell whether it is the one that was meant, so it is marked until it joins in another way.

use alloc::{format, string::String};

use iot_proto::{NodeKey, Refusal};

use super::{
    audit::Asker,
    window::{CLOSED, opened},
};
use crate::{
    AdmissionState, Effects, Event, Hub, IotError, Now, SessionId,
    audit::Deed,
    deadlines::Timer,
    joining::Stage,
    registry::{Node, NodeNumber},
};

impl Hub {
    /// Lets nodes ask in the open window that can show nothing; nothing where they may already.
    ///
    /// # Errors
    /// [`IotError::Joining`] where no window is open.
    pub(crate) fn allow_unverified(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let window = self.joining.window.as_mut().ok_or(CLOSED)?;
        if core::mem::replace(&mut window.takes_unverified, true) {
            return Ok(());
        }
        let text = format!("Nodes that can show nothing may ask: allowed by {}.", asker.by);
        self.activity.note(now.wall, None, text, out);
        opened(asker, "also for nodes that can show nothing", out);
        Ok(())
    }

    /// A node says that it can show nothing.
    pub(super) fn asks_unverified(&mut self, now: Now, session: SessionId, key: NodeKey, out: &mut Effects) {
        if !self.joining.takes_unverified() {
            let why = "a node that can show nothing is let in only where an admin allows such nodes to ask";
            self.log_refused(session, IotError::Joining { why }, out);
            return self.refuse_joining(now, session, Refusal::NOT_JOINING, out);
        }
        let Some(run) = self.joining.runs.get_mut(&session) else { return };
        run.stage = Stage::Unverified { key };
        // From now on an admin is waited for, as long as the window is open.
        self.deadlines.cancel(Timer::Hello(session));
        out.publish(Event::Joining);
    }

    /// Lets a node in that can show nothing, and marks it. One that was let in before in another way is not marked: it
    /// has proven the same key.
    ///
    /// # Errors
    /// [`IotError::Joining`] where it does not ask any more, and why the node cannot be let in.
    pub(crate) fn admit_unverified(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        session: SessionId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let Some(&Stage::Unverified { key }) = self.joining.runs.get(&session).map(|run| &run.stage) else {
            return Err(IotError::Joining { why: "this node does not ask any more" });
        };
        let known = self.registry.find_key(&key).and_then(|number| self.registry.get(number));
        let is_in = known.is_some_and(|node| node.admission == AdmissionState::Admitted);
        let number = self.record_of(now, key, AdmissionState::Admitted)?;
        self.deadlines.cancel(Timer::Matched(number));
        let Some(node) = self.registry.get_mut(number) else { return Ok(()) };
        if !is_in {
            node.change_terms(|terms| terms.unverified = Some(asker.decision()));
        }
        let (id, target, what) = (node.id.clone(), node.target(), outcome(node));
        out.audit(asker, Deed::Admit, target, if is_in { what } else { "" }, what);
        self.admission_changed(now, number, &format!("let in {what} by {}", asker.by), out);
        let text: String = format!("{id} has joined, {what}: nothing was compared.");
        self.joining.note(now.wall, Some(id), text, out);
        self.end_admitted(session, key, out);
        Ok(())
    }

    /// A node has joined in a way in which it was compared: the mark ends, and with it the leave that it needed. What
    /// it was before, for the audit.
    pub(super) fn verified(&mut self, number: NodeNumber) -> &'static str {
        let Some(node) = self.registry.get_mut(number) else { return "" };
        let was = mark(node);
        if node.is_unverified() {
            node.change_terms(|terms| (terms.unverified, terms.commands) = (None, None));
        }
        was
    }
}

/// How the audit calls a node that was let in without being compared; nothing for any other.
pub(super) fn mark(node: &Node) -> &'static str {
    if node.is_unverified() { "unverified" } else { "" }
}

/// How a node stands that was let in without being compared just now.
fn outcome(node: &Node) -> &'static str {
    if node.is_unverified() { mark(node) } else { "once more" }
}
