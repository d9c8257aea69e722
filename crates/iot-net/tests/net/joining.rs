//! Nodes join over real sockets, with the state machine that runs on chips; and what nobody else gets by it.

use core::{future::Future, net::SocketAddr, time::Duration};
use std::{io, sync::Arc};

use iot_core::{AdmissionState, IotError, NodeId, Request, catalogue::Catalogue, config::HubConfig};
use iot_net::{HubIdentity, HubServer, NetConfig, Running, new_secret};
use iot_node::{
    join::{Join, JoinError, JoinStep, Randomness},
    noise::KeyPair,
    runner::{Ends, JoinFailed, join},
    tunnel::Keys,
};
use iot_proto::{Capabilities, Digits, HubKey, HubMessage, JoinSecret, NodeKey};
use iot_store::MemoryStore;
use tokio::{sync::mpsc, time::timeout};

use crate::{
    keyed::{Keyed, identity, keyed_hello, keys, random},
    node::SOON,
};

pub(crate) fn start() -> Running {
    start_as(identity())
}

/// A hub with this key.
fn start_as(identity: HubIdentity) -> Running {
    let mut config = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.server.identity = Some(Arc::new(identity.into()));
    config.server.drain = Duration::from_millis(100);
    let (hub, store) = (HubConfig::default(), Box::new(MemoryStore::new()));
    HubServer::start(config, hub, Arc::new(Catalogue::built_in()), store).expect("it starts")
}

pub(crate) async fn ask(hub: &Running, request: Request) -> Result<(), IotError> {
    hub.handle().ask("Ada", "", request).await.map(|_| ())
}

/// A hub in which nodes may join, and the secret for one of them.
pub(crate) async fn opened() -> (Running, JoinSecret) {
    opened_as(identity()).await
}

/// An attacker's hub, in which nodes may join.
pub(crate) async fn attackers() -> Running {
    opened_as(HubIdentity::from_secret([0x66; 32])).await.0
}

async fn opened_as(identity: HubIdentity) -> (Running, JoinSecret) {
    let (hub, secret) = (start_as(identity), new_secret().expect("random bytes"));
    ask(&hub, Request::OpenWindow { for_s: 300, secret: secret.clone() }).await.expect("it opens");
    (hub, secret)
}

/// What a node draws for one run.
pub(crate) fn randomness() -> Randomness {
    let mut answer = [0; 8];
    answer.copy_from_slice(&random()[..8]);
    Randomness { ephemeral: random(), nonce: random(), answer }
}

pub(crate) async fn with_secret(
    hub: &Running,
    own: &KeyPair,
    secret: &JoinSecret,
) -> Result<HubKey, JoinFailed> {
    let run = Join::with_secret(own, secret, random()).expect("a genuine key");
    let joined = join(Ends::new(hub.local_addr()), run, |_| Ok(()));
    timeout(SOON, joined).await.expect("in time")
}

/// A node that joins with digits, which it hands to whoever reads them.
fn with_digits(
    hub: &Running,
    own: &KeyPair,
) -> (impl Future<Output = Result<HubKey, JoinFailed>> + use<>, mpsc::UnboundedReceiver<Digits>) {
    let (shown, digits) = mpsc::unbounded_channel();
    let run = Join::with_code(own, randomness()).expect("a genuine key");
    let told = move |step| match step {
        JoinStep::Show(digits) => shown.send(digits).map_err(io::Error::other),
        JoinStep::Met(_)
        | JoinStep::Revealed
        | JoinStep::Press
        | JoinStep::Waits
        | JoinStep::Trusted(_)
        | JoinStep::Nothing => Ok(()),
    };
    (join(Ends::new(hub.local_addr()), run, told), digits)
}

pub(crate) async fn admission(hub: &Running, own: &KeyPair) -> Option<AdmissionState> {
    let id = NodeId::of_key(&NodeKey(own.public()));
    hub.handle().read(move |view| view.node(&id).ok().map(|node| node.admission)).await.expect("it runs")
}

