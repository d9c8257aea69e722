//! The node as its firmware sees it: two possible connections, and what outlives them.
//!
//! This type routes. The phases of the connections are in `session` and `dialled`; reports and commands
//! belong to neither, so that they outlive both.

use core::time::Duration;

use iot_proto::{CommandId, ErrorCode, Identity, NodeKey, Reading};

use crate::{
    Answer, AnswerError, Config, Connection, Deadline, Event, Instant, NotOnline, ReportError,
    commands::{Commands, Tell},
    dialled::Dialled,
    event::Note,
    reports::Reports,
    session::Session,
    sleep::Nap,
    wire::{MIN_BUFFER, Wire},
};

/// A node: its session with the hub, its unacknowledged reports, the commands that it remembers.
///
/// The firmware chooses the memory, in bytes: `FRAME` is the largest frame in each direction (at least
/// [`MIN_BUFFER`]; the type holds two of them), `REPORTS` is the memory for reports that wait, and
/// `DIALLED` the largest frame on a connection that the hub opened (0 for a node that cannot be dialled;
/// the type holds two of these as well).
#[derive(Debug)]
pub struct Node<'c, const FRAME: usize, const REPORTS: usize, const DIALLED: usize = 0> {
    session: Session<FRAME>,
    dialled: Dialled<DIALLED>,
    memory: Memory<'c, REPORTS>,
}

/// What outlives a connection.
#[derive(Debug)]
pub(crate) struct Memory<'c, const REPORTS: usize> {
    pub(crate) config: Config<'c>,
    pub(crate) reports: Reports<REPORTS>,
    pub(crate) commands: Commands,
}

impl<'c, const FRAME: usize, const REPORTS: usize, const DIALLED: usize> Node<'c, FRAME, REPORTS, DIALLED> {
    /// A node that wants to connect at once.
    pub fn new(config: Config<'c>) -> Self {
        const { assert!(FRAME >= MIN_BUFFER, "FRAME is below MIN_BUFFER") };
        let memory = Memory { config, reports: Reports::new(), commands: Commands::new(config.restarted_by) };
        Self { session: Session::new(config.seed), dialled: Dialled::new(), memory }
    }

