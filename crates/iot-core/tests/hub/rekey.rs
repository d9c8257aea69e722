//! A node changes its key, and sessions make a new handshake now and then.

use iot_core::{
    AdmissionState, NodeId, Request,
    audit::Deed,
    view::{KeyStanding, KeyView},
};
use iot_proto::{Hello, Identity, NextKey, NodeKey, Ping};

use crate::{
    node::{hello, module},
    world::World,
};

const FIRST: NodeKey = NodeKey([7; 32]);
const SECOND: NodeKey = NodeKey([8; 32]);
const THIRD: NodeKey = NodeKey([9; 32]);

const HOUR: u64 = 3_600;

fn with(key: NodeKey) -> Hello<'static> {
    Hello { identity: Identity::Key(key), ..hello("pump") }
}

fn id() -> NodeId {
    NodeId::of_key(&FIRST)
}

/// The node opens a session with this key, and what follows is told.
fn opens(world: &mut World, session: u64, key: NodeKey) -> Vec<String> {
    world.skip();
    world.open(session, "10.0.0.5");
    world.proves(session, key);
    world.hello(session, &with(key));
    world.take()
}

/// The node announces a key, and what follows is told.
fn announces(world: &mut World, session: u64, key: NodeKey) -> Vec<String> {
    world.skip();
    world.says(session, &NextKey { key });
    world.take()
}

/// A hub with an admitted node on session 1.
fn admitted() -> World {
    let mut world = World::open_to_all();
    opens(&mut world, 1, FIRST);
    world.register(1, &[module(0, "relay")]);
    world
}

/// Time passes, and the node on a session is heard every ten seconds.
fn live(world: &mut World, session: u64, seconds: u64) {
    for _ in 0..seconds / 10 {
        world.pass(10);
        if world.is_open(session) {
            world.says(session, &Ping);
        }
    }
}

fn keys(world: &World) -> Vec<KeyView> {
    world.hub.view(world.now()).node(&id()).expect("it is known").keys
}

fn standings(world: &World) -> Vec<(String, KeyStanding)> {
    keys(world).iter().map(|key| (key.id.to_string(), key.standing)).collect()
}

fn is_welcome(seen: &[String], session: u64) -> bool {
    seen.iter().any(|line| line.starts_with(&format!("{session} < welcome admitted")))
}

fn is_unproven(seen: &[String], session: u64) -> bool {
    seen.contains(&format!("{session} < close unproven-key"))
}

#[test]
fn a_key_counts_once_it_is_proven_and_id_name_and_modules_stay() {
    let mut world = admitted();
    world.ask(Request::Name { node: id(), title: "Pump".into(), place: "".into() });
    let seen = announces(&mut world, 1, SECOND);
    assert!(seen.contains(&"1 < acknowledged".to_owned()), "{seen:?}");
    let kept = seen.iter().position(|line| line.starts_with("keep "));
    assert!(
        kept < seen.iter().position(|line| line == "1 < acknowledged"),
        "kept before it is told: {seen:?}"
    );
    let expected = [(FIRST, KeyStanding::Current), (SECOND, KeyStanding::Next)]
        .map(|(key, is)| (key.id().to_string(), is));
    assert_eq!(standings(&world), expected);

    live(&mut world, 1, HOUR);
    let seen = opens(&mut world, 2, SECOND);
    assert!(is_welcome(&seen, 2) && seen.contains(&"note Pump has changed its key.".to_owned()), "{seen:?}");
    assert!(seen.contains(&"1 < close replaced".to_owned()), "the session before ends: {seen:?}");
    let node = world.hub.view(world.now()).node(&id()).expect("the id of its first key stays");
    assert_eq!((&*node.title, node.modules.len(), node.admission), ("Pump", 1, AdmissionState::Admitted));
    let expected = [(SECOND, KeyStanding::Current), (FIRST, KeyStanding::Former)]
        .map(|(key, is)| (key.id().to_string(), is));
    assert_eq!(standings(&world), expected);
    let audited: Vec<_> = world.kept.audit.iter().filter(|record| record.deed == Deed::ChangeKey).collect();
    let (before, after) = (&*audited[0].before, &*audited[0].after);
    assert_eq!((before, after), (&*FIRST.id().to_string(), &*SECOND.id().to_string()));
}

#[test]
fn the_key_before_is_taken_for_24_hours_and_never_again_over_restarts_too() {
    let mut world = admitted();
    announces(&mut world, 1, SECOND);
    opens(&mut world, 2, SECOND);
    world.pass(23 * HOUR);
    let seen = opens(&mut world, 3, FIRST);
    assert!(is_welcome(&seen, 3), "{seen:?}");
    let seen = announces(&mut world, 3, THIRD);
    assert!(
        !seen.contains(&"3 < acknowledged".to_owned()),
        "whoever has the old key gets no other: {seen:?}"
    );
    world.skip();
    live(&mut world, 3, HOUR);
    let seen = world.take();
    assert!(is_unproven(&seen, 3), "a session of a key that ends ends with it: {seen:?}");
    for restarts in 0..2 {
        let seen = opens(&mut world, 10 + restarts, FIRST);
        assert!(is_unproven(&seen, 10 + restarts), "{seen:?}");
        world.sleep_through(400 * 24 * HOUR);
        world.restart();
    }
    assert_eq!(keys(&world)[1].standing, KeyStanding::Ended);
    let seen = opens(&mut world, 20, SECOND);
    assert!(is_welcome(&seen, 20), "{seen:?}");
}

