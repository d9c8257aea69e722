//! A node joins: with a secret, or with digits that a person types. Nothing that it was not told under encryption
//! counts, and what lets it in is stored before it is told so.

use alloc::format;

use iot_proto::{Confirm, JoinMessage, NodeKey, Refusal, commitment, join_code};

use super::{audit::Asker, window::CLOSED};
use crate::{
    AdmissionState, Effect, Effects, Event, Hub, IotError, JoinNews, JoinTurn, JoinWay, NodeId, Now,
    SessionId,
    audit::Deed,
    deadlines::Timer,
    joining::{Run, Stage},
    registry::{Facts, Node, NodeNumber},
    sessions::{Phase, Session},
};

impl Hub {
    /// A node that joins has come so far.
    pub(crate) fn join_news(&mut self, now: Now, session: SessionId, news: JoinNews, out: &mut Effects) {
        let Some(phase) = self.sessions.get(session).map(Session::phase) else { return };
        match (phase, news) {
            (Phase::Anonymous { .. }, JoinNews::Asks(way)) => self.join_asked(now, session, way, out),
            (Phase::Joining, JoinNews::Proven { key, transcript, nonce }) => {
                self.join_proven(now, session, key, (transcript, nonce), out);
            }
            (Phase::Joining, JoinNews::Says(message)) => self.join_says(now, session, message, out),
            (Phase::Anonymous { .. } | Phase::Joining | Phase::Open { .. } | Phase::Closing, _) => {}
        }
    }

    fn join_asked(&mut self, now: Now, session: SessionId, way: JoinWay, out: &mut Effects) {
        self.stop_expecting(session, out);
        let Some(peer) = self.sessions.get(session).map(|session| session.peer) else { return };
        self.sessions.enter(session, Phase::Joining);
        let (turn, stage) = match way {
            JoinWay::Secret { slot } => {
                let given = self.joining.window.as_mut().and_then(|window| window.secret(slot));
                let turn = given.map(|given| JoinTurn::Begin(Some(given.secret.clone())));
                (turn, Stage::Named { slot })
            }
            JoinWay::Code => (self.joining.takes_digits().then_some(JoinTurn::Begin(None)), Stage::Asked),
        };
        self.joining.runs.insert(session, Run { peer, since: now.wall, stage });
        match turn {
            Some(turn) => out.join(session, turn),
            None => self.refuse_joining(now, session, Refusal::NOT_JOINING, out),
        }
    }

    fn join_proven(
        &mut self,
        now: Now,
        session: SessionId,
        key: NodeKey,
        (transcript, nonce): ([u8; 32], [u8; 32]),
        out: &mut Effects,
    ) {
        let Some(run) = self.joining.runs.get_mut(&session) else { return };
        match run.stage {
            Stage::Named { slot } => self.join_with_secret(now, session, slot, key, out),
            Stage::Asked => {
                run.stage = Stage::Committed { key, transcript, nonce };
                let bound = commitment(&transcript, &nonce);
                out.join(session, JoinTurn::Say(JoinMessage::Commitment(bound)));
            }
            Stage::Committed { .. }
            | Stage::Shown { .. }
            | Stage::Unverified { .. }
            | Stage::Matched { .. } => {
                self.refuse_joining(now, session, Refusal::OTHER, out);
            }
        }
    }

    /// A node has proven a secret and its key. The first that does is let in.
    fn join_with_secret(
        &mut self,
        now: Now,
        session: SessionId,
        slot: [u8; 4],
        key: NodeKey,
        out: &mut Effects,
    ) {
        let id = NodeId::of_key(&key);
        let taken =
            self.joining.window.as_mut().and_then(|window| window.secret(slot)).map(|given| &given.taken);
        let outcome = match taken {
            None => Err(CLOSED),
            Some(Some(first)) if *first != id => {
                Err(IotError::Joining { why: "the secret had let another node in already" })
            }
            // It was told so already, and has not heard it.
            Some(Some(_)) => self.record_of(now, key, AdmissionState::Admitted).map(|_| ()),
            Some(None) => self.let_join(now, slot, key, out),
        };
        match outcome {
            Ok(()) => {
                self.end_admitted(session, key, out);
            }
            Err(error) => {
                let peer = self.sessions.get(session).map(|session| session.peer);
                if let (Some(_), Some(peer)) = (&self.joining.window, peer) {
                    let text = format!("{id} at {} was refused: {error}.", peer.ip());
                    self.joining.note(now.wall, None, text.clone(), out);
                    self.activity.note(now.wall, None, text, out);
                }
                self.log_refused(session, error, out);
                self.refuse_joining(now, session, Refusal::OTHER, out);
            }
        }
    }

