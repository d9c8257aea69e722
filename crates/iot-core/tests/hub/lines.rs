//! What the hub wants done, as lines that people read. Words follow the protocol; a command is `c1`, `c2`, …
//! in the order in which they were taken.

use iot_core::{Answer, Effect, Effects, Event, IotError, JoinTurn, store::Record};
use iot_proto::{
    Admission, CommandId, Correlation, ErrorCode, Frame, HubMessage, Identity, JoinMessage, MAX_FRAME,
    OwnedValue, Value,
};

/// Short names of commands.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<CommandId>);

impl Names {
    /// The short name of a command, given when it is first seen.
    pub(crate) fn of(&mut self, id: CommandId) -> String {
        let at = self.0.iter().position(|known| *known == id).unwrap_or_else(|| {
            self.0.push(id);
            self.0.len() - 1
        });
        format!("c{}", at + 1)
    }

    /// The text with the short name of each command that is known in place of its id.
    fn shorten(&self, text: String) -> String {
        let names = self.0.iter().zip(1..);
        names.fold(text, |text, (id, at)| text.replace(&id.to_string(), &format!("c{at}")))
    }

    /// The command of a short name.
    pub(crate) fn id(&self, name: &str) -> CommandId {
        let at: usize = name[1..].parse().expect("c and a number");
        self.0[at - 1]
    }
}

/// The frames of a buffer, decoded.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(Frame<'_>, HubMessage<'_>)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (frame, len) = Frame::split(bytes, MAX_FRAME).expect("a frame").expect("a whole frame");
        let message = HubMessage::decode(frame.kind, frame.body).expect("a message of the hub");
        frames.push((frame, message));
        bytes = &bytes[len..];
    }
    frames
}

/// What is kept, then what is done, a line for each.
pub(crate) fn lines(out: &Effects, names: &mut Names) -> Vec<String> {
    let kept = out.records.records.iter().filter_map(|record| record_line(record, names)).collect::<Vec<_>>();
    let done = out.list.iter().filter_map(|effect| effect_line(effect, out, names));
    let lines: Vec<_> = kept.into_iter().chain(done.collect::<Vec<_>>()).collect();
    lines.into_iter().map(|line| names.shorten(line)).collect()
}

/// The line of a record; what is kept of changes has tests of its own.
fn record_line(record: &Record, names: &mut Names) -> Option<String> {
    Some(match record {
        Record::Audit(_) => return None,
        Record::Replaced { old, new, modules } => format!("move {old} to {new}, modules {modules:?}"),
        Record::Node(node) => {
            let state = match (&node.disabled, &node.sleep) {
                (Some(_), _) => ", disabled",
                (None, Some(_)) => ", asleep",
                (None, None) => "",
            };
            let modules = node.modules.len();
            format!("keep {} ({:?}{state}, {modules} modules)", node.id, node.admission).to_lowercase()
        }
        Record::Gone(id) => format!("forget {id}"),
        Record::Report { sequence, gap, readings, .. } => {
            format!("keep report {sequence} ({readings} readings, gap {gap})")
        }
        Record::Command(command) => {
            let cause = command.steps.last().and_then(|step| step.cause.as_ref());
            format!("keep {} {}{}", names.of(command.id), command.state().word(), because(cause))
        }
    })
}

fn because(cause: Option<&IotError>) -> String {
    cause.map_or_else(String::new, |cause| format!(": {cause}"))
}

fn effect_line(effect: &Effect, out: &Effects, names: &mut Names) -> Option<String> {
    let mut told = |at: &std::ops::Range<usize>| {
        let told = frames(&out.bytes[at.clone()]);
        let told = told.iter().map(|(frame, message)| message_words(frame, message, names));
        told.collect::<Vec<_>>().join(", ")
    };
    Some(match effect {
        Effect::Send { session, frames } => format!("{} < {}", session.0, told(frames)),
        Effect::Join { session, turn } => format!("{} <- {}", session.0, turn_words(turn)),
        Effect::Close { session } => format!("close {}", session.0),
        Effect::Deliver { delivery, to, key, hub_key, frames, .. } => {
            let proven = match (key, hub_key) {
                (Some(_), 1) => " by key".into(),
                (Some(_), number) => format!(" by key with hub key {number}"),
                (None, _) => String::new(),
            };
            format!("dial {} {to}{proven}: {}", delivery.0, told(frames))
        }
        Effect::EndDelivery { delivery } => format!("hang up {}", delivery.0),
        Effect::Resolve { ticket, answer } => match &**answer {
            Ok(Answer::Done) => format!("answer {}: done", ticket.0),
            Ok(Answer::Command(id)) => format!("answer {}: {}", ticket.0, names.of(*id)),
            Ok(Answer::Response { kind, body }) => {
                format!("answer {}: {kind} of {} bytes", ticket.0, body.len())
            }
            Err(error) => format!("answer {}: {error}", ticket.0),
        },
        Effect::Publish(Event::Notice(notice)) => format!("note {}", notice.text),
        Effect::Refused { peer, node, error } => match node {
            Some(node) => format!("refused {node}: {error}"),
            None => format!("refused {}: {error}", peer.ip()),
        },
        Effect::Widen { .. } | Effect::Publish(_) => return None,
    })
}

