//! [`Executor`]: does what the hub wants done, one effect after the other.
//!
//! It owns what effects speak of: the sessions, the questions that wait for an answer,
//! the observers, the deliveries, and the log. It never waits for anybody.

use std::collections::{BTreeMap, VecDeque};

use iot_core::{
    Answer, DeliveryId, Effect, Effects, Event, IotError, JoinTurn, Limit, NodeId, Numbered, Origin, Reached,
    SessionId, Ticket, store::StoreError,
};
use iot_proto::Refusal;
use tokio::sync::{broadcast, mpsc, oneshot};
use tracing::{error, info, warn};

use crate::{
    commit::Released,
    dialler::{Delivery, Dialler},
    handler::Context,
    log_budget::{LINES_PER_PEER, LogBudget, Verdict},
    secure::SecureError,
    unstored::Instead,
};

/// Where the answer to a question goes.
pub(crate) type AnswerSender = oneshot::Sender<Result<Answer, IotError>>;

/// What effects speak of.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) sessions: Numbered<SessionId, Context>,
    /// Sessions on which nodes join, and where what the hub wants said there goes.
    pub(crate) joining: BTreeMap<SessionId, mpsc::UnboundedSender<JoinTurn>>,
    pub(crate) dialler: Dialler,
    /// Deliveries that could not be begun, and why; the hub is told next.
    pub(crate) unserved: VecDeque<(DeliveryId, Box<str>)>,
    questions: BTreeMap<Ticket, AnswerSender>,
    last_ticket: Ticket,
    events: broadcast::Sender<Event>,
    log_budget: LogBudget,
    reached: Reached,
}

impl Executor {
    pub(crate) fn new(dialler: Dialler, events: broadcast::Sender<Event>, reached: Reached) -> Self {
        Self {
            sessions: Numbered::default(),
            joining: BTreeMap::new(),
            dialler,
            unserved: VecDeque::new(),
            questions: BTreeMap::new(),
            last_ticket: Ticket(0),
            events,
            log_budget: LogBudget::new(),
            reached,
        }
    }

    /// Whether nobody watches what happens.
    pub(crate) fn is_unobserved(&self) -> bool {
        self.events.receiver_count() == 0
    }

    /// A ticket under which a question is answered.
    pub(crate) fn ticket(&mut self, answer: AnswerSender) -> Ticket {
        self.last_ticket = Ticket(self.last_ticket.0 + 1);
        self.questions.insert(self.last_ticket, answer);
        self.last_ticket
    }

    /// The connection of a session has ended.
    pub(crate) fn forget(&mut self, session: SessionId) {
        self.sessions.remove(session);
        self.joining.remove(&session);
    }

    /// Executes a batch and gives its buffer back.
    pub(crate) fn execute(&mut self, released: Released) -> Effects {
        match released {
            Released::Stored(mut effects) => {
                for effect in effects.list.drain(..) {
                    self.apply(effect, &effects.bytes);
                }
                effects
            }
            Released::Refused(mut effects, why) => {
                error!(error = %why, "could not be stored: nothing of it is acknowledged. Check the disk of the data directory");
                for effect in effects.list.drain(..) {
                    self.refuse(effect, &effects.bytes, &why);
                }
                effects
            }
        }
    }

    fn apply(&mut self, effect: Effect, bytes: &[u8]) {
        match effect {
            Effect::Send { session, frames } => {
                // A session that has ended meanwhile needs no answer any more.
                if let Some(context) = self.sessions.get(session) {
                    context.socket().push(bytes.get(frames).unwrap_or_default());
                }
            }
            Effect::Join { session, turn } => self.join(session, turn),
            Effect::Close { session } => {
                if let Some(context) = self.sessions.get(session) {
                    context.close();
                }
            }
            Effect::Widen { session, frame } => {
                if let Some(context) = self.sessions.get(session) {
                    context.set_frame_limit(frame);
                }
            }
            Effect::Deliver { delivery: id, to, named_by, key, hub_key, frames } => {
                let frames = bytes.get(frames).unwrap_or_default().to_vec();
                if let Err(why) = self.dialler.queue(Delivery { id, to, named_by, key, hub_key, frames }) {
                    self.reached.note(Limit::Dials);
                    self.unserved.push_back((id, why));
                }
            }
            Effect::EndDelivery { delivery } => self.dialler.end(delivery),
            Effect::Resolve { ticket, answer } => self.resolve(ticket, *answer),
            Effect::Publish(event) => self.publish(event),
            Effect::Refused { peer, node, error } => self.log_refused(peer, node.as_ref(), &error),
        }
    }