    /// Ends a run with the word that the node is let in.
    pub(super) fn end_admitted(&mut self, session: SessionId, key: NodeKey, out: &mut Effects) {
        self.joining.runs.remove(&session);
        self.close_joining(session);
        out.join(session, JoinTurn::SayLast(JoinMessage::Admitted(key.id())));
    }

    /// Lets a node in for whoever gave the secret.
    fn let_join(&mut self, now: Now, slot: [u8; 4], key: NodeKey, out: &mut Effects) -> Result<(), IotError> {
        let number = self.record_of(now, key, AdmissionState::Admitted)?;
        let was = self.verified(number);
        let Some(window) = &mut self.joining.window else { return Err(CLOSED) };
        let by = window.opened_by.clone();
        let Some(node) = self.registry.get(number) else { return Ok(()) };
        if let Some(given) = window.secret(slot) {
            given.taken = Some(node.id.clone());
        }
        let text = format!("{} has joined with a secret.", node.title);
        self.joining.note(now.wall, Some(node.id.clone()), text, out);
        let asker = Asker { at: now.wall, by: &by, why: "" };
        out.audit(asker, Deed::Admit, node.target(), was, "joined with a secret");
        self.admission_changed(now, number, &format!("let in with a secret of {by}"), out);
        Ok(())
    }

    fn join_says(&mut self, now: Now, session: SessionId, message: JoinMessage, out: &mut Effects) {
        let Some(run) = self.joining.runs.get_mut(&session) else { return };
        match (&run.stage, message) {
            (&Stage::Committed { key, .. }, JoinMessage::Unshown(_)) => {
                self.asks_unverified(now, session, key, out);
            }
            (&Stage::Committed { key, transcript, nonce }, JoinMessage::Nonce(theirs, confirm)) => {
                let Some(window) = &mut self.joining.window else { return };
                if let Err(why) = window.show(run.peer.ip()) {
                    self.log_refused(session, IotError::Joining { why }, out);
                    self.refuse_joining(now, session, Refusal::NOT_JOINING, out);
                    if self.joining.window.as_ref().is_some_and(|window| window.no_digits.is_some()) {
                        self.end_digits(now, out);
                    }
                    return;
                }
                let code = join_code(confirm, &transcript, &nonce, &theirs);
                run.stage = Stage::Shown { key, code, confirm };
                // From now on a person is waited for, as long as the window is open.
                self.deadlines.cancel(Timer::Hello(session));
                out.join(session, JoinTurn::Say(JoinMessage::Disclosure(nonce)));
                out.publish(Event::Joining);
            }
            (&Stage::Matched { node, .. }, JoinMessage::Stored) => {
                self.has_joined(now, node, out);
                self.close_joining(session);
                out.list.push(Effect::Close { session });
            }
            (&Stage::Matched { node, confirm }, JoinMessage::Unstored) => {
                let why = match confirm {
                    Confirm::Digits => "its digits are not those that were typed; somebody may be in between",
                    Confirm::Button => "nobody pressed its button in time",
                };
                self.joining.runs.remove(&session);
                self.unmatch(now, node, why, out);
                self.refuse_joining(now, session, Refusal::OTHER, out);
            }
            _ => self.refuse_joining(now, session, Refusal::OTHER, out),
        }
    }

    /// The node has not said that its button was pressed. What it said may be lost, so it may still come.
    pub(crate) fn press_due(&mut self, now: Now, session: SessionId, out: &mut Effects) {
        self.refuse_joining(now, session, Refusal::OTHER, out);
    }

