//! On what terms a node is let in that proves nothing: commands only where an admin permits them, and one address.

use iot_core::{
    AdmissionState, IotError, NodeId, Request,
    config::{HubConfig, Registration},
    view::{Need, Permission, Wanted},
};
use iot_proto::{Capabilities, Hello, Identity, NodeKey, OutcomeStatus, Value};

use crate::{
    node::{hello, id, module},
    world::World,
};

const PROVES_NOTHING: &str = "nobody has verified plain:pump, and no admin permits commands to it";

/// A plain node with a relay that a person has let in, on session 1.
fn let_in(said: &Hello<'_>) -> World {
    let mut world = World::new();
    world.join(1, "10.0.0.5", said, &[module(0, "relay")]);
    world.ask(Request::Admit { node: id("pump") });
    world.register(1, &[module(0, "relay")]);
    world.skip();
    world
}

fn permit(world: &mut World) {
    world.ask_because("it only waters", Request::Permit { node: id("pump") });
    world.skip();
}

fn permission(world: &World) -> Permission {
    world.hub.view(world.now()).node(&id("pump")).expect("a known node").permission
}

#[test]
fn a_plain_node_takes_no_command_until_it_is_permitted_and_none_after_it_is_forbidden() {
    let mut world = let_in(&hello("pump"));
    for wanted in [Wanted::Restart, Wanted::Identify { for_s: 3 }, Wanted::Get { module: 0, channel: 1 }] {
        world.want("pump", wanted);
        let refused = world.take();
        assert!(matches!(&refused[..], [line] if line.ends_with(PROVES_NOTHING)), "{refused:?}");
    }
    assert_eq!(permission(&world), Permission::Missing);
    world.ask_because("it only waters", Request::Permit { node: id("pump") });
    world.expect(&[
        "keep plain:pump (admitted, 1 modules)",
        "note Pump: commands permitted by ann.",
        "answer 5: done",
    ]);
    world.switch("pump", 0, true);
    world.answers(1, "c1", OutcomeStatus::DONE, Some(Value::Bool(true)));
    assert_eq!(world.steps("c1"), ["queued", "sent", "done"]);
    world.ask(Request::Forbid { node: id("pump") });
    world.skip();
    world.want("pump", Wanted::Restart);
    world.expect(&[&format!("answer 8: {PROVES_NOTHING}")]);
}

#[test]
fn what_is_under_way_when_it_is_forbidden_is_cancelled_and_says_why() {
    let mut world = let_in(&Hello { inflight: 2, ..hello("pump") });
    permit(&mut world);
    let pulse = || Wanted::Invoke { module: 0, channel: 2, argument: Some(iot_proto::OwnedValue::Int(100)) };
    for _ in 0..3 {
        world.want("pump", pulse());
    }
    world.answers(1, "c1", OutcomeStatus::ACCEPTED, None);
    world.ask(Request::Forbid { node: id("pump") });
    for (name, ends) in [("c1", ["accepted", "cancelled"]), ("c2", ["sent", "cancelled"])] {
        assert!(world.steps(name).ends_with(&ends), "{name}: {:?}", world.steps(name));
        let command = world.hub.view(world.now()).command(world.names.id(name)).expect("a known command");
        assert_eq!(command.cause(), Some(&IotError::NotPermitted { node: id("pump") }));
    }
    assert!(world.steps("c3").ends_with(&["cancelled"]));
    assert!(world.is_open(1), "it goes on reporting");
    world.restart();
    assert_eq!(world.hub.view(world.now()).overview().under_way, 0);
}

#[test]
fn what_is_being_dialled_when_it_is_forbidden_is_dialled_no_more() {
    let mut world = let_in(&Hello { capabilities: Capabilities::LISTENS, ..hello("pump") });
    permit(&mut world);
    world.close(1);
    world.want("pump", Wanted::Restart);
    assert!(world.is_dialling(0));
    world.ask(Request::Forbid { node: id("pump") });
    assert!(!world.is_dialling(0));
    assert_eq!(world.steps("c1"), ["queued", "cancelled"]);
    world.skip();
    world.pass(3600);
    assert!(!world.take().iter().any(|line| line.starts_with("dial")), "nobody is dialled again");
}

