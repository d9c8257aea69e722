//! Limits on what strangers may take: each is named to whom it stops, counted, and leaves room for those who
//! belong here.

use iot_core::{Limit, Request, config::HubConfig};

use crate::{
    node::{hello, id},
    world::World,
};

fn refused(world: &mut World, session: u64, address: &str, what: &str) {
    world.skip();
    world.open(session, address);
    world.expect(&[
        &format!("{session} < error too-many (one-way)"),
        &format!("refused {address}: {what}"),
        &format!("{session} < close too-many"),
        &format!("close {session}"),
    ]);
}

fn reached(world: &World, limit: Limit) -> usize {
    let overview = world.hub.view(world.now()).overview();
    overview.limits_reached.get(&limit).copied().unwrap_or_default()
}

#[test]
fn one_address_gets_so_many_sessions_and_no_other_notices() {
    let mut world = World::with(HubConfig { max_sessions_per_address: 2, ..HubConfig::default() });
    world.join(1, "10.0.0.5", &hello("a"), &[]);
    world.open(2, "10.0.0.5");
    let what = "sessions of one address would exceed the limit of 2";
    refused(&mut world, 3, "10.0.0.5", what);
    world.open(4, "10.0.0.6");
    assert!(world.is_open(4));
    assert_eq!(reached(&world, Limit::SessionsPerAddress), 1);

    world.close(2);
    world.open(5, "10.0.0.5");
    assert!(world.is_open(5), "what has ended makes room");
    refused(&mut world, 6, "10.0.0.5", what);
}

#[test]
fn a_network_of_ipv6_counts_as_one_address() {
    let mut world = World::with(HubConfig { max_half_open_per_address: 1, ..HubConfig::default() });
    world.open(1, "2001:db8::1");
    let what = "silent connections of one address would exceed the limit of 1";
    refused(&mut world, 2, "2001:db8::2", what);
    world.open(3, "2001:db8:0:1::1");
    assert!(world.is_open(3));
}

#[test]
fn connections_without_hello_are_bounded_and_hello_makes_room() {
    let limits = HubConfig { max_half_open: 4, max_half_open_per_address: 2, ..HubConfig::default() };
    let mut world = World::with(limits);
    world.open(1, "10.0.0.1");
    world.open(2, "10.0.0.1");
    let what = "silent connections of one address would exceed the limit of 2";
    refused(&mut world, 3, "10.0.0.1", what);
    refused(&mut world, 4, "10.0.0.2", "connections without hello would exceed the limit of 2");
    world.hello(1, &hello("a"));
    world.open(5, "10.0.0.2");
    assert!(world.is_open(5));
    assert_eq!(reached(&world, Limit::HalfOpen), 1);
}

#[test]
fn strangers_cannot_keep_admitted_nodes_from_coming_back() {
    let limits = HubConfig { max_half_open: 4, max_sessions: 8, ..HubConfig::default() };
    let mut world = World::with(limits);
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.ask(Request::Admit { node: id("pump") });
    world.close(1);
    world.open(2, "10.0.0.1");
    world.open(3, "10.0.0.2");
    refused(&mut world, 4, "10.0.0.3", "connections without hello would exceed the limit of 2");
    world.open(5, "10.0.0.5");
    assert!(world.is_open(5), "its place is kept");
    world.hello(5, &hello("pump"));

    for (session, address) in [(2, "a"), (3, "b")] {
        world.hello(session, &hello(address));
    }
    for (session, address) in [(6, "10.0.0.6"), (7, "10.0.0.7"), (8, "10.0.0.8"), (9, "10.0.0.9")] {
        world.open(session, address);
        world.hello(session, &hello(&format!("n{session}")));
    }
    refused(&mut world, 10, "10.0.0.10", "sessions would exceed the limit of 7");
    world.open(11, "10.0.0.5");
    assert!(world.is_open(11), "so is its session");
}

#[test]
fn one_address_does_not_fill_the_inbox() {
    let mut world = World::with(HubConfig { max_waiting_per_address: 2, ..HubConfig::default() });
    for (session, name) in [(1, "a"), (2, "b"), (3, "c")] {
        world.open(session, "10.0.0.5");
        world.hello(session, &hello(name));
    }
    assert!(!world.is_open(3));
    world.join(4, "10.0.0.6", &hello("c"), &[]);
    assert!(world.is_open(4), "another address is not hindered");
    world.ask(Request::Admit { node: id("a") });
    world.open(5, "10.0.0.5");
    world.hello(5, &hello("d"));
    assert!(world.is_open(5), "an admitted node waits no more");
    assert_eq!(reached(&world, Limit::WaitingPerAddress), 1);
}

#[test]
fn no_stranger_makes_an_admitted_node_go() {
    let mut world = World::with(HubConfig { max_nodes: 3, max_waiting: 2, ..HubConfig::default() });
    world.join(1, "10.0.0.1", &hello("pump"), &[]);
    world.ask(Request::Admit { node: id("pump") });
    for session in 2..20 {
        world.open(session, &format!("10.0.0.{session}"));
        world.hello(session, &hello(&format!("n{session}")));
    }
    assert_eq!(world.presence("pump"), "online: InSession");
    assert!(world.is_open(1));
    assert_eq!(world.hub.view(world.now()).nodes().len(), 3);
}
