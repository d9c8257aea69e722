//! Presence of nodes that keep their session, and of those that come and go.

use iot_core::Request;
use iot_proto::{Capabilities, Hello, Ping, Pong};

use crate::{
    node::{goodbye, hello, id, reading},
    world::World,
};

fn contact(name: &str, within_s: u32) -> Hello<'_> {
    Hello { capabilities: Capabilities(0), keepalive_s: within_s, ..hello(name) }
}

#[test]
fn a_silent_node_is_asked_then_lost_and_its_session_ends_once() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.skip();
    world.pass(29);
    world.expect(&[]);
    world.pass(1);
    world.expect(&["note Pump is overdue.", "1 < ping"]);
    assert_eq!(world.presence("pump"), "overdue: Silent { for_s: 30 }");
    world.pass(60);
    world.expect(&[
        "note Pump is lost.",
        "refused plain:pump: no keepalive for 90 s",
        "1 < close silent",
        "close 1",
    ]);
    assert_eq!(world.presence("pump"), "lost: Silent { for_s: 90 }");
    world.pass(3600);
    world.expect(&[]);
}

#[test]
fn any_message_is_a_sign_of_life() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.pass(30);
    world.skip();
    world.replies(1, &Pong { time: None });
    world.expect(&["note Pump is online."]);
    world.pass(29);
    world.says(1, &Ping);
    world.pass(29);
    world.expect(&["1 < pong"]);
    assert_eq!(world.presence("pump"), "online: InSession");
}

#[test]
fn a_cut_connection_is_overdue_at_once_and_then_lost() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.skip();
    world.pass(10);
    world.close(1);
    assert_eq!(world.presence("pump"), "overdue: Cut");
    world.pass(80);
    world.expect(&["note Pump is overdue.", "note Pump is lost."]);
    assert_eq!(world.presence("pump"), "lost: Cut");
}

#[test]
fn a_goodbye_without_a_promise_is_named_as_such() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.skip();
    world.sends(1, &goodbye(), iot_proto::Correlation::OneWay);
    world.expect(&["note Pump is overdue.", "close 1"]);
    assert_eq!(world.presence("pump"), "overdue: SaidGoodbye");
}

#[test]
fn a_one_shot_node_says_all_at_once_and_is_expected_back_in_its_time() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &contact("meter", 600), &[]);
    world.report(1, 1, &[reading(0, 1, true)]);
    world.skip();
    world.close(1);
    assert_eq!(world.presence("meter"), "asleep: BetweenContacts");
    world.pass(899);
    world.expect(&[]);
    world.pass(1);
    assert_eq!(world.presence("meter"), "overdue: DidNotContact");
    world.pass(600);
    world.expect(&["note Meter is overdue.", "note Meter is lost."]);
    assert_eq!(world.presence("meter"), "lost: DidNotContact");
}

#[test]
fn the_coming_and_going_of_a_one_shot_node_is_no_news_unless_it_was_missed() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &contact("meter", 600), &[]);
    world.close(1);
    world.open(2, "10.0.0.5");
    world.skip();
    world.hello(2, &contact("meter", 600));
    world.close(2);
    world.expect(&["2 < welcome admitted stored=0 keepalive=20"]);
    world.pass(1000);
    world.open(3, "10.0.0.5");
    world.hello(3, &contact("meter", 600));
    world.expect(&[
        "note Meter is overdue.",
        "note Meter is online.",
        "3 < welcome admitted stored=0 keepalive=20",
    ]);
}

#[test]
fn a_one_shot_node_that_leaves_its_connection_open_is_not_lost_but_between_contacts() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &contact("meter", 600), &[]);
    world.skip();
    world.pass(90);
    world.expect(&[
        "note Meter is overdue.",
        "1 < ping",
        "refused plain:meter: no keepalive for 90 s",
        "1 < close silent",
        "close 1",
    ]);
    assert_eq!(world.presence("meter"), "asleep: BetweenContacts");
    let presence = world.hub.view(world.now()).nodes()[0].presence.clone();
    let since_heard = presence.next_contact.unwrap().0 - world.now().wall.0;
    assert_eq!(since_heard, 510_000, "it is expected from when it was last heard");
}

#[test]
fn a_node_that_waits_for_a_person_makes_no_news_by_coming_and_going() {
    let mut world = World::new();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.skip();
    world.close(1);
    world.pass(100);
    world.expect(&[]);
}

#[test]
fn disabled_is_laid_over_presence_and_taken_off_again() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.skip();
    world.ask_because("it leaks", Request::Disable { node: id("pump") });
    world.expect(&[
        "keep plain:pump (admitted, disabled, 0 modules)",
        "1 < admission disabled",
        "note Pump was disabled by ann.",
        "answer 1: done",
    ]);
    assert_eq!(world.presence("pump"), r#"disabled: DisabledBy { by: "ann", why: "it leaks" }"#);
    world.ask(Request::Enable { node: id("pump") });
    assert_eq!(world.presence("pump"), "online: InSession");
}
