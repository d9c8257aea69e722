//! A hub that starts from what another one kept.

use iot_core::Request;
use iot_proto::{Capabilities, Hello, OutcomeStatus, Value};

use crate::{
    node::{BOTH, hello, id, module, reading},
    world::World,
};

#[test]
fn nodes_modules_and_values_are_there_again_and_nobody_is_assumed_to_be_online() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay"), module(1, "temperature")]);
    world.report(1, 3, &[reading(1, 1, 21.5)]);
    world.restart();
    world.skip();
    assert_eq!(world.presence("pump"), "overdue: NotSinceStart");
    let node = &world.hub.view(world.now()).nodes()[0];
    let latest = node.modules[1].properties[0].latest.as_ref().unwrap();
    assert_eq!(latest.value.borrow(), Value::from(21.5));
    world.open(1, "10.0.0.5");
    world.hello(1, &hello("pump"));
    world.expect(&["note Pump is online.", "1 < welcome admitted stored=3 keepalive=20"]);
}

#[test]
fn a_node_that_does_not_come_back_after_the_start_is_lost() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.restart();
    world.skip();
    world.pass(90);
    world.expect(&["note Pump is lost."]);
    assert_eq!(world.presence("pump"), "lost: NotSinceStart");
}

#[test]
fn a_node_that_comes_and_goes_has_its_time_from_the_start_on() {
    let mut world = World::open_to_all();
    let contact = Hello { capabilities: Capabilities(0), keepalive_s: 600, ..hello("meter") };
    world.join(1, "10.0.0.5", &contact, &[]);
    world.restart();
    assert_eq!(world.presence("meter"), "asleep: NotSinceStart");
    world.pass(900);
    assert_eq!(world.presence("meter"), "overdue: NotSinceStart");
    world.pass(600);
    assert_eq!(world.presence("meter"), "lost: NotSinceStart");
}

#[test]
fn a_command_that_was_on_its_way_waits_again_and_is_sent_once_the_node_is_there() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    world.switch("pump", 0, true);
    world.restart();
    assert_eq!(world.steps("c1"), ["queued", "sent", "queued"]);
    world.open(1, "10.0.0.5");
    world.hello(1, &hello("pump"));
    world.answers(1, "c1", OutcomeStatus::DONE, Some(Value::Bool(true)));
    assert_eq!(world.steps("c1"), ["queued", "sent", "queued", "sent", "done"]);
}

#[test]
fn a_command_that_was_on_its_way_is_not_sent_after_a_newer_one_that_is_done() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &Hello { inflight: 2, ..hello("pump") }, &[module(0, "relay")]);
    world.switch("pump", 0, true);
    world.switch("pump", 0, false);
    world.answers(1, "c2", OutcomeStatus::DONE, Some(Value::Bool(false)));
    world.restart();
    assert_eq!(world.steps("c1"), ["queued", "sent", "queued", "cancelled"]);
    let kept = world.kept.snapshot().commands;
    assert!(kept.iter().all(|command| !command.state().is_under_way()), "its end is stored: {kept:?}");
}

#[test]
fn a_listener_for_which_something_waits_is_dialled_soon_after_the_start() {
    let mut world = World::open_to_all();
    let said = Hello { capabilities: BOTH, ..hello("pump") };
    world.join(1, "10.0.0.5", &said, &[module(0, "relay")]);
    world.switch("pump", 0, true);
    world.restart();
    world.skip();
    world.pass(7);
    world.expect(&["dial 0 10.0.0.5:1234: dial pump, set c1 0/1 true"]);
}

#[test]
fn a_command_that_expired_while_the_hub_was_down_expires_at_the_start() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    world.close(1);
    let wanted = iot_core::view::Wanted::Restart;
    world.ask(Request::Command { node: id("pump"), wanted, expires_in_s: Some(60) });
    world.sleep_through(100);
    world.restart();
    assert_eq!(world.steps("c1"), ["queued", "expired"]);
}

#[test]
fn revoked_and_disabled_outlive_the_hub_and_waiting_does_not() {
    let mut world = World::new();
    for (session, name) in [(1, "a"), (2, "b"), (3, "c")] {
        world.join(session, &format!("10.0.0.{session}"), &hello(name), &[]);
    }
    world.ask(Request::Revoke { node: id("a") });
    world.ask(Request::Admit { node: id("b") });
    world.ask(Request::Disable { node: id("b") });
    world.restart();
    let nodes = world.hub.view(world.now()).nodes();
    let known: Vec<_> = nodes.iter().map(|node| (node.id.as_str(), node.presence.state.word())).collect();
    assert_eq!(known, [("plain:a", "overdue"), ("plain:b", "disabled")]);
}
