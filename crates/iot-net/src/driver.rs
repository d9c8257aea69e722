//! [`Driver`]: owns the hub, feeds it what happens, and sees to it that what it wants is done in order.
//!
//! Connections, deliveries and questions call into it on one thread, without a channel in between. What
//! must be stored first goes through [`GroupCommit`] and the store's thread; the [`Executor`] does the
//! rest. The driver decides nothing about nodes: that is the hub's.

use core::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    pin::pin,
    time::Duration,
};
use std::rc::Rc;

use iot_core::{DeliveryId, Hub, Input, Instant, Limit, Now, SessionId};
use iot_proto::Frame;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::spawn_local,
    time::{self, sleep_until},
};

use crate::{
    clock::Clock,
    commit::{GATHER, GroupCommit, Released},
    config::NetConfig,
    dialler::deliver,
    executor::Executor,
    handle::{Call, Refusing},
    handler::Context,
    joins::Joins,
    secure::SecureError,
    store_thread::StoreThread,
    store_watch::StoreWatch,
};

/// The owner of the hub.
#[derive(Debug)]
pub(crate) struct Driver {
    clock: Clock,
    config: NetConfig,
    state: RefCell<State>,
    /// Whether deliveries go out: not before the hub has an owner.
    is_open: Cell<bool>,
    /// There may be something for [`Driver::run`] to do.
    work: Notify,
    /// Effects have been released, or records have gone to the store.
    moved: Notify,
}

#[derive(Debug)]
struct State {
    hub: Hub,
    commit: GroupCommit,
    executor: Executor,
    /// When `run` wakes by itself at the latest.
    alarm: Option<Instant>,
    store_watch: StoreWatch,
    /// No commit begins before, because the last one failed.
    not_before: Option<time::Instant>,
    /// No commit begins before with what may wait for company.
    gather_until: time::Instant,
    /// Whether `run` wakes by then.
    is_gathering: bool,
    /// Whether nobody watches what happens. Asked once for what arrives together.
    is_unobserved: bool,
    /// Whether `run` has been told that there is something to do, and has not begun with it.
    is_told: bool,
}

impl State {
    /// Tells the hub what happened; what it wants done gathers.
    fn handle(&mut self, now: Now, input: Input<'_>) {
        let effects = self.commit.open();
        effects.is_unobserved = self.is_unobserved;
        self.hub.handle(now, input, effects);
    }

    /// Whether something may be done that waits for no disk. Every frame asks, and under load nothing may.
    fn has_free(&self) -> bool {
        self.commit.has_free() || !self.executor.unserved.is_empty() || self.executor.dialler.is_wanted()
    }
}

impl Driver {
    pub(crate) fn new(
        hub: Hub,
        clock: Clock,
        config: NetConfig,
        executor: Executor,
        refusing: watch::Sender<Option<Refusing>>,
    ) -> Self {
        let store_watch = StoreWatch::new(config.store_answer, refusing);
        let commit = GroupCommit::default();
        let gather_until = time::Instant::now();
        let state = State {
            hub,
            commit,
            executor,
            alarm: None,
            store_watch,
            not_before: None,
            gather_until,
            is_gathering: false,
            is_unobserved: true,
            is_told: false,
        };
        let (is_open, work, moved) = (Cell::new(false), Notify::new(), Notify::new());
        Self { clock, config, state: RefCell::new(state), is_open, work, moved }
    }

    /// A node has opened a connection.
    pub(crate) fn opened(self: &Rc<Self>, context: Context) {
        let (session, peer) = (context.session(), context.peer_addr());
        self.state.borrow_mut().executor.sessions.insert(session, context);
        self.apply(Input::SessionOpened { session, peer });
    }

    /// A session's connection has ended.
    pub(crate) fn closed(self: &Rc<Self>, session: SessionId) {
        self.state.borrow_mut().executor.forget(session);
        self.apply(Input::SessionClosed { session });
    }

    /// A node joins on a session.
    pub(crate) fn joins(self: &Rc<Self>, session: SessionId) -> Joins {
        let (sender, turns) = mpsc::unbounded_channel();
        self.state.borrow_mut().executor.joining.insert(session, sender);
        Joins::new(Rc::clone(self), session, turns)
    }

