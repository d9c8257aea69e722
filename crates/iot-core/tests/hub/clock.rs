//! Wall clocks that are wrong and are set right: they label, and nothing else follows from them.

use iot_core::{CommandState, Request, UnixMillis, view::Wanted};
use iot_proto::{OutcomeStatus, OwnedValue, Reading, Taken, Value};

use crate::{
    node::{hello, id, module, reading},
    world::World,
};

/// Twenty years, in seconds.
const YEARS: i64 = 20 * 365 * 86_400;

fn reporting() -> World {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay"), module(1, "temperature")]);
    world.skip();
    world
}

/// The latest temperature, and when it was measured.
fn latest(world: &World) -> (Value<'static>, UnixMillis) {
    let node = world.hub.view(world.now()).node(&id("pump")).expect("a known node");
    let latest = node.modules[1].properties[0].latest.clone().expect("a reading");
    let OwnedValue::Float(value) = latest.value else { panic!("{latest:?}") };
    (Value::Float(value), latest.measured)
}

fn switch_for(world: &mut World, seconds: u32) {
    let wanted = Wanted::Set { module: 0, channel: 1, value: OwnedValue::Bool(true) };
    world.ask(Request::Command { node: id("pump"), wanted, expires_in_s: Some(seconds) });
}

#[test]
fn a_value_from_a_clock_that_cannot_be_right_is_kept_with_the_time_of_its_arrival() {
    let mut world = reporting();
    let arrival = world.now().wall;
    for (sequence, at) in (1..).zip([arrival.0 + 64 * 365 * 86_400_000, 0, i64::MIN, i64::MAX]) {
        let value = f64::from(sequence);
        world.report(1, sequence, &[Reading { taken: Taken::At(UnixMillis(at)), ..reading(1, 1, value) }]);
        assert_eq!(latest(&world), (Value::from(value), arrival), "{at}");
    }
    world.report(1, 5, &[Reading { taken: Taken::At(UnixMillis(arrival.0 - 9)), ..reading(1, 1, 5.0) }]);
    assert_eq!(latest(&world).0, Value::from(4.0), "a late one lands where it belongs");
}

#[test]
fn a_value_that_a_wrong_clock_put_into_the_future_gives_way_to_the_next() {
    let mut world = reporting();
    world.step_clock(YEARS);
    world.report(1, 1, &[reading(1, 1, 20.0)]);
    world.step_clock(-YEARS);
    world.pass(1);
    world.report(1, 2, &[reading(1, 1, 21.0)]);
    assert_eq!(latest(&world), (Value::from(21.0), world.now().wall));
}

#[test]
fn a_command_expires_when_its_time_is_over_however_the_clock_steps() {
    for step in [1, -1, YEARS, -YEARS] {
        let mut world = reporting();
        world.close(1);
        switch_for(&mut world, 60);
        world.step_clock(step);
        world.pass(59);
        assert_eq!(world.steps("c1"), ["queued"], "{step}");
        world.pass(1);
        assert_eq!(world.steps("c1"), ["queued", "expired"], "{step}");
    }
}

#[test]
fn a_hub_that_starts_with_its_clock_in_1970_gives_a_command_its_whole_time_and_no_more() {
    let mut world = reporting();
    world.close(1);
    switch_for(&mut world, 60);
    world.pass(30);
    world.step_clock(-world.now().wall.0 / 1000);
    world.restart();
    world.step_clock(2 * YEARS);
    world.pass(59);
    assert_eq!(world.steps("c1"), ["queued"]);
    world.pass(1);
    assert_eq!(world.steps("c1"), ["queued", "expired"]);
}

#[test]
fn a_report_proves_a_command_done_although_the_clock_was_set_back() {
    let mut world = reporting();
    switch_for(&mut world, 60);
    world.answers(1, "c1", OutcomeStatus::ACCEPTED, None);
    world.step_clock(-3_600);
    world.pass(1);
    world.report(1, 1, &[reading(0, 1, true)]);
    assert_eq!(world.steps("c1"), ["queued", "sent", "accepted", CommandState::Done.word()]);
}

#[test]
fn a_value_from_before_a_command_proves_nothing_although_the_clock_was_set_ahead() {
    let mut world = reporting();
    world.pass(60);
    switch_for(&mut world, 60);
    world.answers(1, "c1", OutcomeStatus::ACCEPTED, None);
    world.step_clock(3_600);
    world.report(1, 1, &[Reading { taken: Taken::Age(10_000), ..reading(0, 1, true) }]);
    assert_eq!(world.steps("c1"), ["queued", "sent", "accepted"]);
}
