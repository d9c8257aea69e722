//! Joining: who is let in with a secret or with digits, who is not, and what a person is told.

use iot_core::{
    AdmissionState, Input, JoinNews, JoinWay, MAX_WINDOW_S, Request, SessionId, config::HubConfig,
};
use iot_proto::{Confirm, Digits, Hello, Identity, JoinMessage, JoinSecret, NodeKey, join_code};

use crate::{node::hello, world::World};

pub(crate) const ADA: NodeKey = NodeKey([7; 32]);
pub(crate) const EVE: NodeKey = NodeKey([8; 32]);

pub(crate) const TRANSCRIPT: [u8; 32] = [1; 32];
pub(crate) const HUB_NONCE: [u8; 32] = [2; 32];

pub(crate) fn secret() -> JoinSecret {
    JoinSecret::new([5; 16])
}

/// A world in which nodes may join for five minutes.
pub(crate) fn opened() -> World {
    let mut world = World::new();
    world.ask(Request::OpenWindow { for_s: 300, secret: secret() });
    world.skip();
    world
}

fn news(world: &mut World, session: u64, news: JoinNews) {
    world.feed(Input::Joining { session: SessionId(session), news });
}

/// A node comes with this key as far as it can prove it.
pub(crate) fn proves(world: &mut World, session: u64, way: JoinWay, key: NodeKey) {
    world.open(session, &format!("10.0.0.{session}"));
    news(world, session, JoinNews::Asks(way));
    news(world, session, JoinNews::Proven { key, transcript: TRANSCRIPT, nonce: HUB_NONCE });
}

pub(crate) fn joins(world: &mut World, session: u64, key: NodeKey) {
    proves(world, session, JoinWay::Secret { slot: secret().slot() }, key);
}

/// A node with this key shows digits, of which this is the code.
fn shows(world: &mut World, session: u64, key: NodeKey) -> u32 {
    proves(world, session, JoinWay::Code, key);
    let nonce = [u8::try_from(session % 256).expect("a byte"); 32];
    says(world, session, JoinMessage::Nonce(nonce, Confirm::Digits));
    join_code(Confirm::Digits, &TRANSCRIPT, &HUB_NONCE, &nonce)
}

pub(crate) fn says(world: &mut World, session: u64, message: JoinMessage) {
    news(world, session, JoinNews::Says(message));
}

fn enters(world: &mut World, code: u32) {
    world.ask(Request::EnterDigits { digits: Digits { code, answer: Some(42) } });
}

pub(crate) fn admission(world: &World, key: NodeKey) -> Option<AdmissionState> {
    let id = iot_core::NodeId::of_key(&key);
    world.hub.view(world.now()).node(&id).ok().map(|node| node.admission)
}

/// The node says hello in a session.
pub(crate) fn comes(world: &mut World, session: u64, key: NodeKey) {
    world.open(session, "10.0.0.5");
    world.proves(session, key);
    world.hello(session, &Hello { identity: Identity::Key(key), ..hello("unused") });
}

#[test]
fn a_node_with_the_secret_is_stored_before_it_is_told_that_it_is_let_in() {
    let (mut world, id) = (opened(), ADA.id());
    joins(&mut world, 1, ADA);
    let seen = world.take();
    assert_eq!(seen[0], "1 <- begin with the secret");
    assert_eq!(seen[1], format!("keep {id} (admitted, 0 modules)").to_lowercase());
    assert_eq!(seen.last(), Some(&format!("1 <- admitted {id}, last")));
    comes(&mut world, 2, ADA);
    assert!(world.take().iter().any(|line| line.starts_with("2 < welcome admitted")));
}

#[test]
fn a_secret_lets_one_node_in_and_a_second_one_is_named() {
    let mut world = opened();
    for (session, key) in [(1, ADA), (2, EVE), (3, ADA)] {
        joins(&mut world, session, key);
    }
    let seen = world.take();
    let told = |line: &str| seen.iter().any(|seen| seen == line);
    assert!(told(&format!("1 <- admitted {}, last", ADA.id())) && told("2 <- refused 3"), "{seen:?}");
    assert!(
        told(&format!("3 <- admitted {}, last", ADA.id())),
        "who did not hear it is told again: {seen:?}"
    );
    let named = format!("{} at 10.0.0.2 was refused: the secret had let another node in already.", EVE.id());
    assert!(told(&format!("note {named}")), "{seen:?}");
    let window = world.hub.view(world.now()).joining().window.expect("it is open");
    assert!(window.news.iter().any(|notice| *notice.text == *named));
    assert_eq!(admission(&world, EVE), None);
}

