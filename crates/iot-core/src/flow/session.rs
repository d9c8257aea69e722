//! A session begins and ends: opened, refused, ended by either side, cut.

use alloc::{boxed::Box, string::ToString, vec::Vec};
use core::{net::SocketAddr, time::Duration};

use iot_proto::{Close, Correlation, Error, ErrorCode, Frame, Label, MessageKind};

use crate::{
    AdmissionState, Effect, Effects, Event, Hub, IotError, Limit, Now, SessionId,
    deadlines::Timer,
    presence::{Change, Reason, Sign},
    registry::NodeNumber,
    sessions::{Pending, Phase, Route, Session, Tally},
    store::SleepRecord,
    view::PresenceState,
};

/// When a node that was refused for good may knock again, in milliseconds.
const RETRY_LATE_MS: u32 = 300_000;

/// When a node may come back after a session that failed, in milliseconds.
const RETRY_SOON_MS: u32 = 1_000;

/// When a node may come back to a hub that is full, to one that a person may have told by then that it moved, or after
/// another took its place: two nodes that use one name would otherwise push each other out all the time. In milliseconds.
const RETRY_LATER_MS: u32 = 15_000;

/// Whether a node whose session ends has left.
#[derive(Clone, Copy, Debug)]
enum Leaving {
    /// It has, for this reason.
    Gone(Reason),
    /// It comes back at once.
    Returning,
}

impl Hub {
    /// A node opened a connection.
    pub(crate) fn session_opened(
        &mut self,
        now: Now,
        session: SessionId,
        peer: SocketAddr,
        out: &mut Effects,
    ) {
        let here = self.sessions.open(session, peer);
        if let Err(error) = self.check_room(peer, here) {
            self.session_failed(now, session, &error, out);
            return;
        }
        self.deadlines.set(Timer::Hello(session), now.instant + self.config.hello_within);
        // A plain node has a fixed address, so whoever dials from there is most likely on its way in.
        if let Some(number) = self.registry.only_at(peer.ip())
            && let Some(node) = self.registry.get(number)
            && node.session.is_none()
        {
            self.sessions.expect(session, number, now.wall);
            out.publish(Event::Node { node: node.id.clone() });
        }
    }

    /// Whether there is room for the session that has just been opened, with which there are so many from there.
    ///
    /// Strangers leave room for addresses where an admitted node lives.
    fn check_room(&self, peer: SocketAddr, here: Tally) -> Result<(), IotError> {
        let (config, all) = (&self.config, self.sessions.all());
        for (count, most, kept, limit) in [
            (here.live, config.max_sessions_per_address, 0, Limit::SessionsPerAddress),
            (all.live, config.max_sessions, config.max_sessions / 8, Limit::Sessions),
            (here.half_open, config.max_half_open_per_address, 0, Limit::HalfOpenPerAddress),
            (all.half_open, config.max_half_open, config.max_half_open / 2, Limit::HalfOpen),
        ] {
            let exceeds = |most: usize| usize::try_from(count).is_ok_and(|count| count > most);
            // Who lives there is looked up only where it makes a difference.
            let is_stranger = || !self.registry.is_home(peer.ip());
            let most = if exceeds(most - kept) && is_stranger() { most - kept } else { most };
            if exceeds(most) {
                return Err(self.too_many(limit, most));
            }
        }
        Ok(())
    }

    /// It is known who is on a session, or that nobody is: whoever was expected there is not.
    pub(crate) fn stop_expecting(&mut self, session: SessionId, out: &mut Effects) {
        let expected = self.sessions.stop_expecting(session);
        if let Some(node) = expected.and_then(|number| self.registry.get(number)) {
            out.publish(Event::Node { node: node.id.clone() });
        }
    }

    /// A message was not served: says so to the node and in the log. The session goes on.
    pub(crate) fn refuse(
        &mut self,
        session: SessionId,
        frame: &Frame<'_>,
        error: IotError,
        out: &mut Effects,
    ) {
        // Only a request is answered: an answer to an answer could go on for ever.
        if let Some(answer) = frame.correlation.answer() {
            let text = error.to_string();
            out.send(session, &Error::new(error.code(), frame.kind, &text), answer);
        }
        self.log_refused(session, error, out);
    }

