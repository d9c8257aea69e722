//! The TCP server with handlers of a user: what a handler sees, how bytes
//! travel, which limits hold, and how connections end.

use core::{cell::RefCell, net::SocketAddr, time::Duration};
use std::{io, rc::Rc};

use iot_net::{Context, End, RawFrame, RequestHandler, ServerConfig, TcpServer};
use iot_proto::{
    Close, Correlation, ErrorCode, Frame, HubMessage, Label, MAX_FRAME, MessageKind, Pong, RequestId,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    sync::oneshot,
    time::timeout,
};

use crate::node::{Node, SOON, bytes, error, ping};

#[tokio::test]
async fn a_handler_sees_setup_then_each_frame_then_finish_with_the_address_of_its_peer() {
    let log = Log::default();
    let peer = serve(ServerConfig::default(), &log, async |address| {
        let mut node = Node::connect(address).await;
        let peer = node.stream.local_addr().unwrap();
        node.send(&[ping(1), ping(2)]).await;
        assert_eq!(node.pongs(2).await, [1, 2]);
        node.end().await;
        peer
    })
    .await;
    let expected = [
        format!("setup {peer}"),
        format!("ping from {peer}"),
        format!("ping from {peer}"),
        "finish: PeerClosed".into(),
    ];
    assert_eq!(*log.lines.borrow(), expected);
}

