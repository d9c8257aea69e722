//! [`Saying`]: a message of every kind that would change what the hub knows, if the hub believed it.

use anyhow::Result;
use iot_proto::{
    Announcement, BootId, Capabilities, Close, CommandId, Correlation, Error, ErrorCode, Frame, Hello,
    HubMessage, Identity, Label, List, MAX_FRAME, MessageKind, Name, NodeMessage, Outcome, OutcomeStatus,
    Pong, Reading, Register, Report, RequestId, Sleep, Taken, Text, UnixMillis, UpdateState, UpdateStatus,
    Value, VersionRange,
};

/// The run that genuine nodes are in.
pub(super) const BOOT: BootId = BootId(1);

/// Reports that no genuine node makes begin with this number.
const FIRST_REPORT: u32 = 1_000_000;

/// Longest body of zeros that is tried for a kind of message that nothing better is known for.
const MOST_ZEROS: usize = 64;

/// What all messages of one attempt have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saying<'a> {
    /// Who is said to say it.
    pub(super) identity: Identity<'a>,
    /// A command that waits for whoever that is.
    pub(super) command: CommandId,
    /// Stands in every text of it, so that it is found again.
    pub(super) number: u32,
}

impl Saying<'_> {
    /// The frame of a hello.
    pub(super) fn hello(&self) -> Result<Vec<u8>> {
        self.frame(MessageKind::HELLO, Correlation::Request(RequestId::FIRST))
    }

    /// The frame of a message of this kind.
    pub(super) fn frame(&self, kind: MessageKind, correlation: Correlation) -> Result<Vec<u8>> {
        let (mark, mut frame) = (format!("forged {}", self.number), vec![0; MAX_FRAME]);
        let (text, label) = (Value::Text(Text::clipped(&mark)), Label::clipped(&mark));
        let module = Announcement { index: 0, kind: Name::new("relay")?, kind_version: 1, title: label };
        let (modules, reading) =
            ([module], [Reading { module: 0, channel: 1, taken: Taken::Age(0), value: text }]);
        let message = match kind {
            MessageKind::HELLO => NodeMessage::Hello(self.in_hello(label)),
            MessageKind::REGISTER => {
                NodeMessage::Register(Register { total: 1, modules: List::new(&modules)? })
            }
            MessageKind::REPORT => {
                let sequence = FIRST_REPORT + self.number;
                NodeMessage::Report(Report { boot: BOOT, sequence, readings: List::new(&reading)? })
            }
            MessageKind::SLEEP => NodeMessage::Sleep(Sleep { for_s: 3_600, listen_ms: 0 }),
            MessageKind::OUTCOME => NodeMessage::Outcome(Outcome {
                command: self.command,
                status: OutcomeStatus::DONE,
                code: ErrorCode::OK,
                value: Some(text),
                detail: label,
            }),
            MessageKind::UPDATE_STATUS => {
                let state = UpdateState::VERIFIED;
                NodeMessage::UpdateStatus(UpdateStatus { state, next: self.number, code: ErrorCode::OK })
            }
            MessageKind::PONG => NodeMessage::Pong(Pong { time: Some(UnixMillis(self.number.into())) }),
            MessageKind::ERROR => {
                NodeMessage::Error(Error::new(ErrorCode::REVOKED, MessageKind::HELLO, &mark))
            }
            MessageKind::CLOSE => {
                NodeMessage::Close(Close { code: ErrorCode::OK, retry_after_ms: self.number, detail: label })
            }
            _ => {
                frame.clear();
                Frame { kind, correlation, body: &plainest(kind) }.encode_to_vec(&mut frame)?;
                return Ok(frame);
            }
        };
        let len = message.encode(correlation, &mut frame)?;
        frame.truncate(len);
        Ok(frame)
    }

    fn in_hello<'a>(&'a self, label: Label<'a>) -> Hello<'a> {
        Hello {
            versions: VersionRange::OURS,
            identity: self.identity,
            boot: BOOT,
            max_frame: 4096,
            inflight: 4,
            capabilities: Capabilities::KEEPS_SESSION,
            keepalive_s: 60,
            board: label,
            firmware: label,
            firmware_version: label,
        }
    }
}

/// The shortest body of zeros that a message of this kind can have; nothing where it can have none.
fn plainest(kind: MessageKind) -> Vec<u8> {
    let is_one =
        |body: &Vec<u8>| NodeMessage::decode(kind, body).is_ok() || HubMessage::decode(kind, body).is_ok();
    (0..=MOST_ZEROS).map(|len| vec![0; len]).find(is_one).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use iot_proto::DecodeError;

    use super::*;

    /// A kind that is new in the protocol is tried as well, or this fails.
    #[test]
    fn every_kind_that_a_node_can_send_is_a_message_that_the_hub_can_read() {
        let saying = Saying {
            identity: Identity::Name(Name::new("a").unwrap()),
            command: CommandId([1; 16]),
            number: 7,
        };
        let is_of_node = |kind: &&MessageKind| {
            !matches!(NodeMessage::decode(**kind, &[]), Err(DecodeError::UnknownKind(_)))
        };
        let kinds: Vec<_> = MessageKind::ALL.iter().filter(is_of_node).collect();
        assert!(kinds.len() > 10, "{kinds:?}");
        for kind in kinds {
            let bytes = saying.frame(*kind, Correlation::OneWay).unwrap();
            let (frame, used) = Frame::split(&bytes, MAX_FRAME).unwrap().unwrap();
            assert_eq!((frame.kind, used), (*kind, bytes.len()));
            let message = NodeMessage::decode(*kind, frame.body);
            assert!(message.is_ok(), "{kind}: {message:?}");
        }
    }
}
