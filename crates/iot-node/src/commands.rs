//! Commands of the hub: each runs once, and its outcome reaches the hub.
//!
//! The node remembers the last commands with their outcome, whichever connection they came on. A repeat is
//! answered from memory and does not reach the firmware again. An outcome whose connection ended before it
//! was told follows as a request of the node.
//!
//! ```text
//!                 answer                told            final answer
//!   Running ──────────────▶ Due ───────────────▶ Accepted ─────────▶ Untold
//!      │ its connection      │ final outcome told                     │ ▲ not taken, or
//!      │ ended: no one asks  ▼                      hub has noted it   ▼ │ connection ended
//!      └──────────────────▶ Settled ◀────────────────────────────── Telling
//! ```

use iot_proto::{
    Body, CommandId, Correlation, ErrorCode, HEADER_LEN, Label, Outcome, OutcomeStatus, RequestId,
};

use crate::{
    Answer, AnswerError, Connection,
    event::Note,
    requests::{Request, Requests},
    wire::{Cut, Wire},
};

/// How many commands a node remembers.
pub const REMEMBERED: usize = 16;

/// Commands that the node takes before it has answered the first; announced in hello.
pub(crate) const OPEN_COMMANDS: u8 = 8;

/// Bytes of the largest outcome that is kept, as a frame: a text value of up to 94 bytes fits.
pub const MAX_OUTCOME: usize = 128;

/// What is to be done with a command that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// The firmware runs it.
    New,
    /// It came before.
    Repeated,
    /// Too many commands are without an answer.
    Full,
}

/// Whose turn it is to tell outcomes that no request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// This connection tells them.
    Here,
    /// Another connection does.
    Elsewhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running(Option<(Connection, RequestId)>),
    Due(Connection, RequestId),
    Accepted,
    Untold,
    Telling(Connection),
    Settled,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    id: CommandId,
    state: State,
    age: u32,
    /// The outcome as a frame, so that the memory of one slot has a fixed size.
    frame: [u8; MAX_OUTCOME],
    len: usize,
}

/// The commands that the node remembers.
#[derive(Debug)]
pub(crate) struct Commands {
    slots: [Option<Slot>; REMEMBERED],
    taken: u32,
}

impl Commands {
    /// Remembers the command that caused this start, where it was one.
    pub(crate) fn new(restarted_by: Option<CommandId>) -> Self {
        let mut commands = Self { slots: [None; REMEMBERED], taken: 0 };
        if let (Some(id), Some(first)) = (restarted_by, commands.slots.first_mut()) {
            let mut slot = Slot { id, state: State::Settled, age: 0, frame: [0; MAX_OUTCOME], len: 0 };
            // An outcome without value and text always fits.
            let _ = slot.keep(Answer::Done(None));
            *first = Some(slot);
        }
        commands
    }

    /// A command came in.
    fn take(&mut self, from: Connection, request: RequestId, id: CommandId) -> Taken {
        if let Some(slot) = self.slot(id) {
            slot.state = match slot.state {
                State::Running(_) => State::Running(Some((from, request))),
                State::Due(..) | State::Accepted | State::Untold | State::Telling(_) | State::Settled => {
                    State::Due(from, request)
                }
            };
            return Taken::Repeated;
        }
        let age = self.taken;
        let free = self.slots.iter_mut().filter(|slot| slot.is_none_or(|slot| slot.state == State::Settled));
        let Some(free) = free.min_by_key(|slot| slot.map(|slot| slot.age)) else { return Taken::Full };
        let state = State::Running(Some((from, request)));
        *free = Some(Slot { id, state, age, frame: [0; MAX_OUTCOME], len: 0 });
        self.taken = self.taken.saturating_add(1);
        Taken::New
    }

    /// A frame asks for a command; gives what the firmware should know of it.
    pub(crate) fn asked<const N: usize>(
        &mut self,
        from: Connection,
        cut: Cut,
        request: RequestId,
        id: CommandId,
        wire: &mut Wire<N>,
    ) -> Note {
        match self.take(from, request, id) {
            Taken::New => Note::Message(from, cut),
            Taken::Repeated => Note::Repeated(id),
            Taken::Full => wire.refused(cut, ErrorCode::TOO_MANY),
        }
    }

