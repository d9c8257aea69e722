//! The ledger over restarts: wherever the hub ends in a command's life, it is neither lost nor done twice, and what
//! has ended stays as it ended.

use std::{cmp::Reverse, collections::BTreeSet};

use iot_core::{
    CommandState, IotError, Request,
    view::{CommandFilter, CommandView, Wanted},
};
use iot_proto::{BootId, CommandId, Hello, List, OutcomeStatus, OwnedValue, Report, Value};

use crate::{
    node::{BOTH, hello, id, module, reading, sleep},
    world::{Moment, World},
};

const ON: Option<Value<'_>> = Some(Value::Bool(true));
const OFF: Option<Value<'_>> = Some(Value::Bool(false));

fn said() -> Hello<'static> {
    Hello { capabilities: BOTH, inflight: 2, ..hello("pump") }
}

/// A world in which every moment of what follows is collected.
fn begin() -> World {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &said(), &[module(0, "relay"), module(1, "relay")]);
    world.collect_ends();
    world
}

fn commands(world: &World) -> Vec<CommandView> {
    let filter = CommandFilter { limit: usize::MAX, ..CommandFilter::default() };
    world.hub.view(world.now()).commands(&filter)
}

/// Lets the hub end at each moment and start again, lets the node come back, and checks what became of each
/// command.
fn everywhere(mut world: World) {
    let moments = world.ends();
    assert!(moments.len() >= 4, "{}", moments.len());
    for moment in &moments {
        after(moment);
    }
}

fn after(moment: &Moment) {
    let mut world = World::from_end(moment);
    let kept = moment.kept.snapshot().commands;
    let known: BTreeSet<_> = kept.iter().map(|command| command.id).collect();
    assert!(moment.told.is_subset(&known), "whoever was told of a command finds it: {moment:#?}");
    let ended: BTreeSet<_> = kept.iter().filter(|command| command.ended().is_some()).map(|c| c.id).collect();
    world.sent.clear();
    world.open(9, "10.0.0.5");
    world.hello(9, &said());
    obey(&mut world, moment);
    assert!(world.sent.is_subset(&known), "no command comes out of nothing");
    assert!(world.sent.is_disjoint(&ended), "what has ended is not sent again");
    for command in commands(&world) {
        match (ended.contains(&command.id), command.state, command.cause()) {
            (true, state, _) => {
                let before = kept.iter().find(|record| record.id == command.id).expect("it is known");
                assert_eq!((state, &command.steps), (before.state(), &before.steps));
            }
            (false, CommandState::Done, _) => {}
            (false, CommandState::Cancelled, Some(IotError::Superseded { by })) => {
                let newer = commands(&world).into_iter().find(|newer| newer.id == *by);
                assert_eq!(newer.map(|newer| newer.state), Some(CommandState::Done));
            }
            (false, state, cause) => panic!("{state:?} {cause:?} after {moment:#?}"),
        }
    }
}

/// The node does what it is sent, once: of what it was sent before the hub ended it only tells the outcome, as a
/// node does that remembers the last ids. Then it reports how things are.
fn obey(world: &mut World, moment: &Moment) {
    let mut ran: BTreeSet<CommandId> = moment.sent.clone();
    while let Some((command, request)) = world.sent(9, 0) {
        ran.insert(command);
        let view = world.hub.view(world.now()).command(command).expect("it is known");
        let value = match &view.wanted {
            Wanted::Set { value, .. } => Some(value.clone()),
            Wanted::Get { .. } | Wanted::Invoke { .. } | Wanted::Identify { .. } | Wanted::Restart => None,
        };
        world.sessions.get_mut(&9).expect("it is known").commands.remove(&command);
        let outcome =
            crate::node::outcome(command, OutcomeStatus::DONE, value.as_ref().map(OwnedValue::borrow));
        world.sends(9, &outcome, iot_proto::Correlation::Response(request));
    }
    let accepted = commands(world).into_iter().filter(|command| command.state == CommandState::Accepted);
    for (sequence, command) in (1..).zip(accepted) {
        assert!(ran.contains(&command.id), "only what the node has is accepted");
        if let Wanted::Set { module, channel, value } = &command.wanted {
            let readings = [reading(*module, *channel, value.borrow())];
            let report =
                Report { boot: BootId(77), sequence, readings: List::new(&readings).expect("it is known") };
            world.says(9, &report);
        }
    }
}

#[test]
fn a_command_on_a_session_is_neither_lost_nor_repeated_wherever_the_hub_ends() {
    let mut world = begin();
    world.switch("pump", 0, true);
    world.answers(1, "c1", OutcomeStatus::ACCEPTED, None);
    world.switch("pump", 1, false);
    world.answers(1, "c2", OutcomeStatus::DONE, OFF);
    world.pass(1);
    world.report(1, 1, &[reading(0, 1, true)]);
    assert_eq!(world.steps("c1"), ["queued", "sent", "accepted", "done"]);
    everywhere(world);
}

#[test]
fn a_command_that_waits_is_sent_again_or_called_about_is_not_lost_wherever_the_hub_ends() {
    let mut world = begin();
    world.switch("pump", 0, true);
    world.close(1);
    world.unreachable(0, "refused");
    world.pass(2);
    world.dialled_hello(1, &said());
    world.dialled_answers(1, "c1", OutcomeStatus::DONE, ON);
    assert_eq!(world.steps("c1").last(), Some(&"done"));
    everywhere(world);
}

