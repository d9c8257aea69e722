//! The life of a command on a session: every step has its cause, and nothing is left half way.

use iot_core::{Request, config::HubConfig, view::Wanted};
use iot_proto::{Error, ErrorCode, Hello, MessageKind, OutcomeStatus, OwnedValue, Reading, Taken, Value};

use crate::{
    node::{hello, id, module, outcome, reading},
    world::World,
};

const ON: Option<Value<'_>> = Some(Value::Bool(true));
const OFF: Option<Value<'_>> = Some(Value::Bool(false));

/// A kind whose text is as long as a value can be.
const NOTICE: &str = r#"
kind = "notice"
version = 1
title = "Notice"
summary = "A line of text."
icon = "display"

[[property]]
channel = 1
name = "text"
title = "Text"
type = "text"
max_chars = 256
access = "read-write"
"#;

/// A node with two relays, a thermometer and a display, in session 1.
pub(crate) fn relay(inflight: u8) -> World {
    let mut world = World::open_to_all();
    let modules =
        [module(0, "relay"), module(1, "relay"), module(2, "temperature"), module(3, "text-display")];
    world.join(1, "10.0.0.5", &Hello { inflight, ..hello("pump") }, &modules);
    world.skip();
    world
}

#[test]
fn a_command_is_done_when_the_node_reports_the_value() {
    let mut world = relay(1);
    world.switch("pump", 0, true);
    world.expect(&["keep c1 queued", "keep c1 sent", "1 < set c1 0/1 true", "answer 1: c1"]);
    world.answers(1, "c1", OutcomeStatus::DONE, ON);
    world.expect(&["keep report 0 (1 readings, gap 0)", "keep c1 done", "note Relay 0: State On, done."]);
}

#[test]
fn done_without_a_value_is_only_accepted_until_a_report_has_it() {
    let mut world = relay(1);
    world.switch("pump", 0, true);
    world.answers(1, "c1", OutcomeStatus::DONE, None);
    world.pass(1);
    world.report(1, 1, &[reading(0, 1, false)]);
    assert_eq!(world.steps("c1"), ["queued", "sent", "accepted"]);
    world.report(1, 2, &[reading(0, 1, true)]);
    assert_eq!(world.steps("c1"), ["queued", "sent", "accepted", "done"]);
}

#[test]
fn a_value_measured_before_the_command_was_sent_does_not_make_it_done() {
    let mut world = relay(1);
    world.pass(20);
    world.switch("pump", 0, true);
    world.answers(1, "c1", OutcomeStatus::ACCEPTED, None);
    world.report(1, 1, &[Reading { taken: Taken::Age(10_000), ..reading(0, 1, true) }]);
    assert_eq!(world.steps("c1"), ["queued", "sent", "accepted"]);
}

#[test]
fn done_with_another_value_than_wanted_has_failed() {
    let mut world = relay(1);
    world.switch("pump", 0, true);
    world.skip();
    world.answers(1, "c1", OutcomeStatus::DONE, OFF);
    world.expect(&[
        "keep report 0 (1 readings, gap 0)",
        "keep c1 failed: the node reports Off instead of On",
        "note Relay 0: State On, failed: the node reports Off instead of On.",
    ]);
}

#[test]
fn an_error_of_the_node_ends_the_command_with_its_words() {
    let mut world = relay(1);
    world.switch("pump", 0, true);
    world.skip();
    world.answers(1, "c1", OutcomeStatus::FAILED, None);
    world.expect(&[
        "keep c1 failed: the node says: error 41 blocked",
        "note Relay 0: State On, failed: the node says: error 41 blocked.",
    ]);
}

