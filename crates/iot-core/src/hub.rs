//! [`Hub`]: routes each input to the part that owns its state, and nothing else.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc};

use iot_proto::{Frame, MessageKind, NodeMessage, Pong, RequestId};

use crate::{
    Effects, Input, IotError, NodeId, Now, SessionId, Ticket, View,
    activity::Activity,
    catalogue::{Catalogue, ModuleKind},
    commands::{CommandIds, Dials, Ledger},
    config::HubConfig,
    deadlines::{Deadline, Deadlines},
    joining::Joining,
    limit::{Limit, Reached},
    registry::Registry,
    sessions::{Pending, Phase, Route, Session, Sessions},
    store::Snapshot,
};

/// The hub: nodes, sessions, readings and commands, without IO.
///
/// One call of [`handle`](Self::handle) is one complete transaction. The flows of a conversation (hello,
/// register, report, sleep, commands, deliveries) stand in one file each; the state that they work on is
/// owned by the parts below.
#[derive(Debug)]
pub struct Hub {
    pub(crate) config: HubConfig,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) registry: Registry,
    pub(crate) sessions: Sessions,
    pub(crate) ledger: Ledger,
    pub(crate) dials: Dials,
    /// Questions that wait for a node's answer, and where it is waited for.
    pub(crate) asks: BTreeMap<Ticket, Route>,
    pub(crate) deadlines: Deadlines,
    pub(crate) ids: CommandIds,
    pub(crate) activity: Activity,
    pub(crate) joining: Joining,
    pub(crate) reached: Reached,
}

impl Hub {
    /// A hub that knows what `snapshot` says; at the start of a new one that is nothing.
    pub fn new(config: HubConfig, catalogue: Arc<Catalogue>, snapshot: Snapshot, now: Now) -> Self {
        let mut hub = Self {
            ids: CommandIds::new(config.seed),
            config,
            catalogue,
            registry: Registry::default(),
            sessions: Sessions::default(),
            ledger: Ledger::default(),
            dials: Dials::default(),
            asks: BTreeMap::new(),
            deadlines: Deadlines::default(),
            activity: Activity::default(),
            joining: Joining::default(),
            reached: Reached::default(),
        };
        hub.restore(now, snapshot);
        hub
    }

    /// Applies one input; everything to do because of it is appended to `out`.
    ///
    /// Timers that are due run first, so that an input never meets a state that is over; and last, so that
    /// nothing is due when it returns.
    pub fn handle(&mut self, now: Now, input: Input<'_>, out: &mut Effects) {
        self.run_due(now, out);
        match input {
            Input::SessionOpened { session, peer } => self.session_opened(now, session, peer, out),
            Input::SessionProven { session, key, hub_key } => {
                if let Some(session) = self.sessions.get_mut(session) {
                    session.prove(key, hub_key);
                }
            }
            Input::Joining { session, news } => self.join_news(now, session, news, out),
            Input::Received { session, frame } => {
                if let Err(error) = self.process_message(now, session, frame, out) {
                    self.refuse(session, frame, error, out);
                }
            }
            Input::Broken { session, error } => self.session_failed(now, session, &error.into(), out),
            Input::Overflowed { session, limit } => {
                self.reached.note(Limit::Unread);
                let error = IotError::TooMany { what: Limit::Unread.what(), limit };
                self.session_failed(now, session, &error, out);
            }
            Input::SessionClosed { session } => self.session_closed(now, session, out),
            Input::DeliveryStarted { delivery } => self.delivery_started(now, delivery),
            Input::DeliveryReceived { delivery, frame } => self.delivery_received(now, delivery, &frame, out),
            Input::DeliveryEnded { delivery, why } => self.delivery_ended(now, delivery, why, out),
            Input::Ask { ticket, by, why, request } => self.ask(now, ticket, (by, why), request, out),
            Input::Tick => {}
        }
        self.run_due(now, out);
    }

    /// When [`Input::Tick`] is next due; always later than the `now` of the last input handled.
    #[inline]
    pub fn next_deadline(&self) -> Option<Deadline> {
        self.deadlines.next()
    }

    /// How often each limit has been reached; whoever owns sockets counts there too.
    pub fn limits_reached(&self) -> &Reached {
        &self.reached
    }

    /// Notes that a limit has been reached, and says so in words.
    pub(crate) fn too_many(&self, limit: Limit, most: usize) -> IotError {
        self.reached.note(limit);
        IotError::TooMany { what: limit.what(), limit: u64::try_from(most).unwrap_or(u64::MAX) }
    }