    /// Frames have arrived on a session at the same time. Gives with which batch of effects all is done that the hub wants
    /// because of them.
    pub(crate) fn received<'f>(
        self: &Rc<Self>,
        session: SessionId,
        frames: impl Iterator<Item = Frame<'f>>,
    ) -> u64 {
        let mut state = self.state.borrow_mut();
        let now = self.looks_up(&mut state);
        for frame in frames {
            state.handle(now, Input::Received { session, frame: &frame });
            if state.has_free() {
                self.free(&mut state);
            }
        }
        self.settle(&mut state);
        state.commit.end()
    }

    /// When something was heard last, of anybody.
    pub(crate) fn heard_at(&self) -> time::Instant {
        self.clock.read_at()
    }

    /// Counts that a limit has been reached.
    pub(crate) fn reached(&self, limit: Limit) {
        self.state.borrow().hub.limits_reached().note(limit);
    }

    /// Tells the hub what happened, and does what can be done at once.
    pub(crate) fn apply(self: &Rc<Self>, input: Input<'_>) {
        let mut state = self.state.borrow_mut();
        let now = self.looks_up(&mut state);
        state.handle(now, input);
        self.settle(&mut state);
    }

    /// What time it is, and whether anybody watches.
    fn looks_up(&self, state: &mut State) -> Now {
        state.is_unobserved = state.executor.is_unobserved();
        self.clock.now()
    }

    /// Whether there is room for more to be stored.
    pub(crate) fn has_room(&self) -> bool {
        self.state.borrow().commit.unstored() <= self.config.max_unstored
    }

    /// Waits until there is room for more to be stored.
    pub(crate) async fn room(&self) {
        while !self.has_room() {
            self.moved.notified().await;
        }
    }

    /// Waits until everything that the hub wanted so far has been done.
    pub(crate) async fn settled(&self) {
        let end = self.state.borrow().commit.end();
        self.done(end).await;
    }

    /// Waits until so many batches of effects have been executed.
    pub(crate) async fn done(&self, batches: u64) {
        while self.state.borrow().commit.released() < batches {
            self.moved.notified().await;
        }
    }

    /// Shortest and longest time after which nodes are asked back when the hub stops.
    pub(crate) fn retry_after(&self) -> (Duration, Duration) {
        self.config.retry_after
    }

    /// Puts into the log why an encrypted connection ends, as far as the peer's lines go.
    pub(crate) fn log_insecure(&self, peer: SocketAddr, error: &SecureError) {
        self.state.borrow_mut().executor.log_insecure(peer, error);
    }

    /// Lets deliveries go out, where that was put off until the hub has an owner.
    pub(crate) fn open(self: &Rc<Self>) {
        self.is_open.set(true);
        self.settle(&mut self.state.borrow_mut());
    }

    /// Ends all deliveries, because the hub stops.
    pub(crate) fn end_deliveries(&self) {
        self.state.borrow_mut().executor.dialler.end_all();
    }

    /// Commits, answers questions and keeps deadlines, until it is dropped.
    pub(crate) async fn run(self: Rc<Self>, mut store: StoreThread, mut calls: mpsc::Receiver<Call>) {
        let mut alarm = pin!(sleep_until(time::Instant::now()));
        loop {
            let wake_at = self.begin(&store);
            // One that rings too early is set anew by then: a commit most often ends long before it has taken too long.
            if let Some(wake_at) = wake_at.filter(|at| *at < alarm.deadline() || alarm.is_elapsed()) {
                alarm.as_mut().reset(wake_at);
            }
            tokio::select! {
                () = self.work.notified() => {}
                (batch, result) = store.ended() => {
                    let mut state = self.state.borrow_mut();
                    let failed = result.is_err();
                    state.store_watch.ended(result.as_ref().err());
                    state.not_before = failed.then(|| time::Instant::now() + self.config.store_retry);
                    if let Some(released) = state.commit.ended(batch, result) {
                        self.execute(&mut state, released);
                    }
                    self.settle(&mut state);
                }
                Some(call) = calls.recv() => self.call(call),
                () = &mut alarm, if wake_at.is_some() => self.ring(),
            }
        }
    }

    /// Begins a commit where one can begin, and gives when there is something to do again.
    fn begin(&self, store: &StoreThread) -> Option<time::Instant> {
        let mut state = self.state.borrow_mut();
        let now = time::Instant::now();
        let is_ahead = |at: &time::Instant| *at > now;
        state.is_told = false;
        state.not_before = state.not_before.filter(is_ahead);
        let gathers = state.commit.may_gather().then_some(state.gather_until).filter(is_ahead);
        state.is_gathering = gathers.is_some();
        let not_before = state.not_before.max(gathers);
        if not_before.is_none()
            && let Some(batch) = state.commit.begin()
        {
            state.gather_until = now + GATHER;
            state.store_watch.begun(now);
            store.commit(batch);
            self.moved.notify_waiters();
        }
        state.alarm = state.hub.next_deadline().map(|deadline| deadline.at);
        let deadline = state.alarm.map(|at| self.clock.at(at));
        deadline.into_iter().chain(not_before).chain(state.store_watch.look_at()).min()
    }

    /// Tells the hub that a deadline has come, if one has, and whoever watches that the store does not answer.
    fn ring(self: &Rc<Self>) {
        let due = {
            let mut state = self.state.borrow_mut();
            state.store_watch.look(time::Instant::now());
            state.alarm.is_some_and(|at| at <= self.clock.now().instant)
        };
        if due {
            self.apply(Input::Tick);
        }
    }

    fn call(self: &Rc<Self>, call: Call) {
        match call {
            Call::Ask { by, why, request, answer } => {
                if let Some(error) = self.state.borrow().store_watch.overdue() {
                    // Who asked may have gone away.
                    return drop(answer.send(Err(error.into())));
                }
                let ticket = self.state.borrow_mut().executor.ticket(answer);
                self.apply(Input::Ask { ticket, by: &by, why: &why, request });
            }
            Call::Read(read) => read(self.state.borrow().hub.view(self.clock.now())),
        }
    }

    /// Executes what is free, tells the hub what came of it, and wakes `run` where it has work.
    #[inline]
    fn settle(self: &Rc<Self>, state: &mut State) {
        if state.has_free() {
            self.free(state);
        }
        if state.is_told {
            return;
        }
        let earlier = match (state.hub.next_deadline(), state.alarm) {
            (Some(deadline), Some(alarm)) => deadline.at < alarm,
            (deadline, _) => deadline.is_some(),
        };
        // What gathers needs `run` once, to wake in time, and again when it is enough.
        let waits = state.is_gathering && state.commit.may_gather();
        state.is_told = earlier || (state.commit.can_begin() && !waits);
        if state.is_told {
            self.work.notify_one();
        }
    }

    /// Executes what is free until nothing is, and tells the hub what came of it.
    fn free(self: &Rc<Self>, state: &mut State) {
        loop {
            if let Some(free) = state.commit.take_free() {
                self.execute(state, Released::Stored(free));
            } else if let Some((delivery, why)) = state.executor.unserved.pop_front() {
                state.handle(self.clock.now(), Input::DeliveryEnded { delivery, why });
            } else if let Some(delivery) = self.start_delivery(state) {
                state.handle(self.clock.now(), Input::DeliveryStarted { delivery });
            } else {
                break;
            }
        }
    }

    fn execute(&self, state: &mut State, released: Released) {
        let emptied = state.executor.execute(released);
        state.commit.give_back(emptied);
        self.moved.notify_waiters();
    }

    /// Starts the delivery whose turn has come, if one's has.
    fn start_delivery(self: &Rc<Self>, state: &mut State) -> Option<DeliveryId> {
        if !self.is_open.get() {
            return None;
        }
        let dialler = &mut state.executor.dialler;
        let delivery = dialler.next()?;
        let (id, to, within) = (delivery.id, delivery.to, dialler.connect_within());
        let driver = Rc::clone(self);
        let task = spawn_local(async move {
            // The hub may have ended the delivery, and this task runs on to its next pause.
            let is_wanted = || driver.state.borrow().executor.dialler.is_under_way(id);
            let keys = driver.config.server.identity.as_ref();
            let identity = keys.and_then(|keys| keys.of(delivery.hub_key));
            let ended = deliver(&delivery, identity, within, |frame| {
                if is_wanted() {
                    driver.apply(Input::DeliveryReceived { delivery: id, frame: frame.as_frame() });
                }
            });
            let why = ended.await;
            if is_wanted() {
                driver.state.borrow_mut().executor.dialler.end(id);
                driver.apply(Input::DeliveryEnded { delivery: id, why });
            }
        });
        dialler.started(id, to, task.abort_handle());
        Some(id)
    }
}
