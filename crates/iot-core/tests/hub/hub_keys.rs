//! The hub changes its own key: who is told what, what is kept of it, and with which key nodes are dialled.

use iot_core::{
    HUB_KEY_GRACE, HubKeys, NodeId, NumberedKey, Request, UnixMillis,
    audit::Deed,
    config::{HubConfig, Registration},
    view::{HubKeysView, Wanted},
};
use iot_proto::{Acknowledged, Error, ErrorCode, Hello, HubKey, Identity, MessageKind, NodeKey};

use crate::{
    node::{BOTH, hello, module},
    world::World,
};

const PUMP: NodeKey = NodeKey([7; 32]);
const METER: NodeKey = NodeKey([8; 32]);

fn key(number: u8) -> NumberedKey {
    NumberedKey { number, key: HubKey([number; 32]), since: Some(UnixMillis(0)) }
}

fn first() -> HubKeys {
    HubKeys { id: HubKey([1; 32]).id(), current: key(1), next: None, former: None }
}

fn announced() -> HubKeys {
    HubKeys { next: Some(key(2)), ..first() }
}

fn changed() -> HubKeys {
    HubKeys { current: key(2), former: Some(key(1)), ..first() }
}

fn ended() -> HubKeys {
    HubKeys { former: None, ..changed() }
}

/// A hub with a first key, which lets every node in.
fn world() -> World {
    World::with(HubConfig { registration: Registration::Open, keys: Some(first()), ..HubConfig::default() })
}

/// A node with this key opens a session by the hub's key of this number; what follows is told.
fn opens(world: &mut World, session: u64, node: NodeKey, by: u8) -> Vec<String> {
    world.skip();
    world.open(session, &format!("10.0.0.{}", node.0[0]));
    world.proves_to(session, node, by);
    world.hello(session, &Hello { identity: Identity::Key(node), capabilities: BOTH, ..hello("pump") });
    world.take()
}

/// A node says that it has stored what it was told; what follows is told.
fn acknowledges(world: &mut World, session: u64) -> Vec<String> {
    world.skip();
    world.replies(session, &Acknowledged);
    world.take()
}

/// The hub's keys are these from now on; what follows is told.
fn change(world: &mut World, keys: HubKeys) -> Vec<String> {
    world.skip();
    world.change_hub_keys(keys);
    world.take()
}

fn view(world: &World) -> HubKeysView {
    world.hub.view(world.now()).hub_keys().expect("the hub has a key")
}

fn lacking(world: &World) -> Vec<NodeId> {
    view(world).lacking.into_iter().map(|lacking| lacking.node).collect()
}

fn tells(seen: &[String], line: &str) -> bool {
    seen.iter().any(|seen| seen.contains(line))
}

/// The number of the key with which the hub dials a node that has no session; 1 is not said.
fn dials(world: &mut World, node: NodeKey) -> String {
    world.pass(120);
    world.skip();
    world.ask(Request::Command {
        node: NodeId::of_key(&node),
        wanted: Wanted::Restart,
        expires_in_s: Some(1),
    });
    let seen = world.take();
    let dial = seen.iter().find(|line| line.starts_with("dial ")).expect("it is dialled");
    let how = dial.split_once(" by key").expect("it has a key").1;
    how.split_once(':').expect("frames follow").0.trim().into()
}

#[test]
fn keys_that_are_so_already_change_nothing_and_are_not_in_the_audit() {
    let mut world = world();
    opens(&mut world, 1, PUMP, 1);
    for (keys, entries) in [(first(), 0), (announced(), 1), (announced(), 1), (changed(), 2), (changed(), 2)]
    {
        let before = world.kept.audit.len();
        let seen = change(&mut world, keys);
        let is_same = world.kept.audit.len() == before;
        assert_eq!(seen.len() == 1 && seen[0].ends_with(": done"), is_same, "{seen:?}");
        let audited = world.kept.audit.iter().filter(|record| record.deed == Deed::ChangeHubKey).count();
        assert_eq!(audited, entries, "{seen:?}");
    }
}

#[test]
fn the_next_key_is_announced_in_every_session_with_a_key_and_kept_before_it_counts() {
    let mut world = world();
    assert!(!tells(&opens(&mut world, 1, PUMP, 1), "next-hub-key"), "there is none");
    world.open(2, "10.0.0.99");
    world.hello(2, &hello("plain"));
    let seen = change(&mut world, announced());
    assert!(tells(&seen, "1 < next-hub-key 2 stage=0") && !tells(&seen, "2 < next-hub-key"), "{seen:?}");
    assert_eq!((view(&world).have, view(&world).lack), (0, 1), "a plain node knows no key of the hub");
    let seen = acknowledges(&mut world, 1);
    assert!(seen[0].starts_with("keep "), "{seen:?}");
    assert_eq!((view(&world).have, view(&world).lack), (1, 0));

    world.restart();
    assert_eq!((view(&world).have, view(&world).lack), (1, 0), "it is known after a restart");
    assert!(!tells(&opens(&mut world, 3, PUMP, 1), "next-hub-key"), "it has it");
    assert!(
        tells(&opens(&mut world, 4, METER, 1), "4 < next-hub-key 2 stage=0"),
        "who comes later is told too"
    );
}

