//! The hub changes its own key: nodes are told in their sessions, and it is kept who has stored what.

use alloc::{boxed::Box, format, string::String};

use iot_proto::{Correlation, Frame, MessageKind, NodeMessage};

use super::audit::Asker;
use crate::{
    AdmissionState, Effects, Event, Hub, HubKeys, IotError, Now, SessionId,
    audit::{Deed, Target},
    registry::{Node, NodeNumber},
    sessions::{Pending, Phase, Session},
};

impl Hub {
    /// The hub's own keys are these from now on: whoever keeps their secrets has stored them. Nothing where they are so
    /// already.
    pub(crate) fn change_hub_keys(&mut self, now: Now, asker: Asker<'_>, keys: HubKeys, out: &mut Effects) {
        if self.config.keys.as_ref() == Some(&keys) {
            return;
        }
        let Some(before) = self.config.keys.replace(keys) else { return };
        let Some(keys) = &self.config.keys else { return };
        let lack = self.lacking();
        let newest = keys.newest().number;
        let text = if keys.current.number != before.current.number {
            format!("{} has changed the hub's key to key {newest}; {lack}.", asker.by)
        } else if keys.next.is_some() {
            format!("{} announces the hub's next key, key {newest}.", asker.by)
        } else {
            format!("The hub's key before is not taken any more; the present one is key {newest}; {lack}.")
        };
        let ended = before.former.filter(|_| keys.former.is_none()).map(|former| former.number);
        self.audit_hub_keys(asker, before.words(), out);
        self.activity.note(now.wall, None, text, out);
        let in_session = |(number, node): (NodeNumber, &Node)| Some((number, node.session?));
        let sessions: Box<[_]> = self.registry.iter().filter_map(in_session).collect();
        for (number, session) in sessions {
            let by = self.sessions.get(session).and_then(Session::hub_key);
            if by.is_some() && by == ended {
                // It makes a new handshake, with the present key if it has that.
                self.end_session(now, session, &IotError::HandshakeDue, out);
            } else {
                self.tell_hub_key(session, number, out);
            }
        }
    }

    /// Puts into the audit which keys the hub goes by now, and which it had before, in words.
    pub(crate) fn audit_hub_keys(&self, asker: Asker<'_>, before: impl Into<Box<str>>, out: &mut Effects) {
        let Some(keys) = &self.config.keys else { return };
        let after = format!("{}; {}", keys.words(), self.lacking());
        let target = Target { title: "the hub's key".into(), ..Target::default() };
        out.audit(asker, Deed::ChangeHubKey, target, before, after);
    }

    /// How many nodes lack the newest key, in words.
    fn lacking(&self) -> String {
        match self.behind().count() {
            0 => "every node has it".into(),
            1 => "1 node lacks it".into(),
            count => format!("{count} nodes lack it"),
        }
    }

    /// The nodes that go by the hub's key: all that were let in and have a key of their own.
    pub(crate) fn encrypting(&self) -> impl Iterator<Item = &Node> {
        let encrypts = |node: &&Node| node.key().is_some() && node.admission == AdmissionState::Admitted;
        self.registry.iter().map(|(_, node)| node).filter(encrypts)
    }

    /// Those of them that lack the newest key.
    pub(crate) fn behind(&self) -> impl Iterator<Item = &Node> {
        let keys = self.config.keys.as_ref();
        self.encrypting().filter(move |node| keys.is_some_and(|keys| keys.is_behind(node.hub_key)))
    }

    /// A node is welcome: it has proven that it knows a key of the hub, and is told another one where it needs that.
    pub(crate) fn hub_key_known(&mut self, session: SessionId, number: NodeNumber, out: &mut Effects) {
        if let Some(by) = self.sessions.get(session).and_then(Session::hub_key) {
            self.note_hub_key(number, by, out);
            self.tell_hub_key(session, number, out);
        }
    }

    /// Tells a node the key of the hub that it needs, if it needs one.
    pub(crate) fn tell_hub_key(&mut self, session: SessionId, number: NodeNumber, out: &mut Effects) {
        let (Some(keys), Some(node)) = (&self.config.keys, self.registry.get(number)) else { return };
        let Some(state) = self.sessions.get_mut(session) else { return };
        if node.admission != AdmissionState::Admitted || state.phase() != (Phase::Open { node: number }) {
            return;
        }
        let Some(told) = state.hub_key().and_then(|by| keys.to_tell(by, node.hub_key)) else { return };
        let pending = Pending::HubKey(told.number);
        if !state.requests().awaits(pending) {
            let request = state.requests().begin(pending);
            out.send(session, &told, Correlation::Request(request));
        }
    }

    /// A node answers that it has stored a key of the hub, or why not.
    ///
    /// # Errors
    /// [`IotError::Node`] where it has not; [`IotError::OutOfTurn`], [`IotError::Message`] for no answer to that.
    pub(crate) fn hub_key_answered(
        &mut self,
        session: SessionId,
        hub_key: u8,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let kind = frame.kind;
        let number = self.open_node(session, frame)?;
        if kind != MessageKind::ACKNOWLEDGED {
            let message = NodeMessage::decode(kind, frame.body);
            let NodeMessage::Error(error) = message.map_err(|source| IotError::Message { kind, source })?
            else {
                return Err(IotError::OutOfTurn { kind, why: "it does not answer a key of the hub" });
            };
            return Err(IotError::Node { code: error.code, detail: error.detail.as_str().into() });
        }
        self.note_hub_key(number, hub_key, out);
        // Where that was the one in use, there may be a next one already.
        if let Some(state) = self.sessions.get_mut(session)
            && self.config.keys.as_ref().is_some_and(|keys| keys.current.number == hub_key)
        {
            state.goes_by(hub_key);
        }
        self.tell_hub_key(session, number, out);
        Ok(())
    }

    /// With which of its keys the hub dials a node.
    pub(crate) fn dials_with(&self, number: Option<NodeNumber>) -> u8 {
        let known = number.and_then(|number| self.registry.get(number)?.hub_key);
        self.config.keys.as_ref().map_or(FIRST_HUB_KEY, |keys| keys.dials_with(known))
    }

    /// A node has this key of the hub: that is kept where it is news.
    fn note_hub_key(&mut self, number: NodeNumber, hub_key: u8, out: &mut Effects) {
        let Some(keys) = &self.config.keys else { return };
        let Some(node) = self.registry.get_mut(number) else { return };
        if keys.is_newer(hub_key, node.hub_key) {
            node.hub_key = Some(hub_key);
            out.records.records.extend(node.record());
            out.publish(Event::Node { node: node.id.clone() });
        }
    }
}

/// The number of a hub's first key.
const FIRST_HUB_KEY: u8 = 1;
