//! Reports: kept once, acknowledged when kept, judged reading by reading.

use iot_core::{Request, UnixMillis};
use iot_proto::{BootId, Hello, List, Reading, Report, Taken, Value};

use crate::{
    node::{hello, id, module, reading},
    world::World,
};

fn reporting() -> World {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay"), module(1, "temperature")]);
    world.skip();
    world
}

#[test]
fn a_report_is_kept_and_acknowledged_and_a_resend_is_acknowledged_only() {
    let mut world = reporting();
    world.report(1, 1, &[reading(0, 1, true), reading(1, 1, 21.5)]);
    world.expect(&["keep report 1 (2 readings, gap 0)", "1 < report-ack stored=1"]);
    world.report(1, 1, &[reading(0, 1, true), reading(1, 1, 21.5)]);
    world.expect(&["1 < report-ack stored=1"]);
}

#[test]
fn a_number_left_out_is_a_gap_and_what_comes_late_is_not_taken_for_new() {
    let mut world = reporting();
    world.report(1, 1, &[]);
    world.report(1, 4, &[reading(1, 1, 21.5)]);
    world.report(1, 3, &[reading(1, 1, 20.0)]);
    world.expect(&[
        "keep report 1 (0 readings, gap 0)",
        "1 < report-ack stored=1",
        "keep report 4 (1 readings, gap 2)",
        "1 < report-ack stored=4",
        "1 < report-ack stored=4",
    ]);
    let node = &world.hub.view(world.now()).nodes()[0];
    assert_eq!((node.reports, node.duplicates, node.lost_reports), (2, 1, 2));
}

#[test]
fn the_welcome_tells_what_is_stored_of_the_run() {
    let mut world = reporting();
    world.report(1, 7, &[]);
    world.close(1);
    world.open(2, "10.0.0.5");
    world.skip();
    world.hello(2, &hello("pump"));
    world.expect(&["note Pump is online.", "2 < welcome admitted stored=7 keepalive=20"]);
}

#[test]
fn a_reading_that_does_not_fit_is_named_and_the_others_are_kept() {
    let mut world = reporting();
    world.report(
        1,
        1,
        &[
            reading(0, 1, true),
            reading(0, 9, true),
            reading(0, 1, 1_i64),
            reading(1, 1, 900.0),
            reading(5, 1, true),
        ],
    );
    world.expect(&[
        "keep report 1 (1 readings, gap 0)",
        "refused plain:pump: the node says: error 50 unknown-channel: 4 of 5 readings refused, \
         the first at position 1",
        "1 < report-ack stored=1 1:unknown-channel 2:wrong-type 3:out-of-range 4:module-not-registered",
    ]);
}

#[test]
fn more_refused_readings_than_the_nodes_frames_carry_are_told_as_far_as_they_fit() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &Hello { max_frame: 256, ..hello("pump") }, &[]);
    world.skip();
    let refused = vec![reading(9, 1, true); 512];
    world.report(1, 1, &refused);
    let listed: Vec<_> = (0..38).map(|at| format!("{at}:module-not-registered")).collect();
    world.expect(&[
        "keep report 1 (0 readings, gap 0)",
        "refused plain:pump: the node says: error 33 module-not-registered: 512 of 512 readings refused, \
         the first at position 0",
        &format!("1 < report-ack stored=1 {}", listed.join(" ")),
    ]);
}

#[test]
fn a_late_reading_is_kept_and_does_not_replace_a_newer_one() {
    let mut world = reporting();
    world.report(1, 1, &[reading(1, 1, 21.5)]);
    world.report(1, 2, &[Reading { taken: Taken::Age(60_000), ..reading(1, 1, 5.0) }]);
    world.expect(&[
        "keep report 1 (1 readings, gap 0)",
        "1 < report-ack stored=1",
        "keep report 2 (1 readings, gap 0)",
        "1 < report-ack stored=2",
    ]);
    let node = &world.hub.view(world.now()).nodes()[0];
    let latest = node.modules[1].properties[0].latest.as_ref().unwrap();
    assert_eq!(latest.value.borrow(), Value::from(21.5));
}

#[test]
fn a_clock_a_little_ahead_does_not_keep_later_readings_from_being_the_latest() {
    let mut world = reporting();
    let ahead = Taken::At(UnixMillis(world.now().wall.0 + 59_000));
    world.report(1, 1, &[Reading { taken: ahead, ..reading(1, 1, 21.5) }]);
    world.pass(1);
    world.report(1, 2, &[reading(1, 1, 22.5)]);
    world.skip();
    let node = &world.hub.view(world.now()).nodes()[0];
    let latest = node.modules[1].properties[0].latest.as_ref().unwrap();
    assert_eq!(latest.value.borrow(), Value::from(22.5));
}

#[test]
fn nothing_is_kept_of_a_node_that_waits_or_is_disabled() {
    let mut world = World::new();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    world.skip();
    world.report(1, 1, &[reading(0, 1, true)]);
    world.expect(&["1 < error pending-approval", "refused plain:pump: plain:pump waits to be admitted"]);
    world.ask(Request::Admit { node: id("pump") });
    world.ask(Request::Disable { node: id("pump") });
    world.skip();
    world.report(1, 1, &[reading(0, 1, true)]);
    world.expect(&["1 < error disabled", "refused plain:pump: plain:pump is disabled"]);
    world.ask(Request::Enable { node: id("pump") });
    world.skip();
    world.report(1, 1, &[reading(0, 1, true)]);
    world.expect(&["keep report 1 (1 readings, gap 0)", "1 < report-ack stored=1"]);
}

#[test]
fn reports_of_an_earlier_run_go_on_beside_the_present_one() {
    let mut world = reporting();
    for (boot, sequence) in [(1, 1), (2, 1), (1, 2), (1, 2)] {
        world.says(1, &Report { boot: BootId(boot), sequence, readings: List::EMPTY });
    }
    world.expect(&[
        "keep report 1 (0 readings, gap 0)",
        "1 < report-ack stored=1",
        "keep report 1 (0 readings, gap 0)",
        "1 < report-ack stored=1",
        "keep report 2 (0 readings, gap 0)",
        "1 < report-ack stored=2",
        "1 < report-ack stored=2",
    ]);
}

#[test]
fn reports_count_from_one() {
    let mut world = reporting();
    world.report(1, 0, &[]);
    let refused = "refused plain:pump: report does not fit here: reports count from 1";
    world.expect(&["1 < error out-of-turn", refused]);
}

#[test]
fn what_was_refused_comes_before_what_follows_so_that_no_acknowledgement_covers_it() {
    let mut world = reporting();
    world.ask(Request::Disable { node: id("pump") });
    world.report(1, 1, &[reading(0, 1, true)]);
    world.ask(Request::Enable { node: id("pump") });
    world.skip();
    world.report(1, 2, &[reading(0, 1, false)]);
    let happened = world.take();
    assert!(happened[0].starts_with("1 < error not-stored"), "{happened:?}");
    world.register(1, &[module(0, "relay"), module(1, "temperature")]);
    world.report(1, 1, &[reading(0, 1, true)]);
    world.skip();
    world.report(1, 2, &[reading(0, 1, false)]);
    world.expect(&["keep report 2 (1 readings, gap 0)", "1 < report-ack stored=2"]);
}
