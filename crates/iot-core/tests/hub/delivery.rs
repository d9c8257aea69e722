//! Delivery to a node that has no session and listens on its port.

use iot_core::{Request, view::Wanted};
use iot_proto::{
    Capabilities, Correlation, Error, ErrorCode, Hello, MessageKind, OutcomeStatus, RequestId, Value,
};

use crate::{
    node::{BOTH, hello, id, module, sleep},
    world::World,
};

const ON: Option<Value<'_>> = Some(Value::Bool(true));

fn said(name: &str) -> Hello<'_> {
    Hello { capabilities: BOTH, ..hello(name) }
}

/// A node that listens and has no session.
fn listener() -> World {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &said("pump"), &[module(0, "relay"), module(1, "relay")]);
    world.close(1);
    world.skip();
    world
}

#[test]
fn a_command_is_brought_to_a_node_without_a_session_and_the_hub_hangs_up() {
    let mut world = listener();
    world.switch("pump", 0, true);
    world.expect(&["keep c1 queued", "dial 0 10.0.0.5:1234: dial pump, set c1 0/1 true", "answer 1: c1"]);
    world.dialled_hello(0, &said("pump"));
    world.expect(&["keep c1 sent"]);
    world.dialled_answers(0, "c1", OutcomeStatus::DONE, ON);
    world.expect(&[
        "keep report 0 (1 readings, gap 0)",
        "keep c1 done",
        "note Relay 0: State On, done.",
        "hang up 0",
    ]);
}

#[test]
fn each_command_is_brought_by_a_call_of_its_own_and_one_call_is_under_way_at_a_time() {
    let mut world = listener();
    world.switch("pump", 0, true);
    world.switch("pump", 1, true);
    world.skip();
    world.dialled_hello(0, &said("pump"));
    world.dialled_answers(0, "c1", OutcomeStatus::DONE, ON);
    world.expect(&[
        "keep c1 sent",
        "keep report 0 (1 readings, gap 0)",
        "keep c1 done",
        "note Relay 0: State On, done.",
        "hang up 0",
        "dial 1 10.0.0.5:1234: dial pump, set c2 1/1 true",
    ]);
}

#[test]
fn a_node_that_cannot_be_reached_is_dialled_again_until_the_command_expires() {
    let mut world = listener();
    world.switch("pump", 0, true);
    world.skip();
    let mut tries = 0;
    for delivery in 0..12 {
        world.unreachable(delivery, "refused");
        world.pass(60);
        tries += 1;
    }
    assert_eq!(world.steps("c1"), ["queued"], "{tries} tries are no steps of its life");
    world.pass(24 * 3600);
    assert_eq!(world.steps("c1"), ["queued", "expired"]);
}

#[test]
fn a_call_that_nobody_answers_ends_and_one_without_an_outcome_counts_as_unanswered() {
    let mut world = listener();
    world.switch("pump", 0, true);
    world.skip();
    world.pass(15);
    world.expect(&["keep c1 queued: nothing answers at 10.0.0.5:1234: no hello within 15 s", "hang up 0"]);
    for delivery in 1..=3 {
        world.pass(2);
        world.skip();
        world.dialled_hello(delivery, &said("pump"));
        world.pass(15);
    }
    assert_eq!(
        world.steps("c1"),
        ["queued", "sent", "queued", "sent", "queued", "sent", "failed"],
        "only what the node took counts"
    );
}

#[test]
fn another_node_at_the_address_gets_nothing_believed() {
    let mut world = listener();
    world.switch("pump", 0, true);
    world.skip();
    world.dialled_hello(0, &said("valve"));
    world.expect(&[
        "keep c1 queued: valve answers at the address of plain:pump",
        "refused plain:pump: valve answers at the address of plain:pump",
        "hang up 0",
    ]);
    world.pass(2);
    world.skip();
    world.dialled_answers(1, "c1", OutcomeStatus::DONE, ON);
    let early = "outcome does not fit here: a dialled node says hello first";
    world.expect(&[
        &format!("keep c1 queued: {early}"),
        &format!("refused plain:pump: {early}"),
        "hang up 1",
    ]);
}