#[test]
fn a_later_outcome_ends_an_accepted_command_and_is_acknowledged() {
    let mut world = relay(1);
    world.want("pump", Wanted::Invoke { module: 0, channel: 2, argument: Some(OwnedValue::Int(100)) });
    world.answers(1, "c1", OutcomeStatus::ACCEPTED, None);
    world.skip();
    let command = world.names.id("c1");
    world.says(1, &outcome(command, OutcomeStatus(77), None));
    world.says(1, &outcome(command, OutcomeStatus::DONE, None));
    world.says(1, &outcome(command, OutcomeStatus::DONE, None));
    world.expect(&[
        "keep c1 accepted",
        "1 < acknowledged",
        "keep c1 done",
        "note Relay 0: Pulse 100\u{a0}ms, done.",
        "1 < acknowledged",
        "1 < acknowledged",
    ]);
}

#[test]
fn an_outcome_of_another_nodes_command_is_unknown() {
    let mut world = relay(1);
    world.join(2, "10.0.0.6", &hello("valve"), &[]);
    world.switch("pump", 0, true);
    world.skip();
    let command = world.names.id("c1");
    world.says(2, &outcome(command, OutcomeStatus::DONE, None));
    world.expect(&["2 < error unknown-command", "refused plain:valve: no command c1 is known"]);
}

#[test]
fn a_node_gets_no_more_at_one_time_than_it_takes_and_the_next_when_it_has_answered() {
    let mut world = relay(1);
    world.switch("pump", 0, true);
    world.switch("pump", 1, true);
    world.want("pump", Wanted::Get { module: 2, channel: 1 });
    world.skip();
    world.answers(1, "c1", OutcomeStatus::DONE, ON);
    world.answers(1, "c2", OutcomeStatus::ACCEPTED, None);
    world.answers(1, "c3", OutcomeStatus::DONE, Some(Value::from(21.5)));
    world.expect(&[
        "keep report 0 (1 readings, gap 0)",
        "keep c1 done",
        "keep c2 sent",
        "note Relay 0: State On, done.",
        "1 < set c2 1/1 true",
        "keep c2 accepted",
        "keep c3 sent",
        "1 < get c3 2/1",
        "keep report 0 (1 readings, gap 0)",
        "keep c3 done",
        "note Temperature 2: read Temperature, done.",
    ]);
}

#[test]
fn a_node_that_does_not_know_the_message_has_not_done_it() {
    let mut world = relay(1);
    world.want("pump", Wanted::Identify { for_s: 5 });
    world.skip();
    let error = Error::new(ErrorCode::UNSUPPORTED_MESSAGE, MessageKind::IDENTIFY, "no lamp");
    world.answers_with(1, "c1", &error);
    world.expect(&[
        "keep c1 failed: the node says: error 1 unsupported-message: no lamp",
        "note Pump: identify for 5 s, failed: the node says: error 1 unsupported-message: no lamp.",
    ]);
}

#[test]
fn a_command_expires_whatever_it_waits_for_and_its_late_answer_changes_nothing() {
    let mut world = relay(1);
    let wanted = Wanted::Set { module: 0, channel: 1, value: OwnedValue::Bool(true) };
    world.ask(Request::Command { node: id("pump"), wanted: wanted.clone(), expires_in_s: Some(5) });
    world.skip();
    world.pass(5);
    world.expect(&[
        "keep c1 expired: expired before it was done",
        "note Relay 0: State On, expired: expired before it was done.",
    ]);
    world.answers(1, "c1", OutcomeStatus::DONE, ON);
    world.expect(&["refused plain:pump: outcome does not fit here: it answers no request"]);
    world.ask(Request::Command { node: id("pump"), wanted, expires_in_s: Some(0) });
    assert_eq!(world.steps("c2"), ["queued", "sent"], "no time at all is a second");
}

#[test]
fn a_cancelled_command_makes_room_for_the_next() {
    let mut world = relay(1);
    world.switch("pump", 0, true);
    world.switch("pump", 1, true);
    world.skip();
    let first = world.names.id("c1");
    world.ask(Request::Cancel { id: first });
    world.expect(&[
        "keep c1 cancelled: cancelled by ann",
        "keep c2 sent",
        "note Relay 0: State On, cancelled: cancelled by ann.",
        "1 < set c2 1/1 true",
        "answer 3: done",
    ]);
    world.ask(Request::Cancel { id: first });
    world.expect(&["answer 4: the command has ended already"]);
}