    /// A session cannot go on: says why to the node and in the log, and ends it.
    pub(crate) fn session_failed(
        &mut self,
        now: Now,
        session: SessionId,
        error: &IotError,
        out: &mut Effects,
    ) {
        if self.sessions.get(session).is_none_or(|session| session.phase() == Phase::Closing) {
            return;
        }
        let text = error.to_string();
        let about = MessageKind(0);
        out.send(session, &Error::new(error.code(), about, &text), Correlation::OneWay);
        self.log_refused(session, error.clone(), out);
        self.end_session(now, session, error, out);
    }

    /// Ends a session: says why to the node, and takes leave of it.
    pub(crate) fn end_session(&mut self, now: Now, session: SessionId, error: &IotError, out: &mut Effects) {
        let retry_ms = match error.code() {
            ErrorCode::REVOKED
            | ErrorCode::DISABLED
            | ErrorCode::UNPROVEN_KEY
            | ErrorCode::VERSION_UNSUPPORTED => RETRY_LATE_MS,
            ErrorCode::TOO_MANY | ErrorCode::REPLACED | ErrorCode::WRONG_ADDRESS => RETRY_LATER_MS,
            _ => RETRY_SOON_MS,
        };
        let jitter = u32::try_from(self.ids.random() % u64::from(retry_ms)).unwrap_or(0);
        let text = error.to_string();
        let close =
            Close { code: error.code(), retry_after_ms: retry_ms + jitter, detail: Label::clipped(&text) };
        out.send(session, &close, Correlation::OneWay);
        out.list.push(Effect::Close { session });
        let leaving = if let IotError::Silent { for_s } = error {
            Leaving::Gone(Reason::silent(Duration::from_secs(*for_s)))
        } else if *error == IotError::HandshakeDue {
            Leaving::Returning
        } else {
            Leaving::Gone(Reason::Cut)
        };
        self.take_leave(now, session, leaving, out);
        self.sessions.enter(session, Phase::Closing);
    }

    /// A session's connection has ended.
    pub(crate) fn session_closed(&mut self, now: Now, session: SessionId, out: &mut Effects) {
        self.take_leave(now, session, Leaving::Gone(Reason::Cut), out);
        self.sessions.remove(session);
    }

    /// The node says that it ends its session.
    pub(crate) fn node_closes(&mut self, now: Now, session: SessionId, out: &mut Effects) {
        self.take_leave(now, session, Leaving::Gone(Reason::SaidGoodbye), out);
        self.sessions.enter(session, Phase::Closing);
        out.list.push(Effect::Close { session });
    }

