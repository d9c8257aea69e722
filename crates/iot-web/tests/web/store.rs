//! The store: whether everything is being stored, damage, and backups, on the page and in the API.

use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use iot_core::people::Role;
use iot_proto::UnixMillis;
use iot_web::{Checked, Found, Refuses, RestoreView, WebConfig};

use crate::client::Hub;

const BACKUP: &str = "hub-20261114T132400Z.db";

#[tokio::test]
async fn every_page_says_that_nothing_is_being_stored_and_what_to_do_for_as_long_as_it_is_so() {
    let hub = Hub::start().await;
    assert_eq!(hub.get("/healthz").await.status, StatusCode::OK);
    let why = "the disk of data/hub.db is full: make room";
    hub.fake.store.send_modify(|store| {
        store.refuses = Some(Refuses { why: why.into(), since: UnixMillis(1_794_666_247_000) });
    });
    for path in ["/", "/nodes", "/nodes/plain:well", "/commands", "/inbox", "/catalogue", "/store", "/nope"] {
        let page = hub.get(path).await;
        assert!(page.text.contains(why) && page.text.contains("not-storing"), "{path}");
    }
    let health = hub.get("/healthz").await;
    assert_eq!(
        (health.status, &health.json()["status"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"not-storing".into())
    );
    let store = hub.get("/api/v1/store").await.json();
    assert_eq!(store["refuses"]["since"], 1_794_666_247_000_i64);

    hub.fake.store.send_modify(|store| store.refuses = None);
    assert!(!hub.get("/").await.text.contains("not-storing"));
    assert!(hub.get("/api/v1/store").await.json()["refuses"].is_null());
    hub.stop().await;
}

#[tokio::test]
async fn pages_show_what_the_hub_knows_where_the_store_does_not_tell_the_past() {
    let people_within = Duration::from_millis(100);
    let hub = Hub::start_with(WebConfig { people_within, ..WebConfig::default() }).await;
    // Who asks is known from here on.
    assert_eq!(hub.get("/").await.status, StatusCode::OK);
    hub.fake.people.disk_hangs.send_replace(true);
    let told = "has not answered for 5 s";
    for (path, says) in [
        ("/", ""),
        ("/nodes", ""),
        ("/nodes/plain:north-bay-1", ""),
        ("/nodes/plain:north-bay-1/modules/0", told),
        ("/nodes/plain:north-bay-1/modules/0?r=7d", told),
        ("/commands", told),
        ("/store", ""),
        ("/inbox", ""),
    ] {
        let page = hub.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
        assert!(page.text.contains(says), "{path}: {}", page.text);
    }
    // Of these nothing else could be shown.
    for path in ["/audit", "/api/v1/audit", "/api/v1/readings?node=plain:north-bay-1&module=0&channel=1"] {
        let refused = hub.get(path).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(refused.text.contains(told), "{path}: {}", refused.text);
    }
    hub.fake.people.disk_hangs.send_replace(false);
    hub.stop().await;
}

#[tokio::test]
async fn damage_is_told_on_every_page_and_a_look_that_failed_only_where_the_store_is_shown() {
    let hub = Hub::start().await;
    let found = |found| Some(Checked { at: UnixMillis(0), found });
    hub.fake.store.send_modify(|store| store.check.last = found(Found::Damage("hub.db is damaged".into())));
    for path in ["/", "/store"] {
        assert!(hub.get(path).await.text.contains("Hub.db is damaged"), "{path}");
    }
    assert_eq!(hub.get("/healthz").await.json()["damage"], "hub.db is damaged");
    assert_eq!(hub.get("/api/v1/store").await.json()["check"]["last"]["found"], "damage");

    hub.fake.store.send_modify(|store| store.check.last = found(Found::Nothing("it is locked".into())));
    assert!(hub.get("/store").await.text.contains("it is locked"));
    assert!(!hub.get("/").await.text.contains("it is locked"));
    assert_eq!(hub.get("/healthz").await.status, StatusCode::OK, "nothing is known to be wrong");
    hub.stop().await;
}

#[tokio::test]
async fn a_backup_is_begun_by_form_and_by_script_and_only_one_at_a_time() {
    let hub = Hub::start().await;
    let sent = hub.form("/store/backup", "").await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, "/store"));
    let page = hub.get("/store").await.text;
    assert!(page.contains("A backup is being made") && !page.contains("Back up now"), "{page}");
    assert_eq!(hub.get("/api/v1/backup").await.json()["percent"], 0);
    let refused = hub.json("/api/v1/backup", "").await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["name"]),
        (StatusCode::CONFLICT, &"no-backup".into())
    );

    hub.fake.store.send_modify(|store| store.backups.percent = None);
    let begun = hub.json("/api/v1/backup", "").await;
    assert_eq!(
        (begun.status, begun.header("location")),
        (StatusCode::ACCEPTED, format!("/api/v1/backups/{BACKUP}").as_str())
    );
    hub.stop().await;
}

