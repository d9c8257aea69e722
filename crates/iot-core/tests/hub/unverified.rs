//! Nodes that can show nothing: who may let them in, how they are marked, what they are not told, and how the mark ends.

use iot_core::{
    AdmissionState, IotError, JoinWay, NodeId, Request, SessionId,
    view::{CommandFilter, NodeView, Permission, RunView, Wanted},
};
use iot_proto::{Confirm, Digits, JoinMessage, JoinSecret, NodeKey, join_code};

use crate::{
    joining::{ADA, EVE, HUB_NONCE, TRANSCRIPT, admission, comes, joins, opened, proves, says},
    world::World,
};

/// A node with this key says that it can show nothing.
fn asks(world: &mut World, session: u64, key: NodeKey) {
    proves(world, session, JoinWay::Code, key);
    says(world, session, JoinMessage::Unshown([9; 32]));
}

/// A world in whose window an admin lets such nodes ask.
fn allowed() -> World {
    let mut world = opened();
    world.ask(Request::AllowUnverified);
    world.skip();
    world
}

fn admit(world: &mut World, session: u64) {
    world.ask_because("no display", Request::AdmitUnverified { session: SessionId(session) });
}

/// A world in which an admin has let such a node in, which has come since.
fn let_in() -> World {
    let mut world = allowed();
    asks(&mut world, 1, ADA);
    admit(&mut world, 1);
    comes(&mut world, 2, ADA);
    world.skip();
    world
}

fn waiting(world: &World) -> Option<Vec<RunView>> {
    world.hub.view(world.now()).joining().window.and_then(|window| window.unverified)
}

fn node(world: &World, key: NodeKey) -> NodeView {
    world.hub.view(world.now()).node(&NodeId::of_key(&key)).expect("a known node")
}

fn restart_wanted(world: &mut World) -> Vec<String> {
    world.skip();
    let node = NodeId::of_key(&ADA);
    world.ask(Request::Command { node, wanted: Wanted::Restart, expires_in_s: None });
    world.take()
}

/// What people did, and to what it led.
fn audit(world: &World) -> Vec<String> {
    let words = world.kept.audit.iter().map(|record| {
        format!("{}: {} > {}, {}", record.deed.word(), record.before, record.after, record.why)
    });
    words.collect()
}

#[test]
fn a_node_that_can_show_nothing_is_refused_where_no_admin_lets_such_nodes_ask() {
    let mut world = opened();
    asks(&mut world, 1, ADA);
    let seen = world.take();
    assert!(seen.contains(&"1 <- refused 2".to_owned()), "{seen:?}");
    assert_eq!((admission(&world, ADA), waiting(&world)), (None, None));
    admit(&mut world, 1);
    assert_eq!(admission(&world, ADA), None, "and nobody can let it in all the same");
}

#[test]
fn nothing_of_it_is_kept_and_no_nonce_is_shown_before_an_admin_lets_it_in_by_itself() {
    let (mut world, id) = (allowed(), ADA.id());
    asks(&mut world, 1, ADA);
    asks(&mut world, 2, EVE);
    world.expect(&["1 <- begin", "1 <- commitment", "2 <- begin", "2 <- commitment"]);
    let ids: Vec<_> = waiting(&world).expect("they may ask").into_iter().map(|node| node.node).collect();
    assert_eq!(ids, [NodeId::of_key(&ADA), NodeId::of_key(&EVE)]);
    admit(&mut world, 1);
    let seen = world.take();
    assert_eq!(seen[0], format!("keep {id} (admitted, 0 modules)").to_lowercase());
    assert!(seen.contains(&format!("1 <- admitted {id}, last")), "{seen:?}");
    assert_eq!((admission(&world, EVE), waiting(&world).map(|waiting| waiting.len())), (None, Some(1)));
    assert_eq!(audit(&world)[1], "open-window:  > also for nodes that can show nothing, ");
    assert_eq!(audit(&world)[2], "admit:  > unverified, no display");
}

#[test]
fn the_mark_says_by_whose_word_and_why_and_outlasts_a_restart() {
    let mut world = let_in();
    world.restart();
    let node = node(&world, ADA);
    let decision = node.unverified.clone().expect("it is marked");
    assert_eq!((&*decision.by, &*decision.why), ("ann", "no display"));
    assert!(node.is_unverified() && !node.is_unproven());
}

