//! A scripted hub on a real socket: it welcomes, registers and acknowledges, and tells what it hears.

use alloc::sync::Arc;
use core::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{collections::HashMap, sync::Mutex};

use iot_proto::{
    Acknowledged, Admission, Body, BootId, Capabilities, Correlation, Error, ErrorCode, Frame, Identity,
    Label, List, MAX_FRAME, MessageKind, NodeMessage, OutcomeStatus, OwnedValue, Pong, Registered, ReportAck,
    RequestId, SleepAck, UnixMillis, Verdict, Welcome,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::mpsc,
    time,
};

/// How long a test waits for what must happen.
const LIMIT: Duration = Duration::from_secs(20);

/// What a node said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Hello { boot: BootId, capabilities: Capabilities },
    Register { kinds: Vec<String> },
    Report { boot: BootId, sequence: u32, readings: Vec<(u8, u8, OwnedValue)> },
    Outcome { status: OutcomeStatus, is_request: bool, value: Option<OwnedValue> },
    Sleep,
    Ping,
    Error { code: ErrorCode },
    Close,
    UnknownKind,
    Gone,
}

/// What a node said, and which.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) from: IpAddr,
    pub(crate) name: String,
    pub(crate) said: Said,
}

pub(crate) struct Hub {
    pub(crate) address: SocketAddr,
    heard: mpsc::UnboundedReceiver<Heard>,
    shared: Arc<Shared>,
}

struct Shared {
    tell: mpsc::UnboundedSender<Heard>,
    acknowledges: AtomicBool,
    stored: Mutex<HashMap<(String, BootId), u32>>,
    writers: Mutex<HashMap<String, Arc<tokio::sync::Mutex<OwnedWriteHalf>>>>,
}

impl Hub {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (tell, heard) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            tell,
            acknowledges: AtomicBool::new(true),
            stored: Mutex::default(),
            writers: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                tokio::spawn(serve(stream, peer.ip(), Arc::clone(&serving)));
            }
        });
        Self { address, heard, shared }
    }

    /// From now on reports are acknowledged, or left without an answer.
    pub(crate) fn acknowledge(&self, acknowledges: bool) {
        self.shared.acknowledges.store(acknowledges, Ordering::SeqCst);
    }

    /// The next thing heard of which `wanted` makes something.
    pub(crate) async fn hear<T>(&mut self, mut wanted: impl FnMut(&Heard) -> Option<T>) -> T {
        let wait = async {
            loop {
                let heard = self.heard.recv().await.expect("the hub runs");
                if let Some(found) = wanted(&heard) {
                    return found;
                }
            }
        };
        time::timeout(LIMIT, wait).await.expect("heard in time")
    }

    /// Sends a message on a node's own connection.
    pub(crate) async fn send<'a>(&self, name: &str, body: &impl Body<'a>, correlation: Correlation) {
        let writer = self
            .shared
            .writers
            .lock()
            .expect("no panic")
            .get(name)
            .cloned()
            .expect("the node has said hello");
        writer.lock().await.write_all(&frame(body, correlation)).await.expect("the node takes it");
    }
}

pub(crate) fn request(id: u32) -> Correlation {
    Correlation::Request(RequestId::new(id).expect("not 0"))
}

pub(crate) fn frame<'a>(body: &impl Body<'a>, correlation: Correlation) -> Vec<u8> {
    let mut bytes = Vec::new();
    iot_proto::encode_to_vec(body, correlation, &mut bytes).expect("it fits");
    bytes
}