    /// The firmware's answer.
    pub(crate) fn answer(&mut self, id: CommandId, answer: Answer<'_>) -> Result<(), AnswerError> {
        let slot = self.slot(id).ok_or(AnswerError::UnknownCommand(id))?;
        let state = match (slot.state, slot.status()) {
            (State::Running(Some((from, request))), _)
            | (State::Due(from, request), Some(OutcomeStatus::ACCEPTED)) => State::Due(from, request),
            (State::Running(None) | State::Accepted, _) if answer == Answer::Accepted => State::Accepted,
            (State::Running(None) | State::Accepted, _) => State::Untold,
            (State::Due(..) | State::Untold | State::Telling(_) | State::Settled, _) => {
                return Err(AnswerError::AlreadyAnswered(id));
            }
        };
        slot.keep(answer)?;
        slot.state = state;
        Ok(())
    }

    /// A connection ended: what was to be told there is told elsewhere.
    pub(crate) fn closed(&mut self, connection: Connection) {
        for slot in self.slots.iter_mut().flatten() {
            slot.state = match (slot.state, slot.status()) {
                (State::Running(Some((from, _))), _) if from == connection => State::Running(None),
                (State::Due(from, _), Some(OutcomeStatus::ACCEPTED)) if from == connection => State::Accepted,
                (State::Due(on, _) | State::Telling(on), _) if on == connection => State::Untold,
                (other, _) => other,
            };
        }
    }

    /// The hub answered the request that told an outcome.
    pub(crate) fn told(&mut self, id: CommandId, code: ErrorCode) {
        if let Some(slot) = self.slot(id).filter(|slot| matches!(slot.state, State::Telling(_))) {
            let again = matches!(code, ErrorCode::NOT_STORED | ErrorCode::TOO_MANY);
            slot.state = if again { State::Untold } else { State::Settled };
        }
    }

    /// Whether an outcome waits that no request of the hub waits for.
    pub(crate) fn untold(&self) -> bool {
        self.slots.iter().flatten().any(|slot| slot.state == State::Untold)
    }

    /// Whether every command has its final outcome, and the hub knows it.
    pub(crate) fn settled(&self) -> bool {
        self.slots.iter().flatten().all(|slot| slot.state == State::Settled)
    }

    /// Queues what is to be told on a connection, as far as there is room.
    pub(crate) fn tell<const N: usize>(
        &mut self,
        on: Connection,
        untold: Tell,
        wire: &mut Wire<N>,
        requests: &mut Requests,
    ) {
        for slot in self.slots.iter_mut().flatten() {
            let Some(outcome) = slot.outcome() else { continue };
            if let State::Due(to, request) = slot.state
                && to == on
            {
                let is_final = outcome.status != OutcomeStatus::ACCEPTED;
                if wire.send(&outcome, Correlation::Response(request), usize::MAX).is_ok() {
                    slot.state = if is_final { State::Settled } else { State::Accepted };
                }
            } else if slot.state == State::Untold && untold == Tell::Here && requests.has_room() {
                let id = wire.request();
                if wire.send(&outcome, Correlation::Request(id), usize::MAX).is_ok() {
                    requests.add(id, Request::Outcome { command: slot.id });
                    slot.state = State::Telling(on);
                }
            }
        }
    }

    fn slot(&mut self, id: CommandId) -> Option<&mut Slot> {
        self.slots.iter_mut().flatten().find(|slot| slot.id == id)
    }
}

impl Slot {
    /// Keeps an answer; words that do not fit beside the value are left out.
    fn keep(&mut self, answer: Answer<'_>) -> Result<(), AnswerError> {
        let (status, code, value, detail) = match answer {
            Answer::Accepted => (OutcomeStatus::ACCEPTED, ErrorCode::OK, None, ""),
            Answer::Done(value) => (OutcomeStatus::DONE, ErrorCode::OK, value, ""),
            Answer::Failed { code, detail } => (OutcomeStatus::FAILED, code, None, detail),
        };
        let outcome = Outcome { command: self.id, status, code, value, detail: Label::clipped(detail) };
        let mut frame = [0; MAX_OUTCOME];
        self.len = iot_proto::encode(&outcome, Correlation::OneWay, &mut frame)
            .map_err(|_| AnswerError::TooLong { limit: MAX_OUTCOME })?;
        self.frame = frame;
        Ok(())
    }