#[test]
fn the_leave_and_its_author_and_reason_outlast_a_restart_and_are_in_the_audit() {
    let mut world = let_in(&hello("pump"));
    permit(&mut world);
    world.ask(Request::Permit { node: id("pump") });
    world.restart();
    let node = world.hub.view(world.now()).node(&id("pump")).expect("a known node");
    let decision = node.permitted.expect("somebody's word");
    assert_eq!((&*decision.by, &*decision.why), ("ann", "it only waters"));
    world.ask_because("sold the tank", Request::Forbid { node: id("pump") });
    world.ask(Request::Forbid { node: id("pump") });
    world.restart();
    assert_eq!(permission(&world), Permission::Missing);
    let changes = world.kept.audit.iter().skip(1);
    let changes: Vec<_> = changes
        .map(|change| format!("{}: {} > {}, {}", change.deed.word(), change.before, change.after, change.why))
        .collect();
    assert_eq!(
        changes,
        [
            "permit: commands not permitted > commands permitted, it only waters",
            "forbid: commands permitted > commands not permitted, sold the tank",
        ],
        "what changes nothing is no change"
    );
}

#[test]
fn nobody_is_asked_where_registration_is_open_and_a_hub_that_is_open_no_more_asks() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    assert_eq!(permission(&world), Permission::Open);
    world.close(1);
    world.switch("pump", 0, true);
    world.ask(Request::Forbid { node: id("pump") });
    assert_eq!(world.steps("c1"), ["queued"], "there is nothing to forbid");
    world.restart_with(HubConfig { registration: Registration::Approve, ..HubConfig::default() });
    assert_eq!(permission(&world), Permission::Missing);
    world.open(2, "10.0.0.5");
    world.skip();
    world.hello(2, &hello("pump"));
    let happened = world.take();
    assert!(happened.contains(&format!("keep c1 failed: {PROVES_NOTHING}")), "{happened:?}");
    assert!(!happened.iter().any(|line| line.contains(" < set")), "{happened:?}");
}

#[test]
fn a_node_that_proves_its_key_needs_no_leave_and_one_that_waits_gets_none() {
    let (key, mut world) = (NodeKey([7; 32]), World::new());
    let keyed = NodeId::of_key(&key);
    world.open(1, "10.0.0.5");
    world.proves(1, key);
    world.hello(1, &Hello { identity: Identity::Key(key), ..hello("unused") });
    world.ask(Request::Admit { node: keyed.clone() });
    world.join(2, "10.0.0.6", &hello("pump"), &[]);
    world.skip();
    world.ask(Request::Permit { node: keyed.clone() });
    world.ask(Request::Permit { node: id("pump") });
    world.ask(Request::Permit { node: id("nobody") });
    world.expect(&[
        &format!("answer 2: {keyed} proves its key, and stands on no terms"),
        "answer 3: plain:pump waits: let it in first",
        "answer 4: no node plain:nobody is known",
    ]);
    world.ask(Request::Command { node: keyed.clone(), wanted: Wanted::Restart, expires_in_s: None });
    assert_eq!(world.steps("c1"), ["queued", "sent"]);
}

#[test]
fn leave_does_not_move_to_another_board_and_a_board_with_a_key_needs_none() {
    let (key, mut world) = (NodeKey([7; 32]), let_in(&hello("pump")));
    permit(&mut world);
    world.close(1);
    world.switch("pump", 0, true);
    world.join(2, "10.0.0.6", &hello("pump-2"), &[]);
    world.register(2, &[module(0, "relay")]);
    let (old, new) = (id("pump"), id("pump-2"));
    let shown = world.hub.view(world.now()).replacement(&old, &new).expect("they are known");
    assert_eq!((shown.moving, shown.cancelled), (0, 1));
    world.ask(Request::Replace { node: old, by: new.clone() });
    assert!(world.steps("c1").ends_with(&["cancelled"]));
    world.skip();
    world.switch("pump-2", 0, true);
    let refused = world.take();
    assert!(refused[0].contains("nobody has verified plain:pump-2"), "{refused:?}");

    let keyed = NodeId::of_key(&key);
    world.open(3, "10.0.0.7");
    world.proves(3, key);
    world.hello(3, &Hello { identity: Identity::Key(key), ..hello("unused") });
    world.ask(Request::Replace { node: new, by: keyed.clone() });
    world.ask(Request::Command { node: keyed.clone(), wanted: Wanted::Restart, expires_in_s: None });
    let node = world.hub.view(world.now()).node(&keyed).expect("it is known");
    assert_eq!((node.admission, node.permission), (AdmissionState::Admitted, Permission::Needless));
    assert_eq!(world.steps("c2"), ["queued", "sent"]);
}

