//! A connection that the hub opened to the node: the hub says whom it means, then commands flow.
//!
//! ```text
//!             dialled             dial for this node          hub closes, or is silent
//!   Closed ─────────────▶ Dial ─────────────────────▶ Serving ─────────────────────▶ Closed
//!                           │ for another node, something else, too late
//!                           └──────────▶ Closing ──▶ Ended ──▶ Closed
//! ```

use core::time::Duration;

use iot_proto::{Correlation, ErrorCode, HubMessage, Pong, VersionRange};

use crate::{
    Command, Connection, Deadline, Instant, Reason,
    commands::Tell,
    event::Note,
    node::Memory,
    requests::{Request, Requests},
    session::CLOSE_LIMIT,
    time::PAST,
    wire::{Cut, Wire},
};

/// How long the hub may be silent on a connection that it opened.
pub const DIALLED_SILENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Dial,
    Serving,
    Closing { by: Instant },
    Ended,
}

/// The session on a dialled connection, with buffers of `N` bytes.
#[derive(Debug)]
pub(crate) struct Dialled<const N: usize> {
    phase: Phase,
    wire: Wire<N>,
    requests: Requests,
    heard: Instant,
}

impl<const N: usize> Dialled<N> {
    /// No connection.
    pub(crate) fn new() -> Self {
        Self { phase: Phase::Closed, wire: Wire::new(), requests: Requests::new(), heard: Instant(0) }
    }

    /// The hub opened a connection.
    pub(crate) fn opened(&mut self, now: Instant) {
        self.wire.reset();
        self.requests = Requests::new();
        (self.phase, self.heard) = (Phase::Dial, now);
    }

    /// The connection is gone.
    pub(crate) fn closed(&mut self) {
        self.phase = Phase::Closed;
    }

