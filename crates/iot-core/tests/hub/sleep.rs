//! Nodes that sleep: what they promised holds, and nobody speaks to a sleeper.

use iot_proto::{Correlation, Hello, OutcomeStatus, Ping, Value};

use crate::{
    node::{BOTH, goodbye, hello, module, sleep},
    world::World,
};

fn said() -> Hello<'static> {
    Hello { capabilities: BOTH, ..hello("pump") }
}

fn sleeper() -> World {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &said(), &[module(0, "relay")]);
    world.skip();
    world
}

#[test]
fn a_node_sleeps_as_declared_then_is_overdue_then_lost() {
    let mut world = sleeper();
    world.says(1, &sleep(600, 2));
    world.expect(&["keep plain:pump (admitted, asleep, 1 modules)", "1 < sleep-ack waiting=0"]);
    world.pass(2);
    world.sends(1, &goodbye(), Correlation::OneWay);
    world.expect(&["close 1"]);
    assert_eq!(world.presence("pump"), "asleep: DeclaredSleep");
    world.pass(900);
    assert_eq!(world.presence("pump"), "overdue: DidNotWake");
    world.pass(600);
    world.expect(&["note Pump is overdue.", "note Pump is lost."]);
    assert_eq!(world.presence("pump"), "lost: DidNotWake");
}

#[test]
fn whoever_leaves_before_it_stops_listening_sleeps_from_then_on() {
    let mut world = sleeper();
    world.says(1, &sleep(600, 60));
    world.pass(1);
    world.close(1);
    assert_eq!(world.presence("pump"), "asleep: DeclaredSleep");
    let presence = world.hub.view(world.now()).nodes()[0].presence.clone();
    assert_eq!(presence.next_contact.unwrap().0 - world.now().wall.0, 600_000);
}

#[test]
fn commands_go_out_while_it_listens_and_wait_while_it_sleeps() {
    let mut world = sleeper();
    world.says(1, &sleep(600, 2));
    world.switch("pump", 0, true);
    world.answers(1, "c1", OutcomeStatus::DONE, Some(Value::Bool(true)));
    world.pass(2);
    world.skip();
    world.switch("pump", 0, false);
    world.expect(&["keep c2 queued", "answer 2: c2"]);
    world.close(1);
    world.pass(60);
    world.expect(&[]);
    world.open(2, "10.0.0.5");
    world.hello(2, &said());
    world.expect(&[
        "keep plain:pump (admitted, 1 modules)",
        "keep c2 sent",
        "2 < welcome admitted stored=0 keepalive=20",
        "2 < set c2 0/1 false",
    ]);
}

#[test]
fn a_sleeper_that_speaks_on_its_open_session_is_awake_and_gets_what_waits() {
    let mut world = sleeper();
    world.says(1, &sleep(600, 2));
    world.pass(2);
    world.switch("pump", 0, true);
    world.pass(300);
    world.skip();
    world.says(1, &Ping);
    world.expect(&[
        "keep plain:pump (admitted, 1 modules)",
        "keep c1 sent",
        "1 < set c1 0/1 true",
        "1 < pong",
    ]);
    assert_eq!(world.presence("pump"), "online: InSession");
    world.pass(90);
    assert_eq!(world.presence("pump"), "lost: Silent { for_s: 90 }", "under the keepalive that was agreed");
}

#[test]
fn an_answer_that_arrives_after_the_listening_time_does_not_wake_it() {
    let mut world = sleeper();
    world.switch("pump", 0, true);
    world.says(1, &sleep(600, 2));
    world.pass(3);
    world.answers(1, "c1", OutcomeStatus::DONE, Some(Value::Bool(true)));
    assert_eq!(world.presence("pump"), "asleep: DeclaredSleep");
    assert_eq!(world.steps("c1"), ["queued", "sent", "done"]);
}

#[test]
fn a_command_that_was_not_answered_before_it_slept_is_not_given_up_while_it_sleeps() {
    let mut world = sleeper();
    world.switch("pump", 0, true);
    world.says(1, &sleep(3600, 2));
    world.pass(600);
    assert_eq!(world.steps("c1"), ["queued", "sent", "queued"]);
    world.says(1, &Ping);
    assert_eq!(world.steps("c1"), ["queued", "sent", "queued", "sent"]);
}