fn turn_words(turn: &JoinTurn) -> String {
    let said = |message: &JoinMessage| match message {
        JoinMessage::Commitment(_) => "commitment".into(),
        JoinMessage::Disclosure(_) => "disclosure".into(),
        JoinMessage::Answer(answer) => format!("answer {answer}"),
        JoinMessage::Admitted(id) => format!("admitted {id}"),
        JoinMessage::Matched => "matched".into(),
        JoinMessage::Nonce(..) | JoinMessage::Unshown(_) | JoinMessage::Stored | JoinMessage::Unstored => {
            panic!("{message:?} is the node's")
        }
    };
    match turn {
        JoinTurn::Begin(Some(_)) => "begin with the secret".into(),
        JoinTurn::Begin(None) => "begin".into(),
        JoinTurn::Say(message) => said(message),
        JoinTurn::SayLast(message) => format!("{}, last", said(message)),
        JoinTurn::Refuse(why) => format!("refused {}", why.0),
    }
}

fn message_words(frame: &Frame<'_>, message: &HubMessage<'_>, names: &mut Names) -> String {
    let mark = if matches!(frame.correlation, Correlation::OneWay) { " (one-way)" } else { "" };
    match message {
        HubMessage::Welcome(welcome) => {
            let admission = admission_word(welcome.admission);
            format!("welcome {admission} stored={} keepalive={}", welcome.stored, welcome.keepalive_s)
        }
        HubMessage::Registered(registered) => {
            let verdicts = registered.verdicts.iter().map(|v| format!(" {}:{}", v.index, code(v.code)));
            format!("registered{}", verdicts.collect::<String>())
        }
        HubMessage::Admission(admission) => format!("admission {}", admission_word(*admission)),
        HubMessage::ReportAck(ack) => {
            let rejected = ack.rejected.iter().map(|r| format!(" {}:{}", r.position, code(r.code)));
            format!("report-ack stored={}{}", ack.stored, rejected.collect::<String>())
        }
        HubMessage::NextHubKey(told) => format!("next-hub-key {} stage={}", told.number, told.stage.0),
        HubMessage::SleepAck(ack) => format!("sleep-ack waiting={}", ack.waiting),
        HubMessage::Dial(dial) => match dial.to {
            Identity::Name(name) => format!("dial {name}"),
            Identity::Key(_) => "dial a key".into(),
        },
        HubMessage::Set(set) => {
            let value = value(set.value);
            format!("set {} {}/{} {value}", names.of(set.command), set.module, set.channel)
        }
        HubMessage::Get(get) => format!("get {} {}/{}", names.of(get.command), get.module, get.channel),
        HubMessage::Invoke(run) => format!("invoke {} {}/{}", names.of(run.command), run.module, run.channel),
        HubMessage::Identify(identify) => format!("identify {}", names.of(identify.command)),
        HubMessage::Restart(restart) => format!("restart {}", names.of(restart.command)),
        HubMessage::Error(error) => format!("error {}{mark}", code(error.code)),
        HubMessage::Close(close) => format!("close {}", code(close.code)),
        HubMessage::Ping(_)
        | HubMessage::Pong(_)
        | HubMessage::Acknowledged(_)
        | HubMessage::UpdateOffer(_)
        | HubMessage::UpdateBlock(_) => frame.kind.to_string(),
    }
}

fn admission_word(admission: Admission) -> &'static str {
    match admission {
        Admission::PENDING => "pending",
        Admission::ADMITTED => "admitted",
        Admission::DISABLED => "disabled",
        Admission::REVOKED => "revoked",
        Admission(_) => "unknown",
    }
}

fn code(code: ErrorCode) -> &'static str {
    code.word().expect("a code of this version")
}

fn value(value: Value<'_>) -> String {
    match OwnedValue::from(value) {
        OwnedValue::Bool(value) => value.to_string(),
        OwnedValue::Int(value) => value.to_string(),
        OwnedValue::Float(value) => value.to_string(),
        OwnedValue::Text(value) => value.into(),
    }
}
