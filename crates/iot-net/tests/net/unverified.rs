//! Nodes that can show nothing join over real sockets, where an admin lets them, and are commanded where one permits it.

use core::future::Future;

use iot_core::{AdmissionState, IotError, NodeId, Request, SessionId, view::Wanted};
use iot_net::Running;
use iot_node::{
    join::Join,
    noise::KeyPair,
    runner::{Ends, JoinFailed, join},
    tunnel::Keys,
};
use iot_proto::{Capabilities, HubKey, HubMessage, NodeKey};
use tokio::time::timeout;

use crate::{
    joining::{admission, ask, opened, randomness, refused, with_secret},
    keyed::{Keyed, identity, keyed_hello, keys},
    node::SOON,
};

/// A node that joins on trust.
fn on_trust(hub: &Running, own: &KeyPair) -> impl Future<Output = Result<HubKey, JoinFailed>> + use<> {
    let run = Join::on_trust(own, randomness()).expect("a genuine key");
    join(Ends::new(hub.local_addr()), run, |_| Ok(()))
}

/// The first that asks, once there is one.
async fn asking(hub: &Running) -> SessionId {
    loop {
        let window = hub.handle().read(|view| view.joining().window).await.expect("it runs");
        let asks = window.and_then(|window| window.unverified).unwrap_or_default();
        if let Some(node) = asks.first() {
            return node.session;
        }
        tokio::task::yield_now().await;
    }
}

async fn is_unverified(hub: &Running, own: &KeyPair) -> bool {
    let id = NodeId::of_key(&NodeKey(own.public()));
    let node = hub.handle().read(move |view| view.node(&id)).await.expect("it runs");
    node.expect("a known node").is_unverified()
}

#[tokio::test]
async fn a_node_that_can_show_nothing_is_refused_where_no_admin_lets_such_nodes_ask() {
    let (hub, _) = opened().await;
    let own = keys(70).own;
    let joined = timeout(SOON, on_trust(&hub, &own)).await.expect("in time");
    assert_eq!((refused(&joined), admission(&hub, &own).await), (Some(2), None));
    hub.stop().await;
}

#[tokio::test]
async fn it_waits_for_an_admin_and_its_session_takes_no_command_until_it_joins_with_a_secret() {
    let (hub, secret) = opened().await;
    let mine = keys(71);
    ask(&hub, Request::AllowUnverified).await.expect("the window is open");
    let admin = async {
        let session = asking(&hub).await;
        assert_eq!(admission(&hub, &mine.own).await, None, "nothing is kept before");
        ask(&hub, Request::AdmitUnverified { session }).await
    };
    let both = async { tokio::join!(on_trust(&hub, &mine.own), admin) };
    let (joined, let_in) = timeout(SOON, both).await.expect("in time");
    let key = joined.expect("it joins");
    assert_eq!((key, let_in), (identity().public(), Ok(())));
    assert_eq!(admission(&hub, &mine.own).await, Some(AdmissionState::Admitted));
    let mut node = Keyed::connect(hub.local_addr(), &Keys { hub: key, ..mine.clone() }).await.unwrap();
    let answer = node.request(&keyed_hello(&mine, Capabilities::KEEPS_SESSION)).await;
    assert!(matches!(answer.from_hub(), Ok(HubMessage::Welcome(_))), "{answer:?}");
    let id = NodeId::of_key(&mine.public());
    let restart = || Request::Command { node: id.clone(), wanted: Wanted::Restart, expires_in_s: None };
    assert_eq!(ask(&hub, restart()).await, Err(IotError::NotPermitted { node: id.clone() }));
    assert!(is_unverified(&hub, &mine.own).await);
    with_secret(&hub, &mine.own, &secret).await.expect("it joins once more");
    assert!(!is_unverified(&hub, &mine.own).await);
    assert_eq!(ask(&hub, restart()).await, Ok(()));
    hub.stop().await;
}

#[tokio::test]
async fn it_is_told_when_it_is_turned_away_and_when_the_window_closes() {
    let (hub, _) = opened().await;
    ask(&hub, Request::AllowUnverified).await.expect("the window is open");
    for (number, ends) in [(72, true), (73, false)] {
        let own = keys(number).own;
        let person = async {
            let session = asking(&hub).await;
            let request = if ends { Request::EndJoining { session } } else { Request::CloseWindow };
            ask(&hub, request).await
        };
        let both = async { tokio::join!(on_trust(&hub, &own), person) };
        let (joined, done) = timeout(SOON, both).await.expect("in time");
        assert_eq!((refused(&joined), done), (Some(2), Ok(())));
        assert_eq!(admission(&hub, &own).await, None);
    }
    hub.stop().await;
}
