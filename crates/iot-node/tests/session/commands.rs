//! Commands: each runs once, on whichever connection it comes.

use iot_node::{
    Answer,
    proto::{Acknowledged, Correlation, ErrorCode, MessageKind, NodeMessage, OutcomeStatus, Value},
};

use crate::hub::{DIALLED, OWN, Rig, command, config, dial, frame, request, response, set, welcome};

#[test]
fn a_command_that_comes_twice_runs_once_and_is_answered_twice() {
    let mut rig = Rig::online(config(), &welcome());
    rig.hear(OWN, &frame(&set(1, true.into()), request(9)));
    assert_eq!(rig.commands, [command(1)]);
    rig.node.answer(command(1), Answer::Done(Some(true.into()))).unwrap();
    let first = rig.said(OWN).remove(0);
    rig.hear(OWN, &frame(&set(1, true.into()), request(10)));
    assert_eq!(rig.commands, [command(1)], "it did not run again");
    let second = rig.said(OWN).remove(0);
    assert_eq!((first.correlation, second.correlation), (response(9), response(10)));
    assert_eq!(first.body, second.body);
    let NodeMessage::Outcome(outcome) = first.message() else { panic!("{first:?}") };
    assert_eq!((outcome.status, outcome.value), (OutcomeStatus::DONE, Some(Value::from(true))));
}

#[test]
fn an_accepted_command_ends_with_a_request_of_the_node() {
    let mut rig = Rig::online(config(), &welcome());
    rig.hear(OWN, &frame(&set(1, true.into()), request(9)));
    rig.node.answer(command(1), Answer::Accepted).unwrap();
    let accepted = rig.said(OWN).remove(0);
    assert_eq!(accepted.correlation, response(9));
    rig.node.answer(command(1), Answer::Done(Some(true.into()))).unwrap();
    let done = rig.said(OWN).remove(0);
    assert!(matches!(done.correlation, Correlation::Request(_)), "{done:?}");
    rig.hear(OWN, &frame(&Acknowledged, done.answer()));
    rig.lose();
    rig.wait_for_connect();
    rig.connect(&welcome());
    assert_eq!(rig.kinds(OWN), [], "it was told once");
}

#[test]
fn an_outcome_that_the_hub_has_not_noted_is_told_on_the_next_connection() {
    let mut rig = Rig::online(config(), &welcome());
    rig.hear(OWN, &frame(&set(1, true.into()), request(9)));
    rig.lose();
    rig.node.answer(command(1), Answer::Done(None)).unwrap();
    rig.wait_for_connect();
    let told = rig.connect(&welcome()).remove(0);
    assert_eq!(told.kind, MessageKind::OUTCOME);
    assert!(matches!(told.correlation, Correlation::Request(_)));
}

#[test]
fn a_dial_for_this_node_is_answered_with_hello_and_commands_follow() {
    let mut rig = Rig::new(config());
    rig.node.dialled(rig.now);
    rig.hear(DIALLED, &frame(&dial("shed"), request(1)));
    let hello = rig.said(DIALLED).remove(0);
    assert_eq!((hello.kind, hello.correlation), (MessageKind::HELLO, response(1)));
    rig.hear(DIALLED, &frame(&set(1, true.into()), request(2)));
    rig.node.answer(command(1), Answer::Done(None)).unwrap();
    assert_eq!(rig.said(DIALLED).remove(0).correlation, response(2));
    // The node's own connection knows of the command as well.
    rig.connect(&welcome());
    rig.hear(OWN, &frame(&set(1, true.into()), request(3)));
    assert_eq!(rig.commands, [command(1)]);
    assert_eq!(rig.kinds(OWN), [MessageKind::OUTCOME]);
}

#[test]
fn a_dial_for_another_node_is_turned_away_and_nothing_after_it_is_served() {
    let mut rig = Rig::new(config());
    rig.node.dialled(rig.now);
    let mut bytes = frame(&dial("barn"), request(1));
    bytes.extend(frame(&set(1, true.into()), request(2)));
    rig.hear(DIALLED, &bytes);
    let said = rig.said(DIALLED);
    let NodeMessage::Error(error) = said[0].message() else { panic!("{said:?}") };
    assert_eq!((error.code, said[0].correlation), (ErrorCode::WRONG_NODE, response(1)));
    assert_eq!(said[1].kind, MessageKind::CLOSE);
    assert_eq!((said.len(), rig.commands.len()), (2, 0));
    assert!(rig.events.contains(&"Close(Dialled)".to_owned()), "{:?}", rig.events);
}

#[test]
fn a_dialled_connection_begins_with_a_dial() {
    let mut rig = Rig::new(config());
    rig.node.dialled(rig.now);
    rig.hear(DIALLED, &frame(&set(1, true.into()), request(1)));
    assert_eq!(rig.kinds(DIALLED), [MessageKind::ERROR, MessageKind::CLOSE]);
    assert!(rig.commands.is_empty());
}