#[test]
fn a_message_to_an_address_is_the_word_of_whoever_sends_it() {
    let mut world = let_in(&hello("pump"));
    let address = "10.0.0.5".parse().expect("an address");
    world.ask(Request::Send { address, port: 1234, kind: iot_proto::MessageKind::PING, body: Vec::new() });
    world.expect(&["1 < ping"]);
}

/// Says hello on a new session, and gives what happened.
fn says_hello(world: &mut World, session: u64, address: &str) -> Vec<String> {
    world.open(session, address);
    world.skip();
    world.hello(session, &hello("pump"));
    world.take()
}

fn is_welcome(happened: &[String]) -> bool {
    happened.iter().any(|line| line.contains(" < welcome admitted"))
}

fn accept(world: &mut World, address: &str) {
    let address = address.parse().expect("an address");
    world.ask(Request::AcceptAddress { node: id("pump"), address });
}

#[test]
fn a_plain_node_is_let_in_where_it_was_let_in_and_nowhere_else() {
    let mut world = let_in(&hello("pump"));
    let refused = says_hello(&mut world, 2, "10.0.0.66");
    assert_eq!(
        refused,
        [
            "keep plain:pump (admitted, 1 modules)",
            "note Pump: somebody said its name at 10.0.0.66.",
            "2 < error wrong-address",
            "refused 10.0.0.66: plain:pump belongs to another address than 10.0.0.66",
            "2 < close wrong-address",
            "close 2",
        ]
    );
    assert!(world.is_open(1), "the node itself did not notice");
    let node = world.hub.view(world.now()).node(&id("pump")).expect("a known node");
    assert_eq!(node.home, "10.0.0.5".parse().ok());
    assert_eq!(node.stranger.map(|stranger| stranger.address), "10.0.0.66".parse().ok());
    world.close(1);
    assert!(is_welcome(&says_hello(&mut world, 3, "::ffff:10.0.0.5")), "it is the same address");
    world.restart();
    assert!(!is_welcome(&says_hello(&mut world, 4, "10.0.0.66")), "also after a restart");
}

#[test]
fn whoever_accepts_the_new_address_lets_it_in_there_and_no_more_where_it_was() {
    let mut world = let_in(&Hello { capabilities: crate::node::BOTH, ..hello("pump") });
    permit(&mut world);
    says_hello(&mut world, 2, "10.0.0.7");
    accept(&mut world, "10.0.0.7");
    assert!(!world.is_open(1), "what is at the old address is not it any more");
    world.skip();
    world.switch("pump", 0, true);
    assert!(!world.take().iter().any(|line| line.starts_with("dial")), "it was never seen there");
    let welcome = says_hello(&mut world, 3, "10.0.0.7");
    assert!(is_welcome(&welcome) && welcome.iter().any(|line| line.contains("< set c1")), "{welcome:?}");
    assert!(!is_welcome(&says_hello(&mut world, 4, "10.0.0.5")));
    world.restart();
    assert!(is_welcome(&says_hello(&mut world, 5, "10.0.0.7")));
    let changes = world.kept.audit.iter().skip(2);
    let changes: Vec<_> = changes
        .map(|change| {
            format!("{} by {}: {} > {}", change.deed.word(), change.by, change.before, change.after)
        })
        .collect();
    assert_eq!(
        changes,
        [
            "refuse by 10.0.0.7: let in at 10.0.0.5 > said its name at 10.0.0.7",
            "accept-address by ann: 10.0.0.5 > 10.0.0.7",
            "command by ann:  > Relay 0: State On",
            "refuse by 10.0.0.5: let in at 10.0.0.7 > said its name at 10.0.0.5",
        ]
    );
}

#[test]
fn a_stranger_does_not_fill_the_audit() {
    let mut world = let_in(&hello("pump"));
    for session in 2..40 {
        says_hello(&mut world, session, &format!("10.0.1.{session}"));
    }
    assert_eq!(world.kept.audit.len(), 2, "the node was admitted, and the first stranger refused");
    let node = world.hub.view(world.now()).node(&id("pump")).expect("a known node");
    assert_eq!(
        node.stranger.map(|stranger| stranger.address),
        "10.0.1.39".parse().ok(),
        "the last one is shown"
    );
    world.pass(3600);
    says_hello(&mut world, 40, "10.0.1.40");
    assert_eq!(world.kept.audit.len(), 3, "one an hour");
}