    /// A node whose digits were typed has shown that it knows its hub.
    pub(crate) fn has_joined(&mut self, now: Now, number: NodeNumber, out: &mut Effects) {
        self.deadlines.cancel(Timer::Matched(number));
        self.joining
            .runs
            .retain(|_, run| !matches!(run.stage, Stage::Matched { node, .. } if node == number));
        self.registry.set_admission(number, AdmissionState::Admitted);
        self.verified(number);
        self.admission_changed(now, number, "let in with digits", out);
        let joined = self.registry.get(number).map(|node| (node.id.clone(), node.title.clone()));
        if let Some((id, title)) = joined {
            self.joining.note(now.wall, Some(id), format!("{title} has joined with digits."), out);
        }
        out.publish(Event::Joining);
    }

    /// The record of a key, so far let in: a new one, or the one that it has.
    ///
    /// # Errors
    /// [`IotError::Revoked`] or [`IotError::Archived`] for a key that is let in no more, [`IotError::UnprovenKey`] for
    /// one whose id is another's, [`IotError::KeyTaken`] for one that a node had, [`IotError::TooMany`].
    pub(crate) fn record_of(
        &mut self,
        now: Now,
        key: NodeKey,
        admission: AdmissionState,
    ) -> Result<NodeNumber, IotError> {
        let id = NodeId::of_key(&key);
        let Some(number) = self.registry.find_key(&key) else {
            if self.registry.len() >= self.config.max_nodes {
                let limit = u64::try_from(self.config.max_nodes).unwrap_or(u64::MAX);
                return Err(IotError::TooMany { what: "nodes", limit });
            }
            let node = Node::new((id, Some(key)), admission, Facts::unsaid(), now.wall);
            return Ok(self.registry.add(node));
        };
        let Some(node) = self.registry.get_mut(number) else { return Err(CLOSED) };
        match node.admission {
            _ if node.extras().keys.iter().any(|known| known.key == key) => Err(IotError::KeyTaken),
            _ if node.key() != Some(key) => Err(IotError::UnprovenKey),
            AdmissionState::Revoked => Err(IotError::Revoked { node: id }),
            AdmissionState::Archived => Err(IotError::Archived { node: id }),
            AdmissionState::Admitted => Ok(number),
            AdmissionState::Pending | AdmissionState::Matched => {
                // Nothing of it was kept before.
                node.first_seen = now.wall;
                self.registry.set_admission(number, admission);
                Ok(number)
            }
        }
    }

    /// Tells a node that it does not join here, and ends its connection.
    pub(crate) fn refuse_joining(&mut self, now: Now, session: SessionId, why: Refusal, out: &mut Effects) {
        self.join_ended(now, session, out);
        self.close_joining(session);
        out.join(session, JoinTurn::Refuse(why));
    }

    /// A connection on which a node joined is over.
    pub(crate) fn join_ended(&mut self, now: Now, session: SessionId, out: &mut Effects) {
        let Some(run) = self.joining.runs.remove(&session) else { return };
        self.deadlines.cancel(Timer::Press(session));
        let text = match &run.stage {
            Stage::Shown { key, .. } => {
                let Some(window) = &mut self.joining.window else { return };
                window.unfinished += 1;
                format!("{} at {} did not finish.", NodeId::of_key(key), run.peer.ip())
            }
            Stage::Matched { node, confirm: Confirm::Button } => {
                let Some(node) = self.registry.get(*node) else { return };
                let why =
                    "has not said that its button was pressed. If it was, it comes by itself within a day";
                format!("{} {why}.", node.id)
            }
            Stage::Matched { confirm: Confirm::Digits, .. }
            | Stage::Named { .. }
            | Stage::Asked
            | Stage::Committed { .. }
            | Stage::Unverified { .. } => {
                out.publish(Event::Joining);
                return;
            }
        };
        self.joining.note(now.wall, None, text, out);
    }

    /// Nothing that still arrives on the connection counts.
    pub(crate) fn close_joining(&mut self, session: SessionId) {
        self.deadlines.cancel(Timer::Hello(session));
        self.deadlines.cancel(Timer::Press(session));
        self.sessions.enter(session, Phase::Closing);
    }
}
