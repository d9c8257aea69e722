//! [`Node`]: the other end of a connection, as a test speaks through it.

use core::{
    mem::MaybeUninit,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use std::io;

use bytes::BytesMut;
use iot_net::{FrameCodec, RawFrame};
use iot_proto::{
    Announcement, Body, BootId, Capabilities, Correlation, Error, ErrorCode, Hello, Identity, Label, List,
    MAX_FRAME, MessageKind, Name, Ping, Reading, Register, Report, RequestId, Taken, Value, VersionRange,
};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_util::codec::{Decoder, Encoder};

/// Longer than anything here takes, so that a test which hangs says where.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// The run in which all reports of tests are made.
pub(crate) const BOOT: BootId = BootId(7);

/// The other end of a connection.
pub(crate) struct Node {
    pub(crate) stream: TcpStream,
    last: u32,
    codec: FrameCodec,
    bytes: BytesMut,
}

impl Node {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).await.expect("the server listens"))
    }

    /// Connects from an address of its own, as a node does that is to be dialled there.
    pub(crate) async fn connect_from(own: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((own, 0))).expect("an address of loopback");
        Self::on(socket.connect(address).await.expect("the server listens"))
    }

    pub(crate) fn on(stream: TcpStream) -> Self {
        // What a test has sent is then on its way, and not held back until something else was answered.
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream, last: 0, codec: FrameCodec::default(), bytes: BytesMut::new() }
    }

    /// Sends a request and gives the answer to it.
    pub(crate) async fn request<'b, B: Body<'b>>(&mut self, body: &B) -> RawFrame {
        self.ask(body).await;
        let answer = self.next().await.expect("an answer");
        assert_eq!(answer.correlation, Correlation::Response(self.id()));
        answer
    }

    /// Sends a request.
    pub(crate) async fn ask<'b, B: Body<'b>>(&mut self, body: &B) {
        self.last += 1;
        let correlation = Correlation::Request(self.id());
        self.send(&[RawFrame::new(body, correlation).expect("it fits")]).await;
    }

    /// The number of the request that was sent last.
    pub(crate) fn id(&self) -> RequestId {
        RequestId::new(self.last).expect("not 0")
    }

    /// Says hello under this name and registers a relay with index 0.
    pub(crate) async fn join(&mut self, name: &str, capabilities: Capabilities) {
        let answer = self.request(&hello(name, capabilities)).await;
        assert_eq!(answer.kind, MessageKind::WELCOME);
        let kind = Name::new("relay").expect("a name");
        let modules = [Announcement { index: 0, kind, kind_version: 1, title: Label::clipped("Pump") }];
        let register = Register { total: 1, modules: List::new(&modules).expect("one") };
        assert_eq!(self.request(&register).await.kind, MessageKind::REGISTERED);
    }

    pub(crate) async fn send(&mut self, frames: &[RawFrame]) {
        self.stream.write_all(&bytes(frames)).await.expect("the server reads");
    }

    /// The next frame, or `None` where the connection has ended in good order.
    pub(crate) async fn next(&mut self) -> Option<RawFrame> {
        let read = async {
            loop {
                if let Some(frame) = self.codec.decode(&mut self.bytes).expect("frames") {
                    return Some(frame);
                }
                if self.stream.read_buf(&mut self.bytes).await.expect("no reset") == 0 {
                    return None;
                }
            }
        };
        timeout(SOON, read).await.expect("a frame or the end")
    }

    /// Whether nothing has arrived that was not read. Asks the kernel, since the runtime's own word on
    /// what is readable may be older.
    pub(crate) fn is_quiet(&self) -> bool {
        let arrived = SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
        self.bytes.is_empty() && arrived.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// The ids of the next `count` answers, which are pongs.
    pub(crate) async fn pongs(&mut self, count: usize) -> Vec<u32> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let frame = self.next().await.expect("a pong");
            let Correlation::Response(id) = frame.correlation else { panic!("{frame:?}") };
            assert_eq!(frame.kind, MessageKind::PONG);
            ids.push(id.get());
        }
        ids
    }

    /// Says that nothing follows, and waits until the server has ended the connection.
    pub(crate) async fn end(&mut self) {
        self.stream.shutdown().await.expect("still connected");
        assert!(self.next().await.is_none());
    }
}

pub(crate) fn ping(id: u32) -> RawFrame {
    RawFrame::new(&Ping, Correlation::Request(RequestId::new(id).expect("not 0"))).expect("a ping fits")
}

pub(crate) fn error(detail: &str) -> RawFrame {
    let error = Error { code: ErrorCode::FAILED, about: 0, detail: Label::clipped(detail) };
    RawFrame::new(&error, Correlation::OneWay).expect("an error fits")
}

pub(crate) fn bytes(frames: &[RawFrame]) -> Vec<u8> {
    let mut wire = BytesMut::new();
    for frame in frames {
        FrameCodec::default().encode(frame.clone(), &mut wire).expect("never fails");
    }
    wire.to_vec()
}

pub(crate) fn hello(name: &str, capabilities: Capabilities) -> Hello<'_> {
    Hello {
        versions: VersionRange::OURS,
        identity: Identity::Name(Name::new(name).expect("a name")),
        boot: BOOT,
        max_frame: u16::try_from(MAX_FRAME).expect("below 65,536"),
        inflight: 4,
        capabilities,
        keepalive_s: 0,
        board: Label::clipped("test"),
        firmware: Label::clipped("test"),
        firmware_version: Label::clipped("1"),
    }
}

/// What a relay reports.
pub(crate) fn relay(on: bool) -> [Reading<'static>; 1] {
    [Reading { module: 0, channel: 1, taken: Taken::Age(0), value: Value::Bool(on) }]
}

/// A report with this number.
pub(crate) fn report<'a>(sequence: u32, readings: &'a [Reading<'a>]) -> Report<'a> {
    Report { boot: BOOT, sequence, readings: List::new(readings).expect("few") }
}
