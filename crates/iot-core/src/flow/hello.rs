//! Hello: who a node is, whether it is let in, and what both sides agree on.

use alloc::format;
use core::time::Duration;

use iot_proto::{
    Admission, Capabilities, DecodeError, Frame, Hello, Identity, Label, MAX_FRAME, MIN_FRAME, Name,
    VersionRange, Welcome,
};

use crate::{
    AdmissionState, Effect, Effects, Event, Hub, IotError, Limit, NodeId, Now, Origin, SessionId,
    config::{HubConfig, Registration},
    deadlines::Timer,
    flow::sleep::check_absence,
    registry::{Facts, Node, NodeNumber, Standing},
    sessions::{Phase, Session},
};

/// Keepalive that a node may wish for itself, in seconds.
const KEEPALIVE_S: core::ops::RangeInclusive<u32> = 5..=3600;

impl Hub {
    /// A node says who it is.
    ///
    /// # Errors
    /// [`IotError::OutOfTurn`] for a second hello, [`IotError::Message`] for limits below the least. Every other refusal ends the session by itself.
    pub(crate) fn hello(
        &mut self,
        now: Now,
        session: SessionId,
        hello: &Hello<'_>,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let phase = self.sessions.get(session).map(Session::phase);
        if phase.is_some_and(|phase| !matches!(phase, Phase::Anonymous { .. })) {
            return Err(IotError::OutOfTurn { kind: frame.kind, why: "hello was said already" });
        }
        if usize::from(hello.max_frame) < MIN_FRAME || hello.inflight == 0 {
            return Err(IotError::Message { kind: frame.kind, source: DecodeError::Malformed });
        }
        match self.let_in(now, session, hello, out) {
            Ok((number, version)) => {
                self.take_over(now, session, number, out);
                self.limit_handshake(now, session, number);
                self.welcome(now, session, number, (hello, version), frame, out);
                self.hub_key_known(session, number, out);
                self.pump(now, number, out);
            }
            Err(error) => {
                self.refuse(session, frame, error.clone(), out);
                self.end_session(now, session, &error, out);
            }
        }
        Ok(())
    }

    /// Finds the node that says hello, or takes it in as a new one.
    fn let_in(
        &mut self,
        now: Now,
        session: SessionId,
        hello: &Hello<'_>,
        out: &mut Effects,
    ) -> Result<(NodeNumber, u8), IotError> {
        let proven = self.sessions.get(session).and_then(Session::proven);
        let VersionRange { min, max } = hello.versions;
        let version = VersionRange::OURS.common(hello.versions).ok_or(IotError::Version { min, max })?;
        let known = match (hello.identity, proven) {
            (Identity::Name(name), None) => self.find_plain(session, name),
            (Identity::Key(key), Some(proven)) if key == proven => self.registry.find_key(&key),
            (Identity::Name(_) | Identity::Key(_), _) => return Err(IotError::UnprovenKey),
        };
        // A node that keeps its session and wishes an absurd keepalive is given the hub's.
        if !hello.capabilities.has(Capabilities::KEEPS_SESSION) {
            check_absence("a time between two contacts", hello.keepalive_s)?;
        }
        let number = match known {
            Some(number) => number,
            None => self.take_in(now, session, (hello.identity, hello.into()), out)?,
        };
        self.check_home(now, session, number, out)?;
        let standing = self.registry.get(number).map(|node| node.standing(proven, now.wall));
        match self.registry.get(number) {
            // The id is a part of the key's hash; what counts is the whole key.
            Some(_) if standing == Some(Standing::Other) => Err(IotError::UnprovenKey),
            Some(node) if standing == Some(Standing::Ended) => {
                Err(IotError::KeyEnded { node: node.id.clone() })
            }
            Some(node) if node.admission == AdmissionState::Revoked => {
                Err(IotError::Revoked { node: node.id.clone() })
            }
            Some(node) if node.admission == AdmissionState::Archived => {
                Err(IotError::Archived { node: node.id.clone() })
            }
            Some(node) if node.admission == AdmissionState::Matched => {
                // What it said at the end of joining was lost; this says as much.
                self.has_joined(now, number, out);
                Ok((number, version))
            }
            _ => {
                if standing == Some(Standing::Next) {
                    self.key_changed(now, number, out);
                }
                Ok((number, version))
            }
        }
    }

    /// The plain node of this name, which most often is the one that was expected.
    fn find_plain(&self, session: SessionId, name: Name<'_>) -> Option<NodeNumber> {
        let is_it =
            |number: &NodeNumber| self.registry.get(*number).is_some_and(|node| node.id.is_of_plain(name));
        let expected = self.sessions.expected_on(session).filter(is_it);
        expected.or_else(|| self.registry.find(&NodeId::plain(name)))
    }