    /// What happens next; `None` where nothing does before the next deadline or the next bytes.
    ///
    /// Call it until it gives `None`, after every call that passes something in.
    pub fn poll(&mut self, now: Instant) -> Option<Event<'_>> {
        let note = match self.session.poll(now, &mut self.memory) {
            Some(note) => note,
            None => self.dialled.poll(now, &mut self.memory)?,
        };
        match note {
            Note::Connect => Some(Event::Connect),
            Note::Close(connection) => Some(Event::Close(connection)),
            Note::Message(Connection::Own, cut) => Event::of(self.session.wire().decode(cut).ok()?),
            Note::Message(Connection::Dialled, cut) => Event::of(self.dialled.wire().decode(cut).ok()?),
            Note::Repeated(id) => Some(Event::Repeated(id)),
            Note::KeyNoted => Some(Event::KeyNoted),
            Note::Refused { code, about } => Some(Event::Refused { code, about }),
            Note::Disconnected { why, again_at } => Some(Event::Disconnected { why, again_at }),
        }
    }

    /// When to poll again if nothing else happens before; `None` where only an event from outside helps.
    pub fn next_deadline(&self) -> Option<Deadline> {
        [self.session.next_deadline(), self.dialled.next_deadline()].into_iter().flatten().min()
    }

    /// The TCP connection that [`Event::Connect`] asked for is open.
    pub fn connected(&mut self, now: Instant) {
        self.session.connected(now, &self.memory);
    }

    /// The hub has opened a TCP connection to the node. An earlier one of this kind must be closed first.
    pub fn dialled(&mut self, now: Instant) {
        const { assert!(DIALLED >= MIN_BUFFER, "a node that is dialled needs DIALLED of at least MIN_BUFFER") };
        self.dialled.opened(now);
    }

    /// A TCP connection is gone, or could not be opened.
    pub fn closed(&mut self, now: Instant, connection: Connection) {
        self.memory.commands.closed(connection);
        match connection {
            Connection::Own => self.session.closed(now, &self.memory),
            Connection::Dialled => self.dialled.closed(),
        }
    }

    /// Bytes came in. Gives how many were taken: offer the others again after the next [`poll`](Self::poll).
    pub fn received(&mut self, now: Instant, connection: Connection, bytes: &[u8]) -> usize {
        match connection {
            Connection::Own => self.session.received(now, bytes),
            Connection::Dialled => self.dialled.received(now, bytes),
        }
    }

    /// How many bytes [`received`](Self::received) would take now.
    pub fn room(&self, connection: Connection) -> usize {
        match connection {
            Connection::Own => self.session.room(),
            Connection::Dialled => self.dialled.room(),
        }
    }

    /// The bytes that wait to be sent. Call [`sent`](Self::sent) with the number of those that were, and
    /// both again until nothing waits or the socket takes nothing.
    pub fn transmit(&mut self, now: Instant, connection: Connection) -> &[u8] {
        match connection {
            Connection::Own => self.session.transmit(now, &mut self.memory),
            Connection::Dialled => {
                let untold = if self.session.is_online() { Tell::Elsewhere } else { Tell::Here };
                self.dialled.transmit(&mut self.memory, untold)
            }
        }
    }

    /// The first `len` bytes of those that [`transmit`](Self::transmit) gave were sent.
    pub fn sent(&mut self, now: Instant, connection: Connection, len: usize) {
        match connection {
            Connection::Own => self.session.sent(now, len),
            Connection::Dialled => self.dialled.sent(len),
        }
    }

    /// Reports readings, oldest first: now, or as soon as the hub takes them. Gives the report's sequence.
    ///
    /// Ages of the readings count from `now`. Where the memory for reports is full, the oldest report is
    /// dropped, and the hub sees that one is missing.
    ///
    /// # Errors
    /// [`ReportError`]; nothing was dropped for it.
    pub fn report(&mut self, now: Instant, readings: &[Reading<'_>]) -> Result<u32, ReportError> {
        self.memory.reports.push(now, self.memory.config.boot, readings, Wire::<FRAME>::SEND_LIMIT)
    }

    /// Counts a report that the firmware could not make, so that the hub sees that one is missing.
    pub fn lose_report(&mut self) {
        self.memory.reports.lose();
    }

    /// Says what became of a command: at once, or later after [`Answer::Accepted`].
    ///
    /// # Errors
    /// [`AnswerError`]: the command is not remembered, has been answered, or the value is too long.
    pub fn answer(&mut self, id: CommandId, answer: Answer<'_>) -> Result<(), AnswerError> {
        self.memory.commands.answer(id, answer)
    }

    /// Goes to sleep: tells the hub, serves commands for `listen`, closes, and comes back after `length`.
    /// Lengths travel in whole seconds, rounded down. A sleep that was asked for is not changed by another.
    ///
    /// # Errors
    /// [`NotOnline`] where there is no session in which to say it.
    pub fn sleep(&mut self, length: Duration, listen: Duration) -> Result<(), NotOnline> {
        if !self.session.is_online() {
            return Err(NotOnline);
        }
        self.session.sleep(Nap::new(length, listen));
        Ok(())
    }

    /// Tells the hub which key the node will have, in this session or the next: [`Event::KeyNoted`] says that the hub
    /// has stored it, an [`Event::Error`] about it why not.
    pub fn announce_key(&mut self, key: NodeKey) {
        self.session.announce_key(key);
    }

    /// The key of [`Event::NextHubKey`] is stored: the hub is told so.
    pub fn hub_key_stored(&mut self) {
        self.session.answer_hub_key(Ok(()));
    }

    /// The key of [`Event::NextHubKey`] cannot be one of the hub's: the hub is told why.
    pub fn hub_key_refused(&mut self, why: ErrorCode) {
        self.session.answer_hub_key(Err(why));
    }

    /// The node says this key in the hellos of its next connections, which must prove it.
    pub fn set_key(&mut self, key: NodeKey) {
        self.memory.config.identity = Identity::Key(key);
    }

    /// Ends the node's own session politely, and connects again at once: for a new handshake. What is under way is
    /// said again.
    pub fn renew(&mut self, now: Instant) {
        self.session.renew(now);
    }

    /// Ends the node's own session politely, and keeps it ended.
    pub fn stop(&mut self, now: Instant) {
        self.session.stop(now);
    }

    /// Connects again after [`stop`](Self::stop).
    pub fn resume(&mut self, now: Instant) {
        self.session.resume(now);
    }

    /// Whether the hub has welcomed the node on its own connection.
    pub fn is_online(&self) -> bool {
        self.session.is_online()
    }

    /// How many reports wait for their acknowledgement.
    pub fn waiting_reports(&self) -> usize {
        self.memory.reports.len()
    }

    /// The highest sequence that was given to a report; 0 before the first.
    pub fn last_report(&self) -> u32 {
        self.memory.reports.last()
    }

    /// How many reports were given up: because memory was full, or the hub will never take them.
    pub fn dropped_reports(&self) -> u32 {
        self.memory.reports.dropped()
    }

    /// How many reports were sent that had been sent before.
    pub fn resent_reports(&self) -> u32 {
        self.memory.reports.resent()
    }
}
