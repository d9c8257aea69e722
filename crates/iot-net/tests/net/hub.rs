//! A whole hub: sockets, core and store together.

use core::{net::SocketAddr, time::Duration};
use std::{collections::BTreeSet, io, sync::Arc};

use iot_core::{
    Answer, CommandState, Dialling, Event, IotError, NodeId, Request, Series, UnixMillis,
    catalogue::Catalogue,
    config::{HubConfig, Registration},
    store::{History, ReadingQuery, Record, Store},
    view::Wanted,
};
use iot_net::{HubServer, NetConfig, RawFrame, Running, StartError};
use iot_proto::{
    Capabilities, CommandId, Correlation, ErrorCode, HubMessage, Label, MessageKind, Outcome, OutcomeStatus,
    OwnedValue, Ping, Pong, Value,
};
use iot_store::MemoryStore;
use tokio::{io::AsyncWriteExt, net::TcpListener, sync::broadcast, time::timeout};

use crate::{
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
async fn nothing_is_acknowledged_before_it_is_stored_and_one_commit_holds_many_reports() {
    let (store, mut script) = ScriptedStore::new();
    let hub = start(store);
    let mut nodes = Vec::new();
    for at in 0..20 {
        let mut node = Node::connect(hub.local_addr()).await;
        script.pass(node.join(&format!("node-{at}"), Capabilities::KEEPS_SESSION)).await;
        nodes.push(node);
    }
    let (first, others) = nodes.split_first_mut().unwrap();
    first.ask(&report(1, &relay(true))).await;
    assert_eq!(reports(&script.begun().await.records), 1);
    for node in &mut *others {
        node.ask(&report(1, &relay(true))).await;
    }
    all_reported(&hub).await;
    assert!(first.is_quiet(), "its report is not on disk");

    script.succeed();
    assert_eq!(first.next().await.map(|frame| frame.kind), Some(MessageKind::REPORT_ACK));
    assert_eq!(reports(&script.begun().await.records), 19, "what arrived meanwhile forms one batch");
    assert!(others.iter().all(Node::is_quiet));
    script.succeed();
    for node in others {
        assert_eq!(node.next().await.map(|frame| frame.kind), Some(MessageKind::REPORT_ACK));
    }
    script.open();
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
async fn nodes_are_not_read_while_too_much_waits_to_be_stored() {
    let (store, mut script) = ScriptedStore::new();
    let mut config = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.max_unstored = 1;
    let hub = HubServer::start(config, open_registration(), catalogue(), store).unwrap();
    let mut node = Node::connect(hub.local_addr()).await;
    script.pass(node.join("pump", Capabilities::KEEPS_SESSION)).await;
    for sequence in [1, 2] {
        node.ask(&report(sequence, &relay(true))).await;
        timeout(SOON, async { while taken(&hub).await < u64::from(sequence) {} }).await.expect("it is taken");
    }
    node.ask(&report(3, &relay(true))).await;
    look_often(&hub).await;
    assert_eq!(taken(&hub).await, 2, "one is being stored, one waits");
    script.open();
    for _ in 0..3 {
        assert_eq!(node.next().await.map(|frame| frame.kind), Some(MessageKind::REPORT_ACK));
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_store_that_hangs_cannot_hold_up_the_end() {
    let (store, mut script) = ScriptedStore::new();
    let mut config = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.store_drain = Duration::from_millis(50);
    let hub = HubServer::start(config, open_registration(), catalogue(), store).unwrap();
    let mut node = Node::connect(hub.local_addr()).await;
    node.ask(&hello("pump", Capabilities::KEEPS_SESSION)).await;
    script.begun().await;
    timeout(SOON, hub.stop()).await.expect("it stops");
    assert!(node.is_quiet() || node.next().await.is_none(), "nothing was promised");
    script.open();
}

#[tokio::test]
async fn what_could_not_be_stored_is_not_acknowledged_until_it_is() {
    let (store, mut script) = ScriptedStore::new();
    let hub = start(store);
    let mut node = Node::connect(hub.local_addr()).await;
    script.pass(node.join("pump", Capabilities::KEEPS_SESSION)).await;
    node.ask(&report(1, &relay(true))).await;
    let failed = script.begun().await;
    let asked = {
        let handle = hub.handle().clone();
        tokio::spawn(async move { handle.ask("test", "", Request::Disable { node: pump() }).await })
    };
    script.fail("the disk is full");

    let again = script.begun().await;
    assert!(again.records.starts_with(&failed.records), "it is tried again, before what came later");
    let refused = node.next().await.unwrap();
    let Ok(HubMessage::Error(error)) = refused.from_hub() else { panic!("{refused:?}") };
    assert_eq!(error.code, ErrorCode::NOT_STORED, "no acknowledgement");
    script.fail("the disk is full");
    assert_eq!(asked.await.unwrap(), Err(IotError::NotStored { why: "the disk is full".into() }));
    script.open();
    hub.stop().await;
}

#[tokio::test]
async fn a_report_that_was_not_stored_at_first_is_acknowledged_when_it_is_sent_again() {
    let (store, mut script) = ScriptedStore::new();
    let hub = start(store);
    let mut node = Node::connect(hub.local_addr()).await;
    script.pass(node.join("pump", Capabilities::KEEPS_SESSION)).await;
    node.ask(&report(1, &relay(true))).await;
    let first = node.id();
    script.begun().await;
    script.fail("the disk is full");
    let retry = script.begun().await;
    assert_eq!(reports(&retry.records), 1);
    assert!(
        hub.handle()
            .refusing()
            .borrow()
            .as_ref()
            .is_some_and(|refusing| &*refusing.why == "the disk is full")
    );
    node.ask(&report(1, &relay(true))).await;
    let second = node.id();
    script.succeed();
    let refused = node.next().await.unwrap();
    let Ok(HubMessage::Error(error)) = refused.from_hub() else { panic!("{refused:?}") };
    assert_eq!((refused.correlation, error.code), (Correlation::Response(first), ErrorCode::NOT_STORED));
    let answer = node.next().await.unwrap();
    let Ok(HubMessage::ReportAck(ack)) = answer.from_hub() else { panic!("{answer:?}") };
    assert_eq!((answer.correlation, ack.stored), (Correlation::Response(second), 1));
    assert_eq!(*hub.handle().refusing().borrow(), None);
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
async fn a_hub_that_is_started_anew_knows_what_was_stored() {
    let store = MemoryStore::new();
    let hub = start(Box::new(store.clone()));
    let mut node = Node::connect(hub.local_addr()).await;
    node.join("pump", Capabilities::KEEPS_SESSION).await;
    node.request(&report(1, &relay(true))).await;
    node.stream.shutdown().await.unwrap();
    hub.stop().await;

    let hub = start(Box::new(store.clone()));
    let mut node = Node::connect(hub.local_addr()).await;
    let answer = node.request(&hello("pump", Capabilities::KEEPS_SESSION)).await;
    let Ok(HubMessage::Welcome(welcome)) = answer.from_hub() else { panic!("{answer:?}") };
    assert_eq!(welcome.stored, 1);
    node.request(&report(1, &relay(true))).await;
    assert_eq!(stored(&store).len(), 1, "a report that comes twice is stored once");
    hub.stop().await;
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

fn start(store: Box<dyn Store>) -> Running {
    start_with(open_registration(), store)
}

fn start_with(hub: HubConfig, store: Box<dyn Store>) -> Running {
    let mut config = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.store_retry = Duration::from_millis(10);
    // Most tests leave their nodes open, and these do not close when they are told to.
    config.server.drain = Duration::from_millis(100);
    HubServer::start(config, hub, catalogue(), store).expect("it starts")
}

fn open_registration() -> HubConfig {
    let registration = Registration::Open;
    HubConfig { registration, dialling: Dialling::LoopbackToo, ..HubConfig::default() }
}

fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::built_in())
}

fn pump() -> NodeId {
    NodeId::parse("plain:pump").expect("an id")
}

/// Asks for the pump's relay to be switched on.
async fn switch_on(hub: &Running) -> Result<CommandId, IotError> {
    let wanted = Wanted::Set { module: 0, channel: 1, value: OwnedValue::Bool(true) };
    let request = Request::Command { node: pump(), wanted, expires_in_s: None };
    match hub.handle().ask("test", "", request).await? {
        Answer::Command(id) => Ok(id),
        other @ (Answer::Done | Answer::Response { .. }) => panic!("{other:?}"),
    }
}

/// Takes the command and says that it is done.
async fn obey(node: &mut Node, id: CommandId) {
    let frame = node.next().await.expect("a command");
    let Ok(HubMessage::Set(set)) = frame.from_hub() else { panic!("{frame:?}") };
    assert_eq!((set.command, set.value), (id, Value::Bool(true)));
    let outcome = Outcome {
        command: id,
        status: OutcomeStatus::DONE,
        code: ErrorCode::OK,
        value: Some(Value::Bool(true)),
        detail: Label::EMPTY,
    };
    node.send(&[answer(&frame, &outcome)]).await;
}

fn answer<'b, B: iot_proto::Body<'b>>(request: &RawFrame, body: &B) -> RawFrame {
    let correlation = request.correlation.answer().expect("a request");
    RawFrame::new(body, correlation).expect("it fits")
}

/// Waits until a command has come into a state.
async fn ended(events: &mut broadcast::Receiver<Event>, command: CommandId, end: CommandState) {
    let seen = async {
        while !matches!(events.recv().await, Ok(Event::Command { id, state, .. }) if id == command && state == end)
        {
        }
    };
    timeout(SOON, seen).await.expect("the command ends");
}

/// Waits until the hub has taken a report of every node.
async fn all_reported(hub: &Running) {
    let waits = async || hub.handle().read(|view| view.nodes().iter().any(|node| node.reports == 0)).await;
    let all = async { while waits().await.expect("the hub runs") {} };
    timeout(SOON, all).await.expect("all are taken");
}

/// Turns the hub's loop often enough for it to do whatever it can do without the store.
async fn look_often(hub: &Running) {
    for _ in 0..100 {
        taken(hub).await;
    }
}

/// Reports that the hub has taken of the pump, stored or not.
async fn taken(hub: &Running) -> u64 {
    hub.handle().read(|view| view.node(&pump()).map_or(0, |node| node.reports)).await.expect("the hub runs")
}

fn reports(records: &[Record]) -> usize {
    let nodes = records.iter().filter_map(|record| match record {
        Record::Report { node, .. } => Some(node),
        Record::Node(_)
        | Record::Gone(_)
        | Record::Command(_)
        | Record::Replaced { .. }
        | Record::Audit(_) => None,
    });
    nodes.collect::<BTreeSet<_>>().len()
}

/// The values stored of the pump's relay.
fn stored(store: &MemoryStore) -> Vec<OwnedValue> {
    let series = Series { node: pump(), module: 0, channel: 1 };
    let query = ReadingQuery { series, from: UnixMillis(0), to: UnixMillis(i64::MAX), limit: 100 };
    store.readings(&query).expect("readable").into_iter().map(|reading| reading.value).collect()
}