/// Where the hub says that somebody must look, because a stranger said the name of a node.
fn strangers(world: &World) -> Vec<String> {
    let needs = world.hub.view(world.now()).overview().needs.into_iter();
    let strangers = needs.filter_map(|need| match need {
        Need::Stranger { node, home, stranger, .. } => {
            Some(format!("{node} at {} and not {home}", stranger.address))
        }
        Need::Lost { .. }
        | Need::Failed(_)
        | Need::Overdue { .. }
        | Need::Unsupported { .. }
        | Need::Waiting { .. } => None,
    });
    strangers.collect()
}

#[test]
fn a_stranger_needs_a_person_until_somebody_says_where_the_node_is_or_a_week_has_passed() {
    let mut world = let_in(&hello("pump"));
    says_hello(&mut world, 2, "10.0.0.66");
    let shown = ["plain:pump at 10.0.0.66 and not 10.0.0.5"];
    assert_eq!(strangers(&world), shown);
    world.restart();
    assert_eq!(strangers(&world), shown, "also after a restart");
    accept(&mut world, "10.0.0.5");
    assert!(strangers(&world).is_empty(), "the address that it has is kept");
    says_hello(&mut world, 3, "10.0.0.66");
    assert_eq!(strangers(&world), shown, "who comes again is news again");
    world.pass(7 * 24 * 3_600 - 1);
    assert_eq!(strangers(&world), shown);
    world.pass(1);
    assert!(strangers(&world).is_empty());
    says_hello(&mut world, 4, "10.0.0.66");
    world.ask(Request::Revoke { node: id("pump") });
    assert!(strangers(&world).is_empty(), "nobody poses as who is not let in");
}

#[test]
fn a_hub_that_is_open_no_more_takes_the_last_address_that_it_knows() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    assert!(is_welcome(&says_hello(&mut world, 2, "10.0.0.6")), "any address will do");
    world.restart_with(HubConfig { registration: Registration::Approve, ..HubConfig::default() });
    assert!(!is_welcome(&says_hello(&mut world, 3, "10.0.0.5")));
    assert!(is_welcome(&says_hello(&mut world, 4, "10.0.0.6")));
    world.restart_with(HubConfig { registration: Registration::Open, ..HubConfig::default() });
    assert!(is_welcome(&says_hello(&mut world, 5, "10.0.0.8")), "nor where it is opened again");
}

#[test]
fn a_node_that_proves_its_key_and_one_that_waits_come_from_anywhere() {
    let (key, mut world) = (NodeKey([7; 32]), World::new());
    let keyed = NodeId::of_key(&key);
    for (session, address) in [(1, "10.0.0.5"), (2, "10.0.0.6")] {
        world.open(session, address);
        world.proves(session, key);
        world.hello(session, &Hello { identity: Identity::Key(key), ..hello("unused") });
        world.ask(Request::Admit { node: keyed.clone() });
        assert!(world.is_open(session));
    }
    world.skip();
    let address = "10.0.0.7".parse().expect("an address");
    world.ask(Request::AcceptAddress { node: keyed.clone(), address });
    world.expect(&[&format!("answer 3: {keyed} proves its key, and stands on no terms")]);
    for (session, address) in [(3, "10.0.0.8"), (4, "10.0.0.9")] {
        let happened = says_hello(&mut world, session, address);
        assert!(happened.iter().any(|line| line.contains("welcome pending")), "{happened:?}");
        world.close(session);
    }
    world.ask(Request::Admit { node: id("pump") });
    let node = world.hub.view(world.now()).node(&id("pump")).expect("a known node");
    assert_eq!(node.home, "10.0.0.9".parse().ok(), "where it is when it is let in");
}

#[test]
fn nobody_takes_the_name_of_a_node_that_waits_and_is_connected() {
    let mut world = World::new();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    let refused = says_hello(&mut world, 2, "10.0.0.66");
    assert_eq!(refused[0], "2 < error wrong-address", "{refused:?}");
    assert!(world.is_open(1), "it goes on waiting");
    let again = says_hello(&mut world, 3, "10.0.0.5");
    assert!(
        again.iter().any(|line| line.contains("welcome pending")),
        "the node itself comes back: {again:?}"
    );
    world.ask(Request::Admit { node: id("pump") });
    let node = world.hub.view(world.now()).node(&id("pump")).expect("a known node");
    assert_eq!((node.home, node.stranger), ("10.0.0.5".parse().ok(), None));
}