    /// The outcome that is kept; `None` while the command runs.
    fn outcome(&self) -> Option<Outcome<'_>> {
        Outcome::decode(self.frame.get(HEADER_LEN..self.len)?).ok()
    }

    fn status(&self) -> Option<OutcomeStatus> {
        self.outcome().map(|outcome| outcome.status)
    }
}

#[cfg(test)]
mod tests {
    use iot_proto::{Text, Value};

    use super::*;

    const ID: CommandId = CommandId([7; 16]);
    const FIRST: RequestId = RequestId::FIRST;

    fn id(number: u8) -> CommandId {
        CommandId([number; 16])
    }

    #[test]
    fn a_repeat_while_it_runs_is_answered_when_it_is_done() {
        let mut commands = Commands::new(None);
        assert_eq!(commands.take(Connection::Own, FIRST, ID), Taken::New);
        assert_eq!(commands.take(Connection::Dialled, FIRST.next(), ID), Taken::Repeated);
        commands.answer(ID, Answer::Done(None)).unwrap();
        assert_eq!(commands.slot(ID).unwrap().state, State::Due(Connection::Dialled, FIRST.next()));
    }

    #[test]
    fn an_outcome_whose_connection_ended_is_told_later() {
        let mut commands = Commands::new(None);
        commands.take(Connection::Own, FIRST, ID);
        commands.answer(ID, Answer::Done(Some(true.into()))).unwrap();
        commands.closed(Connection::Own);
        assert!(commands.untold() && !commands.settled());
        let (mut wire, mut requests) = (Wire::<512>::new(), Requests::new());
        commands.tell(Connection::Dialled, Tell::Elsewhere, &mut wire, &mut requests);
        assert!(wire.waiting().is_empty());
        commands.tell(Connection::Dialled, Tell::Here, &mut wire, &mut requests);
        assert!(!wire.waiting().is_empty() && !commands.untold());
        commands.told(ID, ErrorCode::NOT_STORED);
        assert!(commands.untold(), "the hub could not keep it");
    }

    #[test]
    fn the_oldest_settled_command_is_forgotten_and_no_open_one() {
        let mut commands = Commands::new(None);
        for number in 0..u8::try_from(REMEMBERED).unwrap() {
            assert_eq!(commands.take(Connection::Own, FIRST, id(number)), Taken::New);
        }
        assert_eq!(commands.take(Connection::Own, FIRST, id(99)), Taken::Full);
        for number in [5, 3] {
            commands.slot(id(number)).unwrap().state = State::Settled;
        }
        assert_eq!(commands.take(Connection::Own, FIRST, id(99)), Taken::New);
        assert!(commands.slot(id(3)).is_none() && commands.slot(id(5)).is_some());
    }

    #[test]
    fn a_command_has_one_final_outcome() {
        let mut commands = Commands::new(None);
        assert_eq!(commands.answer(ID, Answer::Accepted), Err(AnswerError::UnknownCommand(ID)));
        commands.take(Connection::Own, FIRST, ID);
        commands.answer(ID, Answer::Accepted).unwrap();
        commands.answer(ID, Answer::Done(None)).unwrap();
        assert_eq!(commands.answer(ID, Answer::Done(None)), Err(AnswerError::AlreadyAnswered(ID)));
    }

    #[test]
    fn the_command_that_restarted_the_node_does_not_run_again() {
        let mut commands = Commands::new(Some(ID));
        assert_eq!(commands.take(Connection::Own, FIRST, ID), Taken::Repeated);
        assert_eq!(commands.slot(ID).unwrap().status(), Some(OutcomeStatus::DONE));
    }

    #[test]
    fn an_outcome_that_cannot_be_kept_is_refused_and_the_command_stays_open() {
        let mut commands = Commands::new(None);
        commands.take(Connection::Own, FIRST, ID);
        let text = "x".repeat(95);
        let value = |len| Answer::Done(Some(Value::Text(Text::new(&text[..len]).unwrap())));
        let refused = commands.answer(ID, value(95));
        assert_eq!(refused, Err(AnswerError::TooLong { limit: MAX_OUTCOME }));
        assert_eq!(commands.answer(ID, value(94)), Ok(()));
    }
}
