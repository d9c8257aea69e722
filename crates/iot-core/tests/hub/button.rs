//! Joining with a button: six digits are typed, and somebody presses it before anything counts.

use iot_core::{AdmissionState, JoinWay, NodeId, Request, SessionId, view::PressingView};
use iot_proto::{Confirm, Digits, JoinMessage, NodeKey, PRESS_WITHIN, join_code};

use crate::{
    joining::{ADA, HUB_NONCE, TRANSCRIPT, admission, comes, opened, proves, says},
    world::World,
};

/// A node with this key and a button shows digits; its code.
fn shows(world: &mut World, session: u64, key: NodeKey) -> u32 {
    shows_with(world, session, key, Confirm::Button)
}

fn shows_with(world: &mut World, session: u64, key: NodeKey, confirm: Confirm) -> u32 {
    proves(world, session, JoinWay::Code, key);
    let nonce = [u8::try_from(session % 256).expect("a byte"); 32];
    says(world, session, JoinMessage::Nonce(nonce, confirm));
    join_code(confirm, &TRANSCRIPT, &HUB_NONCE, &nonce)
}

fn enters(world: &mut World, code: u32) {
    world.ask(Request::EnterDigits { digits: Digits { code, answer: None } });
}

/// A world in which the digits of a node with a button were typed.
fn matched() -> World {
    let mut world = opened();
    let code = shows(&mut world, 1, ADA);
    enters(&mut world, code);
    world
}

fn pressing(world: &World) -> Vec<PressingView> {
    world.hub.view(world.now()).joining().pressing
}

/// What people are told last about joining.
fn last_news(world: &World) -> String {
    let joining = world.hub.view(world.now()).joining();
    let news = joining.window.map(|window| window.news).or_else(|| joining.last.map(|last| last.news));
    news.and_then(|news| news.last().map(|notice| notice.text.to_string())).unwrap_or_default()
}

#[test]
fn a_node_with_a_button_is_let_in_once_it_says_that_it_was_pressed() {
    let (mut world, id) = (opened(), ADA.id());
    let code = shows(&mut world, 1, ADA);
    world.expect(&["1 <- begin", "1 <- commitment", "1 <- disclosure"]);
    let showing = world.hub.view(world.now()).joining().window.expect("it is open").showing;
    assert_eq!(showing[0].confirm, Confirm::Button);
    enters(&mut world, code);
    let kept = format!("keep {id} (matched, 0 modules)").to_lowercase();
    world.expect(&[&kept, "1 <- matched", "answer 2: done"]);
    assert_eq!(pressing(&world)[0].node, NodeId::of_key(&ADA), "people are told to press it");
    says(&mut world, 1, JoinMessage::Stored);
    let kept = format!("keep {id} (admitted, 0 modules)").to_lowercase();
    world.expect(&[&kept, &format!("note {id} was let in with digits."), "close 1"]);
    assert_eq!((pressing(&world), last_news(&world)), (Vec::new(), format!("{id} has joined with digits.")));
    let how: Vec<_> = world.kept.audit.iter().map(|record| record.after.to_string()).collect();
    assert!(how.contains(&"joins with digits and its button".into()), "{how:?}");
}

#[test]
fn nothing_counts_before_the_digits_are_typed() {
    let mut world = opened();
    shows(&mut world, 1, ADA);
    world.skip();
    says(&mut world, 1, JoinMessage::Stored);
    assert!(world.take().contains(&"1 <- refused 3".to_owned()));
    assert_eq!(admission(&world, ADA), None);
}

#[test]
fn six_digits_let_no_node_in_that_shows_twelve_and_twelve_none_that_shows_six() {
    for (shown, answer) in [(Confirm::Digits, None), (Confirm::Button, Some(42))] {
        let mut world = opened();
        let code = shows_with(&mut world, 1, ADA, shown);
        world.skip();
        world.ask(Request::EnterDigits { digits: Digits { code, answer } });
        let seen = world.take();
        assert!(seen[0].ends_with("no node shows these digits; 2 more such entries may be made"), "{seen:?}");
        assert_eq!((admission(&world, ADA), pressing(&world)), (None, Vec::new()));
    }
}

#[test]
fn whoever_changes_how_a_node_confirms_has_another_code_than_the_node() {
    // Even who can change what is said under encryption: node and hub have the same handshake and the same nonces.
    for (said, meant) in [(Confirm::Button, Confirm::Digits), (Confirm::Digits, Confirm::Button)] {
        let mut world = opened();
        let hubs = shows_with(&mut world, 1, ADA, said);
        let nodes = join_code(meant, &TRANSCRIPT, &HUB_NONCE, &[1; 32]);
        assert_ne!(hubs, nodes);
        for answer in [None, Some(42)] {
            world.ask(Request::EnterDigits { digits: Digits { code: nodes, answer } });
        }
        assert_eq!(admission(&world, ADA), None);
    }
}

#[test]
fn a_node_whose_button_nobody_pressed_in_time_is_forgotten() {
    let mut world = matched();
    says(&mut world, 1, JoinMessage::Unstored);
    assert_eq!(admission(&world, ADA), None);
    assert!(world.take().contains(&format!("forget {}", ADA.id())));
    assert_eq!(last_news(&world), format!("{} is not let in: nobody pressed its button in time.", ADA.id()));
}

#[test]
fn a_node_that_says_nothing_of_its_button_is_waited_for_and_then_told_so() {
    let mut world = matched();
    let whole_s = PRESS_WITHIN.as_secs() + 30;
    world.pass(whole_s - 1);
    assert_eq!(pressing(&world).len(), 1);
    world.skip();
    world.pass(1);
    assert!(world.take().contains(&"1 <- refused 3".to_owned()));
    assert!(last_news(&world).contains("has not said that its button was pressed"), "{}", last_news(&world));
    assert_eq!(admission(&world, ADA), Some(AdmissionState::Matched), "what it said may be lost");
    comes(&mut world, 2, ADA);
    assert_eq!(admission(&world, ADA), Some(AdmissionState::Admitted));
}

#[test]
fn the_first_session_of_a_node_that_was_pressed_counts_while_its_word_is_still_waited_for() {
    let mut world = matched();
    comes(&mut world, 2, ADA);
    assert_eq!((admission(&world, ADA), pressing(&world)), (Some(AdmissionState::Admitted), Vec::new()));
    let news = last_news(&world);
    world.pass(PRESS_WITHIN.as_secs() + 30);
    assert_eq!(last_news(&world), news, "nobody is told that it was not pressed");
}

#[test]
fn a_press_that_is_waited_for_outlives_the_window_and_its_end_is_told_there() {
    let mut world = matched();
    world.ask(Request::CloseWindow);
    assert_eq!(pressing(&world).len(), 1);
    says(&mut world, 1, JoinMessage::Stored);
    assert_eq!(admission(&world, ADA), Some(AdmissionState::Admitted));
    assert_eq!(last_news(&world), format!("{} has joined with digits.", ADA.id()));
}

#[test]
fn a_node_whose_press_is_waited_for_can_be_turned_away() {
    let mut world = matched();
    world.skip();
    world.ask(Request::EndJoining { session: SessionId(1) });
    assert!(world.take().contains(&"1 <- refused 2".to_owned()));
    assert_eq!((admission(&world, ADA), pressing(&world)), (None, Vec::new()));
    assert_eq!(world.kept.audit.last().map(|record| record.deed.word()), Some("turn-away"));
    world.pass(PRESS_WITHIN.as_secs() + 30);
    assert_eq!(last_news(&world), format!("{} is not let in: it was turned away.", ADA.id()));
}