#[test]
fn what_cannot_be_wanted_of_a_node_is_refused_at_once() {
    let mut world = relay(1);
    let set = |module, channel, value| Wanted::Set { module, channel, value };
    world.want("valve", Wanted::Restart);
    world.want("pump", set(7, 1, OwnedValue::Bool(true)));
    world.want("pump", set(0, 9, OwnedValue::Bool(true)));
    world.want("pump", set(0, 1, OwnedValue::Int(1)));
    world.want("pump", set(2, 1, Value::from(21.5).into()));
    world.want("pump", Wanted::Invoke { module: 0, channel: 2, argument: Some(OwnedValue::Int(1)) });
    world.expect(&[
        "answer 1: no node plain:valve is known",
        "answer 2: plain:pump has registered no module 7",
        "answer 3: module kind relay has no channel 9",
        "answer 4: on takes false (Off) or true (On)",
        "answer 5: temperature cannot be set",
        "answer 6: pulse takes 50 to 60000 ms in steps of 50, not 1\u{a0}ms",
    ]);
}

#[test]
fn a_node_has_at_most_so_many_commands_waiting() {
    let registration = iot_core::config::Registration::Open;
    let mut world = World::with(HubConfig { max_queued: 2, registration, ..HubConfig::default() });
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    world.close(1);
    world.want("pump", Wanted::Restart);
    world.switch("pump", 0, true);
    world.skip();
    world.want("pump", Wanted::Restart);
    world.expect(&["answer 3: commands that wait for one node would exceed the limit of 2"]);
    world.switch("pump", 0, false);
    world.skip();
    assert_eq!(world.steps("c3"), ["queued"], "what takes another's place needs no room");
}

#[test]
fn a_command_longer_than_the_nodes_frames_fails_and_says_so() {
    let mut world = World::with_kind("notice", NOTICE);
    world.join(1, "10.0.0.5", &Hello { max_frame: 256, ..hello("pump") }, &[module(0, "notice")]);
    world.skip();
    let value = OwnedValue::Text("x".repeat(240).into());
    world.want("pump", Wanted::Set { module: 0, channel: 1, value });
    let happened = world.take();
    let failed = "keep c1 failed: bytes of the command would exceed the limit of 256";
    assert_eq!(happened[..2], ["keep c1 queued", failed]);
    assert_eq!(world.steps("c1"), ["queued", "failed"]);
}

#[test]
fn a_revoked_nodes_commands_are_cancelled_and_it_is_let_in_no_more() {
    let mut world = relay(1);
    world.switch("pump", 0, true);
    world.switch("pump", 1, true);
    world.skip();
    world.ask(Request::Revoke { node: id("pump") });
    assert_eq!(world.steps("c1"), ["queued", "sent", "cancelled"]);
    assert_eq!(world.steps("c2"), ["queued", "cancelled"]);
    world.open(2, "10.0.0.5");
    world.skip();
    world.hello(2, &hello("pump"));
    world.expect(&[
        "2 < error revoked",
        "refused 10.0.0.5: plain:pump is revoked",
        "2 < close revoked",
        "close 2",
    ]);
}

#[test]
fn what_waits_for_a_disabled_node_is_sent_when_it_is_enabled() {
    let mut world = relay(1);
    world.close(1);
    world.switch("pump", 0, true);
    world.ask(Request::Disable { node: id("pump") });
    world.open(2, "10.0.0.5");
    world.hello(2, &hello("pump"));
    assert_eq!(world.steps("c1"), ["queued"]);
    world.switch("pump", 0, false);
    world.skip();
    world.ask(Request::Enable { node: id("pump") });
    world.expect(&[
        "keep plain:pump (admitted, 4 modules)",
        "keep c1 sent",
        "2 < admission admitted",
        "note Pump was enabled by ann.",
        "2 < set c1 0/1 true",
        "answer 4: done",
    ]);
}
