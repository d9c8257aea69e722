//! The connection that the node opens: its phases, and what is said in each.
//!
//! ```text
//!              time                connected              welcome
//!   Waiting ─────────▶ Connecting ───────────▶ Hello ───────────────▶ Online
//!      ▲                   │ failed               │ no welcome, close   │ close, silence,
//!      │                   │                      ▼                     │ sleep, stop
//!      │                   │                   Closing ◀────────────────┘
//!      │                   ▼                      │ last words are out, or time is over
//!      └──── back-off, sleep or visit ◀──────── Ended ────▶ Stopped ──(resume)──▶ Waiting
//! ```
//!
//! What outlives a connection (reports, commands, identity) belongs to [`Node`](crate::Node) and is lent.

mod handle;
mod renewal;

use core::time::Duration;

use iot_proto::{Admission, Correlation, ErrorCode, Identity, NodeKey, Ping, Register};

pub use self::renewal::HANDSHAKE_LIMIT;
use self::renewal::HubKeyTold;
use crate::{
    Backoff, Connection, Contact, Deadline, End, Instant, Reason,
    commands::Tell,
    event::Note,
    keepalive::Keepalive,
    node::Memory,
    registration::Registration,
    requests::{Request, Requests},
    sleep::Nap,
    time::PAST,
    wire::Wire,
};

/// How long the hub may take to welcome the node.
pub const HELLO_LIMIT: Duration = Duration::from_secs(20);

/// How long the last words of a connection may take to leave.
pub const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// How long the node waits before it sends again what the hub could not take.
pub const RESEND_WAIT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting { until: Instant },
    Connecting,
    Hello { since: Instant },
    Online,
    Closing { by: Instant },
    Ended,
    Stopped,
}

/// The session on the node's own connection, with buffers of `N` bytes.
#[derive(Debug)]
pub(crate) struct Session<const N: usize> {
    phase: Phase,
    wire: Wire<N>,
    requests: Requests,
    backoff: Backoff,
    keepalive: Keepalive,
    /// Bytes of the largest frame that the hub takes.
    hub_frame: usize,
    admission: Admission,
    registration: Registration,
    /// Highest report sent on this connection.
    sent: u32,
    /// Nothing is reported or told before this.
    hold: Option<Instant>,
    nap: Option<Nap>,
    /// The key that the hub is to be told of.
    announced: Option<NodeKey>,
    /// The key of the hub that the firmware stores, until the hub is answered.
    hub_key: Option<HubKeyTold>,
    /// When a new handshake is due; `None` for a node without a key.
    renew_at: Option<Instant>,
    end: End,
    least_wait: Duration,
    note: Option<Note>,
}