#[test]
fn a_sleeper_that_stays_connected_and_does_not_wake_is_lost_and_its_session_ends() {
    let mut world = sleeper();
    world.says(1, &sleep(20, 0));
    world.skip();
    world.pass(50);
    world.expect(&[
        "note Pump is overdue.",
        "1 < ping",
        "note Pump is lost.",
        "refused plain:pump: no keepalive for 50 s",
        "1 < close silent",
        "close 1",
    ]);
    assert_eq!(world.presence("pump"), "lost: DidNotWake");
}

#[test]
fn sleep_for_no_time_at_all_is_no_loss() {
    let mut world = sleeper();
    world.says(1, &sleep(0, 0));
    assert_eq!(world.presence("pump"), "asleep: DeclaredSleep");
    world.pass(29);
    assert_eq!(world.presence("pump"), "asleep: DeclaredSleep");
    world.pass(1);
    assert_eq!(world.presence("pump"), "overdue: DidNotWake");
}

#[test]
fn a_declared_sleep_outlives_the_hub_with_its_bounds() {
    let mut world = sleeper();
    world.says(1, &sleep(600, 2));
    world.pass(2);
    world.sends(1, &goodbye(), Correlation::OneWay);
    world.pass(100);
    let before = world.hub.view(world.now()).nodes()[0].presence.clone();
    world.sleep_through(300);
    world.restart();
    assert_eq!(world.hub.view(world.now()).nodes()[0].presence, before);
    world.pass(499);
    assert_eq!(world.presence("pump"), "asleep: DeclaredSleep");
    world.pass(1);
    assert_eq!(world.presence("pump"), "overdue: DidNotWake", "900 s after it went, over the restart");
    world.restart();
    assert_eq!(world.presence("pump"), "overdue: DidNotWake");
    world.pass(600);
    assert_eq!(world.presence("pump"), "lost: DidNotWake");
    world.open(2, "10.0.0.5");
    world.hello(2, &said());
    world.restart();
    assert_eq!(world.presence("pump"), "overdue: NotSinceStart", "it was awake when the hub ended");
}

#[test]
fn a_sleep_that_ended_in_vain_while_the_hub_was_down_is_overdue_at_its_start() {
    let mut world = sleeper();
    world.says(1, &sleep(600, 0));
    world.sleep_through(1000);
    world.restart();
    assert_eq!(world.presence("pump"), "overdue: DidNotWake");
}

#[test]
fn a_command_for_a_sleeper_waits_over_a_restart_and_is_sent_when_it_wakes() {
    let mut world = sleeper();
    world.says(1, &sleep(600, 0));
    world.close(1);
    world.switch("pump", 0, true);
    world.restart();
    world.pass(60);
    assert_eq!(world.hub.view(world.now()).nodes()[0].queued, 1);
    world.skip();
    world.open(2, "10.0.0.5");
    world.hello(2, &said());
    assert_eq!(world.steps("c1"), ["queued", "sent"], "and nobody dialled a sleeper");
}

#[test]
fn a_time_that_is_absurd_is_refused_and_changes_nothing() {
    let mut world = sleeper();
    world.says(1, &sleep(u32::MAX, 2));
    world.says(1, &sleep(60, 3601));
    world.expect(&[
        "1 < error out-of-range",
        "refused plain:pump: a sleep of 4294967295 s exceeds the limit of 31622400 s",
        "1 < error out-of-range",
        "refused plain:pump: a time of listening before it sleeps of 3601 s exceeds the limit of 3600 s",
    ]);
    assert_eq!(world.presence("pump"), "online: InSession");
    world.open(2, "10.0.0.6");
    world.hello(
        2,
        &Hello { capabilities: iot_proto::Capabilities(0), keepalive_s: u32::MAX, ..hello("meter") },
    );
    world.expect(&[
        "2 < error out-of-range",
        "refused 10.0.0.6: a time between two contacts of 4294967295 s exceeds the limit of 31622400 s",
        "2 < close out-of-range",
        "close 2",
    ]);
}
