//! Hello: who is let in, what both sides agree on, and who takes over from whom.

use iot_core::{Request, config::HubConfig};
use iot_proto::{Capabilities, Hello, Identity, NodeKey, Ping, VersionRange};

use crate::{
    node::{hello, id, module},
    world::World,
};

#[test]
fn a_new_node_waits_for_a_person_and_is_told_when_it_is_admitted() {
    let mut world = World::new();
    world.open(1, "10.0.0.5");
    world.hello(1, &hello("north-bay"));
    world.expect(&["note North bay waits to be admitted.", "1 < welcome pending stored=0 keepalive=20"]);
    world.ask(Request::Admit { node: id("north-bay") });
    world.expect(&[
        "keep plain:north-bay (admitted, 0 modules)",
        "1 < admission admitted",
        "note North bay was admitted by ann.",
        "answer 1: done",
    ]);
}

#[test]
fn with_open_registration_a_new_node_is_admitted_and_kept_at_once() {
    let mut world = World::open_to_all();
    world.open(1, "10.0.0.5");
    world.hello(1, &hello("pump"));
    world.expect(&[
        "keep plain:pump (admitted, 0 modules)",
        "note Pump joined: registration is open.",
        "note Pump is online.",
        "1 < welcome admitted stored=0 keepalive=20",
    ]);
}

#[test]
fn the_keepalive_is_the_nodes_wish_where_it_is_sensible() {
    let cases = [(0, 20), (4, 20), (5, 5), (3600, 3600), (3601, 20), (u32::MAX, 20)];
    for (wished, agreed) in cases {
        let mut world = World::new();
        world.open(1, "10.0.0.5");
        world.skip();
        world.hello(1, &Hello { keepalive_s: wished, ..hello("pump") });
        let welcome = format!("1 < welcome pending stored=0 keepalive={agreed}");
        world.expect(&["note Pump waits to be admitted.", &welcome]);
    }
}

#[test]
fn a_second_session_takes_over_and_the_node_is_online_throughout() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.open(2, "10.0.0.6");
    world.skip();
    world.hello(2, &hello("pump"));
    world.expect(&[
        "keep plain:pump (admitted, 0 modules)",
        "1 < close replaced",
        "close 1",
        "2 < welcome admitted stored=0 keepalive=20",
    ]);
    world.feed(iot_core::Input::SessionClosed { session: iot_core::SessionId(1) });
    world.expect(&[]);
    assert_eq!(world.presence("pump"), "online: InSession");
}

#[test]
fn a_node_that_cannot_be_let_in_is_answered_and_its_session_ends() {
    let versions = VersionRange { min: 7, max: 9 };
    let key = Identity::Key(NodeKey([7; 32]));
    let cases = [
        (
            Hello { versions, ..hello("pump") },
            "version-unsupported",
            "the node speaks protocol versions 7 to 9, the hub 1",
        ),
        (
            Hello { identity: key, ..hello("pump") },
            "unproven-key",
            "the identity is not the one that the connection proves",
        ),
    ];
    for (said, code, text) in cases {
        let mut world = World::new();
        world.open(1, "10.0.0.5");
        world.hello(1, &said);
        let (error, refused) = (format!("1 < error {code}"), format!("refused 10.0.0.5: {text}"));
        world.expect(&[&error, &refused, &format!("1 < close {code}"), "close 1"]);
    }
}

#[test]
fn limits_below_the_least_cost_the_hello_and_not_the_session() {
    let mut world = World::new();
    world.open(1, "10.0.0.5");
    for said in [Hello { max_frame: 255, ..hello("pump") }, Hello { inflight: 0, ..hello("pump") }] {
        world.hello(1, &said);
        let refused = "refused 10.0.0.5: hello: a field is out of its bounds";
        world.expect(&["1 < error malformed-message", refused]);
    }
    world.hello(1, &Hello { max_frame: 256, ..hello("pump") });
    world.expect(&["note Pump waits to be admitted.", "1 < welcome pending stored=0 keepalive=20"]);
}

