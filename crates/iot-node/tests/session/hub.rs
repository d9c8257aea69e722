//! A hand-written hub: it says what a test tells it to, and takes apart what the node says.

use core::time::Duration;
use std::sync::LazyLock;

use iot_node::{
    Config, Connection, Event, Instant, Node,
    proto::{
        Admission, Announcement, Body, BootId, CommandId, Correlation, Dial, Error, ErrorCode, Frame,
        Identity, Label, List, MAX_FRAME, MessageKind, Name, NodeMessage, Reading, Registered, ReportAck,
        RequestId, Set, Taken, UnixMillis, Value, Verdict, VersionRange, Welcome,
    },
};

pub(crate) const OWN: Connection = Connection::Own;
pub(crate) const DIALLED: Connection = Connection::Dialled;
pub(crate) const BOOT: BootId = BootId(77);

static MODULES: LazyLock<[Announcement<'static>; 1]> = LazyLock::new(|| [announcement(0, "Pump")]);

pub(crate) fn announcement(index: u8, title: &str) -> Announcement<'_> {
    let (kind, title) = (Name::new("relay"), Label::new(title));
    let (kind, title) = (kind.expect("valid in a test"), title.expect("valid in a test"));
    Announcement { index, kind, kind_version: 1, title }
}

/// Which node a dial means.
pub(crate) fn identity(name: &str) -> Identity<'_> {
    Identity::Name(Name::new(name).expect("valid in a test"))
}

pub(crate) fn config() -> Config<'static> {
    Config::new(identity("shed"), BOOT, 7, &*MODULES)
}

pub(crate) fn welcome() -> Welcome<'static> {
    Welcome {
        version: 1,
        time: UnixMillis(1_000),
        max_frame: u16::try_from(MAX_FRAME).expect("valid in a test"),
        inflight: 4,
        keepalive_s: 10,
        admission: Admission::ADMITTED,
        stored: 0,
        hub: Label::new("test hub").expect("valid in a test"),
    }
}

pub(crate) fn command(number: u8) -> CommandId {
    CommandId([number; 16])
}

pub(crate) fn set(number: u8, value: Value<'_>) -> Set<'_> {
    Set { command: command(number), module: 0, channel: 1, value }
}

pub(crate) fn dial(name: &str) -> Dial<'_> {
    Dial { versions: VersionRange::OURS, to: identity(name), time: UnixMillis(0) }
}

pub(crate) fn ack(stored: u32) -> ReportAck<'static> {
    ReportAck { boot: BOOT, stored, rejected: List::EMPTY }
}

/// An error about a report.
pub(crate) fn error(code: ErrorCode) -> Error<'static> {
    Error::new(code, MessageKind::REPORT, "")
}

pub(crate) fn request(id: u32) -> Correlation {
    Correlation::Request(RequestId::new(id).expect("valid in a test"))
}

pub(crate) fn response(id: u32) -> Correlation {
    Correlation::Response(RequestId::new(id).expect("valid in a test"))
}

pub(crate) fn frame<'a>(body: &impl Body<'a>, correlation: Correlation) -> Vec<u8> {
    let mut bytes = vec![0; MAX_FRAME];
    let len = iot_node::proto::encode(body, correlation, &mut bytes).expect("valid in a test");
    bytes.truncate(len);
    bytes
}

/// A frame that the node sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) kind: MessageKind,
    pub(crate) correlation: Correlation,
    pub(crate) body: Vec<u8>,
}

impl Said {
    pub(crate) fn message(&self) -> NodeMessage<'_> {
        NodeMessage::decode(self.kind, &self.body).expect("what a node says decodes")
    }

    /// The correlation of an answer to this.
    pub(crate) fn answer(&self) -> Correlation {
        self.correlation.answer().expect("the node asks")
    }
}

/// A node and a clock; sockets that take everything at once.
pub(crate) struct Rig {
    pub(crate) node: Node<'static, 1024, 1024, 512>,
    pub(crate) now: Instant,
    /// What the firmware was told, as text.
    pub(crate) events: Vec<String>,
    /// Commands that reached the firmware.
    pub(crate) commands: Vec<CommandId>,
}

impl Rig {
    pub(crate) fn new(config: Config<'static>) -> Self {
        Self { node: Node::new(config), now: Instant(0), events: Vec::new(), commands: Vec::new() }
    }

    /// A rig that is connected, welcomed and registered.
    pub(crate) fn online(config: Config<'static>, welcome: &Welcome<'_>) -> Self {
        let mut rig = Self::new(config);
        rig.connect(welcome);
        rig
    }