#[test]
fn a_key_that_was_not_proven_in_time_does_not_count_until_it_is_announced_again() {
    let mut world = admitted();
    announces(&mut world, 1, SECOND);
    world.pass(10 * HOUR);
    world.restart();
    world.sleep_through(14 * HOUR);
    let seen = opens(&mut world, 2, SECOND);
    assert!(is_unproven(&seen, 2), "{seen:?}");
    assert_eq!(world.hub.view(world.now()).nodes().len(), 1, "it is no node of its own either");
    let seen = opens(&mut world, 3, FIRST);
    assert!(is_welcome(&seen, 3), "its own key is as good as before: {seen:?}");
    assert!(announces(&mut world, 3, SECOND).contains(&"3 < acknowledged".to_owned()));
    assert!(is_welcome(&opens(&mut world, 4, SECOND), 4));
}

#[test]
fn a_key_that_any_node_has_or_had_becomes_no_others() {
    let (other, its_next) = (NodeKey([21; 32]), NodeKey([22; 32]));
    let mut world = World::open_to_all();
    opens(&mut world, 2, other);
    announces(&mut world, 2, its_next);
    opens(&mut world, 3, its_next);
    world.close(3);
    opens(&mut world, 1, FIRST);
    for taken in [other, its_next, FIRST] {
        let seen = announces(&mut world, 1, taken);
        assert!(seen.iter().any(|line| line.starts_with("1 < error key-taken")), "{taken:?}: {seen:?}");
    }
    assert_eq!(keys(&world).len(), 1);
}

#[test]
fn a_key_is_changed_once_in_24_hours_and_a_plain_or_waiting_node_changes_none() {
    let mut world = admitted();
    announces(&mut world, 1, SECOND);
    opens(&mut world, 2, SECOND);
    let seen = announces(&mut world, 2, THIRD);
    assert!(seen.iter().any(|line| line.starts_with("2 < error out-of-turn")), "{seen:?}");
    world.pass(24 * HOUR);
    opens(&mut world, 3, SECOND);
    assert!(announces(&mut world, 3, THIRD).contains(&"3 < acknowledged".to_owned()));

    let mut world = World::new();
    world.open(1, "10.0.0.5");
    world.hello(1, &hello("pump"));
    opens(&mut world, 2, FIRST);
    for session in [1, 2] {
        let seen = announces(&mut world, session, SECOND);
        assert!(seen.iter().any(|line| line.starts_with(&format!("{session} < error"))), "{seen:?}");
    }
}

#[test]
fn a_revoked_node_comes_back_by_none_of_its_keys() {
    let mut world = admitted();
    announces(&mut world, 1, SECOND);
    opens(&mut world, 2, SECOND);
    world.ask(Request::Revoke { node: id() });
    for (session, key) in [(3, SECOND), (4, FIRST)] {
        let seen = opens(&mut world, session, key);
        assert!(seen.contains(&format!("{session} < close revoked")), "{seen:?}");
    }
}

#[test]
fn a_session_ends_for_a_new_handshake_between_22_and_26_hours_and_its_node_is_not_missed() {
    let mut world = admitted();
    let mut plain = World::open_to_all();
    plain.open(1, "10.0.0.5");
    plain.hello(1, &hello("pump"));
    world.skip();
    live(&mut plain, 1, 27 * HOUR);
    assert!(plain.is_open(1), "a plain session has no handshake");
    live(&mut world, 1, 22 * HOUR - 10);
    assert!(world.is_open(1), "{:?}", world.take());
    while world.is_open(1) {
        live(&mut world, 1, 10);
    }
    assert!(world.now().instant.0 <= 26 * HOUR * 1_000 + 10_000, "{:?}", world.now());
    let seen = world.take();
    assert!(
        seen.contains(&"1 < close ok".to_owned()) && !seen.iter().any(|line| line.starts_with("note")),
        "{seen:?}"
    );
    let presence = world.hub.view(world.now()).node(&id()).expect("it is known").presence;
    assert_eq!(presence.state.word(), "online", "it comes back at once");
    world.pass(2);
    let seen = opens(&mut world, 2, FIRST);
    assert!(is_welcome(&seen, 2) && !seen.iter().any(|line| line.starts_with("note")), "{seen:?}");
}

#[test]
fn a_node_that_does_not_come_back_for_its_handshake_is_missed_all_the_same() {
    let mut world = admitted();
    while world.is_open(1) {
        live(&mut world, 1, 10);
    }
    world.pass(HOUR);
    let presence = world.hub.view(world.now()).node(&id()).expect("it is known").presence;
    assert_eq!(presence.state.word(), "lost");
}

#[test]
fn a_command_that_is_under_way_when_a_session_ends_for_its_handshake_is_sent_again() {
    let mut world = admitted();
    live(&mut world, 1, 22 * HOUR - 10);
    world.skip();
    let wanted = iot_core::view::Wanted::Restart;
    while world.is_open(1) {
        if world.hub.view(world.now()).overview().under_way == 0 {
            world.ask(Request::Command { node: id(), wanted: wanted.clone(), expires_in_s: Some(100_000) });
        }
        live(&mut world, 1, 10);
    }
    let seen = opens(&mut world, 2, FIRST);
    assert!(seen.iter().any(|line| line.starts_with("2 < restart")), "{seen:?}");
}
