//! The hub changes its key, over real sockets: both keys are good for a while, no other ever is, and nodes go over by
//! themselves.

use core::time::Duration;
use std::sync::Arc;

use iot_core::{Request, UnixMillis, view::HubKeysView};
use iot_net::{HeldKey, HubIdentity, KeySet, Keyring, RawFrame, Running, wall_clock};
use iot_node::{
    Answer, Command, Config, Connection, Instant,
    runner::{Device, Ends, HostNode, Runner},
    tunnel::{Keys, TunnelError},
};
use iot_proto::{
    Acknowledged, BootId, Capabilities, HubKeyStage, HubMessage, Identity, MessageKind, NextHubKey,
    OpeningError,
};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    keyed::{Keyed, identity, keyed_hello, keys},
    node::SOON,
    secure::{dial_record_by, dialled, start_with, switch_on, visit},
};

const DAY: i64 = 86_400_000;

fn next() -> HubIdentity {
    HubIdentity::from_secret([0x77; 32])
}

/// A hub that has announced another key.
fn announced() -> KeySet {
    KeySet::first(identity()).announcing(next(), None, wall_clock()).expect("it has one key")
}

/// One that changed to it so many days ago.
fn changed(days: i64) -> KeySet {
    announced().changed(UnixMillis(wall_clock().0 - days * DAY)).expect("it is announced")
}

/// A node that knows the hub by its second key, under this number.
fn over(node: u8, number: u8) -> Keys {
    Keys { hub_key: number, ..Keys::new(keys(node).own, next().public()) }
}

/// The hub goes by these keys from now on.
async fn go_by(hub: &Running, keyring: &Keyring, keys: KeySet) {
    let request = Request::HubKeys { keys: keys.public().into() };
    keyring.set(keys);
    hub.handle().ask("Ada", "", request).await.expect("it is kept");
}

async fn view(hub: &Running) -> HubKeysView {
    hub.handle().read(|view| view.hub_keys()).await.expect("it runs").expect("it has a key")
}

async fn opens(hub: &Running, keys: &Keys) -> bool {
    Keyed::connect(hub.local_addr(), keys).await.is_ok()
}

/// Whether nodes get in: by the first key, by the second, by the second under the number of the first, and with one that
/// the hub never had.
async fn let_in(keys: KeySet) -> [bool; 4] {
    let hub = start_with(Arc::new(Keyring::new(keys)), 1234);
    let never = Keys::new(crate::keyed::keys(73).own, HubIdentity::from_secret([0x78; 32]).public());
    let nodes = [crate::keyed::keys(70), over(71, 2), over(72, 1), never];
    let mut let_in = [false; 4];
    for (node, is_in) in nodes.iter().zip(&mut let_in) {
        *is_in = opens(&hub, node).await;
    }
    hub.stop().await;
    let_in
}

#[tokio::test]
async fn both_keys_are_good_for_30_days_and_then_the_old_one_opens_nothing() {
    assert_eq!(let_in(KeySet::first(identity())).await, [true, false, false, false]);
    assert_eq!(let_in(announced()).await, [true, true, false, false]);
    assert_eq!(let_in(changed(29)).await, [true, true, true, false]);
    assert_eq!(let_in(changed(31)).await, [false, true, true, false]);
    let former = HeldKey { number: 9, ..changed(29).current };
    let renamed = KeySet { former: Some(former), ..KeySet::first(identity()) };
    assert_eq!(let_in(renamed).await, [true, false, false, false], "no key answers to another's number");
}

/// A device that only remembers that it was given keys to store.
#[derive(Default)]
struct Memory {
    stored: Vec<(u8, Option<u8>)>,
}

impl Device for Memory {
    fn obey<'d>(&'d mut self, _: Command<'_>) -> Answer<'d> {
        Answer::Done(None)
    }

    fn wake(&mut self, _: &mut HostNode<'_>, _: Instant) -> Duration {
        Duration::from_millis(5)
    }

    fn hub_key_changed(&mut self, keys: &Keys) {
        self.stored.push((keys.hub_key, keys.next_hub.map(|next| next.number)));
    }
}

/// Lets a node run until the hub sees what is wanted.
async fn until(
    runner: &mut Runner<'_, Memory>,
    hub: &Running,
    wanted: impl Fn(&Memory, &HubKeysView) -> bool,
) {
    let seen = async {
        loop {
            let seen = view(hub).await;
            if wanted(runner.device(), &seen) {
                return;
            }
            runner.turn().await;
        }
    };
    timeout(SOON, seen).await.expect("in time");
}

#[tokio::test]
async fn a_node_that_runs_stores_the_next_key_before_the_hub_counts_it_and_goes_over_after_the_change() {
    let keyring = Arc::new(Keyring::from(identity()));
    let hub = start_with(Arc::clone(&keyring), 1234);
    let mut runner = runs(&hub, keys(74));
    until(&mut runner, &hub, |_, seen| seen.have == 1).await;
    go_by(&hub, &keyring, announced()).await;
    assert_eq!(view(&hub).await.lack, 1);
    until(&mut runner, &hub, |_, seen| seen.lack == 0).await;
    assert_eq!(runner.device().stored, [(1, Some(2))], "announced");

    go_by(&hub, &keyring, changed(0)).await;
    until(&mut runner, &hub, |memory, _| memory.stored.len() == 2).await;
    runner.cut(Connection::Own);
    until(&mut runner, &hub, |memory, _| memory.stored.len() == 3).await;
    assert_eq!(runner.device().stored[1..], [(1, Some(2)), (2, None)], "in use, and then alone");
    go_by(&hub, &keyring, changed(31).without_ended(wall_clock()).expect("its time is over")).await;
    runner.cut(Connection::Own);
    until(&mut runner, &hub, |_, seen| seen.keys.former.is_none() && seen.lack == 0).await;
    hub.stop().await;
}