#[test]
fn a_node_that_says_it_is_not_meant_is_tried_again_later() {
    let mut world = listener();
    world.switch("pump", 0, true);
    world.skip();
    let error = Error::new(ErrorCode::WRONG_NODE, MessageKind::DIAL, "");
    world.dialled(0, &error, Correlation::Response(RequestId::FIRST));
    world.expect(&[
        "keep c1 queued: the node says: error 24 wrong-node",
        "refused plain:pump: the node says: error 24 wrong-node",
        "hang up 0",
    ]);
}

#[test]
fn a_dialled_node_only_answers() {
    let mut world = listener();
    world.switch("pump", 0, true);
    world.skip();
    world.dialled(0, &said("pump"), Correlation::Request(RequestId::FIRST));
    world.expect(&["refused plain:pump: hello does not fit here: a dialled node only answers"]);
}

#[test]
fn a_session_that_opens_while_the_node_is_dialled_gets_the_command_and_the_call_changes_nothing() {
    let mut world = listener();
    world.switch("pump", 0, true);
    world.open(2, "10.0.0.5");
    world.skip();
    world.hello(2, &said("pump"));
    world.expect(&[
        "keep c1 sent",
        "note Pump is online.",
        "2 < welcome admitted stored=0 keepalive=20",
        "2 < set c1 0/1 true",
    ]);
    world.unreachable(0, "refused");
    assert_eq!(world.steps("c1"), ["queued", "sent"]);
    world.answers(2, "c1", OutcomeStatus::DONE, ON);
    assert_eq!(world.steps("c1"), ["queued", "sent", "done"]);
}

#[test]
fn a_sleeper_is_not_dialled_and_one_between_contacts_is() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &said("pump"), &[module(0, "relay")]);
    world.says(1, &sleep(600, 0));
    world.close(1);
    let contact = Hello { capabilities: Capabilities::LISTENS, ..hello("meter") };
    world.join(2, "10.0.0.6", &contact, &[module(0, "relay")]);
    world.close(2);
    world.skip();
    world.switch("pump", 0, true);
    world.switch("meter", 0, true);
    world.expect(&[
        "keep c1 queued",
        "answer 1: c1",
        "keep c2 queued",
        "dial 0 10.0.0.6:1234: dial meter, set c2 0/1 true",
        "answer 2: c2",
    ]);
}

#[test]
fn forgetting_or_revoking_a_node_ends_the_call_to_it() {
    let node = || id("pump");
    for request in [
        Request::Forget { node: node() },
        Request::Revoke { node: node() },
        Request::Archive { node: node() },
    ] {
        let mut world = listener();
        world.switch("pump", 0, true);
        world.skip();
        world.ask_because("it was sold", request);
        let happened = world.take();
        assert!(happened.contains(&"hang up 0".to_owned()), "{happened:?}");
        world.dialled(0, &said("pump"), Correlation::Response(RequestId::FIRST));
        world.pass(600);
        let happened = world.take();
        assert!(!happened.iter().any(|line| line.starts_with("dial")), "{happened:?}");
    }
}

#[test]
fn a_disabled_node_is_not_dialled_until_it_is_enabled() {
    let mut world = listener();
    world.switch("pump", 0, true);
    world.ask(Request::Disable { node: id("pump") });
    world.unreachable(0, "refused");
    world.skip();
    world.pass(3600);
    world.expect(&["note Pump is lost."]);
    world.ask(Request::Enable { node: id("pump") });
    world.expect(&[
        "keep plain:pump (admitted, 2 modules)",
        "note Pump was enabled by ann.",
        "dial 1 10.0.0.5:1234: dial pump, set c1 0/1 true",
        "answer 3: done",
    ]);
}

