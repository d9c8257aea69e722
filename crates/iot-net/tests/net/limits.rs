//! Hostile peers and failing handlers beside good nodes: each costs itself, is told where that is possible, and
//! is counted; nobody else notices.

use core::{net::SocketAddr, time::Duration};
use std::{io, sync::Arc};

use iot_core::{
    Limit,
    catalogue::Catalogue,
    config::{HubConfig, Registration},
    store::Store,
    view::PresenceState,
};
use iot_net::{Context, End, HubHandler, HubServer, NetConfig, RequestHandler, Running};
use iot_proto::{Capabilities, ErrorCode, Frame, FrameError, HubMessage, MessageKind, Ping};
use iot_store::MemoryStore;
use tokio::{
    io::AsyncReadExt,
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout},
};

use crate::node::{Node, SOON, bytes, error, ping};

#[tokio::test]
async fn a_handler_that_panics_costs_its_own_connection_and_the_hub_knows_that_it_is_gone() {
    let config = config();
    let hub = HubServer::start_with(config, hub_config(), catalogue(), store(), fragile).unwrap();
    let mut other = Node::connect(hub.local_addr()).await;
    other.join("other", Capabilities::KEEPS_SESSION).await;
    for _ in 0..3 {
        let mut node = Node::connect(hub.local_addr()).await;
        node.join("pump", Capabilities::KEEPS_SESSION).await;
        node.send(&[error("panic")]).await;
        let ended = async {
            let mut rest = Vec::new();
            match node.stream.read_to_end(&mut rest).await {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
            }
        };
        timeout(SOON, ended).await.expect("the connection is cut");
        let is_online = async || {
            let state = |view: iot_core::View<'_>| {
                let nodes = view.nodes();
                nodes
                    .iter()
                    .find(|node| &*node.id.to_string() == "plain:pump")
                    .map(|node| node.presence.state)
            };
            hub.handle().read(state).await.unwrap() == Some(PresenceState::Online)
        };
        timeout(SOON, async { while is_online().await {} }).await.expect("the hub knows");
    }
    assert_eq!(other.request(&Ping).await.kind, MessageKind::PONG);
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_whose_own_task_panics_ends_and_does_not_stand_there_deaf() {
    let broken = |_: HubHandler| -> FragileHandler { panic!("planted") };
    let hub = HubServer::start_with(config(), hub_config(), catalogue(), store(), broken).unwrap();
    let _node = TcpStream::connect(hub.local_addr()).await.unwrap();
    timeout(SOON, hub.ended()).await.expect("it ends by itself");
}

#[tokio::test]
async fn whoever_sends_too_much_is_told_and_read_more_slowly_and_loses_nothing() {
    let mut config = config();
    config.max_messages_per_s = 100;
    let hub = HubServer::start(config, hub_config(), catalogue(), store()).unwrap();
    let mut good = Node::connect(hub.local_addr()).await;
    good.join("good", Capabilities::KEEPS_SESSION).await;
    let mut node = Node::connect(hub.local_addr()).await;
    node.join("pump", Capabilities::KEEPS_SESSION).await;
    let begin = Instant::now();
    node.send(&(1..=250).map(ping).collect::<Vec<_>>()).await;
    let (mut pongs, mut told) = (0, 0);
    while pongs < 251 {
        let frame = node.next().await.expect("an answer");
        match frame.from_hub() {
            Ok(HubMessage::Pong(_)) => pongs += 1,
            Ok(HubMessage::Error(error)) => {
                assert_eq!(error.code, ErrorCode::TOO_MANY);
                assert_eq!(&*error.detail, "messages a second would exceed the limit of 100");
                told += 1;
                // This one waits, and everybody else is answered meanwhile.
                node.send(&[ping(251)]).await;
                assert_eq!(good.request(&Ping).await.kind, MessageKind::PONG);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, 1, "once");
    assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
    assert!(reached(&hub, Limit::Messages).await >= 1);
    hub.stop().await;
}

#[tokio::test]
async fn connections_of_one_address_beyond_the_limit_are_closed_and_those_of_others_are_served() {
    let mut config = config();
    config.server.max_connections_per_address = 3;
    let hub = HubServer::start(config, hub_config(), catalogue(), store()).unwrap();
    let from = async |host: u8| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 7, host], 0).into()).unwrap();
        socket.connect(hub.local_addr()).await.unwrap()
    };
    let mut kept = vec![from(1).await, from(1).await, from(1).await];
    for _ in 0..5 {
        is_closed(&mut from(1).await).await;
    }
    let mut other = Node::on(from(2).await);
    other.join("other", Capabilities::KEEPS_SESSION).await;
    assert_eq!(reached(&hub, Limit::ConnectionsPerAddress).await, 5);

    kept.pop();
    let again = async {
        loop {
            let mut node = from(1).await;
            let served = async {
                let sent = tokio::io::AsyncWriteExt::write_all(&mut node, &bytes(&[ping(1)])).await.is_ok();
                sent && node.read(&mut [0; 8]).await.is_ok_and(|len| len > 0)
            };
            if served.await {
                return;
            }
        }
    };
    timeout(SOON, again).await.expect("what has ended makes room");
    hub.stop().await;
}