    /// A node that was never seen before.
    fn take_in(
        &mut self,
        now: Now,
        session: SessionId,
        (identity, facts): (Identity<'_>, Facts),
        out: &mut Effects,
    ) -> Result<NodeNumber, IotError> {
        let admission = match self.config.registration {
            Registration::Open => AdmissionState::Admitted,
            Registration::Approve => AdmissionState::Pending,
        };
        if self.registry.len() >= self.config.max_nodes {
            return Err(self.too_many(Limit::Nodes, self.config.max_nodes));
        }
        if admission == AdmissionState::Pending {
            self.check_room_to_wait(session)?;
        }
        let (id, key) = match identity {
            Identity::Name(name) => (NodeId::plain(name), None),
            Identity::Key(key) => (NodeId::of_key(&key), Some(key)),
        };
        let node = Node::new((id.clone(), key), admission, facts, now.wall);
        let sentence = match admission {
            AdmissionState::Pending => format!("{} waits to be admitted.", node.title),
            AdmissionState::Matched
            | AdmissionState::Admitted
            | AdmissionState::Revoked
            | AdmissionState::Archived => {
                format!("{} joined: registration is open.", node.title)
            }
        };
        let number = self.registry.add(node);
        self.activity.note(now.wall, Some(&id), sentence, out);
        Ok(number)
    }

    /// Whether one more node may wait for a person.
    fn check_room_to_wait(&self, session: SessionId) -> Result<(), IotError> {
        let (most, most_there) = (self.config.max_waiting, self.config.max_waiting_per_address);
        if self.registry.waiting() >= most {
            return Err(self.too_many(Limit::Waiting, most));
        }
        let origin = self.sessions.get(session).map(|session| Origin::of(session.peer.ip()));
        if origin.is_some_and(|origin| self.registry.waiting_at(origin) >= most_there) {
            return Err(self.too_many(Limit::WaitingPerAddress, most_there));
        }
        Ok(())
    }

    /// The session becomes the node's; an earlier one of the same node ends.
    fn take_over(&mut self, now: Now, session: SessionId, number: NodeNumber, out: &mut Effects) {
        self.deadlines.cancel(Timer::Hello(session));
        self.stop_expecting(session, out);
        // The new one counts before the old one goes, so that the node is never thought to have left.
        let older = self.registry.get_mut(number).and_then(|node| node.session.replace(session));
        if let Some(older) = older {
            self.end_session(now, older, &IotError::Replaced, out);
        }
        self.sessions.enter(session, Phase::Open { node: number });
    }

    /// Notes what the node said of itself, and answers.
    fn welcome(
        &mut self,
        now: Now,
        session: SessionId,
        number: NodeNumber,
        (hello, version): (&Hello<'_>, u8),
        frame: &Frame<'_>,
        out: &mut Effects,
    ) {
        let Some(peer) = self.sessions.get(session).map(|session| session.peer) else { return };
        let moved = self.registry.seen_at(number, peer) | self.settle(number);
        let differs = self.registry.describe(number, hello);
        let Some(node) = self.registry.get_mut(number) else { return };
        let (keepalive, returns) = (node.facts.keepalive(&self.config), node.facts.returns(&self.config));
        let slept = node.wake();
        let is_news = differs || moved || slept;
        node.boot = Some(hello.boot);
        node.window = hello.inflight;
        node.max_frame = hello.max_frame;
        if is_news {
            out.records.records.extend(node.record());
        }
        out.publish(Event::Node { node: node.id.clone() });
        self.sessions.expect_no_more(number);
        let change = node.presence.session(now, keepalive, returns);
        self.dials.reached(number);
        self.deadlines.cancel(Timer::Redial(number));
        self.presence_changed(now, number, change, out);
        let Some(node) = self.registry.get(number) else { return };
        let welcome = Welcome {
            version,
            time: now.wall,
            max_frame: u16::try_from(MAX_FRAME).unwrap_or(u16::MAX),
            inflight: self.config.inflight,
            keepalive_s: u32::try_from(keepalive.as_secs()).unwrap_or(u32::MAX),
            admission: node.wire_admission(),
            stored: node.runs.highest(hello.boot),
            hub: Label::clipped(&self.config.name),
        };
        out.list.push(Effect::Widen { session, frame: MAX_FRAME });
        // Last, so that answers to what came with the hello leave together with it.
        if let Some(answer) = frame.correlation.answer() {
            out.send(session, &welcome, answer);
        }
    }
}

impl Facts {
    /// The longest silence on a session: the node's own wish where it is sensible.
    pub(crate) fn keepalive(&self, config: &HubConfig) -> Duration {
        if self.capabilities.has(Capabilities::KEEPS_SESSION) && KEEPALIVE_S.contains(&self.keepalive_s) {
            Duration::from_secs(self.keepalive_s.into())
        } else {
            config.keepalive
        }
    }

    /// Within which time a node comes back that does not keep its session; `None` for one that does.
    pub(crate) fn returns(&self, config: &HubConfig) -> Option<Duration> {
        if self.capabilities.has(Capabilities::KEEPS_SESSION) {
            return None;
        }
        let declared = Duration::from_secs(self.keepalive_s.into());
        Some(if declared.is_zero() { config.contact_within } else { declared })
    }
}

impl Node {
    /// The node's admission as it is told to it.
    pub(crate) fn wire_admission(&self) -> Admission {
        match self.admission {
            AdmissionState::Pending | AdmissionState::Matched => Admission::PENDING,
            AdmissionState::Revoked | AdmissionState::Archived => Admission::REVOKED,
            AdmissionState::Admitted if self.extras().disabled.is_some() => Admission::DISABLED,
            AdmissionState::Admitted => Admission::ADMITTED,
        }
    }
}
