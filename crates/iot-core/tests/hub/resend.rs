//! Commands that do not come through at once: sent again, superseded, waited for, given up.

use std::time::Duration;

use iot_core::{
    config::{HubConfig, Registration},
    view::Wanted,
};
use iot_proto::{Acknowledged, Hello, OutcomeStatus, Ping, Value};

use crate::{
    command::relay,
    node::{BOTH, hello, module, reading, sleep},
    world::World,
};

#[test]
fn three_times_sent_and_never_answered_has_failed() {
    let mut world = relay(1);
    world.want("pump", Wanted::Identify { for_s: 5 });
    for _ in 0..3 {
        world.pass(5);
        world.says(1, &Ping);
        world.pass(4);
    }
    assert_eq!(world.steps("c1"), ["queued", "sent", "queued", "sent", "queued", "sent"]);
    world.skip();
    world.pass(3);
    world.expect(&[
        "keep c1 failed: no answer within 10 s",
        "note Pump: identify for 5 s, failed: no answer within 10 s.",
    ]);
}

#[test]
fn a_session_on_which_nothing_is_heard_takes_no_more_commands_until_something_is() {
    let mut world = relay(1);
    world.pass(1);
    world.switch("pump", 0, true);
    world.pass(5);
    world.says(1, &Ping);
    world.pass(6);
    world.skip();
    world.pass(12);
    world.expect(&["keep c1 queued: no keepalive for 15 s"]);
    world.switch("pump", 1, true);
    assert_eq!(world.steps("c2"), ["queued"], "it would arrive behind all others, at once");
    world.skip();
    world.says(1, &Ping);
    assert_eq!(
        world.take()[..2],
        ["keep c1 sent", "1 < set c1 0/1 true"],
        "once something is heard it goes on"
    );
}

#[test]
fn an_answer_that_is_none_counts_as_none() {
    let mut world = relay(1);
    world.want("pump", Wanted::Restart);
    for _ in 0..3 {
        world.skip();
        world.answers_with(1, "c1", &Acknowledged);
    }
    let none = "acknowledged does not fit here: a command is answered with its outcome";
    world.expect(&[
        &format!("keep c1 failed: {none}"),
        &format!("note Pump: restart, failed: {none}."),
        &format!("refused plain:pump: {none}"),
    ]);
}

#[test]
fn what_was_on_its_way_when_the_connection_ended_waits_and_is_sent_again() {
    let mut world = relay(2);
    world.switch("pump", 0, true);
    world.switch("pump", 1, true);
    world.answers(1, "c2", OutcomeStatus::ACCEPTED, None);
    world.skip();
    world.close(1);
    world.expect(&["keep c1 queued: the connection ended before the node answered", "note Pump is overdue."]);
    world.open(2, "10.0.0.5");
    world.hello(2, &hello("pump"));
    world.expect(&[
        "keep c1 sent",
        "note Pump is online.",
        "2 < welcome admitted stored=0 keepalive=20",
        "2 < set c1 0/1 true",
    ]);
}

#[test]
fn a_takeover_while_a_command_is_on_its_way_sends_it_on_the_new_session_and_dials_nobody() {
    let mut world = World::open_to_all();
    let said = Hello { capabilities: BOTH, ..hello("pump") };
    world.join(1, "10.0.0.5", &said, &[module(0, "relay")]);
    world.switch("pump", 0, true);
    world.open(2, "10.0.0.5");
    world.skip();
    world.hello(2, &said);
    world.expect(&[
        "keep c1 queued: the connection ended before the node answered",
        "keep c1 sent",
        "1 < close replaced",
        "close 1",
        "2 < welcome admitted stored=0 keepalive=20",
        "2 < set c1 0/1 true",
    ]);
}

#[test]
fn a_newer_command_for_the_same_property_takes_the_place_of_one_that_waits() {
    let mut world = relay(1);
    world.close(1);
    world.switch("pump", 0, true);
    world.switch("pump", 1, true);
    world.skip();
    world.switch("pump", 0, false);
    world.expect(&[
        "keep c3 queued",
        "keep c1 cancelled: a newer command took its place: c3",
        "note Relay 0: State On, cancelled: a newer command took its place: c3.",
        "answer 3: c3",
    ]);
}

#[test]
fn a_command_that_is_not_answered_is_not_sent_again_after_a_newer_one_for_the_same_property() {
    let mut world = relay(2);
    world.switch("pump", 0, true);
    world.switch("pump", 0, false);
    world.answers(1, "c2", OutcomeStatus::DONE, Some(Value::Bool(false)));
    world.skip();
    world.pass(10);
    world.expect(&[
        "keep c1 cancelled: a newer command took its place: c2",
        "note Relay 0: State On, cancelled: a newer command took its place: c2.",
    ]);
}

#[test]
fn an_accepted_command_must_be_done_in_two_minutes_while_its_node_is_there() {
    let mut world = relay(1);
    world.switch("pump", 0, true);
    world.answers(1, "c1", OutcomeStatus::ACCEPTED, None);
    for second in 1..=12 {
        assert_eq!(world.steps("c1"), ["queued", "sent", "accepted"], "{second}");
        world.pass(10);
        world.says(1, &Ping);
    }
    assert_eq!(world.steps("c1"), ["queued", "sent", "accepted", "failed"]);
}

#[test]
fn a_node_that_is_away_is_not_late_with_what_it_accepted() {
    let mut world = relay(1);
    world.switch("pump", 0, true);
    world.answers(1, "c1", OutcomeStatus::ACCEPTED, None);
    world.says(1, &sleep(600, 0));
    world.close(1);
    world.pass(600);
    assert_eq!(world.steps("c1"), ["queued", "sent", "accepted"]);
    world.open(2, "10.0.0.5");
    world.hello(2, &hello("pump"));
    world.report(2, 1, &[reading(0, 1, true)]);
    assert_eq!(world.steps("c1"), ["queued", "sent", "accepted", "done"]);
}

#[test]
fn a_time_of_nothing_is_over_within_the_same_input() {
    let config =
        HubConfig { answer_within: Duration::ZERO, registration: Registration::Open, ..HubConfig::default() };
    let mut world = World::with(config);
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.want("pump", Wanted::Identify { for_s: 5 });
    assert_eq!(world.steps("c1"), ["queued", "sent", "queued", "sent", "queued", "sent", "failed"]);
}