    /// The hub as it is now, for those who read.
    pub fn view(&self, now: Now) -> View<'_> {
        View::new(self, now)
    }

    /// Processes a message that arrived on a session: a request of the node, or its response to one.
    ///
    /// # Errors
    /// Why the message was not served; the caller tells the node, and the session goes on.
    pub fn process_message(
        &mut self,
        now: Now,
        session: SessionId,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let Some(phase) = self.sessions.get(session).map(Session::phase) else { return Ok(()) };
        match phase {
            Phase::Closing | Phase::Joining => return Ok(()),
            Phase::Open { node } => self.heard(now, node, frame, out),
            Phase::Anonymous { .. } => {}
        }
        match frame.correlation {
            iot_proto::Correlation::Response(id) => self.process_response(now, session, id, frame, out),
            iot_proto::Correlation::Request(_) | iot_proto::Correlation::OneWay => {
                self.process_request(now, session, frame, out)
            }
        }
    }

    /// Processes a request of a node.
    ///
    /// # Errors
    /// Why the request was not served.
    pub fn process_request(
        &mut self,
        now: Now,
        session: SessionId,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let kind = frame.kind;
        let out_of_turn = |why| Err(IotError::OutOfTurn { kind, why });
        if kind == MessageKind::REPORT {
            return self.report_frame(now, session, frame, out);
        }
        let message = NodeMessage::decode(kind, frame.body);
        match message.map_err(|source| IotError::Message { kind, source })? {
            NodeMessage::Hello(hello) => self.hello(now, session, &hello, frame, out),
            NodeMessage::Register(register) => self.register(now, session, &register, frame, out),
            NodeMessage::Report(report) => self.report(now, session, &report, frame, out),
            NodeMessage::Sleep(sleep) => self.sleep(now, session, sleep, frame, out),
            NodeMessage::NextKey(next) => self.next_key(now, session, next, frame, out),
            NodeMessage::Outcome(outcome) => self.later_outcome(now, session, &outcome, frame, out),
            NodeMessage::Close(_) => {
                self.node_closes(now, session, out);
                Ok(())
            }
            NodeMessage::Ping(_) => {
                if let Some(answer) = frame.correlation.answer() {
                    out.send(session, &Pong { time: Some(now.wall) }, answer);
                }
                Ok(())
            }
            NodeMessage::Error(error) => {
                Err(IotError::Node { code: error.code, detail: error.detail.as_str().into() })
            }
            NodeMessage::UpdateStatus(_) => out_of_turn("no update is under way"),
            NodeMessage::Pong(_) | NodeMessage::Acknowledged(_) => out_of_turn("it answers no request"),
        }
    }

    /// Processes a node's response to the request with this number.
    ///
    /// # Errors
    /// Why the response counts for nothing.
    pub fn process_response(
        &mut self,
        now: Now,
        session: SessionId,
        id: RequestId,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let pending = self.sessions.get_mut(session).and_then(|session| session.requests().end(id));
        let pending =
            pending.ok_or(IotError::OutOfTurn { kind: frame.kind, why: "it answers no request" })?;
        let result = self.answered(now, pending, Route::Session(session), frame, out);
        self.pump_session(now, session, out);
        result
    }

    /// Whether the hub supports modules of a kind, in the version that firmware was built for.
    ///
    /// # Errors
    /// [`IotError::KindUnsupported`], [`IotError::KindVersionUnknown`], [`IotError::KindDisabled`].
    pub fn check_module_support(&self, kind: &str, version: u16) -> Result<&Arc<ModuleKind>, IotError> {
        self.catalogue.check_module_support(kind, version)
    }

    /// Whether a module of a node is registered, so that it may report and be commanded.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`], [`IotError::PendingApproval`], [`IotError::Revoked`],
    /// [`IotError::Disabled`], [`IotError::ModuleNotRegistered`], or why its kind is not supported.
    pub fn check_module_registration(&self, node: &NodeId, module: u8) -> Result<(), IotError> {
        let node = self.registry.get(self.registry.number(node)?);
        node.map_or(Ok(()), |node| {
            node.check_admission()?;
            node.module(module)?.kind().map(|_| ())
        })
    }

    /// The files of a module kind by path.
    ///
    /// # Errors
    /// [`IotError::KindUnsupported`], [`IotError::KindDisabled`].
    pub fn module_files(&self, kind: &str) -> Result<&BTreeMap<Box<str>, Arc<[u8]>>, IotError> {
        self.catalogue.module_files(kind)
    }

    /// Hands an answer to whoever waits for it.
    pub(crate) fn answered(
        &mut self,
        now: Now,
        pending: Pending,
        from: Route,
        frame: &Frame<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        match pending {
            Pending::Ping | Pending::Admission | Pending::Hello => Ok(()),
            Pending::Command(command) => self.command_answered(now, command, from, frame, out),
            Pending::HubKey(hub_key) => match from {
                Route::Session(session) => self.hub_key_answered(session, hub_key, frame, out),
                Route::Delivery(_) => Ok(()),
            },
            Pending::Ask(ticket) => {
                self.ask_answered(ticket, frame, out);
                Ok(())
            }
        }
    }
}
