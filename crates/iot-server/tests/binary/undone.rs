//! A restore that is undone: a backup that is whole and on which no hub starts, with another hub's key.

use iot_sim::{Fleet, FleetConfig, Plan};
use rusqlite::Connection;
use serde_json::json;

use crate::owned::{Owned, until};

/// Under which the backup has its hub's key.
const PASSPHRASE: &str = "four words are good";

/// What keeps a hub from saying that it has the store open, which restoring it does not say.
const IN_THE_WAY: &str = "
    CREATE TRIGGER in_the_way BEFORE UPDATE OF clean ON state WHEN NEW.clean = 0
    BEGIN SELECT RAISE(ABORT, 'something is in the way'); END";

/// The backup of a hub of its own with that hub's key, on which no hub starts.
fn unusable() -> Vec<u8> {
    let hub = Owned::start("", &[]);
    let file = hub.backup(&json!({ "passphrase": PASSPHRASE }));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("backup.db");
    std::fs::write(&path, file).expect("it can be written");
    let db = Connection::open(&path).expect("a database");
    db.execute_batch(IN_THE_WAY).expect("it takes triggers");
    db.close().expect("it is one file");
    std::fs::read(&path).expect("it can be read")
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_hub_does_not_start_on_a_backup_its_own_key_and_store_count_again() {
    let mut hub = Owned::start("registration = \"open\"", &[]);
    let key = |hub: &Owned| hub.get("/hub-key")["current"]["key"].clone();
    let own = key(&hub);
    let hub_key = own.as_str().map(|text| text.parse().expect("a key"));
    let plan = Plan { rate: 5.0, ..Plan::default() };
    let config = FleetConfig { plan, hub_key, ..FleetConfig::new(hub.nodes, 2) };
    let nodes = Fleet::start(config).await.expect("nodes start");
    until("they have come", || (hub.online() == 2).then_some(()));
    until("they have reported", || (nodes.stats().acknowledged > 10).then_some(()));

    let (status, sent) = hub.send(&unusable());
    assert_eq!(status, 201, "nothing is wrong with its rows: {sent}");
    let location = sent["location"].as_str().expect("its place").trim_start_matches("/api/v1").to_owned();
    let (status, begun) = hub.post(&format!("{location}/restore"), &json!({ "passphrase": PASSPHRASE }));
    assert_eq!(status, 202, "{begun}");
    let why = until("the hub is back and says what went wrong", || {
        hub.try_get("/store")?["restore"]["failed"]["why"].as_str().map(str::to_owned)
    });
    assert!(why.contains("did not start") && why.contains("something is in the way"), "{why}");
    assert!(hub.is_running(), "all in one process");

    assert_eq!(key(&hub), own, "the key is the hub's own");
    let acknowledged = nodes.stats().acknowledged;
    until("its nodes know it and come back by themselves", || (hub.online() == 2).then_some(()));
    until("it acknowledges them", || (nodes.stats().acknowledged > acknowledged).then_some(()));
    let names = hub.names();
    let left = |part: &str| names.iter().filter(|name| name.contains(part)).count();
    assert_eq!(left("identity.key.before-"), 0, "no key is left aside: {names:?}");
    assert!(names.iter().any(|name| name.starts_with("hub.db.before-") && name.ends_with(".refused")));
    nodes.stop().await;

    let hub = hub.again();
    assert_eq!(key(&hub), own, "for good");
    assert_eq!(hub.get("/nodes")["nodes"].as_array().map(Vec::len), Some(2));
}
