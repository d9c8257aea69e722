//! Nodes that prove a key: who they are, what nobody else becomes, and how they are dialled.

use iot_core::Request;
use iot_proto::{Capabilities, Hello, Identity, NodeKey};

use crate::{
    node::{hello, module},
    world::World,
};

#[test]
fn a_node_that_has_proven_its_key_is_known_by_the_id_of_the_key_and_by_nothing_else() {
    let (own, other) = (NodeKey([7; 32]), NodeKey([8; 32]));
    let (id, unproven) = (own.id(), "the identity is not the one that the connection proves");
    let with_key = |key| Hello { identity: Identity::Key(key), ..hello("pump") };
    let mut world = World::new();
    for (session, said) in [(1, with_key(other)), (2, hello("pump"))] {
        world.open(session, "10.0.0.5");
        world.proves(session, own);
        world.hello(session, &said);
        let error = format!("{session} < error unproven-key");
        let closed = [format!("{session} < close unproven-key"), format!("close {session}")];
        world.expect(&[&error, &format!("refused 10.0.0.5: {unproven}"), &closed[0], &closed[1]]);
    }
    world.open(3, "10.0.0.5");
    world.proves(3, own);
    world.hello(3, &with_key(own));
    world.expect(&[&format!("note {id} waits to be admitted."), "3 < welcome pending stored=0 keepalive=20"]);
}

#[test]
fn the_record_of_a_key_takes_no_plain_session_and_no_other_key() {
    let (own, mut world) = (NodeKey([7; 32]), World::new());
    let with_key = Hello { identity: Identity::Key(own), ..hello("pump") };
    world.open(1, "10.0.0.5");
    world.proves(1, own);
    world.hello(1, &with_key);
    world.take();
    for (session, proven) in [(2, None), (3, Some(NodeKey([8; 32])))] {
        world.open(session, "10.0.0.5");
        if let Some(key) = proven {
            world.proves(session, key);
        }
        world.hello(session, &with_key);
        let seen = world.take();
        assert!(seen.contains(&format!("{session} < close unproven-key")), "{seen:?}");
        assert!(!seen.contains(&"1 < close replaced".to_owned()), "{seen:?}");
    }
}

#[test]
fn a_node_with_a_key_is_dialled_by_it_and_must_say_hello_with_it() {
    let (own, mut world) = (NodeKey([7; 32]), World::open_to_all());
    let (id, listens) = (own.id().to_string(), Capabilities::LISTENS);
    let with_key = |key| Hello { identity: Identity::Key(key), capabilities: listens, ..hello("pump") };
    world.open(1, "10.0.0.5");
    world.proves(1, own);
    world.hello(1, &with_key(own));
    world.register(1, &[module(0, "relay")]);
    world.close(1);
    world.take();
    let node = iot_core::NodeId::parse(&id).expect("an id");
    let wanted =
        iot_core::view::Wanted::Set { module: 0, channel: 1, value: iot_proto::OwnedValue::Bool(true) };
    world.ask(Request::Command { node, wanted, expires_in_s: None });
    let seen = world.take();
    let dialled = |line: &String| line.starts_with("dial 0 10.0.0.5:1234 by key: dial a key");
    assert!(seen.iter().any(dialled), "{seen:?}");
    world.dialled_hello(0, &with_key(NodeKey([8; 32])));
    let seen = world.take();
    assert!(seen.iter().any(|line| line.contains("not the one that the connection proves")), "{seen:?}");
}
