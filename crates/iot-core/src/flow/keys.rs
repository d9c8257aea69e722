//! A node changes its key, and sessions make a new handshake: who is told, and what is kept before.

use alloc::{format, string::ToString};
use core::time::Duration;

use iot_proto::{Acknowledged, Frame, NextKey};

use super::audit::Asker;
use crate::{
    Effects, Event, Hub, IotError, Now, SessionId,
    audit::Deed,
    deadlines::Timer,
    registry::{NodeNumber, Standing},
    sessions::{Phase, Session},
};

/// How the audit names whoever changes its key: nobody else could.
const AUTHOR: &str = "the node itself";

/// A session makes a new handshake so long after its last one, and up to so much later.
const HANDSHAKE_AFTER: Duration = Duration::from_hours(22);
const HANDSHAKE_SPREAD_MS: u64 = 4 * 3_600_000;

impl Hub {
    /// A node says which key it will have. It counts once the node has proven it, in a session of its own.
    ///
    /// # Errors
    /// [`IotError::OutOfTurn`] before hello, from a plain node, and while the key before is still taken;
    /// [`IotError::UnprovenKey`] on a session of another key than the node's own; [`IotError::KeyTaken`]; that the node
    /// is not admitted.
    pub(crate) fn next_key(
        &mut self,
        now: Now,
        session: SessionId,
        message: NextKey,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let (number, kind) = (self.open_node(session, frame)?, frame.kind);
        let proven = self.sessions.get(session).and_then(Session::proven);
        let Some(node) = self.registry.get(number) else { return Ok(()) };
        node.check_admission()?;
        if proven.is_none() {
            return Err(IotError::OutOfTurn { kind, why: "a plain node has no key" });
        }
        // Whoever took a key that was replaced must not get another one with it.
        if node.key() != proven {
            return Err(IotError::UnprovenKey);
        }
        if node.changes_its_key(now.wall) {
            return Err(IotError::OutOfTurn {
                kind,
                why: "the key before is still taken: one change in 24 h",
            });
        }
        let is_its_next = node.announced() == Some(message.key);
        if !is_its_next && self.registry.find_key(&message.key).is_some() {
            return Err(IotError::KeyTaken);
        }
        self.registry.announce_key(number, message.key, now.wall);
        if let Some(node) = self.registry.get(number) {
            out.records.records.extend(node.record());
            out.publish(Event::Node { node: node.id.clone() });
        }
        if let Some(answer) = frame.correlation.answer() {
            out.send(session, &Acknowledged, answer);
        }
        Ok(())
    }

    /// A node that says hello has proven the key that it announced: it is its own from now on.
    pub(crate) fn key_changed(&mut self, now: Now, number: NodeNumber, out: &mut Effects) {
        let Some(former) = self.registry.take_next_key(number, now.wall) else { return };
        let Some(node) = self.registry.get(number) else { return };
        let after = node.key().map_or_else(Default::default, |key| key.id().to_string());
        out.records.records.extend(node.record());
        let asker = Asker { at: now.wall, by: AUTHOR, why: "" };
        out.audit(asker, Deed::ChangeKey, node.target(), former.id().to_string(), after);
        let (id, text) = (node.id.clone(), format!("{} has changed its key.", node.title));
        self.activity.note(now.wall, Some(&id), text, out);
    }

    /// Says when a session that has proven a key ends, so that the next one makes new keys for what is said.
    pub(crate) fn limit_handshake(&mut self, now: Now, session: SessionId, number: NodeNumber) {
        let Some(proven) = self.sessions.get(session).and_then(Session::proven) else { return };
        let standing = self.registry.get(number).map(|node| node.standing(Some(proven), now.wall));
        let spread = Duration::from_millis(self.ids.random() % HANDSHAKE_SPREAD_MS);
        let whole = HANDSHAKE_AFTER + spread;
        let after = if let Some(Standing::Former { left }) = standing { whole.min(left) } else { whole };
        self.deadlines.set(Timer::Handshake(session), now.instant + after);
    }

    /// A session is as old as it may get. The node comes back at once, and has lost nothing by it.
    pub(crate) fn handshake_due(&mut self, now: Now, session: SessionId, out: &mut Effects) {
        let Some(state) = self.sessions.get(session) else { return };
        let (Phase::Open { node }, proven) = (state.phase(), state.proven()) else { return };
        let Some(node) = self.registry.get(node) else { return };
        let error = match node.standing(proven, now.wall) {
            Standing::Ended | Standing::Other => IotError::KeyEnded { node: node.id.clone() },
            Standing::Own | Standing::Next | Standing::Former { .. } => IotError::HandshakeDue,
        };
        self.end_session(now, session, &error, out);
    }
}