#[tokio::test]
async fn two_hundred_connections_are_served_at_once() {
    serve(ServerConfig::default(), &Log::default(), async |address| {
        let mut nodes = Vec::new();
        for _ in 0..200 {
            nodes.push(Node::connect(address).await);
        }
        for node in &mut nodes {
            node.send(&[ping(1)]).await;
        }
        for node in nodes.iter_mut().rev() {
            assert_eq!(node.pongs(1).await, [1]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_frame_may_arrive_one_byte_at_a_time() {
    serve(ServerConfig::default(), &Log::default(), async |address| {
        let mut node = Node::connect(address).await;
        for byte in bytes(&[ping(1), error("split everywhere"), ping(2)]) {
            node.stream.write_all(&[byte]).await.unwrap();
            // Lets the server read, so that each byte is a read of its own.
            tokio::task::yield_now().await;
        }
        assert_eq!(node.pongs(2).await, [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn many_frames_in_one_write_are_answered_in_one() {
    serve(ServerConfig::default(), &Log::default(), async |address| {
        let mut node = Node::connect(address).await;
        let pings: Vec<_> = (1..=100).map(ping).collect();
        node.send(&pings).await;
        let pong = RawFrame::new(&Pong { time: None }, Correlation::Response(RequestId::FIRST)).unwrap();
        let expected = 100 * bytes(&[pong]).len();
        let mut answer = vec![0; expected + 1];
        let len = timeout(SOON, node.stream.read(&mut answer)).await.unwrap().unwrap();
        assert_eq!(len, expected, "one segment holds all answers");
    })
    .await;
}

#[tokio::test]
async fn frames_larger_than_one_read_arrive_whole_and_in_order() {
    serve(ServerConfig::default(), &Log::default(), async |address| {
        let mut node = Node::connect(address).await;
        let frames: Vec<_> =
            (1..=5_000).flat_map(|id| [error("some text to fill the buffer"), ping(id)]).collect();
        node.send(&frames).await;
        assert!(node.pongs(5_000).await.into_iter().eq(1..=5_000));
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_loses_its_connection_and_no_other() {
    let log = Log::default();
    let config = ServerConfig {
        outbox_limit: 16 * 1024,
        linger: Duration::from_millis(50),
        ..ServerConfig::default()
    };
    serve(config, &log, async |address| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut slow = socket.connect(address).await.unwrap();
        let mut other = Node::connect(address).await;
        let pings = bytes(&(1..=5_000).map(ping).collect::<Vec<_>>());
        while slow.write_all(&pings).await.is_ok() {
            other.send(&[ping(7)]).await;
            assert_eq!(other.pongs(1).await, [7]);
        }
        other.send(&[ping(8)]).await;
        assert_eq!(other.pongs(1).await, [8]);
    })
    .await;
    let overflowed =
        log.lines.borrow().iter().filter(|line| line.contains("Overflowed { limit: 16384 }")).count();
    assert_eq!(overflowed, 1, "{:?}", log.lines.borrow().last());
}

#[tokio::test]
async fn a_peer_that_begins_to_read_in_time_is_told_why_its_connection_ends() {
    let log = Log { farewell: Some(FAREWELL), ..Log::default() };
    let config = ServerConfig { outbox_limit: 16 * 1024, ..ServerConfig::default() };
    serve(config, &log, async |address| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut slow = Node::on(socket.connect(address).await.unwrap());
        let pings = bytes(&vec![ping(1); 1_000]);
        let mut rest = pings.as_slice();
        while log.count("finish") == 0 {
            match slow.stream.try_write(rest) {
                Ok(len) => rest = if len == rest.len() { &pings } else { &rest[len..] },
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            tokio::task::yield_now().await;
        }
        let mut last = None;
        while let Some(frame) = slow.next().await {
            last = Some(frame.kind);
        }
        assert_eq!(last, Some(MessageKind::CLOSE));
    })
    .await;
}

#[tokio::test]
async fn a_broken_frame_is_named_to_its_peer_and_others_do_not_notice() {
    serve(ServerConfig::default(), &Log::default(), async |address| {
        let mut other = Node::connect(address).await;
        let mut node = Node::connect(address).await;
        node.send(&[ping(1)]).await;
        node.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(node.pongs(1).await, [1], "what came before is answered");
        let error = node.next().await.unwrap();
        let Ok(HubMessage::Error(error)) = error.from_hub() else { panic!("{error:?}") };
        assert_eq!(
            (error.code, &*error.detail),
            (ErrorCode::BROKEN_FRAME, "byte 0x47 does not begin a frame")
        );
        assert_eq!(node.next().await.map(|frame| frame.kind), Some(MessageKind::CLOSE));
        assert!(node.next().await.is_none(), "then the connection ends, without a reset");

        other.send(&[ping(2)]).await;
        assert_eq!(other.pongs(1).await, [2]);
    })
    .await;
}

#[tokio::test]
async fn a_frame_beyond_the_limit_of_its_connection_is_refused_by_its_header() {
    let log = Log { frame_limit: Some(64), ..Log::default() };
    serve(ServerConfig::default(), &log, async |address| {
        let mut node = Node::connect(address).await;
        let frame = bytes(&[error("this text of sixty bytes and more does not fit the limit 64")]);
        node.stream.write_all(&frame[..iot_proto::HEADER_LEN]).await.unwrap();
        let error = node.next().await.unwrap();
        let Ok(HubMessage::Error(error)) = error.from_hub() else { panic!("{error:?}") };
        assert_eq!(error.code, ErrorCode::FRAME_TOO_LONG);
    })
    .await;
    assert!(log.lines.borrow().iter().any(|line| line.contains("limit: 64")), "{log:?}");
}

#[tokio::test]
async fn stopping_lets_handlers_finish_and_sends_what_waits() {
    let log = Log { farewell: Some(FAREWELL), ..Log::default() };
    let mut node = serve(ServerConfig::default(), &log, async |address| {
        let mut node = Node::connect(address).await;
        node.send(&[ping(1)]).await;
        assert_eq!(node.pongs(1).await, [1]);
        node
    })
    .await;
    assert_eq!(node.next().await.map(|frame| frame.kind), Some(MessageKind::CLOSE));
    assert!(node.next().await.is_none());
    assert_eq!(log.lines.borrow().last().unwrap(), "finish: Stopping");
}

#[tokio::test]
async fn a_peer_that_does_not_close_cannot_hold_up_the_end() {
    let config = ServerConfig { drain: Duration::from_millis(50), ..ServerConfig::default() };
    let node = serve(config, &Log::default(), async |address| Node::connect(address).await).await;
    drop(node);
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_until_one_ends() {
    let config = ServerConfig { max_connections: 2, ..ServerConfig::default() };
    let log = Log::default();
    serve(config, &log, async |address| {
        let mut first = Node::connect(address).await;
        let mut second = Node::connect(address).await;
        let mut third = Node::connect(address).await;
        third.send(&[ping(3)]).await;
        for node in [&mut first, &mut second] {
            node.send(&[ping(1)]).await;
            assert_eq!(node.pongs(1).await, [1]);
        }
        assert_eq!(log.count("setup"), 2, "the third is in the backlog");
        first.end().await;
        assert_eq!(third.pongs(1).await, [3]);
        assert_eq!(log.count("setup"), 3);
    })
    .await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_at_once() {
    let server = TcpServer::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = TcpServer::bind(server.local_addr()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

/// What a handler says last.
const FAREWELL: Close<'_> = Close { code: ErrorCode::TOO_MANY, retry_after_ms: 1_000, detail: Label::EMPTY };

/// Answers pings, and writes down what it sees.
#[derive(Clone, Debug, Default)]
struct Log {
    lines: Rc<RefCell<Vec<String>>>,
    /// Set on each connection.
    frame_limit: Option<usize>,
    /// Sent when a connection ends.
    farewell: Option<Close<'static>>,
}

impl Log {
    fn add(&self, line: String) {
        self.lines.borrow_mut().push(line);
    }

    fn count(&self, begin: &str) -> usize {
        self.lines.borrow().iter().filter(|line| line.starts_with(begin)).count()
    }
}

impl RequestHandler for Log {
    async fn setup(&mut self, context: &Context) {
        context.set_frame_limit(self.frame_limit.unwrap_or(MAX_FRAME));
        self.add(format!("setup {}", context.peer_addr()));
    }

    async fn handle(&mut self, context: &Context, frame: Frame<'_>) {
        if frame.kind == MessageKind::PING {
            self.add(format!("ping from {}", context.peer_addr()));
            context.reply(&Pong { time: None }, frame.correlation).expect("a pong fits");
        }
    }

    async fn finish(&mut self, context: &Context, end: &End) {
        if let Some(farewell) = self.farewell {
            context.send(&farewell, Correlation::OneWay).expect("a close fits");
        }
        self.add(format!("finish: {end:?}"));
    }
}

/// Runs a server with `log` as handler of each connection while `nodes` runs, then stops it.
async fn serve<T>(config: ServerConfig, log: &Log, nodes: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    let server = TcpServer::bind_with(SocketAddr::from(([127, 0, 0, 1], 0)), config);
    let server = server.expect("a free port");
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let nodes = async {
        let result = nodes(address).await;
        drop(stop);
        result
    };
    let log = log.clone();
    let serving = server.serve(|| log.clone(), async { drop(stopped.await) });
    let both = timeout(SOON, async { tokio::join!(serving, nodes) });
    let (outcome, result) = both.await.expect("it ends");
    outcome.expect("it serves");
    result
}
