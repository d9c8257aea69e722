//! How the real binary starts and does not start: what fails is told in the form of the log, and pages are said to be
//! served only where they are; and under which names they are.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
};

use iot_server::{Config, IotServer, config::StoreKind};

/// What the binary says that fails to start with these settings beside those that every start here has.
fn failed(data_dir: &Path, more: &[&str]) -> String {
    let ended = Command::new(env!("CARGO_BIN_EXE_iot-server"))
        .args(["--address", "127.0.0.1", "--web-port", "0", "--announce", "no", "--data-dir"])
        .arg(data_dir)
        .args(more)
        .output()
        .expect("the binary is there");
    assert!(!ended.status.success(), "it starts");
    String::from_utf8(ended.stderr).expect("text")
}

#[test]
fn why_a_start_fails_is_told_in_the_form_of_the_log() {
    let data_dir = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let said = failed(data_dir.path(), &["--log-format", "json", "--tcp-port", &port]);
    let lines: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let last = lines.last().expect("a line");
    assert_eq!(last["level"], "ERROR");
    assert!(last["why"].as_str().is_some_and(|why| why.contains("cannot listen for nodes")), "{last}");
    let said = failed(data_dir.path(), &["--tcp-port", &port]);
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
    let said = failed(data_dir.path(), &["--tcp-port", "0"]);
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

/// Runs a command of the binary on a data directory, and gives what it writes.
#[cfg(unix)]
fn command(data_dir: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_iot-server"))
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary is there");
    let mut stdin = child.stdin.take().expect("it was asked for");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[cfg(unix)]
#[test]
fn the_store_takes_its_place_again_where_the_hub_does_not_start_on_a_backup() {
    use std::{
        fs,
        io::{BufRead as _, BufReader},
        os::unix::fs::PermissionsExt as _,
    };
    let data_dir = tempfile::tempdir().expect("a directory");
    let data = data_dir.path();
    command(data, &["user", "add", "ada", "--role", "admin"], "four words are good\n");
    let token = command(data, &["token", "create", "ada", "--label", "then", "--role", "admin"], "");
    let (backups, name) = (data.join("backups"), "hub-20261114T142407Z.db");
    fs::create_dir(&backups).expect("a directory");
    command(data, &["backup", &backups.join(name).display().to_string()], "");
    command(data, &["token", "create", "ada", "--label", "since", "--role", "admin"], "");
    let mut hub = Command::new(env!("CARGO_BIN_EXE_iot-server"))
        .args(["--log-format", "json", "--address", "127.0.0.1", "--announce", "no"])
        .args(["--tcp-port", "0", "--web-port", "0", "--data-dir"])
        .arg(data)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is there");
    let mut log = BufReader::new(hub.stderr.take().expect("it was asked for")).lines().map_while(Result::ok);
    let pages = log.find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(&line).ok()?;
        line["web_addr"].as_str()?.parse::<SocketAddr>().ok()
    });
    let mut stream = TcpStream::connect(pages.expect("pages are served")).expect("they are");
    // A hub refuses to start where others can write its directory.
    fs::set_permissions(data, fs::Permissions::from_mode(0o777)).expect("its mode");
    let request = format!(
        "POST /api/v1/backups/{name}/restore HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let said: Vec<_> = log.collect();
    assert!(!hub.wait().expect("it ends").success(), "it cannot start on anything there");
    let told = |text: &str| said.iter().any(|line| line.contains(text));
    assert!(told("a backup was restored") && told("its store takes its place again"), "{said:#?}");

    fs::set_permissions(data, fs::Permissions::from_mode(0o700)).expect("its mode");
    let tokens = command(data, &["token", "list"], "");
    assert!(tokens.contains("then") && tokens.contains("since"), "the store is the one of before: {tokens}");
    let files = fs::read_dir(data).expect("a directory").flatten().map(|entry| entry.file_name());
    let refused = files.filter(|name| name.to_string_lossy().ends_with(".refused")).count();
    assert_eq!(refused, 1, "what was restored is kept too");
}
