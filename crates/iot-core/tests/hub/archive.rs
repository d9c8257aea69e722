//! The archive: a node that is not used any more is not served, and what it reported stays.

use iot_core::{
    AdmissionState, Request,
    view::{Archived, NodeFilter},
};

use crate::{
    node::{hello, id, module, reading},
    world::World,
};

fn archived() -> World {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "temperature")]);
    world.report(1, 1, &[reading(0, 1, 21.5)]);
    world.skip();
    world.ask_because("it was sold", Request::Archive { node: id("pump") });
    world
}

fn listed(world: &World, archived: Archived) -> usize {
    let filter = NodeFilter { archived, ..NodeFilter::default() };
    world.hub.view(world.now()).nodes_that_fit(&filter).len()
}

#[test]
fn an_archived_node_is_not_served_counted_or_listed_and_its_values_stay() {
    let mut world = archived();
    world.expect(&[
        "keep plain:pump (archived, 1 modules)",
        "1 < admission revoked",
        "note Pump was put into the archive by ann.",
        "1 < close disabled",
        "close 1",
        "answer 1: done",
    ]);
    world.restart();
    assert_eq!(listed(&world, Archived::Hidden), 0);
    assert_eq!(listed(&world, Archived::Only), 1);
    assert_eq!(world.hub.view(world.now()).overview().presence.total(), 0);
    world.skip();
    world.open(2, "10.0.0.5");
    world.hello(2, &hello("pump"));
    world.expect(&[
        "2 < error disabled",
        "refused 10.0.0.5: plain:pump is in the archive",
        "2 < close disabled",
        "close 2",
    ]);
    world.switch("pump", 0, true);
    world.expect(&["answer 2: plain:pump is in the archive"]);
    let node = &world.hub.view(world.now()).nodes()[0];
    assert!(node.modules[0].properties[0].latest.is_some());
    world.pass(600);
    world.expect(&[]);
}

#[test]
fn what_waits_for_a_node_is_cancelled_when_it_is_put_away() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    world.close(1);
    world.switch("pump", 0, true);
    world.ask(Request::Archive { node: id("pump") });
    assert_eq!(world.steps("c1"), ["queued", "cancelled"]);
}

#[test]
fn only_unarchiving_lets_it_in_again() {
    let mut world = archived();
    world.skip();
    world.ask(Request::Admit { node: id("pump") });
    world.ask(Request::Revoke { node: id("pump") });
    let refused = "plain:pump is in the archive";
    world.expect(&[&format!("answer 2: {refused}"), &format!("answer 3: {refused}")]);
    world.ask(Request::Unarchive { node: id("pump") });
    world.open(2, "10.0.0.5");
    world.hello(2, &hello("pump"));
    let node = world.hub.view(world.now()).node(&id("pump")).unwrap();
    assert_eq!(node.admission, AdmissionState::Admitted);
    world.skip();
    world.ask(Request::Unarchive { node: id("pump") });
    world.expect(&["answer 5: plain:pump is not in the archive"]);
}

#[test]
fn a_waiting_node_is_turned_away_and_not_put_away() {
    let mut world = World::new();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.skip();
    world.ask(Request::Archive { node: id("pump") });
    world.expect(&["answer 1: plain:pump waits: turn it away instead"]);
}