#[tokio::test]
async fn whoever_goes_on_after_its_connection_has_ended_is_not_read_for_long() {
    let mut config = config();
    config.server.linger = SOON * 10;
    let hub = HubServer::start(config, hub_config(), catalogue(), store()).unwrap();
    let mut node = Node::connect(hub.local_addr()).await;
    let junk = vec![0; 64 * 1024];
    let flood = async { while tokio::io::AsyncWriteExt::write_all(&mut node.stream, &junk).await.is_ok() {} };
    timeout(SOON, flood).await.expect("it is cut off");
    hub.stop().await;
}

#[tokio::test]
async fn half_open_connections_of_one_address_are_told_why_and_closed() {
    let hub_config = HubConfig { max_half_open_per_address: 2, ..hub_config() };
    let hub = HubServer::start(config(), hub_config, catalogue(), store()).unwrap();
    let _held = [Node::connect(hub.local_addr()).await, Node::connect(hub.local_addr()).await];
    let mut third = Node::connect(hub.local_addr()).await;
    let frame = third.next().await.expect("a reason");
    let Ok(HubMessage::Error(error)) = frame.from_hub() else { panic!("{frame:?}") };
    assert_eq!(error.code, ErrorCode::TOO_MANY);
    assert_eq!(third.next().await.map(|frame| frame.kind), Some(MessageKind::CLOSE));
    assert!(third.next().await.is_none());
    hub.stop().await;
}

#[tokio::test]
async fn whoever_never_says_hello_is_closed_in_time() {
    let hub_config = HubConfig { hello_within: Duration::from_millis(200), ..hub_config() };
    let hub = HubServer::start(config(), hub_config, catalogue(), store()).unwrap();
    let mut silent = Node::connect(hub.local_addr()).await;
    let mut slow = Node::connect(hub.local_addr()).await;
    tokio::io::AsyncWriteExt::write_all(&mut slow.stream, &bytes(&[ping(1)])[..3]).await.unwrap();
    for node in [&mut silent, &mut slow] {
        let frame = node.next().await.expect("a reason");
        let Ok(HubMessage::Error(error)) = frame.from_hub() else { panic!("{frame:?}") };
        assert_eq!(error.code, ErrorCode::TIMED_OUT);
    }
    assert_eq!(reached(&hub, Limit::Hello).await, 2);
    hub.stop().await;
}

/// The hub's own handler, behind one that panics when a peer says so.
fn fragile(hub: HubHandler) -> FragileHandler {
    FragileHandler(hub)
}

struct FragileHandler(HubHandler);

impl RequestHandler for FragileHandler {
    async fn setup(&mut self, context: &Context) {
        self.0.setup(context).await;
    }

    async fn ready(&mut self, context: &Context) {
        self.0.ready(context).await;
    }

    async fn handle(&mut self, context: &Context, frame: Frame<'_>) {
        assert!(frame.kind != MessageKind::ERROR, "planted");
        self.0.handle(context, frame).await;
    }

    async fn broken(&mut self, context: &Context, error: FrameError) {
        self.0.broken(context, error).await;
    }

    async fn finish(&mut self, context: &Context, end: &End) {
        self.0.finish(context, end).await;
    }
}

async fn is_closed(stream: &mut TcpStream) {
    let end = timeout(SOON, stream.read(&mut [0; 100])).await.expect("it is closed");
    assert!(end.is_err() || end.is_ok_and(|len| len == 0), "without a word");
}

async fn reached(hub: &Running, limit: Limit) -> usize {
    let count = move |view: iot_core::View<'_>| view.overview().limits_reached.get(&limit).copied();
    hub.handle().read(count).await.expect("the hub runs").unwrap_or_default()
}

fn config() -> NetConfig {
    let mut config = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.server.drain = Duration::from_millis(100);
    config
}

fn hub_config() -> HubConfig {
    HubConfig { registration: Registration::Open, ..HubConfig::default() }
}

fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::built_in())
}

fn store() -> Box<dyn Store> {
    Box::new(MemoryStore::new())
}
