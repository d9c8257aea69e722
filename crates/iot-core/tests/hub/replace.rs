//! Replacing hardware: what people call a node and keep of it moves to another board, and nothing else does.

use iot_core::{
    NodeId, Request,
    view::{Archived, Fate, NodeFilter, NodeView, Wanted},
};
use iot_proto::{BootId, Hello, List, OutcomeStatus, Register, Value};

use crate::{
    node::{hello, id, module, reading},
    world::World,
};

fn replace() -> Request {
    Request::Replace { node: id("old"), by: id("new") }
}

/// A named node with a history whose new hardware waits, in session 2.
fn worn_out() -> World {
    let mut world = World::new();
    world.join(
        1,
        "10.0.0.5",
        &hello("old"),
        &[module(0, "relay"), module(1, "temperature"), module(2, "relay")],
    );
    world.ask(Request::Admit { node: id("old") });
    world.ask(Request::Name { node: id("old"), title: "Well pump".into(), place: "Well house".into() });
    world.ask(Request::NameModule { node: id("old"), module: 0, title: "Main switch".into() });
    world.ask(Request::Tag { node: id("old"), tags: vec!["wet".into()] });
    world.report(1, 1, &[reading(0, 1, true), reading(1, 1, 21.5), reading(2, 1, false)]);
    world.close(1);
    world.join(2, "10.0.0.6", &hello("new"), &[]);
    let modules = [module(0, "relay"), module(1, "humidity"), module(3, "relay")];
    world.says(2, &Register { total: 4, modules: List::new(&modules).expect("it is known") });
    world.skip();
    world
}

/// The same, with new hardware that an admin has let in and permits commands to, as to the old.
fn permitted() -> World {
    let mut world = worn_out();
    world.ask(Request::Admit { node: id("new") });
    for name in ["old", "new"] {
        world.ask(Request::Permit { node: id(name) });
    }
    world.skip();
    world
}

fn latest(world: &World, node: &NodeId, module: usize) -> Option<Value<'static>> {
    let node = world.hub.view(world.now()).node(node).expect("it is known");
    match node.modules.get(module)?.properties.first()?.latest.as_ref()?.value.borrow() {
        Value::Bool(value) => Some(Value::Bool(value)),
        Value::Float(value) => Some(Value::Float(value)),
        Value::Int(_) | Value::Text(_) => None,
    }
}

#[test]
fn the_difference_is_shown_before_anything_is_done() {
    let mut world = permitted();
    let before = world.hub.view(world.now()).nodes();
    world.want("old", Wanted::Restart);
    world.switch("old", 0, false);
    world.switch("old", 2, true);
    let shown = world.hub.view(world.now()).replacement(&id("old"), &id("new")).expect("it is known");
    let fates: Vec<_> = shown.modules.iter().map(|change| (change.index, change.fate)).collect();
    assert_eq!(fates, [(0, Fate::Moves), (1, Fate::Differs), (2, Fate::Missing), (3, Fate::New)]);
    assert_eq!((shown.moving, shown.cancelled), (2, 1));
    let after = world.hub.view(world.now()).nodes();
    let admissions = |nodes: &[NodeView]| nodes.iter().map(|node| node.admission).collect::<Vec<_>>();
    assert_eq!(admissions(&before), admissions(&after), "to look changes nothing");
}

#[test]
fn name_place_tags_values_and_queue_move_and_outlast_a_restart() {
    let mut world = permitted();
    world.switch("old", 0, false);
    world.switch("old", 2, true);
    world.skip();
    world.ask_because("it drowned", replace());
    world.expect(&[
        "keep c2 cancelled: the node's hardware was replaced by plain:new",
        "move plain:old to plain:new, modules [0]",
        "keep plain:old (archived, 2 modules)",
        "keep plain:new (admitted, 3 modules)",
        "keep c1 sent",
        "note Relay 2: State On, cancelled: the node's hardware was replaced by plain:new.",
        "2 < admission admitted",
        "note Well pump was put in the place of plain:old by ann.",
        "2 < set c1 0/1 false",
        "answer 10: done",
    ]);
    for _ in 0..2 {
        let node = world.hub.view(world.now()).node(&id("new")).expect("it is known");
        assert_eq!((&*node.title, &*node.place, &*node.tags[0]), ("Well pump", "Well house", "wet"));
        assert_eq!(&*node.modules[0].title, "Main switch");
        assert_eq!(latest(&world, &id("new"), 0), Some(Value::Bool(true)));
        assert_eq!(latest(&world, &id("new"), 1), None, "another kind has no history yet");
        assert_eq!(
            latest(&world, &id("old"), 1),
            Some(Value::Bool(false)),
            "what does not move stays readable"
        );
        let listed = world.hub.view(world.now()).nodes_that_fit(&NodeFilter::default());
        assert_eq!(listed.len(), 1, "the old hardware is in the archive");
        world.restart();
    }
    world.open(3, "10.0.0.6");
    world.hello(3, &hello("new"));
    world.answers(3, "c1", OutcomeStatus::DONE, Some(Value::Bool(false)));
    assert_eq!(world.steps("c1"), ["queued", "sent", "queued", "sent", "done"]);
}