#[test]
fn an_acknowledgement_that_is_lost_is_asked_for_again_and_one_refusal_is_no_acknowledgement() {
    let mut world = world();
    opens(&mut world, 1, PUMP, 1);
    change(&mut world, announced());
    world.close(1);
    assert!(tells(&opens(&mut world, 2, PUMP, 1), "2 < next-hub-key 2 stage=0"));
    world.replies(2, &Error::new(ErrorCode::UNSUPPORTED_MESSAGE, MessageKind::NEXT_HUB_KEY, "old firmware"));
    assert_eq!(lacking(&world), [NodeId::of_key(&PUMP)]);
    assert!(!tells(&change(&mut world, announced()), "note pump"), "nothing else follows");
    assert!(tells(&opens(&mut world, 3, PUMP, 1), "3 < next-hub-key 2"), "it may have other firmware by now");
    acknowledges(&mut world, 3);
    assert_eq!(lacking(&world), []);
}

#[test]
fn after_the_change_who_comes_with_the_key_before_is_told_until_it_comes_with_the_present_one() {
    let mut world = world();
    opens(&mut world, 1, PUMP, 1);
    opens(&mut world, 2, METER, 1);
    change(&mut world, announced());
    acknowledges(&mut world, 1);
    let seen = change(&mut world, changed());
    assert!(tells(&seen, "1 < next-hub-key 2 stage=1"), "also who has it: {seen:?}");
    assert_eq!(lacking(&world), [NodeId::of_key(&METER)]);
    world.close(1);
    world.close(2);
    assert_eq!((dials(&mut world, PUMP), dials(&mut world, METER)), ("with hub key 2".into(), String::new()));
    assert!(tells(&opens(&mut world, 3, METER, 1), "3 < next-hub-key 2 stage=1"));
    acknowledges(&mut world, 3);
    assert_eq!((lacking(&world).len(), view(&world).have), (0, 2));
    assert!(tells(&opens(&mut world, 4, METER, 1), "4 < next-hub-key 2 stage=1"), "as long as it comes so");
    assert!(!tells(&opens(&mut world, 5, METER, 2), "next-hub-key"));
    world.close(5);
    assert_eq!(dials(&mut world, METER), "with hub key 2");
}

#[test]
fn when_the_key_before_ends_so_do_the_sessions_that_go_by_it_and_no_others() {
    let mut world = world();
    opens(&mut world, 1, PUMP, 1);
    opens(&mut world, 2, METER, 1);
    world.open(3, "10.0.0.99");
    world.hello(3, &hello("plain"));
    change(&mut world, announced());
    change(&mut world, changed());
    acknowledges(&mut world, 1);
    let seen = change(&mut world, ended());
    assert!(tells(&seen, "2 < close ok") && !world.is_open(2), "it has not stored the present one: {seen:?}");
    assert!(world.is_open(1), "it goes by the present one");
    assert!(world.is_open(3), "a plain node goes by none");
    assert!(!tells(&opens(&mut world, 4, METER, 2), "close"), "it comes back with the present one");
}

#[test]
fn a_session_with_a_key_says_as_much_as_an_acknowledgement() {
    let mut world = world();
    opens(&mut world, 1, PUMP, 1);
    change(&mut world, changed());
    opens(&mut world, 2, PUMP, 2);
    assert_eq!(lacking(&world), []);
    world.restart();
    assert_eq!(lacking(&world), []);
}

#[test]
fn who_joined_and_knows_no_number_is_told_the_one_of_its_key_before_the_next_one() {
    let mut world = world();
    let keys = HubKeys { next: Some(key(3)), ..ended() };
    change(&mut world, ended());
    change(&mut world, keys);
    assert!(tells(&opens(&mut world, 1, PUMP, 1), "1 < next-hub-key 2 stage=1"));
    assert!(tells(&acknowledges(&mut world, 1), "1 < next-hub-key 3 stage=0"));
    assert!(!tells(&acknowledges(&mut world, 1), "next-hub-key"));
    assert_eq!(lacking(&world), []);
}

#[test]
fn announcing_changing_and_ending_are_in_the_audit_with_how_many_lack_the_key() {
    let mut world = world();
    opens(&mut world, 1, PUMP, 1);
    world.register(1, &[module(0, "relay")]);
    let seen = [announced(), changed(), ended()].map(|keys| change(&mut world, keys).concat());
    assert!(seen[0].contains("note ann announces the hub's next key, key 2."), "{seen:?}");
    assert!(seen[1].contains("note ann has changed the hub's key to key 2; 1 node lacks it."), "{seen:?}");
    assert!(seen[2].contains("The hub's key before is not taken any more"), "{seen:?}");
    let audit = world.kept.audit.iter().filter(|record| record.deed == Deed::ChangeHubKey);
    let words: Vec<_> = audit.map(|record| (&*record.before, &*record.after)).collect();
    let expected = [
        ("key 1", "key 1, announced key 2; 1 node lacks it"),
        ("key 1, announced key 2", "key 2, taken as well: key 1; 1 node lacks it"),
        ("key 2, taken as well: key 1", "key 2; 1 node lacks it"),
    ];
    assert_eq!(words, expected);
    assert_eq!(key(1).taken_until().0, i64::try_from(HUB_KEY_GRACE.as_millis()).expect("30 days"));
}