#[test]
fn nobody_joins_before_the_window_is_opened_after_its_time_and_after_a_restart() {
    let mut world = World::new();
    let slot = secret().slot();
    let refused = |world: &mut World, session: u64, way: JoinWay| {
        world.open(session, "10.0.0.5");
        news(world, session, JoinNews::Asks(way));
        world.expect(&[&format!("{session} <- refused 2")]);
    };
    refused(&mut world, 1, JoinWay::Secret { slot });
    refused(&mut world, 2, JoinWay::Code);
    world.ask(Request::OpenWindow { for_s: 300, secret: secret() });
    world.pass(299);
    world.skip();
    world.open(3, "10.0.0.5");
    news(&mut world, 3, JoinNews::Asks(JoinWay::Secret { slot }));
    world.expect(&["3 <- begin with the secret"]);
    world.pass(1);
    world.expect(&["3 <- refused 2", "note No more nodes may join: its time was over."]);
    refused(&mut world, 4, JoinWay::Secret { slot });
    world.ask(Request::OpenWindow { for_s: 300, secret: secret() });
    world.restart();
    world.skip();
    refused(&mut world, 5, JoinWay::Secret { slot });
}

#[test]
fn the_wall_clock_moves_no_window() {
    let mut world = opened();
    world.step_clock(86_400);
    joins(&mut world, 1, ADA);
    assert_eq!(admission(&world, ADA), Some(AdmissionState::Admitted));
    world.step_clock(-172_800);
    world.pass(300);
    assert!(world.hub.view(world.now()).joining().window.is_none());
}

#[test]
fn a_window_is_open_once_for_at_most_fifteen_minutes_and_is_in_the_audit() {
    let mut world = World::new();
    let open = |for_s| Request::OpenWindow { for_s, secret: secret() };
    world.ask(open(MAX_WINDOW_S + 1));
    world.expect(&["answer 1: a window for joining of 901 s exceeds the limit of 900 s"]);
    world.ask(open(MAX_WINDOW_S));
    world.ask(open(60));
    world.ask(Request::CloseWindow);
    world.ask(Request::CloseWindow);
    world.expect(&[
        "note Nodes may join: opened by ann.",
        "answer 2: done",
        "answer 3: nodes may join already",
        "note No more nodes may join: closed by ann.",
        "answer 4: done",
        "answer 5: nodes may not join now: open the window first",
    ]);
    let deeds: Vec<_> = world.kept.audit.iter().map(|record| record.deed.word()).collect();
    assert_eq!(deeds, ["open-window", "close-window"]);
}

#[test]
fn a_node_whose_digits_are_typed_is_let_in_once_it_has_the_answer() {
    let (mut world, id) = (opened(), ADA.id());
    let code = shows(&mut world, 1, ADA);
    world.expect(&["1 <- begin", "1 <- commitment", "1 <- disclosure"]);
    let showing = world.hub.view(world.now()).joining().window.expect("it is open").showing;
    assert_eq!(showing[0].run.node.as_str(), id.to_string());
    enters(&mut world, code);
    let kept = format!("keep {id} (matched, 0 modules)").to_lowercase();
    world.expect(&[&kept, "1 <- answer 42", "answer 2: done"]);
    says(&mut world, 1, JoinMessage::Stored);
    let kept = format!("keep {id} (admitted, 0 modules)").to_lowercase();
    world.expect(&[&kept, &format!("note {id} was let in with digits."), "close 1"]);
}

#[test]
fn a_node_that_finds_other_digits_typed_is_forgotten() {
    let mut world = opened();
    let code = shows(&mut world, 1, ADA);
    enters(&mut world, code);
    says(&mut world, 1, JoinMessage::Unstored);
    assert_eq!(admission(&world, ADA), None);
    assert!(world.take().contains(&format!("forget {}", ADA.id())));
}

#[test]
fn the_first_session_of_a_node_that_has_the_answer_counts_as_much_and_lapses_after_a_day() {
    for comes_in_time in [true, false] {
        let mut world = opened();
        let code = shows(&mut world, 1, ADA);
        enters(&mut world, code);
        world.close(1);
        world.pass(43_200);
        world.restart();
        world.pass(43_199);
        assert_eq!(admission(&world, ADA), Some(AdmissionState::Matched));
        if comes_in_time {
            comes(&mut world, 2, ADA);
        }
        world.pass(2);
        assert_eq!(admission(&world, ADA), comes_in_time.then_some(AdmissionState::Admitted));
    }
}

#[test]
fn three_wrong_entries_end_joining_with_digits_and_not_with_secrets() {
    let mut world = opened();
    let code = shows(&mut world, 1, ADA);
    world.skip();
    for _ in 0..3 {
        enters(&mut world, (code + 1) % 1_000_000);
    }
    let seen = world.take();
    assert!(seen[0].ends_with("no node shows these digits; 2 more such entries may be made"), "{seen:?}");
    assert!(seen.contains(&"1 <- refused 2".to_owned()), "{seen:?}");
    enters(&mut world, code);
    world.open(2, "10.0.0.2");
    news(&mut world, 2, JoinNews::Asks(JoinWay::Code));
    joins(&mut world, 3, EVE);
    let seen = world.take();
    assert_eq!(seen[0], "answer 5: digits that no node shows were typed three times");
    assert_eq!(seen[1], "2 <- refused 2");
    assert_eq!(admission(&world, EVE), Some(AdmissionState::Admitted));
}

