//! [`Instead`]: what a node is sent in place of a frame whose records could not be stored.
//!
//! Every request gets one answer, also where the disk fails: a node that waits for its answer without end would
//! neither register nor report again before its session ends. When is the executor's.

use iot_proto::{Close, Correlation, Error, ErrorCode, Frame, Label, MAX_FRAME, MessageKind};

/// When a node may come back after its session was ended because something could not be stored, in milliseconds.
const RETRY_MS: u32 = 1_000;

/// What is sent in place of frames, and whether the session goes on after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Say this, and go on.
    Say(Vec<u8>),
    /// Say this, and end the session: the node starts a new one, in which it is told again what it missed.
    End(Vec<u8>),
}

impl Instead {
    /// What takes the place of these frames.
    ///
    /// Answers become `error not-stored`, on which nodes ask again. A welcome and the hub's own requests cannot be
    /// answered for, so the session ends. What wants no answer says nothing of what was to be stored, and stays.
    pub fn of(frames: &[u8]) -> Self {
        let mut said = Vec::new();
        let mut rest = frames;
        while let Ok(Some((frame, len))) = Frame::split(rest, MAX_FRAME) {
            match frame.correlation {
                Correlation::Response(_) if frame.kind != MessageKind::WELCOME => {
                    push(
                        &mut said,
                        &Error::new(ErrorCode::NOT_STORED, MessageKind(0), ""),
                        frame.correlation,
                    );
                }
                Correlation::OneWay => said.extend_from_slice(rest.get(..len).unwrap_or_default()),
                Correlation::Response(_) | Correlation::Request(_) => {
                    let detail = Label::clipped("the hub cannot store at present");
                    let close = Close { code: ErrorCode::NOT_STORED, retry_after_ms: RETRY_MS, detail };
                    push(&mut said, &close, Correlation::OneWay);
                    return Self::End(said);
                }
            }
            rest = rest.get(len..).unwrap_or_default();
        }
        Self::Say(said)
    }
}

fn push<'b, B: iot_proto::Body<'b>>(said: &mut Vec<u8>, body: &B, correlation: Correlation) {
    // The bodies are far below the limit of a frame.
    let _ = iot_proto::encode_to_vec(body, correlation, said);
}

#[cfg(test)]
mod tests {
    use iot_proto::{Acknowledged, Admission, HubMessage, Pong, RequestId};

    use super::*;

    fn frame<'b, B: iot_proto::Body<'b>>(body: &B, correlation: Correlation) -> Vec<u8> {
        let mut bytes = Vec::new();
        push(&mut bytes, body, correlation);
        bytes
    }

    #[test]
    fn an_answer_becomes_an_error_that_asks_for_another_try() {
        let answer = Correlation::Response(RequestId::FIRST);
        let frames = [frame(&Acknowledged, answer), frame(&Pong { time: None }, answer)].concat();
        let Instead::Say(said) = Instead::of(&frames) else { panic!("the session goes on") };
        let (first, len) = Frame::split(&said, MAX_FRAME).unwrap().unwrap();
        assert_eq!((first.kind, first.correlation), (MessageKind::ERROR, answer));
        let Ok(HubMessage::Error(error)) = HubMessage::decode(first.kind, first.body) else { panic!() };
        assert_eq!(error.code, ErrorCode::NOT_STORED);
        assert_eq!(said.len(), 2 * len, "every request has its answer");
    }

    #[test]
    fn what_the_hub_asks_ends_the_session_and_last_words_stay() {
        let last = frame(&Error::new(ErrorCode::SILENT, MessageKind(0), "silent"), Correlation::OneWay);
        assert_eq!(Instead::of(&last), Instead::Say(last.clone()));
        let asked = frame(&Admission::ADMITTED, Correlation::Request(RequestId::FIRST));
        let Instead::End(said) = Instead::of(&asked) else { panic!("the node cannot know of it") };
        let (close, _) = Frame::split(&said, MAX_FRAME).unwrap().unwrap();
        assert_eq!(close.kind, MessageKind::CLOSE);
    }
}