#[tokio::test]
async fn the_hubs_key_is_taken_along_only_with_a_passphrase_of_an_admin_in_the_body() {
    let hub = Hub::start().await;
    let begun = || {
        hub.fake.store.send_modify(|store| store.backups.percent = None);
        hub.fake.state().passphrase.take()
    };
    assert!(hub.get("/store").await.text.contains("name=\"passphrase\""));
    hub.json("/api/v1/backup?passphrase=four+words+are+good", "{}").await;
    assert_eq!(begun(), None, "an address has no passphrase");
    hub.json("/api/v1/backup", r#"{"passphrase": "four words are good"}"#).await;
    assert_eq!(begun().as_deref(), Some("four words are good"));
    hub.form("/store/backup", "passphrase=four+words+are+good").await;
    assert_eq!(begun().as_deref(), Some("four words are good"));
    hub.form("/store/backup", "passphrase=").await;
    assert_eq!(begun(), None, "a field that was left empty");

    for (body, status) in [
        (r#"{"passphrase": "short words"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"passphrase": 7}"#, StatusCode::BAD_REQUEST),
        (r#""short words""#, StatusCode::BAD_REQUEST),
    ] {
        let refused = hub.json("/api/v1/backup", body).await;
        assert_eq!(refused.status, status, "{body}: {}", refused.text);
        assert!(!refused.text.contains("short words"), "{}", refused.text);
    }
    let request = Request::post("/api/v1/backup").header("content-type", "application/json");
    let request = request.header("authorization", hub.token(Role::Operator));
    let refused = hub.send(request, r#"{"passphrase": "four words are good"}"#).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    assert_eq!(begun(), None);
    hub.stop().await;
}

#[tokio::test]
async fn a_backup_is_sent_whole_under_its_name_and_nothing_else_is() {
    let hub = Hub::start().await;
    let listed = hub.get("/api/v1/backup").await.json();
    let location = listed["backups"][0]["location"].as_str().unwrap().to_owned();
    let sent = hub.get(&location).await;
    assert_eq!(sent.header("content-disposition"), format!("attachment; filename=\"{BACKUP}\""));
    assert_eq!(sent.header("content-length"), sent.text.len().to_string());
    assert_eq!(sent.text, include_str!("../../Cargo.toml"));
    for name in ["hub.db", "..%2Fhub.db", "..", "hub-20261114T132400Z.db%00"] {
        assert_eq!(hub.get(&format!("/api/v1/backups/{name}")).await.status, StatusCode::NOT_FOUND, "{name}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_restore_shows_what_would_be_lost_and_who_would_be_let_in_before_anything_is_done() {
    let hub = Hub::start().await;
    let page = hub.get(&format!("/store/restore/{BACKUP}")).await.text;
    for words in [
        "4312 readings",
        "new-gate",
        "old-gate",
        "let in again",
        "otto",
        "vera",
        "2 tokens",
        "plain:old-boiler",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("<b>Gate") && !page.contains("<b>Boiler"), "what nodes call themselves is text");
    let told = hub.get(&format!("/api/v1/backups/{BACKUP}/restore")).await.json();
    assert_eq!((&told["lost_readings"], &told["let_in"][0]["otherwise"]), (&4_312.into(), &"revoked".into()));
    assert_eq!(told["commands_back"][0]["id"], "plain:old-boiler");
    assert_eq!((&told["then"]["nodes"], &told["now"]["nodes"]), (&9.into(), &11.into()));
    assert_eq!(hub.get("/store/restore/hub-1.db").await.status, StatusCode::NOT_FOUND);
    assert!(hub.fake.restored.lock().expect("no panic").is_empty(), "looking does nothing");
    hub.stop().await;
}

#[tokio::test]
async fn a_restore_is_begun_by_form_and_by_script_in_somebodys_name_and_only_one_at_a_time() {
    let hub = Hub::start().await;
    let sent = hub.form(&format!("/store/restore/{BACKUP}"), "why=the+disk+died").await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, "/store"));
    assert!(hub.get("/store").await.text.contains("id=\"restoring\""), "the page says how it goes");
    assert_eq!(hub.get("/api/v1/store").await.json()["restore"]["under_way"]["backup"], BACKUP);
    let path = format!("/api/v1/backups/{BACKUP}/restore");
    let refused = hub.json(&path, "").await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["name"]),
        (StatusCode::CONFLICT, &"no-restore".into())
    );
    hub.fake.store.send_modify(|store| store.restore.under_way = None);
    let lines = hub.json(&path, r#"{"why": "two\nlines"}"#).await;
    assert!(lines.status.is_client_error(), "a reason is one line: {}", lines.status);
    assert_eq!(hub.json(&path, r#"{"why": "again"}"#).await.status, StatusCode::ACCEPTED);
    let restored = hub.fake.restored.lock().expect("no panic").clone();
    assert_eq!(
        restored,
        [("ada", "the disk died"), ("ada (token backup)", "again")].map(|(by, why)| (by.into(), why.into()))
    );

    let why = (UnixMillis(0), "the backup is damaged".into());
    hub.fake
        .store
        .send_modify(|store| store.restore = RestoreView { failed: Some(why), ..RestoreView::default() });
    let page = hub.get("/store").await.text;
    assert!(page.contains("the backup is damaged") && page.contains("The store is as it was"), "{page}");
    hub.stop().await;
}

#[tokio::test]
async fn the_hubs_key_comes_back_only_with_the_passphrase_of_the_backup_in_the_body() {
    let hub = Hub::start().await;
    let (page, path) = (format!("/store/restore/{BACKUP}"), format!("/api/v1/backups/{BACKUP}/restore"));
    let shown = hub.get(&page).await.text;
    assert!(shown.contains("name=\"passphrase\"") && shown.contains("becomes that one"), "{shown}");
    assert_eq!(hub.get(&path).await.json()["key"], "other");
    for (body, status) in [
        (r#"{"passphrase": "four words are goop"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"passphrase": "short words"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"passphrase": "four words are good}"#, StatusCode::BAD_REQUEST),
    ] {
        let refused = hub.json(&path, body).await;
        assert_eq!(refused.status, status, "{body}: {}", refused.text);
        assert!(!refused.text.contains("words are") && !refused.text.contains("short"), "{}", refused.text);
    }
    let begun = || {
        hub.fake.store.send_modify(|store| store.restore.under_way = None);
        hub.fake.state().passphrase.take()
    };
    hub.json(&format!("{path}?passphrase=four+words+are+good"), "{}").await;
    assert_eq!(begun(), None, "an address has no passphrase");
    hub.json(&path, r#"{"passphrase": "four words are good", "why": "it burnt"}"#).await;
    assert_eq!(begun().as_deref(), Some("four words are good"));
    hub.form(&page, "why=it+burnt&passphrase=four+words+are+good").await;
    assert_eq!(begun().as_deref(), Some("four words are good"));
    hub.form(&page, "why=it+burnt&passphrase=").await;
    assert_eq!(begun(), None, "a field that was left empty");
    hub.stop().await;
}

#[tokio::test]
async fn the_live_feed_tells_that_the_store_has_changed() {
    let hub = Hub::start().await;
    let mut feed = hub.open(Request::get("/events"), "").await.into_body();
    hub.fake.store.send_modify(|store| store.backups.percent = Some(40));
    loop {
        let frame = feed.frame().await.expect("the feed goes on").expect("in order");
        if frame.into_data().expect("data").starts_with(b"event: store\n") {
            break;
        }
    }
    hub.stop().await;
}
