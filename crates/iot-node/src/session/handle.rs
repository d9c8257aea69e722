//! What the node's own connection makes of each message of the hub.

use core::time::Duration;

use iot_proto::{Acknowledged, Admission, Correlation, ErrorCode, HubMessage, Pong, VersionRange};

use super::{Phase, RESEND_WAIT, Session, renewal::HubKeyTold};
use crate::{Command, Connection, End, Instant, event::Note, node::Memory, requests::Request, wire::Cut};

impl<const N: usize> Session<N> {
    /// Does what a frame asks for; gives what the firmware should know of it.
    pub(super) fn handle<const R: usize>(
        &mut self,
        now: Instant,
        cut: Cut,
        memory: &mut Memory<'_, R>,
    ) -> Option<Note> {
        match cut.correlation {
            Correlation::Response(id) => {
                // A response to nothing is late or lost; it asks for nothing either.
                let request = self.requests.answered(id)?;
                self.answered(now, cut, request, memory)
            }
            Correlation::Request(_) | Correlation::OneWay => self.asked(cut, memory),
        }
    }

    fn answered<const R: usize>(
        &mut self,
        now: Instant,
        cut: Cut,
        request: Request,
        memory: &mut Memory<'_, R>,
    ) -> Option<Note> {
        let failure = match (request, self.wire.decode(cut)) {
            (Request::Hello, Ok(HubMessage::Welcome(welcome))) => {
                let version = welcome.version;
                self.keepalive.agree(welcome.keepalive_s);
                self.requests.allow(welcome.inflight);
                self.hub_frame = usize::from(welcome.max_frame);
                self.admission = welcome.admission;
                memory.reports.forget_to(welcome.stored);
                return self.welcomed(now, cut, version);
            }
            (Request::Register { round }, Ok(HubMessage::Registered(_))) => {
                self.registration.answered(round, memory.config.modules.len());
                return Some(Note::Message(Connection::Own, cut));
            }
            (Request::Report { .. }, Ok(HubMessage::ReportAck(ack))) => {
                if ack.boot == memory.config.boot {
                    memory.reports.forget_to(ack.stored);
                }
                return Some(Note::Message(Connection::Own, cut));
            }
            (Request::Outcome { command }, Ok(HubMessage::Acknowledged(_))) => {
                memory.commands.told(command, ErrorCode::OK);
                return None;
            }
            (Request::NextKey, Ok(HubMessage::Acknowledged(_))) => {
                self.announced = None;
                return Some(Note::KeyNoted);
            }
            (Request::Sleep, Ok(HubMessage::SleepAck(_))) | (Request::Ping, Ok(HubMessage::Pong(_))) => {
                return None;
            }
            (_, Ok(HubMessage::Error(error))) => Failure::Told(error.code),
            (_, Ok(_)) => Failure::Noticed(ErrorCode::OUT_OF_TURN),
            (_, Err(error)) => Failure::Noticed(error.code()),
        };
        self.failed(now, request, failure.code(), memory);
        Some(match failure {
            Failure::Told(_) => Note::Message(Connection::Own, cut),
            Failure::Noticed(code) => Note::Refused { code, about: cut.kind },
        })
    }

    fn welcomed(&mut self, now: Instant, cut: Cut, version: u8) -> Option<Note> {
        if VersionRange::OURS.common(VersionRange { min: version, max: version }).is_none() {
            self.close(
                now,
                End::Version(version),
                ErrorCode::VERSION_UNSUPPORTED,
                "no such version is spoken",
            );
            return None;
        }
        self.phase = Phase::Online;
        self.backoff.reset();
        Some(Note::Message(Connection::Own, cut))
    }

    /// A request of the node was not served.
    fn failed<const R: usize>(
        &mut self,
        now: Instant,
        request: Request,
        code: ErrorCode,
        memory: &mut Memory<'_, R>,
    ) {
        let later = matches!(code, ErrorCode::NOT_STORED | ErrorCode::TOO_MANY);
        if later {
            self.hold = Some(now.after(RESEND_WAIT));
        }
        match request {
            Request::Register { .. } if later => self.registration.again(),
            Request::Register { .. } => self.registration.refused(),
            Request::Report { sequence } => {
                let admission = match code {
                    ErrorCode::PENDING_APPROVAL => Some(Admission::PENDING),
                    ErrorCode::DISABLED => Some(Admission::DISABLED),
                    ErrorCode::REVOKED => Some(Admission::REVOKED),
                    _ => None,
                };
                self.admission = admission.unwrap_or(self.admission);
                if later || admission.is_some() {
                    self.sent = self.sent.min(sequence - 1);
                } else {
                    memory.reports.give_up(sequence);
                }
            }
            Request::Outcome { command } => memory.commands.told(command, code),
            Request::NextKey => self.announced = self.announced.filter(|_| later),
            Request::Hello | Request::Sleep | Request::Ping => {}
        }
    }

    fn asked<const R: usize>(&mut self, cut: Cut, memory: &mut Memory<'_, R>) -> Option<Note> {
        let message = match self.wire.decode(cut) {
            Ok(message) => message,
            Err(error) => return Some(self.wire.refused(cut, error.code())),
        };
        let command = Command::of(&message).map(|command| command.id);
        match (message, self.phase, cut.correlation) {
            (HubMessage::Close(close), ..) => {
                self.end = End::Closed(close.code);
                self.least_wait = Duration::from_millis(u64::from(close.retry_after_ms));
                self.phase = Phase::Ended;
                Some(Note::Close(Connection::Own))
            }
            (HubMessage::Error(_), ..) => Some(Note::Message(Connection::Own, cut)),
            (HubMessage::Ping(_), _, Correlation::Request(id)) => {
                self.wire.answer(&Pong { time: None }, id);
                None
            }
            (HubMessage::Admission(admission), Phase::Online, Correlation::Request(id)) => {
                self.wire.answer(&Acknowledged, id);
                self.admission = admission;
                self.registration.again();
                Some(Note::Message(Connection::Own, cut))
            }
            // In plain anybody could say it.
            (HubMessage::NextHubKey(_), Phase::Online, Correlation::Request(request))
                if self.renew_at.is_some() && self.hub_key.is_none() =>
            {
                self.hub_key = Some(HubKeyTold { request, answer: None });
                Some(Note::Message(Connection::Own, cut))
            }
            (_, Phase::Online, Correlation::Request(request)) if command.is_some() => {
                Some(memory.commands.asked(Connection::Own, cut, request, command?, &mut self.wire))
            }
            (HubMessage::UpdateOffer(_) | HubMessage::UpdateBlock(_), ..) => {
                Some(self.wire.refused(cut, ErrorCode::UNSUPPORTED_MESSAGE))
            }
            _ => Some(self.wire.refused(cut, ErrorCode::OUT_OF_TURN)),
        }
    }
}

/// Why a request was not served.
#[derive(Clone, Copy)]
enum Failure {
    /// The hub said so.
    Told(ErrorCode),
    /// Its answer was none.
    Noticed(ErrorCode),
}

impl Failure {
    fn code(self) -> ErrorCode {
        match self {
            Self::Told(code) | Self::Noticed(code) => code,
        }
    }
}