#[test]
fn it_takes_no_command_until_an_admin_permits_that_and_none_after_it_is_forbidden() {
    let mut world = let_in();
    let refused = IotError::NotPermitted { node: NodeId::of_key(&ADA) }.to_string();
    assert!(restart_wanted(&mut world)[0].ends_with(&refused));
    assert_eq!(node(&world, ADA).permission, Permission::Missing);
    world.ask(Request::Permit { node: NodeId::of_key(&ADA) });
    assert_eq!(node(&world, ADA).permission, Permission::Given);
    assert!(!restart_wanted(&mut world).iter().any(|line| line.ends_with(&refused)));
    world.ask(Request::Forbid { node: NodeId::of_key(&ADA) });
    assert!(restart_wanted(&mut world)[0].ends_with(&refused));
    let address = [10, 0, 0, 9].into();
    world.skip();
    world.ask(Request::AcceptAddress { node: NodeId::of_key(&ADA), address });
    assert!(world.take()[0].ends_with("proves its key, and is let in anywhere"));
}

/// Whether each command is shown as one to an unverified node, newest first.
fn marks(world: &World) -> Vec<bool> {
    let filter = CommandFilter { limit: usize::MAX, ..CommandFilter::default() };
    let commands = world.hub.view(world.now()).commands(&filter).into_iter();
    commands.map(|command| command.is_node_unverified).collect()
}

#[test]
fn joining_with_a_secret_ends_the_mark() {
    let mut world = let_in();
    world.ask(Request::Permit { node: NodeId::of_key(&ADA) });
    restart_wanted(&mut world);
    assert_eq!(marks(&world), [true]);
    joins(&mut world, 3, ADA);
    assert_eq!(marks(&world), [false]);
    let cured = node(&world, ADA);
    assert_eq!((cured.permission, cured.unverified), (Permission::Needless, None));
    assert_eq!(audit(&world).last().map(String::as_str), Some("admit: unverified > joined with a secret, "));
    world.restart();
    let cured = node(&world, ADA);
    assert_eq!((cured.permission, cured.unverified), (Permission::Needless, None), "for good");
}

#[test]
fn joining_with_digits_or_a_button_ends_the_mark_once_the_node_has_its_hubs_key() {
    for (confirm, answer) in [(Confirm::Digits, Some(42)), (Confirm::Button, None)] {
        let mut world = let_in();
        proves(&mut world, 3, JoinWay::Code, ADA);
        says(&mut world, 3, JoinMessage::Nonce([3; 32], confirm));
        let code = join_code(confirm, &TRANSCRIPT, &HUB_NONCE, &[3; 32]);
        world.ask(Request::EnterDigits { digits: Digits { code, answer } });
        assert!(node(&world, ADA).is_unverified(), "not before it says so");
        says(&mut world, 3, JoinMessage::Stored);
        assert_eq!(node(&world, ADA).permission, Permission::Needless);
        assert!(audit(&world).last().is_some_and(|deed| deed.starts_with("admit: unverified > joins with")));
    }
}

#[test]
fn a_node_that_was_verified_is_not_marked_when_it_asks_with_the_same_key() {
    let mut world = allowed();
    joins(&mut world, 1, ADA);
    asks(&mut world, 2, ADA);
    admit(&mut world, 2);
    assert!(!node(&world, ADA).is_unverified());
    assert_eq!(audit(&world).last().map(String::as_str), Some("admit: once more > once more, no display"));
}

#[test]
fn a_key_that_was_revoked_is_not_let_in_so_either() {
    let mut world = let_in();
    world.ask(Request::Revoke { node: NodeId::of_key(&ADA) });
    asks(&mut world, 3, ADA);
    world.skip();
    admit(&mut world, 3);
    assert_eq!(admission(&world, ADA), Some(AdmissionState::Revoked));
}

#[test]
fn at_most_four_wait_and_none_longer_than_the_window_in_which_they_were_allowed() {
    let mut world = allowed();
    for session in 1..=4 {
        asks(&mut world, session, NodeKey([u8::try_from(session).expect("a byte"); 32]));
    }
    world.skip();
    asks(&mut world, 5, EVE);
    assert!(world.take().contains(&"5 <- refused 2".to_owned()));
    world.ask(Request::CloseWindow);
    let seen = world.take();
    assert!((1..=4).all(|session| seen.contains(&format!("{session} <- refused 2"))), "{seen:?}");
    world.ask(Request::OpenWindow { for_s: 60, secret: JoinSecret::new([8; 16]) });
    assert_eq!(waiting(&world), None, "the next window does not take them by itself");
}

#[test]
fn it_can_be_turned_away_and_cannot_be_let_in_afterwards() {
    let mut world = allowed();
    asks(&mut world, 1, ADA);
    world.skip();
    world.ask(Request::EndJoining { session: SessionId(1) });
    assert!(world.take().contains(&"1 <- refused 2".to_owned()));
    admit(&mut world, 1);
    assert!(world.take().iter().any(|line| line.ends_with("this node does not ask any more")));
    assert_eq!(admission(&world, ADA), None);
}
