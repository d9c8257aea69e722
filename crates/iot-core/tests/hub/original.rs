//! The parts of the system that this one replaces, as they live on in the core: one test for each row of the table
//! in ARCHITECTURE.md.

use std::{net::SocketAddr, sync::Arc};

use iot_core::{
    Effect, Effects, Hub, Input, Instant, IotError, Now, SessionId, UnixMillis, catalogue::Catalogue,
    config::HubConfig, store::Snapshot,
};
use iot_proto::{Correlation, Frame, MAX_FRAME, Ping, Pong, RequestId};

use crate::{
    node::{hello, id, module},
    peers::encoded,
    world::World,
};

const NOW: Now = Now { instant: Instant(1), wall: UnixMillis(1) };

fn opened() -> (Hub, Effects) {
    let catalogue = Arc::new(Catalogue::built_in());
    let mut hub = Hub::new(HubConfig::default(), catalogue, Snapshot::default(), NOW);
    let mut out = Effects::new();
    let peer = SocketAddr::from(([10, 0, 0, 5], 40_000));
    hub.handle(NOW, Input::SessionOpened { session: SessionId(1), peer }, &mut out);
    out.clear();
    (hub, out)
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    Frame::split(bytes, MAX_FRAME).expect("a frame").expect("a whole frame").0
}

#[test]
fn process_message_tells_a_request_from_a_response() {
    let (mut hub, mut out) = opened();
    let request = encoded(&Ping, Correlation::Request(RequestId::FIRST));
    assert_eq!(hub.process_message(NOW, SessionId(1), &frame(&request), &mut out), Ok(()));
    assert!(matches!(out.list[..], [Effect::Send { .. }]));
    let response = encoded(&Pong { time: None }, Correlation::Response(RequestId::FIRST));
    let error = hub.process_message(NOW, SessionId(1), &frame(&response), &mut out);
    assert!(matches!(error, Err(IotError::OutOfTurn { .. })), "{error:?}");
}

#[test]
fn process_request_serves_a_request_or_says_why_not() {
    let (mut hub, mut out) = opened();
    let hello = encoded(&hello("pump"), Correlation::Request(RequestId::FIRST));
    assert_eq!(hub.process_request(NOW, SessionId(1), &frame(&hello), &mut out), Ok(()));
    let error = hub.process_request(NOW, SessionId(1), &frame(&hello), &mut out).unwrap_err();
    assert_eq!(
        (error.code().0, error.to_string().as_str()),
        (6, "hello does not fit here: hello was said already")
    );
    assert_eq!(error.advice(), "Check the node's firmware against PROTOCOL.md.");
}

#[test]
fn process_response_takes_the_answer_to_an_open_request_once() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.pass(30);
    let pong = encoded(&Pong { time: None }, Correlation::Response(RequestId::FIRST));
    let mut out = Effects::new();
    let now = world.now();
    let mut take = |id| world.hub.process_response(now, SessionId(1), id, &frame(&pong), &mut out);
    assert_eq!(take(RequestId::FIRST), Ok(()));
    assert!(matches!(take(RequestId::FIRST), Err(IotError::OutOfTurn { .. })));
}

#[test]
fn module_files_gives_the_files_of_a_module_kind_by_path() {
    let (hub, _) = opened();
    let files = hub.module_files("relay").unwrap();
    assert_eq!(files.keys().map(|path| &**path).collect::<Vec<_>>(), ["help.md", "module.toml"]);
    let error = hub.module_files("teleport").unwrap_err();
    assert_eq!(error, IotError::KindUnsupported { kind: "teleport".into() });
}

#[test]
fn check_module_support_says_supported_unknown_version_or_disabled() {
    let mut catalogue = Catalogue::built_in();
    catalogue.disable("servo").unwrap();
    let hub = Hub::new(HubConfig::default(), Arc::new(catalogue), Snapshot::default(), NOW);
    let said = |kind, version| {
        let checked = hub.check_module_support(kind, version);
        checked.map(|kind| kind.title.to_string()).map_err(|error| error.to_string())
    };
    assert_eq!(said("relay", 1), Ok("Relay".into()));
    assert_eq!(said("teleport", 1), Err("module kind teleport is not supported".into()));
    assert_eq!(said("relay", 2), Err("version 2 of module kind relay is not known, only 1".into()));
    assert_eq!(said("servo", 1), Err("module kind servo is disabled in this hub".into()));
}

#[test]
fn check_module_registration_says_registered_or_pending_or_revoked_or_not_at_all() {
    let mut world = World::new();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay"), module(1, "teleport")]);
    let said = |world: &World, node, module| {
        let checked = world.hub.check_module_registration(&id(node), module);
        checked.map_err(|error| error.to_string())
    };
    assert_eq!(said(&world, "valve", 0), Err("no node plain:valve is known".into()));
    assert_eq!(said(&world, "pump", 0), Err("plain:pump waits to be admitted".into()));
    world.ask(iot_core::Request::Admit { node: id("pump") });
    assert_eq!(said(&world, "pump", 0), Ok(()));
    assert_eq!(said(&world, "pump", 1), Err("module kind teleport is not supported".into()));
    assert_eq!(said(&world, "pump", 2), Err("plain:pump has registered no module 2".into()));
    world.ask(iot_core::Request::Disable { node: id("pump") });
    assert_eq!(said(&world, "pump", 0), Err("plain:pump is disabled".into()));
    world.ask(iot_core::Request::Revoke { node: id("pump") });
    assert_eq!(said(&world, "pump", 0), Err("plain:pump is revoked".into()));
}
