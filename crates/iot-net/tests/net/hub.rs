//! A whole hub: sockets, core and store together.

use core::{net::SocketAddr, time::Duration};
use std::io;

use iot_core::{Answer, CommandState, IotError, Request, config::HubConfig};
use iot_net::{HubServer, NetConfig, Opening, StartError};
use iot_proto::{Capabilities, ErrorCode, HubMessage, MessageKind, OwnedValue, Ping, Pong};
use iot_store::MemoryStore;
use tokio::{io::AsyncWriteExt, net::TcpListener, sync::broadcast, time::timeout};

use crate::{
    given::{
        answer, catalogue, ended, look_often, obey, open_registration, pump, start, start_with, stored,
        switch_on,
    },
    node::{BOOT, Node, SOON, hello, relay, report},
    store::ScriptedStore,
};

#[tokio::test]
async fn what_a_node_reports_is_acknowledged_stored_and_seen() {
    let store = MemoryStore::new();
    let hub = start(Box::new(store.clone()));
    let mut node = Node::connect(hub.local_addr()).await;
    node.join("pump", Capabilities::KEEPS_SESSION).await;
    let answer = node.request(&report(1, &relay(true))).await;
    let Ok(HubMessage::ReportAck(ack)) = answer.from_hub() else { panic!("{answer:?}") };
    assert_eq!((ack.boot, ack.stored), (BOOT, 1));

    assert_eq!(stored(&store), [OwnedValue::Bool(true)]);
    let latest =
        hub.handle().read(|view| view.node(&pump()).unwrap().modules[0].properties[0].latest.clone());
    assert_eq!(latest.await.unwrap().map(|reading| reading.value), Some(OwnedValue::Bool(true)));
    hub.stop().await;
}