#[test]
fn an_expired_command_is_not_brought_again_by_a_call_that_is_under_way() {
    let mut world = listener();
    world.ask(Request::Command { node: id("pump"), wanted: Wanted::Restart, expires_in_s: Some(3) });
    world.pass(3);
    world.dialled_hello(0, &said("pump"));
    world.dialled_answers(0, "c1", OutcomeStatus::DONE, None);
    assert_eq!(world.steps("c1"), ["queued", "expired"]);
}

#[test]
fn the_time_of_a_delivery_runs_from_its_turn() {
    let mut world = listener();
    world.is_crowded = true;
    world.switch("pump", 0, true);
    world.skip();
    world.pass(3600);
    assert!(world.is_dialling(0), "it waits behind others");
    world.turn(0);
    world.pass(14);
    assert!(world.is_dialling(0));
    world.pass(1);
    assert!(!world.is_dialling(0));
    world.is_crowded = false;
}

#[test]
fn an_address_is_dialled_at_most_once_a_second_until_a_node_answers_there() {
    let mut world = listener();
    world.join(2, "10.0.0.5", &said("valve"), &[module(0, "relay")]);
    world.close(2);
    world.switch("pump", 0, true);
    world.unreachable(0, "refused");
    world.skip();
    world.switch("valve", 0, true);
    world.expect(&["keep c2 queued", "answer 2: c2"]);
    world.pass(1);
    assert!(world.is_dialling(1) != world.is_dialling(2), "one of them, a second later");
    world.take();
}

#[test]
fn a_node_whose_address_is_not_dialled_gets_its_commands_when_it_opens_a_session() {
    let mut world = World::open_to_all();
    world.join(1, "127.0.0.5", &said("pump"), &[module(0, "relay")]);
    world.close(1);
    world.skip();
    world.switch("pump", 0, true);
    let why =
        "127.0.0.5:40000 is not dialled: it is this machine's loopback address, and dial_loopback is not set";
    world.expect(&["keep c1 queued", &format!("keep c1 queued: {why}"), "answer 1: c1"]);
    world.open(2, "127.0.0.5");
    world.hello(2, &said("pump"));
    assert_eq!(world.steps("c1"), ["queued", "sent"]);
}

#[test]
fn only_the_address_of_an_admitted_node_is_dialled_whatever_addresses_sessions_come_from() {
    let mut drawn = 1_u32;
    let mut world = World::new();
    world.is_crowded = true;
    for session in 0..2_000 {
        drawn = drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let address = std::net::Ipv4Addr::from_bits(drawn);
        let text = match session % 4 {
            0 => address.to_string(),
            1 => address.to_ipv6_mapped().to_string(),
            2 => format!("127.{}.0.1", drawn % 256),
            _ => format!("{}.255.255.255", 224 + drawn % 32),
        };
        let name = format!("n{session}");
        world.join(session, &text, &Hello { capabilities: BOTH, ..hello(&name) }, &[module(0, "relay")]);
        if session % 2 == 0 {
            world.ask(Request::Admit { node: id(&name) });
            world.ask(Request::Permit { node: id(&name) });
        }
        world.close(session);
        world.skip();
        world.switch(&name, 0, true);
        let dialled = world.take().into_iter().find(|line| line.starts_with("dial"));
        let plain = text.parse::<std::net::IpAddr>().unwrap().to_canonical();
        let is_machine = matches!(plain, std::net::IpAddr::V4(ip) if (1..224).contains(&ip.octets()[0]) && ip.octets()[0] != 127);
        let expected = (session % 2 == 0 && is_machine).then(|| format!("{plain}:1234"));
        match (&dialled, &expected) {
            (Some(line), Some(to)) => assert!(line.contains(to), "{line}"),
            (None, None) => {}
            _ => panic!("{text}: {dialled:?}, expected {expected:?}"),
        }
        let node = id(&name);
        let end = if session % 2 == 0 { Request::Forget { node } } else { Request::Reject { node } };
        world.ask_because("tried", end);
    }
}
