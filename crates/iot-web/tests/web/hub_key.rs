//! The hub's key on its page and in the API: how far nodes have come with it, and what is done about it.

use http::StatusCode;
use iot_core::{HubKeys, NumberedKey, Request, UnixMillis, view::HubKeysView};
use iot_proto::HubKey;

use crate::{client::Hub, fake::hub_keys};

const SINCE: UnixMillis = UnixMillis(1_770_000_000_000);

fn key(number: u8) -> NumberedKey {
    NumberedKey { number, key: HubKey([number; 32]), since: Some(SINCE) }
}

/// What the hub was asked last: with which words, and which key it goes by then.
fn last(hub: &Hub) -> Option<(String, u8, bool)> {
    let state = hub.fake.state();
    let (_, why, request) = state.asked.last()?;
    let Request::HubKeys { keys } = request else { return None };
    Some((why.clone(), keys.current.number, keys.next.is_some()))
}

fn shows(hub: &Hub, view: HubKeysView) {
    hub.fake.hub_keys.send_replace(view);
}

#[tokio::test]
async fn a_next_key_is_announced_and_the_page_says_who_lacks_it() {
    let hub = Hub::start().await;
    let page = hub.get("/hub-key").await.text;
    assert!(page.contains("action=\"/hub-key/announce\"") && !page.contains("/hub-key/change"), "{page}");
    let sent = hub.form("/hub-key/announce", "why=it+is+due").await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, "/hub-key"));
    assert_eq!(last(&hub), Some(("it is due".into(), 1, true)));

    let page = hub.get("/hub-key").await.text;
    for text in ["1 of 2 nodes have stored key 2", "Pump house", "action=\"/hub-key/change\"", "required"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains("Change although 1 node lacks it") && page.contains("must join again"), "{page}");
    let twice = hub.form("/hub-key/announce", "").await;
    assert!(
        twice.status == StatusCode::CONFLICT && twice.text.contains("role=\"alert\""),
        "{:?}",
        twice.status
    );
    hub.stop().await;
}

#[tokio::test]
async fn the_change_is_forced_by_whoever_has_seen_how_many_nodes_lack_the_key() {
    let hub = Hub::start().await;
    hub.json("/api/v1/hub-key/announce", "").await;
    let unseen = hub.json("/api/v1/hub-key/change", "{}").await;
    assert_eq!(unseen.status, StatusCode::CONFLICT);
    assert!(unseen.text.contains("1 nodes lack the next key"), "{}", unseen.text);
    let forced = hub.json("/api/v1/hub-key/change", "{\"lacking\":1,\"why\":\"the well is dry\"}").await;
    assert_eq!(forced.status, StatusCode::OK);
    assert_eq!(last(&hub), Some(("the well is dry".into(), 2, false)));
    hub.stop().await;
}

#[tokio::test]
async fn the_key_before_is_shown_with_its_end_and_no_other_change_is_offered() {
    let hub = Hub::start().await;
    let keys = HubKeys { id: hub_keys().keys.id, current: key(2), next: None, former: Some(key(1)) };
    shows(&hub, HubKeysView { keys, ..hub_keys() });
    let page = hub.get("/hub-key").await.text;
    assert!(page.contains("taken until") && !page.contains("action=\"/hub-key"), "{page}");
    let document = hub.get("/api/v1/hub-key").await.json();
    let month = 30 * 86_400_000;
    assert_eq!(document["former"]["taken_until"], SINCE.0 + month);
    assert_eq!((&document["current"]["number"], &document["lack"]), (&2.into(), &1.into()));
    assert_eq!(document["lacking"][0]["node"], "plain:pump-house");
    assert_eq!(document["current"]["key"], "02".repeat(32), "nodes are given it");
    assert_eq!(document["current"]["since"], SINCE.0);
    hub.stop().await;
}