    /// Bytes came in; gives how many were taken.
    pub(crate) fn received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        self.heard = now;
        match self.phase {
            Phase::Dial | Phase::Serving => self.wire.receive(bytes),
            Phase::Closed | Phase::Closing { .. } | Phase::Ended => bytes.len(),
        }
    }

    /// The next thing that happens of itself or follows from what was received.
    pub(crate) fn poll<const R: usize>(&mut self, now: Instant, memory: &mut Memory<'_, R>) -> Option<Note> {
        while let Phase::Dial | Phase::Serving = self.phase {
            let note = match self.wire.cut() {
                Ok(Some(cut)) => self.handle(now, cut, memory),
                Ok(None) => break,
                Err(error) => {
                    self.wire.last_words(Some(error), error.code(), "the node was sent what is no frame");
                    self.phase = Phase::Closing { by: now.after(CLOSE_LIMIT) };
                    None
                }
            };
            if note.is_some() {
                return note;
            }
        }
        if matches!(self.phase, Phase::Dial | Phase::Serving) && now >= self.heard.after(DIALLED_SILENCE) {
            self.close(now, ErrorCode::SILENT, "nothing was heard");
        }
        match self.phase {
            Phase::Closing { by } if now >= by || self.wire.waiting().is_empty() => {
                self.phase = Phase::Ended;
                Some(Note::Close(Connection::Dialled))
            }
            Phase::Closed | Phase::Dial | Phase::Serving | Phase::Closing { .. } | Phase::Ended => None,
        }
    }

    /// When to poll again.
    pub(crate) fn next_deadline(&self) -> Option<Deadline> {
        match self.phase {
            Phase::Dial | Phase::Serving if self.wire.has_backlog() => {
                Some(Deadline { at: PAST, reason: Reason::Backlog })
            }
            Phase::Closing { .. } if self.wire.waiting().is_empty() => {
                Some(Deadline { at: PAST, reason: Reason::Close })
            }
            Phase::Dial | Phase::Serving => {
                Some(Deadline { at: self.heard.after(DIALLED_SILENCE), reason: Reason::Silence })
            }
            Phase::Closing { by } => Some(Deadline { at: by, reason: Reason::Close }),
            Phase::Closed | Phase::Ended => None,
        }
    }

    /// Queues what is to be told and gives the bytes that wait to go out.
    pub(crate) fn transmit<const R: usize>(&mut self, memory: &mut Memory<'_, R>, untold: Tell) -> &[u8] {
        if self.phase == Phase::Serving {
            memory.commands.tell(Connection::Dialled, untold, &mut self.wire, &mut self.requests);
        }
        self.wire.waiting()
    }

    /// The first `len` bytes that waited have gone out.
    pub(crate) fn sent(&mut self, len: usize) {
        self.wire.sent(len);
    }

    /// How many bytes would be taken now.
    pub(crate) fn room(&self) -> usize {
        match self.phase {
            Phase::Dial | Phase::Serving => self.wire.receive_room(),
            Phase::Closed | Phase::Closing { .. } | Phase::Ended => usize::MAX,
        }
    }

    /// What a frame says, for the firmware.
    pub(crate) fn wire(&self) -> &Wire<N> {
        &self.wire
    }

    fn handle<const R: usize>(&mut self, now: Instant, cut: Cut, memory: &mut Memory<'_, R>) -> Option<Note> {
        if let Correlation::Response(id) = cut.correlation {
            let request = self.requests.answered(id)?;
            return self.answered(request, cut, memory);
        }
        let message = match self.wire.decode(cut) {
            Ok(message) => message,
            Err(error) => return Some(self.wire.refused(cut, error.code())),
        };
        let command = Command::of(&message).map(|command| command.id);
        match (message, self.phase, cut.correlation) {
            (HubMessage::Close(_), ..) => {
                self.phase = Phase::Ended;
                Some(Note::Close(Connection::Dialled))
            }
            (HubMessage::Error(_), ..) => Some(Note::Message(Connection::Dialled, cut)),
            (HubMessage::Dial(dial), Phase::Dial, Correlation::Request(id)) => {
                if dial.to != memory.config.identity {
                    return Some(self.turn_away(now, cut, ErrorCode::WRONG_NODE, "this is another node"));
                }
                if dial.versions.common(VersionRange::OURS).is_none() {
                    return Some(self.turn_away(
                        now,
                        cut,
                        ErrorCode::VERSION_UNSUPPORTED,
                        "no common version",
                    ));
                }
                self.phase = Phase::Serving;
                self.wire.answer(&memory.config.hello(Wire::<N>::LIMIT), id);
                None
            }
            (_, Phase::Dial, _) => {
                Some(self.turn_away(now, cut, ErrorCode::OUT_OF_TURN, "a dial comes first"))
            }
            (HubMessage::Ping(_), _, Correlation::Request(id)) => {
                self.wire.answer(&Pong { time: None }, id);
                None
            }
            (_, _, Correlation::Request(request)) if command.is_some() => {
                Some(memory.commands.asked(Connection::Dialled, cut, request, command?, &mut self.wire))
            }
            (HubMessage::UpdateOffer(_) | HubMessage::UpdateBlock(_), ..) => {
                Some(self.wire.refused(cut, ErrorCode::UNSUPPORTED_MESSAGE))
            }
            _ => Some(self.wire.refused(cut, ErrorCode::OUT_OF_TURN)),
        }
    }

    fn answered<const R: usize>(
        &mut self,
        request: Request,
        cut: Cut,
        memory: &mut Memory<'_, R>,
    ) -> Option<Note> {
        let Request::Outcome { command } = request else { return None };
        let (code, note) = match self.wire.decode(cut) {
            Ok(HubMessage::Acknowledged(_)) => (ErrorCode::OK, None),
            Ok(HubMessage::Error(error)) => (error.code, Some(Note::Message(Connection::Dialled, cut))),
            Ok(_) | Err(_) => (
                ErrorCode::OUT_OF_TURN,
                Some(Note::Refused { code: ErrorCode::OUT_OF_TURN, about: cut.kind }),
            ),
        };
        memory.commands.told(command, code);
        note
    }

    fn turn_away(&mut self, now: Instant, cut: Cut, code: ErrorCode, detail: &str) -> Note {
        self.wire.refuse(cut, code, detail);
        self.close(now, code, detail);
        Note::Refused { code, about: cut.kind }
    }

    fn close(&mut self, now: Instant, code: ErrorCode, detail: &str) {
        self.wire.last_words(None, code, detail);
        self.phase = Phase::Closing { by: now.after(CLOSE_LIMIT) };
    }
}