#[tokio::test]
async fn a_command_goes_out_on_the_session_and_is_done_when_the_node_says_so() {
    let hub = start(Box::new(MemoryStore::new()));
    let mut events = hub.handle().subscribe();
    let mut node = Node::connect(hub.local_addr()).await;
    node.join("pump", Capabilities::KEEPS_SESSION).await;
    let id = switch_on(&hub).await.unwrap();
    obey(&mut node, id).await;
    ended(&mut events, id, CommandState::Done).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_command_for_a_node_without_a_session_is_delivered_by_dialling_it() {
    let listener = TcpListener::bind("127.0.3.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    let config = HubConfig { node_port: own.port(), ..open_registration() };
    let hub = start_with(config, Box::new(MemoryStore::new()));
    let mut events = hub.handle().subscribe();
    let mut node = Node::connect_from(own.ip(), hub.local_addr()).await;
    node.join("pump", Capabilities::LISTENS).await;
    node.end().await;

    let id = switch_on(&hub).await.unwrap();
    let (stream, _) = timeout(SOON, listener.accept()).await.expect("it is dialled").unwrap();
    let mut node = Node::on(stream);
    let dial = node.next().await.unwrap();
    assert_eq!(dial.kind, MessageKind::DIAL);
    node.send(&[answer(&dial, &hello("pump", Capabilities::LISTENS))]).await;
    obey(&mut node, id).await;
    ended(&mut events, id, CommandState::Done).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_that_nobody_owns_dials_nobody_until_it_is_opened() {
    let listener = TcpListener::bind("127.0.3.9:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    let hub_config = || HubConfig { node_port: own.port(), ..open_registration() };
    // A store from before there were owners, with a node that listens and a command that waits for it.
    let store = MemoryStore::new();
    let hub = start_with(hub_config(), Box::new(store.clone()));
    let mut node = Node::connect_from(own.ip(), hub.local_addr()).await;
    node.join("pump", Capabilities::LISTENS).await;
    node.end().await;
    let id = switch_on(&hub).await.unwrap();
    hub.stop().await;
    while timeout(Duration::ZERO, listener.accept()).await.is_ok() {}

    let mut config = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.opening = Opening::WhenTold;
    let hub = HubServer::start(config, hub_config(), catalogue(), Box::new(store)).unwrap();
    let mut events = hub.handle().subscribe();
    let state = move |view: iot_core::View<'_>| view.command(id).map(|command| command.state);
    look_often(&hub).await;
    assert_eq!(hub.handle().read(state).await.unwrap(), Ok(CommandState::Queued), "it is kept");
    assert!(timeout(Duration::ZERO, listener.accept()).await.is_err(), "nobody was dialled");

    hub.opener()();
    let (stream, _) = timeout(SOON, listener.accept()).await.expect("it is dialled").unwrap();
    let mut node = Node::on(stream);
    let dial = node.next().await.unwrap();
    node.send(&[answer(&dial, &hello("pump", Capabilities::LISTENS))]).await;
    obey(&mut node, id).await;
    ended(&mut events, id, CommandState::Done).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_message_is_sent_to_an_address_and_its_answer_comes_back() {
    let hub = start(Box::new(MemoryStore::new()));
    let listener = TcpListener::bind("127.0.3.2:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    let serve = async {
        let mut node = Node::on(listener.accept().await.unwrap().0);
        let ping = node.next().await.unwrap();
        node.send(&[answer(&ping, &Pong { time: None })]).await;
    };
    let (answered, ()) = tokio::join!(hub.handle().send_message(&Ping, own.ip(), own.port()), serve);
    let Ok(Answer::Response { kind, .. }) = answered else { panic!("{answered:?}") };
    assert_eq!(kind, MessageKind::PONG);

    drop(listener);
    let refused = hub.handle().send_message(&Ping, own.ip(), own.port()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UNREACHABLE, "{refused}");
    hub.stop().await;
}

#[tokio::test]
async fn answers_keep_the_order_of_what_they_answer() {
    let (store, mut script) = ScriptedStore::new();
    let hub = start(store);
    let mut node = Node::connect(hub.local_addr()).await;
    script.pass(node.join("pump", Capabilities::KEEPS_SESSION)).await;
    node.ask(&report(1, &relay(true))).await;
    script.begun().await;
    node.ask(&Ping).await;
    look_often(&hub).await;
    assert!(node.is_quiet(), "the pong does not overtake the acknowledgement");
    script.succeed();
    assert_eq!(node.next().await.map(|frame| frame.kind), Some(MessageKind::REPORT_ACK));
    assert_eq!(node.next().await.map(|frame| frame.kind), Some(MessageKind::PONG));
    script.open();
    hub.stop().await;
}

#[tokio::test]
async fn a_node_that_says_all_it_has_and_closes_its_side_is_answered() {
    let (store, mut script) = ScriptedStore::new();
    let hub = start(store);
    let mut node = Node::connect(hub.local_addr()).await;
    script.pass(node.join("pump", Capabilities::LISTENS)).await;
    node.ask(&report(1, &relay(true))).await;
    node.stream.shutdown().await.unwrap();
    script.begun().await;
    look_often(&hub).await;
    script.succeed();
    assert_eq!(node.next().await.map(|frame| frame.kind), Some(MessageKind::REPORT_ACK));
    assert!(node.next().await.is_none());
    script.open();
    hub.stop().await;
}

#[tokio::test]
async fn a_broken_frame_ends_its_session_with_a_reason_and_no_other() {
    let hub = start(Box::new(MemoryStore::new()));
    let mut other = Node::connect(hub.local_addr()).await;
    other.join("other", Capabilities::KEEPS_SESSION).await;
    let mut node = Node::connect(hub.local_addr()).await;
    node.join("pump", Capabilities::KEEPS_SESSION).await;
    node.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut last = None;
    while let Some(frame) = node.next().await {
        last = Some(frame);
    }
    let last = last.expect("a reason");
    let Ok(HubMessage::Close(close)) = last.from_hub() else { panic!("{last:?}") };
    assert_eq!(close.code, ErrorCode::BROKEN_FRAME);
    assert_eq!(other.request(&Ping).await.kind, MessageKind::PONG);
    hub.stop().await;
}

#[tokio::test]
async fn before_hello_only_small_frames_are_taken() {
    let hub = start(Box::new(MemoryStore::new()));
    let readings = [relay(true)[0]; 200];
    let mut node = Node::connect(hub.local_addr()).await;
    node.ask(&report(1, &readings)).await;
    let answer = node.next().await.unwrap();
    let Ok(HubMessage::Error(error)) = answer.from_hub() else { panic!("{answer:?}") };
    assert_eq!(error.code, ErrorCode::FRAME_TOO_LONG);

    let mut node = Node::connect(hub.local_addr()).await;
    node.join("pump", Capabilities::KEEPS_SESSION).await;
    assert_eq!(node.request(&report(1, &readings)).await.kind, MessageKind::REPORT_ACK);
    hub.stop().await;
}

#[tokio::test]
async fn stopping_tells_nodes_when_to_come_back_and_everybody_else_that_it_stops() {
    let hub = start(Box::new(MemoryStore::new()));
    let (handle, address) = (hub.handle().clone(), hub.local_addr());
    let mut events = handle.subscribe();
    let mut node = Node::connect(address).await;
    node.join("pump", Capabilities::KEEPS_SESSION).await;
    let farewell = async {
        let frame = node.next().await.expect("a farewell");
        assert!(node.next().await.is_none(), "then the end");
        node.stream.shutdown().await.unwrap();
        frame
    };
    let ((), farewell) = tokio::join!(hub.stop(), farewell);
    let Ok(HubMessage::Close(close)) = farewell.from_hub() else { panic!("{farewell:?}") };
    assert_eq!(close.code, ErrorCode::STOPPING);
    assert!((1_000..=10_000).contains(&close.retry_after_ms), "{close:?}");

    assert_eq!(handle.ask("test", "", Request::Admit { node: pump() }).await, Err(IotError::Stopping));
    assert_eq!(handle.read(|view| view.nodes().len()).await, Err(IotError::Stopping));
    while !matches!(events.recv().await, Err(broadcast::error::RecvError::Closed)) {}
    let again = HubServer::start(
        NetConfig::new(address),
        open_registration(),
        catalogue(),
        Box::new(MemoryStore::new()),
    );
    again.expect("the port is free again").stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_at_once() {
    let hub = start(Box::new(MemoryStore::new()));
    let config = NetConfig::new(hub.local_addr());
    let error =
        HubServer::start(config, open_registration(), catalogue(), Box::new(MemoryStore::new())).unwrap_err();
    let StartError::Listen { address, source } = error else { panic!("{error}") };
    assert_eq!((address, source.kind()), (hub.local_addr(), io::ErrorKind::AddrInUse));
    hub.stop().await;
}
