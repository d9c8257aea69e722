//! How the real binary starts and does not start: what fails is told in the form of the log, and pages are said to be
//! served only where they are; and under which names they are.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
};

use iot_server::{Config, IotServer, config::StoreKind};

use crate::program::{Hub, add_owner, refused, said};

#[test]
fn why_a_start_fails_is_told_in_the_form_of_the_log() {
    let data_dir = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let taken = ["--tcp-port", &port];
    let said = refused(data_dir.path(), &[&taken[..], &["--log-format", "json"]].concat());
    let lines: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let last = lines.last().expect("a line");
    assert_eq!(last["level"], "ERROR");
    assert!(last["why"].as_str().is_some_and(|why| why.contains("cannot listen for nodes")), "{last}");
    let said = refused(data_dir.path(), &taken);
    let last = said.lines().last().expect("a line");
    assert!(last.starts_with("error: cannot listen for nodes"), "people read it as it is: {last}");
}

#[cfg(unix)]
#[test]
fn pages_are_not_said_to_be_served_where_a_key_file_is_refused() {
    use std::{fs, os::unix::fs::PermissionsExt as _};
    let data_dir = tempfile::tempdir().expect("a directory");
    let key = data_dir.path().join("identity.key");
    fs::write(&key, format!("{}\n", "7".repeat(64))).expect("a file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("its mode");
    let said = refused(data_dir.path(), &[]);
    assert!(said.contains("identity.key has mode 644"), "{said}");
    assert!(!said.contains("pages are served"), "{said}");
}

/// The status with which a page is answered under a name.
fn status(pages: SocketAddr, host: &str) -> String {
    let mut stream = TcpStream::connect(pages).expect("pages are served");
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_answered_under_the_names_that_are_announced_certified_and_configured() {
    let config = Config {
        store: StoreKind::Memory,
        address: Some(Ipv4Addr::LOCALHOST.into()),
        tcp_port: 0,
        web_port: Some(0),
        announce: iot_server::config::Announce::No,
        web_hosts: vec!["hub.example".into()],
        ..Config::default()
    };
    let owned = IotServer::builder().config(config).owner("ada", "four words are good");
    let server = owned.start().await.expect("it starts");
    let pages = server.web_addr();
    let asked = tokio::task::spawn_blocking(move || {
        ["iot-hub.local", "iot-hub.local.:8080", "hub.local", "localhost", "hub.example", "evil.example"]
            .map(|host| (host, status(pages, host)))
    });
    for (host, status) in asked.await.expect("no panic") {
        assert_eq!(status, if host == "evil.example" { "421" } else { "200" }, "{host}");
    }
    server.tear_down().await;
}

#[cfg(unix)]
#[test]
fn the_store_takes_its_place_again_where_the_hub_refused_on_a_backup() {
    use std::{fs, os::unix::fs::PermissionsExt as _};
    let data_dir = tempfile::tempdir().expect("a directory");
    let data = data_dir.path();
    add_owner(data);
    let token = said(data, &["token", "create", "ada", "--label", "then", "--role", "admin"], "");
    let token = token.trim();
    let (backups, name) = (data.join("backups"), "hub-20261114T142407Z.db");
    fs::create_dir(&backups).expect("a directory");
    said(data, &["backup", &backups.join(name).display().to_string()], "");
    said(data, &["token", "create", "ada", "--label", "since", "--role", "admin"], "");
    let mut hub = Hub::start(data, &[]);
    let pages: SocketAddr = hub.told("web_addr").parse().expect("an address");
    let mut stream = TcpStream::connect(pages).expect("pages are served");
    // A hub refuses to start where others can write its directory.
    fs::set_permissions(data, fs::Permissions::from_mode(0o777)).expect("its mode");
    let request = format!(
        "POST /api/v1/backups/{name}/restore HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let (log, is_well) = hub.ends();
    assert!(!is_well, "it cannot start on anything there");
    let told = |text: &str| log.iter().any(|line| line.contains(text));
    assert!(told("a backup was restored") && told("its store takes its place again"), "{log:#?}");

    fs::set_permissions(data, fs::Permissions::from_mode(0o700)).expect("its mode");
    let tokens = said(data, &["token", "list"], "");
    assert!(tokens.contains("then") && tokens.contains("since"), "the store is the one of before: {tokens}");
    let files = fs::read_dir(data).expect("a directory").flatten().map(|entry| entry.file_name());
    let refused = files.filter(|name| name.to_string_lossy().ends_with(".refused")).count();
    assert_eq!(refused, 1, "what was restored is kept too");
}
