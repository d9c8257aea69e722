//! Register: a verdict on each module, and what becomes of modules that are gone.

use iot_core::{
    AdmissionState, NodeId, Request,
    config::{HubConfig, Registration},
};
use iot_proto::{Announcement, Hello, Identity, List, NodeKey, Register};

use crate::{
    node::{hello, id, module},
    world::World,
};

#[test]
fn every_module_gets_a_verdict_and_a_bad_one_costs_no_other() {
    let mut world = World::open_to_all();
    let newer = Announcement { kind_version: 9, ..module(2, "relay") };
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.skip();
    world.register(1, &[module(0, "relay"), module(1, "teleport"), newer]);
    world.expect(&[
        "keep plain:pump (admitted, 3 modules)",
        "1 < registered 0:ok 1:kind-unsupported 2:kind-version-unknown",
        "refused plain:pump: module kind teleport is not supported",
        "refused plain:pump: version 9 of module kind relay is not known, only 1",
    ]);
}

#[test]
fn modules_of_a_waiting_node_are_kept_when_it_is_admitted() {
    let mut world = World::new();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay"), module(1, "temperature")]);
    world.expect(&[
        "note Pump waits to be admitted.",
        "1 < welcome pending stored=0 keepalive=20",
        "1 < registered 0:pending-approval 1:pending-approval",
    ]);
    world.ask(Request::Admit { node: id("pump") });
    world.skip();
    world.register(1, &[module(0, "relay"), module(1, "temperature")]);
    world.expect(&["1 < registered 0:ok 1:ok"]);
    world.restart();
    let modules = world.hub.view(world.now()).nodes()[0].modules.len();
    assert_eq!(modules, 2);
}

#[test]
fn a_disabled_node_is_told_so_for_each_module() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.ask(Request::Disable { node: id("pump") });
    world.skip();
    world.register(1, &[module(0, "relay")]);
    world.expect(&["keep plain:pump (admitted, disabled, 1 modules)", "1 < registered 0:disabled"]);
}

#[test]
fn modules_come_in_parts_and_those_at_or_above_the_total_are_gone() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    for part in [module(1, "relay"), module(0, "temperature")] {
        world.says(1, &Register { total: 2, modules: List::new(&[part]).unwrap() });
    }
    world.skip();
    world.says(1, &Register { total: 1, modules: List::EMPTY });
    world.expect(&["keep plain:pump (admitted, 1 modules)", "1 < registered"]);
    let node = &world.hub.view(world.now()).nodes()[0];
    assert_eq!(&*node.modules[0].kind_name, "temperature");
}

#[test]
fn the_same_modules_again_change_nothing() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    world.skip();
    world.register(1, &[module(0, "relay")]);
    world.expect(&["1 < registered 0:ok"]);
}

#[test]
fn an_index_beyond_the_total_and_too_many_modules_are_refused_whole() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.skip();
    world.says(1, &Register { total: 1, modules: List::new(&[module(1, "relay")]).unwrap() });
    world.says(1, &Register { total: 65, modules: List::EMPTY });
    world.expect(&[
        "1 < error out-of-turn",
        "refused plain:pump: register does not fit here: a module's index is below the total",
        "1 < error too-many",
        "refused plain:pump: modules would exceed the limit of 64",
    ]);
}

#[test]
fn a_command_for_a_module_that_is_gone_or_of_another_kind_fails_and_is_not_sent() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay"), module(1, "relay")]);
    world.close(1);
    world.switch("pump", 0, true);
    world.switch("pump", 1, true);
    // It changed its firmware meanwhile. A node of this kind takes no request before it has registered.
    world.open(2, "10.0.0.5");
    world.skip();
    world.hello(2, &Hello { inflight: 1, ..hello("pump") });
    world.register(2, &[module(0, "temperature")]);
    world.expect(&[
        "keep c1 sent",
        "note Pump is online.",
        "2 < welcome admitted stored=0 keepalive=20",
        "2 < set c1 0/1 true",
        "keep plain:pump (admitted, 1 modules)",
        "keep c2 failed: plain:pump has registered no module 1",
        "2 < registered 0:ok",
        "note Pump: set channel 1, failed: plain:pump has registered no module 1.",
    ]);
}

#[test]
fn people_let_in_so_many_plain_nodes_and_any_number_with_keys() {
    let few = HubConfig { max_plain: 2, ..HubConfig::default() };
    let mut world = World::with(few.clone());
    let keyed = NodeKey([7; 32]);
    for (session, name) in (1..).zip(["a", "b", "c"]) {
        world.open(session, "10.0.0.5");
        world.hello(session, &hello(name));
    }
    world.open(4, "10.0.0.6");
    world.proves(4, keyed);
    world.hello(4, &Hello { identity: Identity::Key(keyed), ..hello("unused") });
    let admit = |world: &mut World, node| {
        world.skip();
        world.ask(Request::Admit { node });
        world.take().into_iter().find(|line| line.starts_with("answer")).expect("an answer")
    };
    for name in ["a", "b"] {
        assert!(admit(&mut world, id(name)).ends_with(": done"));
    }
    let refused = admit(&mut world, id("c"));
    assert!(refused.contains("plain nodes that people let in would exceed the limit of 2"), "{refused}");
    assert!(admit(&mut world, id("a")).ends_with(": done"), "it is in already");
    assert!(admit(&mut world, NodeId::of_key(&keyed)).ends_with(": done"));
    world.ask(Request::Revoke { node: id("a") });
    assert!(admit(&mut world, id("c")).ends_with(": done"), "there is room again");
    assert!(admit(&mut world, id("a")).contains("limit of 2"), "and not for both");

    world.open(5, "10.0.0.5");
    world.hello(5, &hello("d"));
    let replaces = |world: &mut World, node: NodeId| {
        world.skip();
        world.ask(Request::Replace { node, by: id("d") });
        world.take().into_iter().find(|line| line.starts_with("answer")).expect("an answer")
    };
    let shown = world.hub.view(world.now()).replacement(&NodeId::of_key(&keyed), &id("d"));
    assert!(shown.is_err_and(|error| error.to_string().contains("limit of 2")), "it is said before");
    assert!(replaces(&mut world, NodeId::of_key(&keyed)).contains("limit of 2"), "one more by the back door");
    assert!(replaces(&mut world, id("b")).ends_with(": done"), "one comes and one goes");

    let mut open = World::with(HubConfig { registration: Registration::Open, ..few });
    for (session, name) in (1..).zip(["a", "b", "c"]) {
        open.join(session, "10.0.0.5", &hello(name), &[]);
    }
    let view = open.hub.view(open.now());
    assert!(view.nodes().iter().all(|node| node.admission == AdmissionState::Admitted && node.is_unproven()));
}
