//! The parts of the system that this one replaces: one test for each row of the table in ARCHITECTURE.md.
//!
//! Rows that live in the core (`process_message` and its like) have theirs in `iot-core`, the usage example is
//! the doctest of `iot-server`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use iot_core::{Answer, IotError, NodeId, Request, config::Registration, view::PresenceState};
use iot_net::{Context, End, HubHandler, RequestHandler, TcpServer};
use iot_proto::{Capabilities, DIAL_PORT, Frame, HUB_PORT, HubMessage, Identify, MessageKind, Ping, Pong};
use iot_server::{Config, IotServer, config::StoreKind};
use iot_tests::{api::Api, hand_node::HandNode, people::OWNER};
use tokio::task::spawn_blocking;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server on free ports of the loopback address that admits everyone.
async fn server() -> IotServer {
    let builder = IotServer::builder().owner(OWNER.0, OWNER.1);
    let builder = builder.tcp_address(LOCAL).tcp_port(0).web_address(LOCAL).web_port(0);
    let builder = builder.store(StoreKind::Memory);
    builder.registration(Registration::Open).start().await.expect("a server on free ports")
}

fn plain(name: &str) -> NodeId {
    NodeId::parse(&format!("plain:{name}")).expect("a name")
}

/// What a handler saw, in order.
type Seen = Arc<Mutex<Vec<String>>>;

/// Watches what happens, and passes it on to the hub's own handler.
struct Watching {
    hub: HubHandler,
    seen: Seen,
}

impl Watching {
    fn note(&self, what: String) {
        self.seen.lock().expect("no panic while noting").push(what);
    }
}

impl RequestHandler for Watching {
    async fn setup(&mut self, context: &Context) {
        self.note(format!("setup {}", context.peer_addr().ip()));
        self.hub.setup(context).await;
    }

    async fn handle(&mut self, context: &Context, frame: Frame<'_>) {
        self.note(format!("handle {}", frame.kind));
        self.hub.handle(context, frame).await;
    }