    /// Separates a session from its node: what waited for an answer on it waits anew, or is told.
    fn take_leave(&mut self, now: Now, session: SessionId, leaving: Leaving, out: &mut Effects) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let pending = state.requests().drain();
        match state.phase() {
            Phase::Open { node } => {
                self.deadlines.cancel(Timer::Handshake(session));
                self.sessions.enter(session, Phase::Closing);
                self.give_up(now, pending, Route::Session(session), &IotError::Cut, out);
                self.node_left(now, node, session, leaving, out);
            }
            Phase::Anonymous { .. } => {
                self.deadlines.cancel(Timer::Hello(session));
                self.stop_expecting(session, out);
            }
            Phase::Joining => {
                self.deadlines.cancel(Timer::Hello(session));
                self.join_ended(now, session, out);
            }
            Phase::Closing => {}
        }
    }

    /// What was waited for will not be answered: commands wait anew, questions are told why.
    pub(crate) fn give_up(
        &mut self,
        now: Now,
        pending: Vec<Pending>,
        from: Route,
        cause: &IotError,
        out: &mut Effects,
    ) {
        for pending in pending {
            match pending {
                Pending::Command(id) => self.requeue(now, id, from, cause, out),
                Pending::Ask(ticket) => self.ask_failed(ticket, cause.clone(), out),
                Pending::Ping | Pending::Admission | Pending::HubKey(_) | Pending::Hello => {}
            }
        }
    }

    fn node_left(
        &mut self,
        now: Now,
        number: NodeNumber,
        session: SessionId,
        leaving: Leaving,
        out: &mut Effects,
    ) {
        let Some(node) = self.registry.get_mut(number).filter(|node| node.session == Some(session)) else {
            return;
        };
        node.session = None;
        let change = match leaving {
            Leaving::Gone(reason) => node.presence.ended(now, reason),
            // If it does not come back, its silence tells.
            Leaving::Returning => Change::None,
        };
        // Whoever leaves before it stops listening sleeps from now on.
        if let Some(sleep) = node.extras().sleep.filter(|sleep| sleep.since > now.wall) {
            let sleep = SleepRecord { since: now.wall, ..sleep };
            node.change_extras(|extras| extras.sleep = Some(sleep));
            out.records.records.extend(node.record());
        }
        self.presence_changed(now, number, change, out);
        self.pump(now, number, out);
    }

    /// Puts into the log that a peer sent something that was refused.
    pub(crate) fn log_refused(&self, session: SessionId, error: IotError, out: &mut Effects) {
        let Some(session) = self.sessions.get(session) else { return };
        let node = match session.phase() {
            Phase::Open { node } => self.registry.get(node).map(|node| node.id.clone()),
            Phase::Anonymous { .. } | Phase::Joining | Phase::Closing => None,
        };
        out.list.push(Effect::Refused { peer: session.peer, node, error: Box::new(error) });
    }

    /// The node that said hello on a session.
    ///
    /// # Errors
    /// As [`Session::node`].
    pub(crate) fn open_node(&self, session: SessionId, frame: &Frame<'_>) -> Result<NodeNumber, IotError> {
        self.sessions.get(session).map_or_else(|| Err(Session::hello_first(frame)), |state| state.node(frame))
    }

    /// Something arrived from a node on its session.
    pub(crate) fn heard(&mut self, now: Now, number: NodeNumber, frame: &Frame<'_>, out: &mut Effects) {
        let Some(node) = self.registry.get_mut(number) else { return };
        // An answer may arrive after the node stopped listening, and a goodbye does. Only an answer to the
        // question whether it is there says that it is.
        let sign = match (frame.correlation, frame.kind) {
            (Correlation::Response(_), kind) if kind != MessageKind::PONG => Sign::Life,
            (_, MessageKind::CLOSE) => Sign::Life,
            _ => Sign::Awake,
        };
        let change = node.presence.heard(now, sign);
        let state = node.session.and_then(|session| self.sessions.get_mut(session));
        let was_stalled = state.is_some_and(|state| core::mem::take(&mut state.is_stalled));
        if change != Change::None {
            if node.wake() {
                out.records.records.extend(node.record());
            }
            self.presence_changed(now, number, change, out);
        }
        if change != Change::None || was_stalled {
            self.pump(now, number, out);
        }
    }

    /// A node's presence may have changed: sets its timer, and tells observers where it has.
    pub(crate) fn presence_changed(
        &mut self,
        now: Now,
        number: NodeNumber,
        change: Change,
        out: &mut Effects,
    ) {
        let Some(node) = self.registry.get(number) else { return };
        let timer = Timer::Presence(number);
        match node.presence.deadline() {
            // One that rings too early is set anew by then: most nodes come and go more often than that.
            Some(at) if self.deadlines.get(timer).is_some_and(|set| set <= at) => {}
            Some(at) => self.deadlines.set(timer, at),
            None => self.deadlines.cancel(timer),
        }
        let Change::To(state) = change else { return };
        out.publish(Event::Node { node: node.id.clone() });
        if state == PresenceState::Online {
            self.await_accepted(now, number);
        }
        let Some(node) = self.registry.get(number) else { return };
        if node.admission != AdmissionState::Admitted {
            return;
        }
        let sentence = match state {
            PresenceState::Lost => "is lost",
            PresenceState::Overdue => "is overdue",
            // Coming and going as declared is the way of a sleeper and of a node that keeps no session, and
            // no news: it would crowd out what is.
            PresenceState::Online if node.presence.was() == PresenceState::Asleep => return,
            PresenceState::Online => "is online",
            PresenceState::Asleep | PresenceState::Connecting | PresenceState::Disabled => return,
        };
        let (id, text) = (node.id.clone(), alloc::format!("{} {sentence}.", node.title));
        self.activity.note(now.wall, Some(&id), text, out);
    }
}