    /// Tells observers, and puts into the log what people would want to find there.
    fn publish(&self, event: Event) {
        if let Event::Notice(notice) = &event {
            let node = notice.node.as_ref().map(tracing::field::display);
            info!(node, "{}", notice.text);
        }
        // Nobody may be watching.
        drop(self.events.send(event));
    }

    /// Does what is right for an effect whose records could not be stored: nobody is told that anything
    /// happened, and nobody waits for ever.
    fn refuse(&mut self, effect: Effect, bytes: &[u8], why: &StoreError) {
        let not_stored = || IotError::from(why.clone());
        match effect {
            Effect::Send { session, frames } => {
                if let Some(context) = self.sessions.get(session) {
                    match Instead::of(bytes.get(frames).unwrap_or_default()) {
                        Instead::Say(frames) => context.socket().push(&frames),
                        Instead::End(frames) => {
                            context.socket().push(&frames);
                            context.close();
                        }
                    }
                }
            }
            Effect::Publish(_) => {}
            // Who joins is not told that it was let in; it comes back, and has been let in by then.
            Effect::Join { session, turn: JoinTurn::Say(_) | JoinTurn::SayLast(_) } => {
                self.join(session, JoinTurn::Refuse(Refusal::BUSY));
            }
            Effect::Deliver { delivery, .. } => {
                self.unserved.push_back((delivery, not_stored().to_string().into()));
            }
            Effect::Resolve { ticket, answer } => {
                self.resolve(ticket, answer.and_then(|_| Err(not_stored())));
            }
            Effect::Widen { .. }
            | Effect::Join { .. }
            | Effect::Close { .. }
            | Effect::EndDelivery { .. }
            | Effect::Refused { .. } => {
                self.apply(effect, &[]);
            }
        }
    }

    fn join(&self, session: SessionId, turn: JoinTurn) {
        if let Some(turns) = self.joining.get(&session) {
            // The connection may have ended meanwhile.
            let _ = turns.send(turn);
        }
    }

    /// Puts into the log that a peer was refused something, as far as the peer's lines go.
    fn log_refused(&mut self, peer: core::net::SocketAddr, node: Option<&NodeId>, error: &IotError) {
        self.log(peer, || {
            let node = node.map(tracing::field::display);
            warn!(%peer, node, code = %error.code(), %error, advice = error.advice(), "refused");
        });
    }

    /// Puts into the log that an encrypted connection ends because its peer could not go on with it, as far as the
    /// peer's lines go.
    pub(crate) fn log_insecure(&mut self, peer: core::net::SocketAddr, error: &SecureError) {
        self.log(peer, || warn!(%peer, %error, "refused: an encrypted connection ends"));
    }

    /// Writes a line about what a peer was refused, as far as its lines go.
    fn log(&mut self, peer: core::net::SocketAddr, write: impl FnOnce()) {
        if let Some(count) = self.log_budget.turn() {
            warn!(count, "refused, and left out of the log in the minutes before");
        }
        let verdict = self.log_budget.line(Origin::of(peer.ip()));
        if verdict == Verdict::LeaveOut {
            return self.reached.note(Limit::LogLines);
        }
        write();
        if verdict == Verdict::WriteLast {
            warn!(%peer, limit = LINES_PER_PEER, "further lines about what is refused there are left out for a minute");
        }
    }

