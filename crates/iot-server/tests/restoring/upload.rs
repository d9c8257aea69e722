//! Backups that are sent to a hub: from one hub to another one on an empty machine, whose nodes come back by themselves;
//! and all that is refused and leaves nothing.

use std::{fs, io::Write as _, net::SocketAddr};

use iot_sim::{Fleet, FleetConfig, Plan};
use serde_json::Value as Json;

use crate::hub::{Hub, answer, until};

async fn fleet(hub: SocketAddr) -> Fleet {
    let plan = Plan { rate: 5.0, ..Plan::default() };
    Fleet::start(FleetConfig { plan, ..FleetConfig::new(hub, 3) }).await.expect("nodes start")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_one_hub_is_sent_to_one_on_an_empty_machine_and_its_nodes_come_back() {
    let first = Hub::start("registration = \"open\"", &[]);
    let nodes = fleet(first.nodes).await;
    until("all have come", || (first.online() == 3).then_some(()));
    until("they have reported", || (nodes.stats().acknowledged > 20).then_some(()));
    let file = first.backup();
    nodes.stop().await;
    let (told, token) = (first.get("/nodes")["nodes"].clone(), first.token.clone());
    drop(first);

    let mut second = Hub::start("", &[]);
    assert_eq!(second.get("/nodes")["nodes"].as_array().map(Vec::len), Some(0));
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
    let path = location.trim_start_matches("/api/v1");
    let preview = second.get(&format!("{path}/restore"));
    assert_eq!((&preview["then"]["nodes"], &preview["now"]["nodes"]), (&3.into(), &0.into()));
    assert_eq!(preview["let_in"].as_array().map(Vec::len), Some(3), "{preview}");

    let begun = second.try_ask(&format!("POST {location}/restore"));
    assert_eq!(begun.map(|(status, _)| status), Some(202));
    second.token = token;
    // That token is known to the hub that was restored alone.
    let known = until("the hub has started with it", || second.try_get("/nodes"));
    let of = |list: &Json| -> Vec<_> {
        let nodes = list.as_array().expect("nodes").iter();
        nodes.map(|node| (node["id"].clone(), node["admission"].clone())).collect()
    };
    assert_eq!(of(&known["nodes"]), of(&told));
    let nodes = fleet(second.nodes).await;
    until("all are back, and nobody had to let them in", || (second.online() == 3).then_some(()));
    nodes.stop().await;
}

#[test]
fn what_is_no_whole_backup_is_refused_and_the_page_says_why() {
    let hub = Hub::start("", &[]);
    let file = hub.backup();
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
    let hub = Hub::start("max_upload_mib = 4294967295", &[]);
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
    let mut hub = Hub::start("", &[]);
    let file = vec![7; 3_000_000];
    let half = |hub: &Hub| {
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
    drop(stream);
    until("the hub knows of it", || hub.get("/backup")["upload"]["under_way"].is_null().then_some(()));
    assert!(hub.backups().is_empty());
    let why = hub.get("/backup")["upload"]["refused"]["why"].clone();
    assert!(why.as_str().is_some_and(|why| why.contains("cut off after")), "{why}");

    let _stream = half(&hub);
    hub.again();
    assert!(hub.backups().is_empty(), "the next start has swept it");
}
