//! What holds between the hub and its store: nothing is acknowledged before it is stored, whatever the store does.

use core::{net::SocketAddr, time::Duration};
use std::time::{SystemTime, UNIX_EPOCH};

use iot_core::{IotError, PresenceState, Request};
use iot_net::{HubServer, NetConfig, Refusing};
use iot_proto::{Capabilities, Correlation, ErrorCode, HubMessage, MessageKind};
use iot_store::MemoryStore;
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::{
    given::{all_reported, catalogue, look_often, open_registration, pump, reports, start, stored, taken},
    node::{Node, SOON, hello, relay, report},
    store::ScriptedStore,
};

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
async fn a_store_that_does_not_answer_is_told_until_it_does() {
    let (store, mut script) = ScriptedStore::new();
    let mut config = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.store_answer = Duration::from_millis(200);
    let hub = HubServer::start(config, open_registration(), catalogue(), store).unwrap();
    let mut refusing = hub.handle().refusing();
    let mut node = Node::connect(hub.local_addr()).await;
    script.pass(node.join("pump", Capabilities::KEEPS_SESSION)).await;
    node.ask(&report(1, &relay(true))).await;
    script.begun().await;
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_millis(100);
    let told = timeout(SOON, refusing.wait_for(Option::is_some)).await.expect("it is told").unwrap().clone();
    let Some(Refusing { why, since }) = told else { panic!("it is told") };
    assert!(why.contains("has not answered for 0.2 s"), "{why}");
    assert!(u128::try_from(since.0).unwrap() < begun.as_millis(), "{since:?}, and it begun by {begun:?}");
    assert_eq!(taken(&hub).await, 1, "the hub answers meanwhile");
    assert!(node.is_quiet(), "nothing is acknowledged");
    let ask = || hub.handle().ask("test", "", Request::Disable { node: pump() });
    let refused = timeout(SOON, ask()).await.expect("who asks is told").unwrap_err();
    assert_eq!(refused, IotError::NotStored { why });

    script.succeed();
    assert_eq!(node.next().await.map(|frame| frame.kind), Some(MessageKind::REPORT_ACK));
    let view = hub.handle().read(|view| view.node(&pump())).await.unwrap().unwrap();
    assert_ne!(view.presence.state, PresenceState::Disabled, "what was refused is not done later");
    timeout(SOON, refusing.wait_for(Option::is_none)).await.expect("it is over").unwrap();
    script.open();
    hub.stop().await;
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