/// Waits until the hub has forgotten a node.
pub(crate) async fn forgotten(hub: &Running, own: &KeyPair) {
    let forgotten = async {
        while admission(hub, own).await.is_some() {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, forgotten).await.expect("the hub forgets it");
}

pub(crate) fn refused(result: &Result<HubKey, JoinFailed>) -> Option<u8> {
    match result {
        Err(JoinFailed::Run(JoinError::Refused(why))) => Some(*why),
        _ => None,
    }
}

#[tokio::test]
async fn a_node_joins_with_the_secret_and_its_session_is_welcome_as_admitted() {
    let (hub, secret) = opened().await;
    let mine = keys(40);
    let key = with_secret(&hub, &mine.own, &secret).await.expect("it joins");
    assert_eq!(key, identity().public(), "the node knows its hub now");
    assert_eq!(admission(&hub, &mine.own).await, Some(AdmissionState::Admitted));
    let mut node = Keyed::connect(hub.local_addr(), &Keys { hub: key, ..mine.clone() }).await.unwrap();
    let answer = node.request(&keyed_hello(&mine, Capabilities::KEEPS_SESSION)).await;
    let Ok(HubMessage::Welcome(welcome)) = answer.from_hub() else { panic!("{answer:?}") };
    assert_eq!(welcome.admission, iot_proto::Admission::ADMITTED);
    hub.stop().await;
}

#[tokio::test]
async fn a_wrong_secret_a_used_one_and_one_of_a_closed_window_let_nobody_in() {
    let (hub, secret) = opened().await;
    let (first, second) = (keys(41).own, keys(42).own);
    // One that the hub does not have, and one that has the hub's number by chance.
    assert_eq!(refused(&with_secret(&hub, &second, &JoinSecret::new([1; 16])).await), Some(2));
    with_secret(&hub, &first, &secret).await.expect("the control");
    assert_eq!(refused(&with_secret(&hub, &second, &secret).await), Some(3));
    with_secret(&hub, &first, &secret).await.expect("who has not heard it asks again");
    ask(&hub, Request::CloseWindow).await.unwrap();
    assert_eq!(refused(&with_secret(&hub, &first, &secret).await), Some(2));
    assert_eq!(admission(&hub, &second).await, None);
    hub.stop().await;
}

#[tokio::test]
async fn of_two_nodes_with_one_secret_at_the_same_time_one_is_let_in_and_the_other_named() {
    let (hub, secret) = opened().await;
    let (one, other) = (keys(43).own, keys(44).own);
    let (first, second) = tokio::join!(with_secret(&hub, &one, &secret), with_secret(&hub, &other, &secret));
    assert_eq!([&first, &second].into_iter().filter(|joined| joined.is_ok()).count(), 1);
    let loser = if first.is_ok() { &other } else { &one };
    assert_eq!(admission(&hub, loser).await, None);
    let id = NodeKey(loser.public()).id().to_string();
    let window = hub.handle().read(|view| view.joining().window).await.unwrap().expect("it is open");
    assert!(window.news.iter().any(|notice| notice.text.contains(&id)), "{:?}", window.news);
    hub.stop().await;
}

#[tokio::test]
async fn a_restart_closes_the_window() {
    let (hub, secret) = opened().await;
    hub.stop().await;
    let hub = start();
    assert_eq!(refused(&with_secret(&hub, &keys(45).own, &secret).await), Some(2));
    hub.stop().await;
}

#[tokio::test]
async fn a_node_joins_with_digits_that_a_person_types() {
    let (hub, _) = opened().await;
    let own = keys(46).own;
    let (joining, mut shown) = with_digits(&hub, &own);
    let person = async {
        let digits = shown.recv().await.expect("the node shows digits");
        assert_eq!(admission(&hub, &own).await, None, "nothing is kept before they are typed");
        ask(&hub, Request::EnterDigits { digits }).await
    };
    let (joined, typed) = timeout(SOON, async { tokio::join!(joining, person) }).await.expect("in time");
    assert_eq!((joined.expect("it joins"), typed), (identity().public(), Ok(())));
    assert_eq!(admission(&hub, &own).await, Some(AdmissionState::Admitted));
    hub.stop().await;
}

#[tokio::test]
async fn a_node_stores_no_key_where_another_answer_was_typed() {
    let (hub, _) = opened().await;
    let own = keys(47).own;
    let (joining, mut shown) = with_digits(&hub, &own);
    let person = async {
        let Digits { code, answer } = shown.recv().await.expect("the node shows digits");
        let other = answer.map(|answer| (answer + 1) % iot_proto::CODES);
        let digits = Digits { code, answer: other };
        ask(&hub, Request::EnterDigits { digits }).await
    };
    let (joined, typed) = timeout(SOON, async { tokio::join!(joining, person) }).await.expect("in time");
    assert!(matches!(joined, Err(JoinFailed::Run(JoinError::WrongAnswer))), "{joined:?}");
    assert_eq!(typed, Ok(()));
    forgotten(&hub, &own).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_node_that_shows_digits_is_told_when_the_window_closes() {
    let (hub, _) = opened().await;
    let own = keys(48).own;
    let (joining, mut shown) = with_digits(&hub, &own);
    let person = async {
        shown.recv().await.expect("the node shows digits");
        ask(&hub, Request::CloseWindow).await
    };
    let (joined, closed) = timeout(SOON, async { tokio::join!(joining, person) }).await.expect("in time");
    assert_eq!((refused(&joined), closed), (Some(2), Ok(())));
    hub.stop().await;
}

#[tokio::test]
async fn who_is_in_between_makes_other_digits_on_either_side() {
    // The node speaks with an attacker's hub, the attacker as a node with the real one.
    let ((hub, _), theirs) = (opened().await, attackers().await);
    let (victim, attacker) = (keys(49).own, keys(50).own);
    let (at_theirs, mut seen) = with_digits(&theirs, &victim);
    let (at_ours, mut own) = with_digits(&hub, &attacker);
    let person = async {
        let (digits, other) = (seen.recv().await.expect("digits"), own.recv().await.expect("digits"));
        assert_ne!(digits.code, other.code);
        let typed = ask(&hub, Request::EnterDigits { digits }).await;
        ask(&hub, Request::CloseWindow).await.unwrap();
        ask(&theirs, Request::CloseWindow).await.unwrap();
        typed
    };
    let all = async { tokio::join!(at_theirs, at_ours, person) };
    let (victims, attackers, typed) = timeout(SOON, all).await.expect("in time");
    assert_eq!(typed, Err(IotError::WrongDigits { left: 2 }));
    assert!(victims.is_err() && attackers.is_err());
    assert_eq!(admission(&hub, &attacker).await, None);
    theirs.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn whoever_is_revoked_loses_its_session_within_a_second_and_nothing_more_of_it_is_kept() {
    let (hub, secret) = opened().await;
    let mine = keys(51);
    with_secret(&hub, &mine.own, &secret).await.expect("it joins");
    let mut node = Keyed::connect(hub.local_addr(), &mine).await.unwrap();
    node.request(&keyed_hello(&mine, Capabilities::KEEPS_SESSION)).await;
    let id = NodeId::of_key(&mine.public());
    ask(&hub, Request::Revoke { node: id }).await.unwrap();
    let ended = async { while node.next().await.is_some() {} };
    timeout(Duration::from_secs(1), ended).await.expect("within a second");
    let mut again = Keyed::connect(hub.local_addr(), &mine).await.unwrap();
    let answer = again.request(&keyed_hello(&mine, Capabilities::KEEPS_SESSION)).await;
    assert!(matches!(answer.from_hub(), Ok(HubMessage::Error(_))), "{answer:?}");
    assert_eq!(refused(&with_secret(&hub, &mine.own, &secret).await), Some(3));
    assert_eq!(admission(&hub, &mine.own).await, Some(AdmissionState::Revoked));
    hub.stop().await;
}