#[test]
fn a_second_hello_is_out_of_turn() {
    let mut world = World::new();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.skip();
    world.says(1, &hello("pump"));
    let refused = "refused plain:pump: hello does not fit here: hello was said already";
    world.expect(&["1 < error out-of-turn", refused]);
}

#[test]
fn before_hello_only_a_ping_is_served() {
    let mut world = World::new();
    world.open(1, "10.0.0.5");
    world.says(1, &Ping);
    world.register(1, &[module(0, "relay")]);
    world.expect(&[
        "1 < pong",
        "1 < error out-of-turn",
        "refused 10.0.0.5: register does not fit here: say hello first",
    ]);
}

#[test]
fn whoever_does_not_say_hello_in_time_is_closed() {
    let mut world = World::new();
    world.open(1, "10.0.0.5");
    world.pass(9);
    world.expect(&[]);
    world.pass(1);
    world.expect(&[
        "1 < error timed-out (one-way)",
        "refused 10.0.0.5: hello took longer than 10 s",
        "1 < close timed-out",
        "close 1",
    ]);
}

#[test]
fn limits_of_sessions_nodes_and_waiting_nodes_are_named_to_whom_they_stop() {
    let limits = HubConfig { max_sessions: 3, max_nodes: 3, max_waiting: 1, ..HubConfig::default() };
    let mut world = World::with(limits);
    world.join(1, "10.0.0.1", &hello("a"), &[]);
    world.open(2, "10.0.0.2");
    world.skip();
    world.hello(2, &hello("b"));
    world.expect(&[
        "2 < error too-many",
        "refused 10.0.0.2: waiting nodes would exceed the limit of 1",
        "2 < close too-many",
        "close 2",
    ]);
    world.open(3, "10.0.0.3");
    world.open(4, "10.0.0.4");
    world.open(5, "10.0.0.5");
    world.expect(&[
        "5 < error too-many (one-way)",
        "refused 10.0.0.5: sessions would exceed the limit of 3",
        "5 < close too-many",
        "close 5",
    ]);
}

#[test]
fn a_known_address_is_connecting_until_it_is_known_who_it_is() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.close(1);
    world.open(2, "10.0.0.5");
    assert_eq!(world.presence("pump"), "connecting: SayingHello");
    world.hello(2, &hello("valve"));
    assert_eq!(world.presence("pump"), "overdue: Cut", "another node lives there now");
    world.open(3, "10.0.0.7");
    world.hello(3, &Hello { capabilities: Capabilities(0), ..hello("pump") });
    world.close(3);
    world.open(4, "10.0.0.7");
    assert_eq!(world.presence("pump"), "connecting: SayingHello");
    world.close(4);
    assert_eq!(world.presence("pump"), "asleep: BetweenContacts");
}

#[test]
fn a_rejected_node_is_forgotten_and_may_knock_again() {
    let mut world = World::new();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.skip();
    world.ask(Request::Reject { node: id("pump") });
    world.expect(&["1 < close revoked", "close 1", "note Pump was turned away by ann.", "answer 1: done"]);
    world.join(2, "10.0.0.5", &hello("pump"), &[]);
    world.ask(Request::Admit { node: id("pump") });
    world.skip();
    world.ask(Request::Reject { node: id("pump") });
    world.expect(&["answer 3: plain:pump does not wait: it has been let in once"]);
    world.ask(Request::Forget { node: id("pump") });
    world.expect(&["answer 4: forgetting a node needs a reason"]);
    world.ask_because("it was sold", Request::Forget { node: id("pump") });
    world.expect(&[
        "forget plain:pump",
        "2 < close revoked",
        "close 2",
        "note Pump is overdue.",
        "note Pump was forgotten by ann.",
        "answer 5: done",
    ]);
}