/// Reads the next frame; `None` at the end.
pub(crate) async fn read_frame(
    stream: &mut (impl AsyncReadExt + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<(MessageKind, Correlation, Vec<u8>)> {
    loop {
        if let Some((frame, len)) = Frame::split(buffer, MAX_FRAME).expect("nodes send frames") {
            let read = (frame.kind, frame.correlation, frame.body.to_vec());
            buffer.drain(..len);
            return Some(read);
        }
        match stream.read_buf(buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

async fn serve(stream: TcpStream, from: IpAddr, shared: Arc<Shared>) {
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(tokio::sync::Mutex::new(writer));
    let (mut name, mut buffer) = (String::new(), Vec::new());
    while let Some((kind, correlation, body)) = read_frame(&mut reader, &mut buffer).await {
        let (said, answer) = match NodeMessage::decode(kind, &body) {
            Ok(message) => {
                if let NodeMessage::Hello(hello) = message
                    && let Identity::Name(known) = hello.identity
                {
                    known.as_str().clone_into(&mut name);
                    shared.writers.lock().expect("no panic").insert(name.clone(), Arc::clone(&writer));
                }
                (said(&message, correlation), answer(&shared, &name, &message, correlation))
            }
            Err(error) => {
                let refusal = Error::new(error.code(), kind, "");
                (Said::UnknownKind, correlation.answer().map(|correlation| frame(&refusal, correlation)))
            }
        };
        if let Some(answer) = answer
            && writer.lock().await.write_all(&answer).await.is_err()
        {
            break;
        }
        let _ = shared.tell.send(Heard { from, name: name.clone(), said });
    }
    let _ = shared.tell.send(Heard { from, name, said: Said::Gone });
}

fn said(message: &NodeMessage<'_>, correlation: Correlation) -> Said {
    match message {
        NodeMessage::Hello(hello) => Said::Hello { boot: hello.boot, capabilities: hello.capabilities },
        NodeMessage::Register(register) => {
            Said::Register { kinds: register.modules.iter().map(|module| module.kind.to_string()).collect() }
        }
        NodeMessage::Report(report) => Said::Report {
            boot: report.boot,
            sequence: report.sequence,
            readings: report.readings.iter().map(|it| (it.module, it.channel, it.value.into())).collect(),
        },
        NodeMessage::Outcome(outcome) => Said::Outcome {
            status: outcome.status,
            is_request: matches!(correlation, Correlation::Request(_)),
            value: outcome.value.map(Into::into),
        },
        NodeMessage::Error(error) => Said::Error { code: error.code },
        NodeMessage::Close(_) => Said::Close,
        NodeMessage::Sleep(_) => Said::Sleep,
        NodeMessage::Ping(_) => Said::Ping,
        NodeMessage::NextKey(_)
        | NodeMessage::UpdateStatus(_)
        | NodeMessage::Pong(_)
        | NodeMessage::Acknowledged(_) => {
            panic!("the fleet does not say {message:?} here")
        }
    }
}

fn answer(
    shared: &Shared,
    name: &str,
    message: &NodeMessage<'_>,
    correlation: Correlation,
) -> Option<Vec<u8>> {
    let correlation = correlation.answer()?;
    let mut stored = shared.stored.lock().expect("no panic");
    match message {
        NodeMessage::Hello(hello) => {
            let stored = stored.get(&(name.to_owned(), hello.boot)).copied().unwrap_or(0);
            Some(frame(&welcome(stored), correlation))
        }
        NodeMessage::Register(register) => {
            let verdict = |index| Verdict { index, code: ErrorCode::OK };
            let verdicts: Vec<_> = register.modules.iter().map(|module| verdict(module.index)).collect();
            Some(frame(&Registered { verdicts: List::new(&verdicts).ok()? }, correlation))
        }
        NodeMessage::Report(report) => {
            let acknowledges = shared.acknowledges.load(Ordering::SeqCst);
            let highest = stored.entry((name.to_owned(), report.boot)).or_default();
            *highest = if acknowledges { report.sequence.max(*highest) } else { *highest };
            let ack = ReportAck { boot: report.boot, stored: *highest, rejected: List::EMPTY };
            acknowledges.then(|| frame(&ack, correlation))
        }
        NodeMessage::Sleep(_) => Some(frame(&SleepAck { waiting: 0 }, correlation)),
        NodeMessage::Ping(_) => Some(frame(&Pong { time: None }, correlation)),
        NodeMessage::Outcome(_) => Some(frame(&Acknowledged, correlation)),
        NodeMessage::NextKey(_)
        | NodeMessage::UpdateStatus(_)
        | NodeMessage::Pong(_)
        | NodeMessage::Error(_)
        | NodeMessage::Close(_)
        | NodeMessage::Acknowledged(_) => None,
    }
}

fn welcome(stored: u32) -> Welcome<'static> {
    Welcome {
        version: 1,
        time: UnixMillis(0),
        max_frame: 4_096,
        inflight: 8,
        keepalive_s: 20,
        admission: Admission::ADMITTED,
        stored,
        hub: Label::EMPTY,
    }
}