    fn resolve(&mut self, ticket: Ticket, answer: Result<Answer, IotError>) {
        if let Some(asker) = self.questions.remove(&ticket) {
            // Who asked may have gone away.
            let _ = asker.send(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::{net::SocketAddr, time::Duration};

    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::{
        config::DialConfig,
        socket::{Socket, Stage},
    };

    const SESSION: SessionId = SessionId(1);

    #[tokio::test]
    async fn what_could_not_be_stored_is_neither_acknowledged_nor_told_nor_begun() {
        let mut fixture = Fixture::new().await;
        let full = StoreError { why: "disk full".into() };
        let effects = fixture.effects();
        let emptied = fixture.executor.execute(Released::Refused(effects, full));
        assert!(emptied.list.is_empty());

        assert_eq!(fixture.context.socket().waiting(), 0, "what is no frame is nothing to say");
        let not_stored = IotError::NotStored { why: "disk full".into() };
        assert_eq!(fixture.done.try_recv(), Ok(Err(not_stored)));
        assert_eq!(
            fixture.failed.try_recv(),
            Ok(Err(IotError::Expired)),
            "what failed anyway keeps its reason"
        );
        assert!(fixture.events.try_recv().is_err());
        assert!(fixture.executor.dialler.next().is_none());
        assert_eq!(fixture.executor.unserved, [(DeliveryId(1), "could not be stored: disk full".into())]);
        assert_eq!(fixture.context.socket().stage(), Stage::Closing, "a session that was to end does end");
    }

    #[tokio::test]
    async fn what_was_stored_is_done_in_order() {
        let mut fixture = Fixture::new().await;
        let effects = fixture.effects();
        let emptied = fixture.executor.execute(Released::Stored(effects));
        assert!(emptied.list.is_empty());

        assert_eq!(fixture.context.socket().waiting(), b"sent".len(), "before the session is closed");
        assert_eq!(fixture.done.try_recv(), Ok(Ok(Answer::Done)));
        assert_eq!(fixture.failed.try_recv(), Ok(Err(IotError::Expired)));
        assert!(fixture.events.try_recv().is_ok());
        let delivery = fixture.executor.dialler.next().unwrap();
        assert_eq!((delivery.id, delivery.frames), (DeliveryId(1), b"dial".to_vec()));
    }

    /// An executor with one session, and everything that its effects can reach.
    struct Fixture {
        executor: Executor,
        context: Context,
        events: broadcast::Receiver<Event>,
        done: oneshot::Receiver<Result<Answer, IotError>>,
        failed: oneshot::Receiver<Result<Answer, IotError>>,
        tickets: [Ticket; 2],
    }

    impl Fixture {
        async fn new() -> Self {
            let (sender, events) = broadcast::channel(8);
            let mut executor = Executor::new(
                Dialler::new(DialConfig::default(), Duration::from_secs(5)),
                sender,
                Reached::default(),
            );
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let context = Context::new(SESSION, stream.peer_addr().unwrap(), Socket::new(stream, 1000));
            executor.sessions.insert(SESSION, context.clone());
            let ((done_here, done), (failed_here, failed)) = (oneshot::channel(), oneshot::channel());
            let tickets = [executor.ticket(done_here), executor.ticket(failed_here)];
            Self { executor, context, events, done, failed, tickets }
        }

        /// One effect of each kind that depends on what is stored.
        fn effects(&self) -> Effects {
            let [done, failed] = self.tickets;
            let node = NodeId::parse("plain:a").unwrap();
            let mut effects = Effects::new();
            effects.bytes = b"sentdial".to_vec();
            effects.list = vec![
                Effect::Send { session: SESSION, frames: 0..4 },
                Effect::Publish(Event::Node { node }),
                Effect::Resolve { ticket: done, answer: Box::new(Ok(Answer::Done)) },
                Effect::Resolve { ticket: failed, answer: Box::new(Err(IotError::Expired)) },
                Effect::Deliver {
                    delivery: DeliveryId(1),
                    to: SocketAddr::from(([127, 0, 0, 1], 1234)),
                    named_by: iot_core::NamedBy::Hub,
                    key: None,
                    hub_key: 1,
                    frames: 4..8,
                },
                Effect::Close { session: SESSION },
            ];
            effects
        }
    }
}