    /// Connects, welcomes, and registers where the node asks for it; gives what else the node said.
    pub(crate) fn connect(&mut self, welcome: &Welcome<'_>) -> Vec<Said> {
        self.run();
        assert!(self.events.contains(&"Connect".to_owned()), "{:?}", self.events);
        self.node.connected(self.now);
        let hello = self.said(Connection::Own).remove(0);
        assert_eq!(hello.kind, MessageKind::HELLO);
        self.hear(Connection::Own, &frame(welcome, hello.answer()));
        let (register, other): (Vec<_>, Vec<_>) =
            self.said(Connection::Own).into_iter().partition(|said| said.kind == MessageKind::REGISTER);
        for said in register {
            self.register(&said);
        }
        other
    }

    /// Tells the node that it has been let in, hears that it took note, and gives what else it said.
    pub(crate) fn admit(&mut self) -> Vec<Said> {
        self.hear(Connection::Own, &frame(&Admission::ADMITTED, request(99)));
        let mut said = self.said(Connection::Own);
        assert_eq!(said.remove(0).kind, MessageKind::ACKNOWLEDGED);
        said
    }

    /// Answers a registration.
    pub(crate) fn register(&mut self, said: &Said) {
        let NodeMessage::Register(register) = said.message() else { panic!("{said:?}") };
        let verdict = |index| Verdict { index, code: ErrorCode::OK };
        let verdicts: Vec<_> = register.modules.iter().map(|module| verdict(module.index)).collect();
        let registered = Registered { verdicts: List::new(&verdicts).expect("valid in a test") };
        self.hear(Connection::Own, &frame(&registered, said.answer()));
    }

    /// The node receives bytes.
    pub(crate) fn hear(&mut self, connection: Connection, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.node.received(self.now, connection, bytes);
            assert!(taken > 0, "the node takes no bytes");
            bytes = &bytes[taken..];
            self.run();
        }
    }

    /// Polls until nothing happens; notes events.
    pub(crate) fn run(&mut self) {
        while let Some(event) = self.node.poll(self.now) {
            self.events.push(format!("{event:?}"));
            if let Event::Command(command) = event {
                self.commands.push(command.id);
            } else if let Event::Close(connection) = event {
                self.node.closed(self.now, connection);
            }
        }
    }

    /// Takes what the node wants to send, as frames.
    pub(crate) fn said(&mut self, connection: Connection) -> Vec<Said> {
        let mut bytes = Vec::new();
        loop {
            let going = self.node.transmit(self.now, connection);
            if going.is_empty() {
                break;
            }
            bytes.extend_from_slice(going);
            let len = going.len();
            self.node.sent(self.now, connection, len);
        }
        self.run();
        let mut frames = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some((frame, used)) = Frame::split(rest, MAX_FRAME).expect("what a node sends is frames") {
            let Frame { kind, correlation, body } = frame;
            frames.push(Said { kind, correlation, body: body.to_vec() });
            rest = &rest[used..];
        }
        assert!(rest.is_empty(), "half a frame");
        frames
    }

    /// Kinds of what the node wants to send.
    pub(crate) fn kinds(&mut self, connection: Connection) -> Vec<MessageKind> {
        self.said(connection).iter().map(|said| said.kind).collect()
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.run();
    }

    /// The connection breaks off.
    pub(crate) fn lose(&mut self) {
        self.node.closed(self.now, Connection::Own);
        self.run();
    }

    /// Waits until the node wants to connect, and gives how long that was.
    pub(crate) fn wait_for_connect(&mut self) -> Duration {
        let before = self.now;
        self.now = self.now.max(self.node.next_deadline().expect("it comes back").at);
        self.run();
        assert_eq!(self.events.last().map(String::as_str), Some("Connect"));
        self.now.since(before)
    }

    /// Reports one reading of age zero.
    pub(crate) fn report(&mut self, value: i64) -> u32 {
        let reading = Reading { module: 0, channel: 1, taken: Taken::Age(0), value: Value::from(value) };
        self.node.report(self.now, &[reading]).expect("valid in a test")
    }
}

/// Sequence, age and value of a report with one reading.
pub(crate) fn report_of(said: &Said) -> (u32, u32, i64) {
    let NodeMessage::Report(report) = said.message() else { panic!("{said:?}") };
    let reading = report.readings.iter().next().expect("one reading");
    let (Taken::Age(age), Value::Int(value)) = (reading.taken, reading.value) else { panic!("{reading:?}") };
    (report.sequence, age, value)
}
