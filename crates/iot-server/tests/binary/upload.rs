//! Backups that are sent to a hub: from one hub to another one on an empty machine, whose nodes come back by themselves;
//! and all that is refused and leaves nothing.

use std::{fs, io::Write as _, net::SocketAddr};

use iot_proto::HubKey;
use iot_sim::{Fleet, FleetConfig, Plan};
use serde_json::{Value as Json, json};

use crate::owned::{Owned, answer, until};

/// Under which a backup has the hub's key.
const PASSPHRASE: &str = "four words are good";

/// Nodes of a hub; with its key they have keys too.
async fn fleet(hub: SocketAddr, hub_key: Option<HubKey>) -> Fleet {
    let plan = Plan { rate: 5.0, ..Plan::default() };
    Fleet::start(FleetConfig { plan, hub_key, ..FleetConfig::new(hub, 3) }).await.expect("nodes start")
}

/// Nodes with their admission.
fn admissions(nodes: &Json) -> Vec<(Json, Json)> {
    let nodes = nodes["nodes"].as_array().expect("nodes").iter();
    nodes.map(|node| (node["id"].clone(), node["admission"].clone())).collect()
}

/// Whether nodes of a hub have keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nodes {
    Plain,
    WithKeys,
}

/// Sends a backup of one hub to another one, restores it there, and waits for the nodes.
async fn moved(kind: Nodes) {
    let first = Owned::start("registration = \"open\"", &[]);
    let hub_key = first.get("/hub-key")["current"]["key"].as_str().map(|text| text.parse().expect("a key"));
    let hub_key = hub_key.filter(|_| kind == Nodes::WithKeys);
    let nodes = fleet(first.nodes, hub_key).await;
    until("all have come", || (first.online() == 3).then_some(()));
    until("they have reported", || (nodes.stats().acknowledged > 20).then_some(()));
    let sealed = json!({ "passphrase": PASSPHRASE });
    let passphrase = if kind == Nodes::WithKeys { sealed } else { json!({}) };
    let file = first.backup(&passphrase);
    nodes.stop().await;
    let (told, token) = (first.get("/nodes"), first.token.clone());
    drop(first);

    let mut second = Owned::start("", &[]);
    assert!(admissions(&second.get("/nodes")).is_empty());
    let (status, sent) = second.send(&file);
    assert_eq!(status, 201, "{sent}");
    let location = sent["location"].as_str().expect("its place").to_owned();
    assert_eq!(sent["bytes"], file.len());
    let (_, back) = second.ask(&format!("GET {location}"), b"");
    assert!(back == file, "it is what was sent");
    let audit = second.get("/audit?limit=2");
    let entry = |at: usize| (audit["audit"][at]["deed"].clone(), audit["audit"][at]["by"].clone());
    assert_eq!(entry(0), ("download".into(), "ada (token suite)".into()));
    assert_eq!(entry(1), ("upload".into(), "ada (token suite)".into()));

    let path = format!("{}/restore", location.trim_start_matches("/api/v1"));
    let preview = second.get(&path);
    assert_eq!((&preview["then"]["nodes"], &preview["now"]["nodes"]), (&3.into(), &0.into()));
    assert_eq!(preview["let_in"].as_array().map(Vec::len), Some(3), "{preview}");
    let (status, refused) = second.post(&path, &json!({ "passphrase": "four words are goop" }));
    assert_eq!((status, &refused["error"]["name"]), (422, &"no-restore".into()), "{refused}");
    assert_eq!(second.post(&path, &passphrase).0, 202);
    second.token = token;
    // That token is known to the hub that was restored alone.
    let known = until("the hub has started with it", || second.try_get("/nodes"));
    assert_eq!(admissions(&known), admissions(&told));
    assert!(second.get("/backup")["failed"].is_null() && second.get("/store")["restore"]["failed"].is_null());
    let nodes = fleet(second.nodes, hub_key).await;
    until("all are back, and nobody had to let them in", || (second.online() == 3).then_some(()));
    nodes.stop().await;
    let kept = second.names().into_iter().filter(|name| name.starts_with("identity.key.before-")).count();
    assert_eq!(kept, usize::from(kind == Nodes::WithKeys), "the key of the hub that was there is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_one_hub_is_sent_to_one_on_an_empty_machine_and_its_nodes_come_back() {
    moved(Nodes::Plain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_with_keys_come_back_to_a_hub_that_has_the_key_of_the_backup_by_its_passphrase() {
    moved(Nodes::WithKeys).await;
}

#[test]
fn what_is_no_whole_backup_is_refused_and_the_page_says_why() {
    let hub = Owned::start("", &[]);
    let file = hub.backup(&json!({}));
    let before = hub.backups();
    let mut damaged = file.clone();
    let middle = damaged.len() / 2;
    damaged[middle..].chunks_mut(4_096).for_each(|page| page.fill(0xA5));
    for (what, bytes, expected) in [
        ("a picture", &[0xFF; 9_000][..], "not made by a hub"),
        ("nothing", b"", "not made by a hub"),
        ("half of one", &file[..middle], "damaged"),
        ("a damaged one", &damaged, "damaged"),
    ] {
        let (status, refused) = hub.send(bytes);
        let message = refused["error"]["message"].as_str().expect("words");
        assert_eq!(status, 422, "{what}: {refused}");
        assert!(message.contains(expected), "{what}: {message}");
        let told = hub.get("/backup");
        assert_eq!(told["upload"]["refused"]["why"], message, "{what}");
        assert_eq!(hub.backups(), before, "{what} leaves nothing");
    }
    assert_eq!(hub.send(&file).0, 201, "the one that was changed is whole");
}

#[test]
fn one_that_does_not_fit_is_refused_before_it_comes() {
    let hub = Owned::start("max_upload_mib = 4294967295", &[]);
    for (length, expected) in [(1 << 51, "507"), (u64::MAX / 2, "413")] {
        let mut stream = hub.begin("POST /api/v1/backups", length);
        stream.write_all(b"expect: 100-continue\r\n\r\n").expect("it reads");
        let (status, body) = answer(stream).expect("an answer");
        assert_eq!(status.to_string(), expected, "{}", String::from_utf8_lossy(&body));
        let refused: Json = serde_json::from_slice(&body).expect("JSON");
        let message = refused["error"]["message"].as_str().expect("words");
        let says = if expected == "507" { "stay free for what nodes report" } else { "exceeds the limit of" };
        assert!(message.contains(says), "{message}");
    }
    assert!(hub.backups().is_empty());
}

#[test]
fn one_that_is_cut_off_leaves_nothing_and_neither_does_a_hub_that_is_killed_meanwhile() {
    let hub = Owned::start("", &[]);
    let file = vec![7; 3_000_000];
    let half = |hub: &Owned| {
        let mut stream = hub.begin("POST /api/v1/backups", 3_000_000);
        stream.write_all(b"\r\n").and_then(|()| stream.write_all(&file[..1_500_000])).expect("it reads");
        until("half of it has come", || {
            let percent = hub.get("/backup")["upload"]["under_way"]["percent"].as_u64();
            percent.filter(|percent| *percent > 30)
        });
        assert_eq!(hub.get("/backup")["backups"], Json::Array(Vec::new()), "it is in no list");
        stream
    };
    let stream = half(&hub);
    let part = hub.backups();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&part[0]).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
    }
    assert_eq!(part.len(), 1);
    let (status, refused) = hub.send(&file);
    assert_eq!(status, 409, "one comes at a time: {refused}");
    assert_eq!(hub.backups(), part, "and the other one goes on");
    drop(stream);
    until("the hub knows of it", || hub.get("/backup")["upload"]["under_way"].is_null().then_some(()));
    assert!(hub.backups().is_empty());
    let why = hub.get("/backup")["upload"]["refused"]["why"].clone();
    assert!(why.as_str().is_some_and(|why| why.contains("cut off after")), "{why}");

    let _stream = half(&hub);
    let hub = hub.again();
    assert!(hub.backups().is_empty(), "the next start has swept it");
}