impl<const N: usize> Session<N> {
    /// A session that connects at once.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            phase: Phase::Waiting { until: Instant(0) },
            wire: Wire::new(),
            requests: Requests::new(),
            backoff: Backoff::new(seed),
            keepalive: Keepalive::new(Instant(0)),
            hub_frame: 0,
            admission: Admission::PENDING,
            registration: Registration::new(),
            sent: 0,
            hold: None,
            nap: None,
            announced: None,
            hub_key: None,
            renew_at: None,
            end: End::Lost,
            least_wait: Duration::ZERO,
            note: None,
        }
    }

    /// The TCP connection is open.
    pub(crate) fn connected<const R: usize>(&mut self, now: Instant, memory: &Memory<'_, R>) {
        self.wire.reset();
        self.requests = Requests::new();
        self.keepalive = Keepalive::new(now);
        self.registration = Registration::new();
        self.admission = Admission::PENDING;
        (self.sent, self.hold, self.nap, self.hub_key) = (0, None, None, None);
        (self.end, self.least_wait) = (End::Lost, Duration::ZERO);
        let has_key = matches!(memory.config.identity, Identity::Key(_));
        self.renew_at = has_key.then(|| now.after(HANDSHAKE_LIMIT));
        self.phase = Phase::Hello { since: now };
        let id = self.wire.request();
        // The buffer is empty, and the smallest one holds the longest hello.
        let _ = self.wire.send(&memory.config.hello(Wire::<N>::LIMIT), Correlation::Request(id), usize::MAX);
        self.requests.add(id, Request::Hello);
    }

    /// The TCP connection is gone, or could not be opened.
    pub(crate) fn closed<const R: usize>(&mut self, now: Instant, memory: &Memory<'_, R>) {
        if matches!(self.phase, Phase::Waiting { .. } | Phase::Stopped) {
            return;
        }
        let again_at = match (self.end, self.nap, memory.config.contact) {
            (End::Stopped, ..) => None,
            (End::Asleep, Some(nap), _) => Some(now.after(nap.length)),
            (End::Visited, _, Contact::Visits { every }) => Some(now.after(every)),
            (End::Renewed, ..) => Some(now),
            _ => Some(now.after(self.backoff.wait(self.least_wait))),
        };
        self.phase = again_at.map_or(Phase::Stopped, |until| Phase::Waiting { until });
        self.note = Some(Note::Disconnected { why: self.end, again_at });
    }

    /// Ends the session politely, and does not come back.
    pub(crate) fn stop(&mut self, now: Instant) {
        match self.phase {
            Phase::Hello { .. } | Phase::Online => self.close(now, End::Stopped, ErrorCode::OK, "stopped"),
            Phase::Waiting { .. } => self.phase = Phase::Stopped,
            Phase::Connecting | Phase::Closing { .. } | Phase::Ended => self.end = End::Stopped,
            Phase::Stopped => {}
        }
    }

    /// Connects again after a stop.
    pub(crate) fn resume(&mut self, now: Instant) {
        if self.phase == Phase::Stopped {
            self.phase = Phase::Waiting { until: now };
        }
    }

    /// Whether the hub has welcomed the node on this connection.
    pub(crate) fn is_online(&self) -> bool {
        self.phase == Phase::Online
    }

    /// Wants to sleep. What was announced already is not changed.
    pub(crate) fn sleep(&mut self, nap: Nap) {
        self.nap.get_or_insert(nap);
    }

    /// Bytes came in; gives how many were taken.
    pub(crate) fn received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        self.keepalive.heard(now);
        // Whatever comes after the end is of no more use.
        if self.is_open() { self.wire.receive(bytes) } else { bytes.len() }
    }

    /// The next thing that happens of itself or follows from what was received.
    pub(crate) fn poll<const R: usize>(&mut self, now: Instant, memory: &mut Memory<'_, R>) -> Option<Note> {
        if let Some(note) = self.note.take() {
            return Some(note);
        }
        while self.is_open() {
            let cut = match self.wire.cut() {
                Ok(Some(cut)) => cut,
                Ok(None) => break,
                Err(error) => {
                    self.wire.last_words(Some(error), error.code(), "the node was sent what is no frame");
                    self.end_by(now, End::Broken(error));
                    break;
                }
            };
            if let Some(note) = self.handle(now, cut, memory) {
                return Some(note);
            }
        }
        self.pass_time(now, memory)
    }

    /// What is due at `now`.
    fn pass_time<const R: usize>(&mut self, now: Instant, memory: &Memory<'_, R>) -> Option<Note> {
        if let Phase::Waiting { until } = self.phase
            && (now >= until || self.is_early(memory))
        {
            self.phase = Phase::Connecting;
            return Some(Note::Connect);
        }
        if let Phase::Hello { since } = self.phase
            && now >= since.after(HELLO_LIMIT)
        {
            self.close(now, End::Silent, ErrorCode::TIMED_OUT, "no welcome came");
        }
        if self.phase == Phase::Online {
            if now >= self.keepalive.dead_at() {
                self.close(now, End::Silent, ErrorCode::SILENT, "nothing was heard");
            } else if self.naps(now) {
                self.close(now, End::Asleep, ErrorCode::OK, "asleep");
            } else if self.has_visited(memory) {
                self.close(now, End::Visited, ErrorCode::OK, "all is said");
            } else if self.renew_at.is_some_and(|at| now >= at) {
                self.renew(now);
            }
        }
        if let Phase::Closing { by } = self.phase
            && (now >= by || self.wire.waiting().is_empty())
        {
            self.phase = Phase::Ended;
            return Some(Note::Close(Connection::Own));
        }
        None
    }

    /// When to poll again.
    pub(crate) fn next_deadline(&self) -> Option<Deadline> {
        let due = |at, reason| Some(Deadline { at, reason });
        match self.phase {
            Phase::Waiting { until } => due(until, Reason::Connect),
            Phase::Hello { since } => due(since.after(HELLO_LIMIT), Reason::Hello),
            Phase::Online => {
                let nap = self.nap.and_then(|nap| due(nap.listening_until()?, Reason::Listen));
                let hold = self.hold.and_then(|at| due(at, Reason::Resend));
                let ping = if self.may_ping() { due(self.keepalive.ping_at(), Reason::Ping) } else { None };
                let dead = due(self.keepalive.dead_at(), Reason::Silence);
                let backlog = if self.wire.has_backlog() { due(PAST, Reason::Backlog) } else { None };
                let renewal = self.renew_at.and_then(|at| due(at, Reason::Handshake));
                [nap, hold, ping, dead, backlog, renewal].into_iter().flatten().min()
            }
            Phase::Closing { .. } if self.wire.waiting().is_empty() => due(PAST, Reason::Close),
            Phase::Closing { by } => due(by, Reason::Close),
            Phase::Connecting | Phase::Ended | Phase::Stopped => None,
        }
    }

    /// Queues what is to be said at `now` and gives the bytes that wait to go out.
    pub(crate) fn transmit<const R: usize>(&mut self, now: Instant, memory: &mut Memory<'_, R>) -> &[u8] {
        if self.phase == Phase::Online {
            self.hold = self.hold.filter(|hold| now < *hold);
            let tell = if self.hold.is_none() { Tell::Here } else { Tell::Elsewhere };
            memory.commands.tell(Connection::Own, tell, &mut self.wire, &mut self.requests);
            self.register(memory);
            self.report(now, memory);
            self.announce_sleep(now);
            self.tell_key();
            self.tell_hub_key();
            if now >= self.keepalive.ping_at() && self.may_ping() {
                let id = self.wire.request();
                if self.wire.send(&Ping, Correlation::Request(id), usize::MAX).is_ok() {
                    self.requests.add(id, Request::Ping);
                }
            }
        }
        self.wire.waiting()
    }

    /// The first `len` bytes that waited have gone out.
    pub(crate) fn sent(&mut self, now: Instant, len: usize) {
        self.wire.sent(len);
        self.keepalive.sent(now);
    }

    /// How many bytes would be taken now.
    pub(crate) fn room(&self) -> usize {
        if self.is_open() { self.wire.receive_room() } else { usize::MAX }
    }

    /// What a frame says, for the firmware.
    pub(crate) fn wire(&self) -> &Wire<N> {
        &self.wire
    }

    fn register<const R: usize>(&mut self, memory: &Memory<'_, R>) {
        let registering = self.requests.any(|request| matches!(request, Request::Register { .. }));
        if !self.may_register() || registering || self.hold.is_some() || !self.requests.has_room() {
            return;
        }
        let modules = memory.config.modules;
        let Some(mut part) = self.registration.part(modules) else { return };
        let total = u8::try_from(modules.len()).unwrap_or(u8::MAX);
        let limit = self.hub_frame.min(Wire::<N>::SEND_LIMIT);
        let id = self.wire.request();
        // A part that does not fit is halved; where not even one module fits now, there will be room later.
        loop {
            let Ok(list) = iot_proto::List::new(part) else { return };
            let register = Register { total, modules: list };
            if self.wire.send(&register, Correlation::Request(id), limit).is_ok() {
                self.requests.add(id, Request::Register { round: self.registration.sent(part.len()) });
                return;
            }
            part = match part.get(..part.len() / 2) {
                Some(half) if !half.is_empty() => half,
                _ => return,
            };
        }
    }

    fn report<const R: usize>(&mut self, now: Instant, memory: &mut Memory<'_, R>) {
        while self.may_report() && self.requests.has_room() {
            let Some(aged) = memory.reports.after(self.sent).and_then(|kept| kept.aged(now)) else { return };
            let (sequence, limit) = (aged.report.sequence, self.hub_frame.min(Wire::<N>::SEND_LIMIT));
            let id = self.wire.request();
            if self.wire.send(&aged, Correlation::Request(id), limit).is_ok() {
                self.requests.add(id, Request::Report { sequence });
                self.sent = sequence;
                memory.reports.mark_sent(sequence);
            } else if self.wire.room() >= limit {
                // It is longer than this hub takes, and always will be.
                memory.reports.give_up(sequence);
            } else {
                return;
            }
        }
    }

    fn announce_sleep(&mut self, now: Instant) {
        if let Some(nap) = &mut self.nap
            && let Some(sleep) = nap.message()
            && self.requests.has_room()
        {
            let id = self.wire.request();
            if self.wire.send(&sleep, Correlation::Request(id), usize::MAX).is_ok() {
                self.requests.add(id, Request::Sleep);
                nap.told(now);
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Hello { .. } | Phase::Online)
    }

    fn may_register(&self) -> bool {
        matches!(self.admission, Admission::PENDING | Admission::ADMITTED)
    }

    fn may_report(&self) -> bool {
        self.admission == Admission::ADMITTED && self.registration.is_complete() && self.hold.is_none()
    }

    fn may_ping(&self) -> bool {
        self.requests.has_room() && self.wire.room() > 0 && !self.requests.any(|it| it == Request::Ping)
    }

    fn naps(&self, now: Instant) -> bool {
        self.nap.and_then(|nap| nap.listening_until()).is_some_and(|until| now >= until)
    }

    /// Whether a node that only visits has said all that it can say now.
    fn has_visited<const R: usize>(&self, memory: &Memory<'_, R>) -> bool {
        let reported = memory.reports.after(self.sent).is_none() || !self.may_report();
        let registered = self.registration.is_over() || !self.may_register();
        memory.config.contact != Contact::Session
            && registered
            && reported
            && self.requests.is_empty()
            && self.hub_key.is_none()
            && memory.commands.settled()
    }

    /// Whether an outcome is worth a visit before its time.
    fn is_early<const R: usize>(&self, memory: &Memory<'_, R>) -> bool {
        self.end == End::Visited && memory.commands.untold()
    }

    fn close(&mut self, now: Instant, end: End, code: ErrorCode, detail: &str) {
        self.wire.last_words(None, code, detail);
        self.end_by(now, end);
    }

    fn end_by(&mut self, now: Instant, end: End) {
        self.end = end;
        self.phase = Phase::Closing { by: now.after(CLOSE_LIMIT) };
    }
}
