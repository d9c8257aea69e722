//! A hub to try things on, and what nodes and people do with it.

use core::{net::SocketAddr, time::Duration};
use std::{collections::BTreeSet, sync::Arc};

use iot_core::{
    Answer, CommandState, Dialling, Event, IotError, NodeId, Request, Series, UnixMillis,
    catalogue::Catalogue,
    config::{HubConfig, Registration},
    store::{History, ReadingQuery, Record, Store},
    view::Wanted,
};
use iot_net::{HubServer, NetConfig, RawFrame, Running};
use iot_proto::{CommandId, ErrorCode, HubMessage, Label, Outcome, OutcomeStatus, OwnedValue, Value};
use iot_store::MemoryStore;
use tokio::{sync::broadcast, time::timeout};

use crate::node::{Node, SOON};

pub(crate) fn start(store: Box<dyn Store>) -> Running {
    start_with(open_registration(), store)
}

pub(crate) fn start_with(hub: HubConfig, store: Box<dyn Store>) -> Running {
    let mut config = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.store_retry = Duration::from_millis(10);
    // Most tests leave their nodes open, and these do not close when they are told to.
    config.server.drain = Duration::from_millis(100);
    HubServer::start(config, hub, catalogue(), store).expect("it starts")
}

pub(crate) fn open_registration() -> HubConfig {
    let registration = Registration::Open;
    HubConfig { registration, dialling: Dialling::LoopbackToo, ..HubConfig::default() }
}

pub(crate) fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::built_in())
}

pub(crate) fn pump() -> NodeId {
    NodeId::parse("plain:pump").expect("an id")
}

/// Asks for the pump's relay to be switched on.
pub(crate) async fn switch_on(hub: &Running) -> Result<CommandId, IotError> {
    let wanted = Wanted::Set { module: 0, channel: 1, value: OwnedValue::Bool(true) };
    let request = Request::Command { node: pump(), wanted, expires_in_s: None };
    match hub.handle().ask("test", "", request).await? {
        Answer::Command(id) => Ok(id),
        other @ (Answer::Done | Answer::Response { .. }) => panic!("{other:?}"),
    }
}

/// Takes the command and says that it is done.
pub(crate) async fn obey(node: &mut Node, id: CommandId) {
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

pub(crate) fn answer<'b, B: iot_proto::Body<'b>>(request: &RawFrame, body: &B) -> RawFrame {
    let correlation = request.correlation.answer().expect("a request");
    RawFrame::new(body, correlation).expect("it fits")
}

/// Waits until a command has come into a state.
pub(crate) async fn ended(events: &mut broadcast::Receiver<Event>, command: CommandId, end: CommandState) {
    let seen = async {
        while !matches!(events.recv().await, Ok(Event::Command { id, state, .. }) if id == command && state == end)
        {
        }
    };
    timeout(SOON, seen).await.expect("the command ends");
}

/// Waits until the hub has taken a report of every node.
pub(crate) async fn all_reported(hub: &Running) {
    let waits = async || hub.handle().read(|view| view.nodes().iter().any(|node| node.reports == 0)).await;
    let all = async { while waits().await.expect("the hub runs") {} };
    timeout(SOON, all).await.expect("all are taken");
}

/// Turns the hub's loop often enough for it to do whatever it can do without the store.
pub(crate) async fn look_often(hub: &Running) {
    for _ in 0..100 {
        taken(hub).await;
    }
}

/// Reports that the hub has taken of the pump, stored or not.
pub(crate) async fn taken(hub: &Running) -> u64 {
    hub.handle().read(|view| view.node(&pump()).map_or(0, |node| node.reports)).await.expect("the hub runs")
}

pub(crate) fn reports(records: &[Record]) -> usize {
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
pub(crate) fn stored(store: &MemoryStore) -> Vec<OwnedValue> {
    let series = Series { node: pump(), module: 0, channel: 1 };
    let query = ReadingQuery { series, from: UnixMillis(0), to: UnixMillis(i64::MAX), limit: 100 };
    store.readings(&query).expect("readable").into_iter().map(|reading| reading.value).collect()
}