#[test]
fn the_eleventh_code_is_not_shown_and_ends_joining_with_digits() {
    let mut world = opened();
    for session in 1..=10 {
        shows(&mut world, session, ADA);
        assert!(world.take().contains(&format!("{session} <- disclosure")));
        world.close(session);
    }
    shows(&mut world, 11, ADA);
    let seen = world.take();
    assert!(seen.contains(&"11 <- refused 2".to_owned()), "{seen:?}");
    assert!(!seen.contains(&"11 <- disclosure".to_owned()), "{seen:?}");
    let window = world.hub.view(world.now()).joining().window.expect("secrets still work");
    assert!(window.no_digits.is_some());
    assert_eq!(window.unfinished, 10, "and a person sees how many did not finish");
}

#[test]
fn at_most_eight_join_with_digits_at_one_time() {
    let mut world = opened();
    for session in 1..=8 {
        proves(&mut world, session, JoinWay::Code, ADA);
    }
    world.skip();
    world.open(9, "10.0.0.9");
    news(&mut world, 9, JoinNews::Asks(JoinWay::Code));
    world.expect(&["9 <- refused 2"]);
}

#[test]
fn a_key_that_was_revoked_or_put_away_joins_no_more() {
    let node = || iot_core::NodeId::of_key(&ADA);
    for request in [Request::Revoke { node: node() }, Request::Archive { node: node() }] {
        let mut world = opened();
        joins(&mut world, 1, ADA);
        world.ask(request);
        let other = JoinSecret::new([6; 16]);
        world.ask(Request::AddSecret { secret: other.clone() });
        world.skip();
        proves(&mut world, 2, JoinWay::Secret { slot: other.slot() }, ADA);
        assert!(world.take().contains(&"2 <- refused 3".to_owned()));
        assert_ne!(admission(&world, ADA), Some(AdmissionState::Admitted));
    }
}

#[test]
fn the_same_key_from_another_address_is_the_same_node_and_another_key_from_the_same_address_another() {
    let mut world = opened();
    joins(&mut world, 1, ADA);
    comes(&mut world, 2, ADA);
    world.ask(Request::AddSecret { secret: JoinSecret::new([6; 16]) });
    let slot = JoinSecret::new([6; 16]).slot();
    world.open(3, "10.0.0.5");
    news(&mut world, 3, JoinNews::Asks(JoinWay::Secret { slot }));
    news(&mut world, 3, JoinNews::Proven { key: EVE, transcript: TRANSCRIPT, nonce: HUB_NONCE });
    assert_eq!(world.hub.view(world.now()).nodes().len(), 2);
    assert!(world.is_open(2), "the other node is left alone");
    world.open(4, "10.0.0.77");
    world.proves(4, ADA);
    world.hello(4, &Hello { identity: Identity::Key(ADA), ..hello("unused") });
    assert_eq!(world.hub.view(world.now()).nodes().len(), 2);
}

#[test]
fn what_does_not_come_next_ends_joining() {
    let mut world = opened();
    proves(&mut world, 1, JoinWay::Code, ADA);
    world.skip();
    says(&mut world, 1, JoinMessage::Stored);
    world.expect(&["1 <- refused 3"]);
    shows(&mut world, 2, ADA);
    world.skip();
    says(&mut world, 2, JoinMessage::Stored);
    assert!(world.take().contains(&"2 <- refused 3".to_owned()));
    assert_eq!(admission(&world, ADA), None);
}

#[test]
fn who_joins_counts_as_not_having_said_hello_until_it_is_over_and_no_longer() {
    let mut world = World::with(HubConfig { max_half_open_per_address: 2, ..HubConfig::default() });
    let asks = JoinNews::Asks(JoinWay::Secret { slot: secret().slot() });
    world.ask(Request::OpenWindow { for_s: 300, secret: secret() });
    for session in 1..=2 {
        world.open(session, "10.0.0.5");
        news(&mut world, session, asks.clone());
        assert!(world.is_open(session));
    }
    world.open(3, "10.0.0.5");
    assert!(!world.is_open(3), "a third one is one too many");
    world.ask(Request::CloseWindow);
    for session in 4..100 {
        world.open(session, "10.0.0.5");
        assert!(world.is_open(session), "{session}");
        news(&mut world, session, asks.clone());
        assert!(!world.is_open(session), "{session}");
    }
}