/// A node with these keys that runs, and has nothing to say.
fn runs(hub: &Running, keys: Keys) -> Runner<'static, Memory> {
    let config = Config::new(Identity::Key(keys.public()), BootId(9), 5, &[]);
    Runner::new(config, Memory::default(), Ends::new(hub.local_addr()))
        .expect("it listens nowhere")
        .encrypted(keys)
}

#[tokio::test]
async fn a_node_that_lost_its_power_before_it_answered_is_told_again_and_stores_nothing_twice() {
    let hub = start_with(Arc::new(Keyring::new(announced())), 1234);
    let mut mine = keys(77);
    let mut node = Keyed::connect(hub.local_addr(), &mine).await.expect("it is the key of the hub");
    node.request(&keyed_hello(&mine, Capabilities::KEEPS_SESSION)).await;
    let told = node.next().await.expect("it is told at once");
    let Ok(HubMessage::NextHubKey(message)) = told.from_hub() else { panic!("{told:?}") };
    assert_eq!(mine.learn(message), Ok(true));
    drop(node);
    assert_eq!(view(&hub).await.lack, 1);
    let mut runner = runs(&hub, mine);
    until(&mut runner, &hub, |_, seen| seen.lack == 0).await;
    assert!(runner.device().stored.is_empty(), "it had it");
    hub.stop().await;
}

#[tokio::test]
async fn a_node_whose_hub_has_lost_the_next_key_goes_on_with_the_one_that_it_knows() {
    let hub = start_with(Arc::new(Keyring::from(identity())), 1234);
    let mut mine = keys(78);
    let told = NextHubKey { number: 2, stage: HubKeyStage::IN_USE, key: next().public() };
    assert_eq!(mine.learn(told), Ok(true));
    let mut runner = runs(&hub, mine);
    until(&mut runner, &hub, |_, seen| seen.have == 1).await;
    assert_eq!(runner.keys().map(|keys| keys.hub_key), Some(1));
    hub.stop().await;
}

#[tokio::test]
async fn a_node_that_was_away_at_the_change_gets_in_with_the_old_key_and_is_told_the_new_one() {
    let hub = start_with(Arc::new(Keyring::new(changed(29))), 1234);
    let mut node = Keyed::connect(hub.local_addr(), &keys(75)).await.expect("it is still taken");
    node.request(&keyed_hello(&keys(75), Capabilities::KEEPS_SESSION)).await;
    let told = node.next().await.expect("it is told at once");
    let Ok(HubMessage::NextHubKey(message)) = told.from_hub() else { panic!("{told:?}") };
    let expected = NextHubKey { number: 2, stage: HubKeyStage::IN_USE, key: next().public() };
    assert_eq!((message, view(&hub).await.lack), (expected, 1));
    let answer = told.correlation.answer().expect("a request");
    node.send(&RawFrame::new(&Acknowledged, answer).expect("it fits")).await;
    node.request(&iot_proto::Ping).await;
    assert_eq!(view(&hub).await.lack, 0, "what it has stored is kept");
    hub.stop().await;
}

#[tokio::test]
async fn a_node_is_dialled_with_the_key_that_it_has_and_by_nobody_who_only_names_its_number() {
    for (stored, number) in [(None, 1), (Some(2), 2)] {
        let listener = TcpListener::bind(("127.0.4.10", 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let keyring = Arc::new(Keyring::from(identity()));
        let hub = start_with(Arc::clone(&keyring), at.port());
        let mut mine = keys(76);
        visit(&hub, &mine, at).await;
        go_by(&hub, &keyring, changed(0)).await;
        if stored.is_some() {
            // A session with the next key says as much as an acknowledgement.
            visit(&hub, &over(76, 2), at).await;
        }
        let told = NextHubKey { number: 2, stage: HubKeyStage::IN_USE, key: next().public() };
        assert_eq!(mine.learn(told), Ok(true));
        switch_on(&hub, &mine).await;
        let (stream, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
        let mut node = Keyed::accept(stream, &mine).await.expect("it knows both");
        assert_eq!(
            (node.hub_key(), node.next().await.map(|frame| frame.kind)),
            (number, Some(MessageKind::DIAL))
        );
        hub.stop().await;

        let stranger = HubIdentity::from_secret([0x43; 32]);
        for (number, why) in [
            (1, TunnelError::WrongHub),
            (2, TunnelError::WrongHub),
            (3, TunnelError::Opening(OpeningError::KeyNumber(3))),
        ] {
            let record = dial_record_by(&stranger, number, &mine);
            let (answered, heard) = dialled(&listener, at, &mine, &record).await;
            assert_eq!((answered, heard.is_empty()), (Some(why), true), "key {number}");
        }
    }
}