#[test]
fn the_old_hardware_does_not_come_back_by_itself_even_where_everyone_is_let_in() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("old"), &[]);
    world.join(2, "10.0.0.6", &hello("new"), &[]);
    world.ask(replace());
    assert!(!world.is_open(1));
    world.restart();
    world.open(3, "10.0.0.5");
    world.skip();
    world.hello(3, &hello("old"));
    world.expect(&[
        "3 < error disabled",
        "refused 10.0.0.5: plain:old is in the archive",
        "3 < close disabled",
        "close 3",
    ]);
    let archived = NodeFilter { archived: Archived::Only, ..NodeFilter::default() };
    assert_eq!(world.hub.view(world.now()).nodes_that_fit(&archived).len(), 1);
}

#[test]
fn what_the_new_hardware_measured_itself_stays_and_its_reports_count_on() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("old"), &[module(0, "temperature")]);
    world.report(1, 7, &[reading(0, 1, 20.0)]);
    world.pass(5);
    world.join(2, "10.0.0.6", &Hello { boot: BootId(1), ..hello("new") }, &[module(0, "temperature")]);
    world.report(2, 1, &[reading(0, 1, 22.0)]);
    world.ask(replace());
    assert_eq!(latest(&world, &id("new"), 0), Some(Value::from(22.0)), "the later one counts");
    world.skip();
    world.report(2, 2, &[reading(0, 1, 22.5)]);
    let happened = world.take();
    assert_eq!(
        happened[0], "keep report 2 (1 readings, gap 0)",
        "its own run, though both numbers are the same"
    );
    world.restart();
    world.open(3, "10.0.0.6");
    world.skip();
    world.hello(3, &hello("new"));
    let happened = world.take();
    assert!(happened.contains(&"3 < welcome admitted stored=2 keepalive=20".to_owned()), "{happened:?}");
}

#[test]
fn what_the_old_hardware_may_have_run_is_only_sent_again_where_twice_is_once() {
    let mut world = World::open_to_all();
    let said = |name| Hello { inflight: 4, ..hello(name) };
    world.join(1, "10.0.0.5", &said("old"), &[module(0, "relay")]);
    world.join(2, "10.0.0.6", &said("new"), &[module(0, "relay")]);
    let pulse = || Wanted::Invoke { module: 0, channel: 2, argument: Some(iot_proto::OwnedValue::Int(100)) };
    world.switch("old", 0, true);
    world.want("old", pulse());
    world.want("old", Wanted::Restart);
    world.answers(1, "c1", OutcomeStatus::ACCEPTED, None);
    world.close(1);
    world.want("old", pulse());
    world.ask(replace());
    assert_eq!(
        world.steps("c1"),
        ["queued", "sent", "accepted", "queued", "sent"],
        "to set it twice is harmless"
    );
    assert_eq!(world.steps("c2"), ["queued", "sent", "queued", "cancelled"]);
    assert_eq!(world.steps("c3"), ["queued", "sent", "queued", "cancelled"]);
    assert_eq!(world.steps("c4"), ["queued", "sent"], "never sent before");
}

#[test]
fn what_cannot_take_its_place_is_refused_and_changes_nothing() {
    let mut world = worn_out();
    let ask = |world: &mut World, node: &str, by: &str| {
        world.ask(Request::Replace { node: id(node), by: id(by) });
    };
    ask(&mut world, "old", "old");
    ask(&mut world, "new", "old");
    ask(&mut world, "old", "nobody");
    world.expect(&[
        "answer 5: plain:old cannot take the place of plain:old: they are the same",
        "answer 6: plain:old cannot take the place of plain:new: a node that waits has nothing to move",
        "answer 7: no node plain:nobody is known",
    ]);
    world.ask(Request::Admit { node: id("new") });
    world.ask(Request::Revoke { node: id("new") });
    world.skip();
    ask(&mut world, "old", "new");
    world.expect(&["answer 10: plain:new cannot take the place of plain:old: the new one is revoked"]);
    assert_eq!(&*world.hub.view(world.now()).node(&id("old")).expect("it is known").title, "Well pump");
}

#[test]
fn both_sides_of_a_replacement_are_in_the_audit() {
    let mut world = worn_out();
    world.ask_because("it drowned", replace());
    let [.., archive, replace] = &world.kept.audit[..] else { panic!("{:?}", world.kept.audit) };
    let words = |record: &iot_core::audit::AuditRecord| {
        let node = record.target.node.as_ref().map(ToString::to_string);
        format!("{} {}: {} > {}", record.deed.word(), node.unwrap_or_default(), record.before, record.after)
    };
    assert_eq!(words(archive), "archive plain:old: admitted > archived");
    assert_eq!(
        words(replace),
        "replace plain:new: plain:old > plain:new: module 0 moves, module 1 differs, module 2 missing, module 3 new"
    );
    assert_eq!((&*archive.why, &*replace.why), ("it drowned", "it drowned"));
}