#[test]
fn a_command_that_a_newer_one_supersedes_is_superseded_wherever_the_hub_ends() {
    let mut world = begin();
    world.close(1);
    world.pass(60);
    for on in [true, false, true] {
        world.switch("pump", 0, on);
    }
    world.open(2, "10.0.0.5");
    world.hello(2, &said());
    world.answers(2, "c1", OutcomeStatus::DONE, ON);
    world.answers(2, "c3", OutcomeStatus::DONE, ON);
    assert_eq!(world.steps("c2"), ["queued", "cancelled"]);
    everywhere(world);
}

#[test]
fn a_command_that_is_cancelled_or_expires_stays_so_wherever_the_hub_ends() {
    let mut world = begin();
    world.says(1, &sleep(600, 0));
    world.close(1);
    let restart = Request::Command { node: id("pump"), wanted: Wanted::Restart, expires_in_s: Some(5) };
    world.ask(restart);
    world.switch("pump", 0, true);
    let second = world.names.id("c2");
    world.ask(Request::Cancel { id: second });
    world.pass(5);
    assert_eq!(
        (world.steps("c1"), world.steps("c2")),
        (vec!["queued", "expired"], vec!["queued", "cancelled"])
    );
    everywhere(world);
}

#[test]
fn a_command_that_is_called_about_is_not_taken_back_by_a_newer_one() {
    let mut world = begin();
    world.close(1);
    world.switch("pump", 0, true);
    world.switch("pump", 0, false);
    assert_eq!(world.steps("c1"), ["queued"], "the node may have it already");
    world.dialled_hello(0, &said());
    world.dialled_answers(0, "c1", OutcomeStatus::DONE, ON);
    assert_eq!(world.steps("c1"), ["queued", "sent", "done"]);
    world.dialled_hello(1, &said());
    world.dialled_answers(1, "c2", OutcomeStatus::DONE, OFF);
    assert_eq!(world.steps("c2"), ["queued", "sent", "done"]);
}

#[test]
fn of_those_that_ended_the_one_that_ended_first_is_forgotten_first_after_a_restart_too() {
    let registration = iot_core::config::Registration::Open;
    let config = iot_core::config::HubConfig { max_ended: 2, registration, ..Default::default() };
    let mut world = World::with(config);
    world.join(
        1,
        "10.0.0.5",
        &Hello { inflight: 8, ..hello("pump") },
        &[module(0, "relay"), module(1, "relay")],
    );
    for _ in 0..3 {
        world.want("pump", Wanted::Restart);
    }
    for name in ["c3", "c1"] {
        world.pass(1);
        world.answers(1, name, OutcomeStatus::DONE, None);
    }
    world.restart();
    world.open(2, "10.0.0.5");
    world.hello(2, &Hello { inflight: 8, ..hello("pump") });
    world.pass(1);
    world.answers(2, "c2", OutcomeStatus::DONE, None);
    let known: Vec<_> = commands(&world).iter().map(|command| command.id).collect();
    assert_eq!(known, [world.names.id("c2"), world.names.id("c1")], "c3 ended first");
}

#[test]
fn what_is_not_on_disk_yet_stands_in_the_ledger_beside_what_the_hub_has_forgotten() {
    let registration = iot_core::config::Registration::Open;
    let config = iot_core::config::HubConfig { max_ended: 1, registration, ..Default::default() };
    let mut world = World::with(config);
    world.join(1, "10.0.0.5", &Hello { inflight: 8, ..hello("pump") }, &[module(0, "relay")]);
    for _ in 0..4 {
        world.want("pump", Wanted::Restart);
    }
    // The store has this much when it is asked; the hub knows by then that another one has ended.
    world.answers(1, "c1", OutcomeStatus::DONE, None);
    world.answers(1, "c3", OutcomeStatus::DONE, None);
    let mut stored = world.kept.snapshot().commands;
    stored.retain(|record| record.ended().is_some());
    stored.sort_unstable_by_key(|record| Reverse(record.id));
    world.answers(1, "c2", OutcomeStatus::DONE, None);

    let called = ["c1", "c2", "c3", "c4"].map(|name| (world.names.id(name), name));
    let view = world.hub.view(world.now());
    let named = |commands: &[CommandView]| -> Vec<_> {
        let name = |id| called.iter().find(|(known, _)| *known == id).map(|(_, name)| *name);
        commands.iter().map(|command| (name(command.id).expect("it is one of them"), command.state)).collect()
    };
    let done = CommandState::Done;
    let filter = CommandFilter { states: vec![done], limit: 9, ..CommandFilter::default() };
    assert_eq!(named(&view.commands(&filter)), [("c2", done)], "it remembers one");
    assert_eq!(named(&view.ledger(&filter, &stored)), [("c3", done), ("c2", done), ("c1", done)]);
    let page = CommandFilter { limit: 2, ..filter.clone() };
    assert_eq!(named(&view.ledger(&page, &stored)), [("c3", done), ("c2", done)]);
    let older = CommandFilter { before: Some(called[1].0), ..filter };
    assert_eq!(named(&view.ledger(&older, &stored[1..])), [("c1", done)]);

    // What has changed since is shown as it is now.
    let all = CommandFilter { limit: 9, ..CommandFilter::default() };
    let shown = named(&view.ledger(&all, &stored));
    assert_eq!(shown, [("c4", CommandState::Sent), ("c3", done), ("c2", done), ("c1", done)]);
}

#[test]
fn author_and_reason_are_kept_with_a_command() {
    let mut world = begin();
    world.ask_because(
        "frost",
        Request::Command { node: id("pump"), wanted: Wanted::Restart, expires_in_s: None },
    );
    world.restart();
    let command = &commands(&world)[0];
    assert_eq!((&*command.author, &*command.why), ("ann", "frost"));
}