    async fn finish(&mut self, context: &Context, end: &End) {
        self.note("finish".into());
        self.hub.finish(context, end).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_handler_of_ones_own_sees_setup_handle_and_finish_with_address_and_request() {
    let seen = Seen::default();
    let notes = Arc::clone(&seen);
    let builder = IotServer::builder().owner(OWNER.0, OWNER.1);
    let builder = builder.tcp_address(LOCAL).tcp_port(0).web_address(LOCAL).web_port(0);
    let builder = builder.store(StoreKind::Memory);
    let builder = builder.handler(move |hub| Watching { hub, seen: Arc::clone(&notes) });
    let server = builder.start().await.expect("a server on free ports");
    let hub = server.tcp_addr();
    let talk = move || HandNode::hello(hub, "watched", 1, 0, Capabilities::KEEPS_SESSION).map(drop);
    spawn_blocking(talk).await.expect("no panic").expect("the hub's own handler answers");
    server.tear_down().await;
    assert_eq!(*seen.lock().expect("no panic while noting"), ["setup 127.0.0.1", "handle hello", "finish"]);
}

/// Answers pings, and knows no hub.
struct Echo;

impl RequestHandler for Echo {
    async fn handle(&mut self, context: &Context, frame: Frame<'_>) {
        if frame.kind == MessageKind::PING {
            context.reply(&Pong { time: None }, frame.correlation).expect("a pong fits a frame");
        }
    }
}

#[tokio::test]
async fn the_tcp_server_serves_many_at_once_until_it_is_told_to_stop() {
    let server = TcpServer::bind(SocketAddr::new(LOCAL, 0)).expect("a free port");
    let hub = server.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let talk = spawn_blocking(move || {
        let mut nodes: Vec<_> = (0..50).map(|_| HandNode::connect(hub).expect("accepted")).collect();
        for node in &mut nodes {
            node.send(&Ping, true).expect("sent");
        }
        for node in &mut nodes {
            assert_eq!(node.next().expect("answered").kind, MessageKind::PONG);
        }
        stop.send(()).expect("the server still serves");
        for node in &mut nodes {
            assert!(node.until_end().is_ok(), "closed by the server");
        }
    });
    let shutdown = async { stopped.await.expect("told to stop") };
    server.serve(|| Echo, shutdown).await.expect("serves until told to stop");
    talk.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iot_server_is_built_from_the_five_settings_started_and_torn_down() {
    let server = server().await;
    let (tcp, web) = (server.tcp_addr(), server.web_addr());
    assert_eq!((tcp.ip(), web.ip()), (LOCAL, LOCAL));
    server.tear_down().await;
    assert!(std::net::TcpStream::connect(tcp).is_err(), "nodes are not accepted any more");
    assert!(std::net::TcpStream::connect(web).is_err(), "pages are not served any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_server_stops_as_well() {
    let server = server().await;
    let tcp = server.tcp_addr();
    drop(server);
    spawn_blocking(move || {
        iot_tests::wait::until("the port is closed", Duration::from_secs(10), || {
            Ok(std::net::TcpStream::connect(tcp).is_err().then_some(()))
        })
    })
    .await
    .expect("no panic")
    .expect("the server stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn hub_and_web_server_read_one_data_directory_and_one_catalogue() {
    let server = server().await;
    let files = server.module_files("relay").expect("a built-in kind");
    let web = server.web_addr();
    let definition = files["module.toml"].clone();
    let page = spawn_blocking(move || Api::new(web).logged_in(OWNER)?.page("/modules/relay/module.toml"));
    let (status, text) = page.await.expect("no panic").expect("an answer");
    assert_eq!((status, text.as_bytes()), (200, &*definition));
    server.tear_down().await;
}

#[test]
fn default_ports_and_addresses_are_those_of_the_original() {
    let config = Config::default();
    assert_eq!((config.tcp_port, HUB_PORT, config.node_port, DIAL_PORT), (5070, 5070, 1234, 1234));
    assert_eq!((config.address, config.web_port), (None, None), "chosen where nobody said so");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_and_cannot_be_had_is_an_error_that_names_the_setting() {
    let taken = std::net::TcpListener::bind((LOCAL, 0)).expect("a free port");
    let port = taken.local_addr().expect("its address").port();
    let builder = || IotServer::builder().store(StoreKind::Memory).tcp_address(LOCAL).web_address(LOCAL);
    let error =
        builder().tcp_port(port).web_port(0).start().await.expect_err("the port is taken").to_string();
    assert!(error.contains("tcp_port") && error.contains(&port.to_string()), "{error}");
    let error =
        builder().tcp_port(0).web_port(port).start().await.expect_err("the port is taken").to_string();
    assert!(error.contains("web_port") && error.contains(&port.to_string()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn send_message_goes_over_the_session_of_the_node_or_dials_it_and_says_what_happened() {
    let server = server().await;
    let hub = server.tcp_addr();
    let identify = Identify { command: iot_proto::CommandId([7; 16]), for_s: 1 };
    let node = spawn_blocking(move || HandNode::hello(hub, "spoken-to", 1, 0, Capabilities::KEEPS_SESSION));
    let (mut node, _) = node.await.expect("no panic").expect("welcomed");
    let answering = spawn_blocking(move || {
        let request = node.next().expect("the message");
        assert!(matches!(request.message(), Ok(HubMessage::Identify(_))), "{request:?}");
        node.answer(&request, &iot_proto::Acknowledged).expect("answered");
    });
    let answer = server.send_message(&identify, LOCAL, 1).await;
    assert!(matches!(answer, Ok(Answer::Response { kind: MessageKind::ACKNOWLEDGED, .. })), "{answer:?}");
    answering.await.expect("no panic");

    let closed =
        std::net::TcpListener::bind("127.0.0.2:0").expect("a free port").local_addr().expect("its address");
    let answer = server.send_message(&identify, closed.ip(), closed.port()).await;
    assert!(matches!(answer, Err(IotError::Unreachable { .. })), "{answer:?}");

    let listener = std::net::TcpListener::bind("127.0.0.3:0").expect("a free port");
    let there = listener.local_addr().expect("its address");
    let dialled = spawn_blocking(move || {
        let mut node = HandNode::accept(&listener).expect("dialled");
        let request = node.next().expect("the message");
        node.answer(&request, &iot_proto::Acknowledged).expect("answered");
    });
    let answer = server.send_message(&identify, there.ip(), there.port()).await;
    assert!(matches!(answer, Ok(Answer::Response { kind: MessageKind::ACKNOWLEDGED, .. })), "{answer:?}");
    dialled.await.expect("no panic");
    server.tear_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn module_files_support_and_registration_are_answered_by_the_server() {
    let server = server().await;
    assert!(server.module_files("relay").expect("a built-in kind").contains_key("help.md"));
    assert!(server.check_module_support("relay", 1).is_ok());
    let error = server.check_module_support("warp-drive", 1).expect_err("no such kind");
    assert!(matches!(error, IotError::KindUnsupported { .. }), "{error}");
    let error = server.check_module_support("relay", 99).expect_err("no such version");
    assert!(matches!(error, IotError::KindVersionUnknown { .. }), "{error}");

    let hub = server.tcp_addr();
    let node = spawn_blocking(move || -> anyhow::Result<HandNode> {
        let (mut node, _) = HandNode::hello(hub, "checked", 1, 0, Capabilities::KEEPS_SESSION)?;
        node.register("relay", 1, "Lamp")?;
        Ok(node)
    });
    let _node = node.await.expect("no panic").expect("registered");
    assert_eq!(server.check_module_registration(&plain("checked"), 0).await, Ok(()));
    let error = server.check_module_registration(&plain("checked"), 1).await.expect_err("no such module");
    assert!(matches!(error, IotError::ModuleNotRegistered { .. }), "{error}");
    let error = server.check_module_registration(&plain("nobody"), 0).await.expect_err("no such node");
    assert!(matches!(error, IotError::UnknownNode { .. }), "{error}");
    server.handle().ask("test", "", Request::Revoke { node: plain("checked") }).await.expect("revoked");
    let error = server.check_module_registration(&plain("checked"), 0).await.expect_err("revoked");
    assert!(matches!(error, IotError::Revoked { .. }), "{error}");
    server.tear_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_find_the_hub_by_dns_sd_and_need_no_static_address() {
    let name = "Found by DNS-SD";
    let config = Config {
        name: name.into(),
        address: Some(LOCAL),
        tcp_port: 0,
        web_port: Some(0),
        store: StoreKind::Memory,
        ..Config::default()
    };
    let builder = IotServer::builder().config(config).owner(OWNER.0, OWNER.1);
    let server = builder.start().await.expect("a server on free ports");
    let search = iot_sim::Search {
        name: Some(name.into()),
        interfaces: vec!["lo".into()],
        limit: Duration::from_secs(20),
    };
    let found = iot_sim::discover(&search).await.expect("announced on the loopback interface");
    assert_eq!(found, server.tcp_addr());
    let hub = found;
    let talk = move || HandNode::hello(hub, "finder", 1, 0, Capabilities::KEEPS_SESSION).map(drop);
    spawn_blocking(talk).await.expect("no panic").expect("a configured address works as well");
    let node = plain("finder");
    let state = server.handle().read(move |view| view.node(&node).map(|node| node.presence.state)).await;
    assert!(matches!(state, Ok(Ok(PresenceState::Online | PresenceState::Overdue))), "{state:?}");
    server.tear_down().await;
}
