//! Nodes change their keys over real sockets, with the state machines that run on chips; and what nobody gets by it.

use core::time::Duration;

use iot_core::{
    NodeId,
    view::{KeyStanding, NodeView},
};
use iot_net::{RawFrame, Running};
use iot_node::{
    Answer, Command, Config, Instant,
    noise::KeyPair,
    runner::{Device, Ends, HostNode, Runner},
    tunnel::Keys,
};
use iot_proto::{
    Announcement, BootId, Capabilities, ErrorCode, HubMessage, Identity, Label, MessageKind, Name, NextKey,
    NodeKey, Reading, Taken,
};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    keyed::{Keyed, keyed_hello, keys},
    node::SOON,
    secure::{joined, start, switch_on, visit},
};

/// A device that reports a little now and then, and remembers which key its node came to have.
#[derive(Default)]
struct Reporter {
    reported: u32,
    key: Option<NodeKey>,
}

impl Device for Reporter {
    fn obey<'d>(&'d mut self, _: Command<'_>) -> Answer<'d> {
        Answer::Done(None)
    }

    fn wake(&mut self, node: &mut HostNode<'_>, now: Instant) -> Duration {
        let on = Reading { module: 0, channel: 1, taken: Taken::Age(0), value: true.into() };
        self.reported += u32::from(node.report(now, &[on]).is_ok());
        Duration::from_millis(5)
    }

    fn key_changed(&mut self, own: &KeyPair) {
        self.key = Some(NodeKey(own.public()));
    }
}

async fn view(hub: &Running, first: &Keys) -> NodeView {
    let id = NodeId::of_key(&first.public());
    hub.handle().read(move |view| view.node(&id)).await.expect("it runs").expect("the id stays")
}

fn standings(view: &NodeView) -> Vec<(String, KeyStanding)> {
    view.keys.iter().map(|key| (key.id.to_string(), key.standing)).collect()
}

async fn announce(node: &mut Keyed, key: NodeKey) -> RawFrame {
    node.request(&NextKey { key }).await
}

fn error(answer: &RawFrame) -> Option<ErrorCode> {
    match answer.from_hub() {
        Ok(HubMessage::Error(error)) => Some(error.code),
        _ => None,
    }
}

/// Opens a session with these keys and gives what the hub says to the hello.
async fn hello(hub: &Running, keys: &Keys, capabilities: Capabilities) -> (Keyed, RawFrame) {
    let mut node = Keyed::connect(hub.local_addr(), keys).await.expect("both are proven");
    let answer = node.request(&keyed_hello(keys, capabilities)).await;
    (node, answer)
}

#[tokio::test]
async fn a_node_that_runs_changes_its_key_and_no_report_is_lost_by_it() {
    let hub = start(1234);
    let (first, next) = (keys(60), KeyPair::from_secret([61; 32]));
    let relay =
        Announcement { index: 0, kind: Name::new("relay").unwrap(), kind_version: 1, title: Label::EMPTY };
    let modules = [relay];
    let config = Config::new(Identity::Key(first.public()), BootId(9), 5, &modules);
    let runner = Runner::new(config, Reporter::default(), Ends::new(hub.local_addr())).unwrap();
    let mut runner = runner.encrypted(first.clone());
    let is_stored = |runner: &mut Runner<'_, Reporter>| runner.node().waiting_reports() == 0;
    let changing = async {
        while runner.device().reported < 5 || !is_stored(&mut runner) {
            runner.turn().await;
        }
        runner.change_key(next.clone());
        while runner.device().key.is_none() {
            runner.turn().await;
        }
        let reported = runner.device().reported;
        while runner.device().reported < reported + 5 || !is_stored(&mut runner) {
            runner.turn().await;
        }
    };
    timeout(SOON, changing).await.expect("in time");
    let next = NodeKey(next.public());
    assert_eq!((runner.device().key, runner.keys().map(Keys::public)), (Some(next), Some(next)));
    let node = view(&hub, &first).await;
    let expected = [(next, KeyStanding::Current), (first.public(), KeyStanding::Former)];
    assert_eq!(standings(&node), expected.map(|(key, is)| (key.id().to_string(), is)));
    assert_eq!((node.reports, node.lost_reports), (runner.device().reported.into(), 0));
    hub.stop().await;
}

#[tokio::test]
async fn after_the_change_the_hub_dials_the_node_by_its_new_key_and_the_old_one_opens_nothing() {
    let listener = TcpListener::bind("127.0.4.9:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let hub = start(at.port());
    let (first, next) = (keys(62), Keys { own: KeyPair::from_secret([63; 32]), ..keys(62) });
    let mut node = joined(&hub, &first, Capabilities::LISTENS).await;
    assert_eq!(announce(&mut node, next.public()).await.kind, MessageKind::ACKNOWLEDGED);
    drop(node);
    visit(&hub, &next, at).await;
    switch_on(&hub, &first).await;

    let (stream, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    assert!(Keyed::accept(stream, &first).await.is_err(), "it is not the old key that is meant");
    let (stream, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    let mut node = Keyed::accept(stream, &next).await.unwrap();
    assert_eq!(node.next().await.map(|frame| frame.kind), Some(MessageKind::DIAL));
    hub.stop().await;
}

#[tokio::test]
async fn the_old_key_still_gets_in_but_changes_nothing_and_keys_of_others_are_refused() {
    let hub = start(1234);
    let (first, next, other) = (keys(64), Keys { own: KeyPair::from_secret([65; 32]), ..keys(64) }, keys(66));
    let _other = joined(&hub, &other, Capabilities::KEEPS_SESSION).await;
    let mut node = joined(&hub, &first, Capabilities::KEEPS_SESSION).await;
    for taken in [other.public(), first.public()] {
        assert_eq!(error(&announce(&mut node, taken).await), Some(ErrorCode::KEY_TAKEN));
    }
    assert_eq!(announce(&mut node, next.public()).await.kind, MessageKind::ACKNOWLEDGED);
    let (mut node, answer) = hello(&hub, &next, Capabilities::KEEPS_SESSION).await;
    assert_eq!(answer.kind, MessageKind::WELCOME);
    assert_eq!(error(&announce(&mut node, NodeKey([67; 32])).await), Some(ErrorCode::OUT_OF_TURN));

    let (mut node, answer) = hello(&hub, &first, Capabilities::KEEPS_SESSION).await;
    assert_eq!(answer.kind, MessageKind::WELCOME, "for 24 hours");
    assert_eq!(error(&announce(&mut node, NodeKey([67; 32])).await), Some(ErrorCode::UNPROVEN_KEY));
    assert_eq!(view(&hub, &first).await.keys.len(), 2);
    hub.stop().await;
}
