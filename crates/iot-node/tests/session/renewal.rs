//! When a node with a key makes a new handshake, how it tells the hub of another key, and how it is told one of the hub's.

use core::time::Duration;

use iot_node::{
    Config, HANDSHAKE_LIMIT,
    proto::{
        Acknowledged, Admission, Correlation, Error, ErrorCode, HubKey, HubKeyStage, Identity, MessageKind,
        NextHubKey, NodeKey, NodeMessage, Ping, RequestId, Welcome,
    },
};

use crate::hub::{OWN, Rig, config, frame, request, welcome};

const TEN_SECONDS: Duration = Duration::from_secs(10);

fn with_key() -> Config<'static> {
    Config { identity: Identity::Key(NodeKey([7; 32])), ..config() }
}

/// Time passes, and the hub is heard all the while. Gives what the node says of itself.
fn live(rig: &mut Rig, time: Duration) -> Vec<MessageKind> {
    let mut said = Vec::new();
    for _ in 0..time.as_secs() / TEN_SECONDS.as_secs() {
        rig.hear(OWN, &frame(&Ping, request(7)));
        rig.pass(TEN_SECONDS);
        let kept = |kind: &MessageKind| !matches!(*kind, MessageKind::PING | MessageKind::PONG);
        said.extend(rig.kinds(OWN).into_iter().filter(kept));
    }
    said
}

#[test]
fn a_session_with_a_key_is_renewed_after_26_hours_and_a_plain_one_never() {
    let mut plain = Rig::online(config(), &welcome());
    plain.said(OWN);
    assert_eq!(live(&mut plain, 2 * HANDSHAKE_LIMIT), []);

    let mut rig = Rig::online(with_key(), &welcome());
    rig.said(OWN);
    assert_eq!(live(&mut rig, HANDSHAKE_LIMIT.saturating_sub(TEN_SECONDS)), []);
    assert_eq!(live(&mut rig, TEN_SECONDS), [MessageKind::CLOSE]);
    assert!(rig.events.iter().any(|event| event.contains("why: Renewed")), "{:?}", rig.events);
    assert_eq!(rig.events.last().map(String::as_str), Some("Connect"), "it comes back at once");
}

#[test]
fn what_was_not_acknowledged_when_a_session_is_renewed_is_said_again() {
    let mut rig = Rig::online(with_key(), &admitted());
    rig.report(7);
    assert_eq!(rig.kinds(OWN), [MessageKind::REPORT]);
    rig.node.renew(rig.now);
    assert_eq!(rig.kinds(OWN), [MessageKind::CLOSE]);
    rig.connect(&admitted());
    assert_eq!((rig.kinds(OWN), rig.node.waiting_reports()), (vec![MessageKind::REPORT], 1));
}

fn admitted() -> Welcome<'static> {
    Welcome { admission: Admission::ADMITTED, ..welcome() }
}

/// Whether the node announces a key once it is connected anew.
fn announces_again(rig: &mut Rig) -> bool {
    rig.lose();
    rig.wait_for_connect();
    let mut said: Vec<_> = rig.connect(&admitted()).iter().map(|said| said.kind).collect();
    said.extend(rig.kinds(OWN));
    said.contains(&MessageKind::NEXT_KEY)
}

/// An admitted node that has announced a key, and the request in which it did.
fn announced() -> (Rig, RequestId) {
    let mut rig = Rig::online(with_key(), &admitted());
    rig.said(OWN);
    rig.node.announce_key(NodeKey([8; 32]));
    let said = rig.said(OWN);
    let said = said.iter().find(|said| said.kind == MessageKind::NEXT_KEY).expect("it is told");
    let NodeMessage::NextKey(next) = said.message() else { panic!("{said:?}") };
    assert_eq!(next.key, NodeKey([8; 32]));
    let Correlation::Request(id) = said.correlation else { panic!("{said:?}") };
    (rig, id)
}

#[test]
fn a_key_is_announced_once_it_is_admitted_and_until_the_hub_has_stored_it() {
    let mut waiting = Rig::online(with_key(), &Welcome { admission: Admission::PENDING, ..welcome() });
    waiting.node.announce_key(NodeKey([8; 32]));
    assert!(
        !waiting.kinds(OWN).contains(&MessageKind::NEXT_KEY),
        "a hub that waits for a person keeps nothing"
    );

    let (mut rig, _) = announced();
    assert!(!rig.kinds(OWN).contains(&MessageKind::NEXT_KEY), "it is asked once");
    assert!(announces_again(&mut rig), "and again where nothing was heard");

    let (mut rig, id) = announced();
    rig.hear(OWN, &frame(&Acknowledged, Correlation::Response(id)));
    assert!(rig.events.iter().any(|event| event == "KeyNoted"), "{:?}", rig.events);
    assert!(!announces_again(&mut rig));
}

#[test]
fn a_key_that_the_hub_refuses_is_not_announced_again() {
    let (mut rig, id) = announced();
    let refused = Error::new(ErrorCode::KEY_TAKEN, MessageKind::NEXT_KEY, "a node has this key");
    rig.hear(OWN, &frame(&refused, Correlation::Response(id)));
    assert!(rig.events.iter().any(|event| event.contains("key-taken")), "{:?}", rig.events);
    assert!(!rig.kinds(OWN).contains(&MessageKind::NEXT_KEY) && !announces_again(&mut rig));
}

fn told() -> NextHubKey {
    NextHubKey { number: 2, stage: HubKeyStage::ANNOUNCED, key: HubKey([9; 32]) }
}

#[test]
fn a_key_of_the_hub_is_acknowledged_once_it_is_stored_and_not_before() {
    let mut rig = Rig::online(with_key(), &admitted());
    rig.said(OWN);
    rig.hear(OWN, &frame(&told(), request(9)));
    assert!(rig.events.iter().any(|event| event.starts_with("NextHubKey(")), "{:?}", rig.events);
    assert_eq!(rig.kinds(OWN), [], "it is not stored yet");
    rig.node.hub_key_stored();
    let said = rig.said(OWN);
    let answers: Vec<_> = said.iter().map(|said| (said.kind, said.correlation)).collect();
    assert_eq!(answers, [(MessageKind::ACKNOWLEDGED, Correlation::Response(RequestId::new(9).unwrap()))]);

    rig.hear(OWN, &frame(&told(), request(10)));
    rig.lose();
    rig.wait_for_connect();
    rig.connect(&admitted());
    rig.node.hub_key_stored();
    assert!(!rig.kinds(OWN).contains(&MessageKind::ACKNOWLEDGED), "who asked is gone, and will ask again");
}

#[test]
fn a_key_that_cannot_be_the_hubs_and_one_that_is_said_in_plain_are_refused() {
    let mut rig = Rig::online(with_key(), &admitted());
    rig.said(OWN);
    rig.hear(OWN, &frame(&told(), request(9)));
    rig.node.hub_key_refused(ErrorCode::MALFORMED_MESSAGE);
    assert_eq!(rig.kinds(OWN), [MessageKind::ERROR]);

    let mut plain = Rig::online(config(), &admitted());
    plain.said(OWN);
    plain.hear(OWN, &frame(&told(), request(9)));
    assert!(!plain.events.iter().any(|event| event.starts_with("NextHubKey(")), "{:?}", plain.events);
    assert_eq!(plain.kinds(OWN), [MessageKind::ERROR]);
}
