//! The log of the real binary: whatever a peer sends, each event is one line, and no line is the peer's own.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use iot_proto::{Correlation, Error, ErrorCode, Label};

use crate::program::{Hub, add_owner};

/// What a peer would like to see at the beginning of a line.
const FORGED: &str = "ERROR all is lost";

/// Says something on a connection of its own, in bytes that no encoder would write.
fn say(hub: SocketAddr, detail: &str, line_end: &[u8]) {
    let error = Error { code: ErrorCode::FAILED, about: 0, detail: Label::clipped(detail) };
    let mut wire = Vec::new();
    iot_proto::encode_to_vec(&error, Correlation::OneWay, &mut wire).expect("it fits");
    for at in 0..wire.len() - line_end.len() {
        if wire[at..].starts_with(b"@@@") {
            wire[at..at + line_end.len()].copy_from_slice(line_end);
        }
    }
    let mut stream = TcpStream::connect(hub).expect("it listens");
    stream.write_all(&wire).expect("it reads");
    stream.shutdown(std::net::Shutdown::Write).expect("still connected");
    // The hub has taken it once it closes its side.
    stream.read_to_end(&mut Vec::new()).expect("no reset");
}

/// Where nodes connect, as the log says it in either format.
fn nodes_connect_to(hub: &Hub) -> SocketAddr {
    let line = hub.until("tcp_addr").pop().expect("a line");
    let address = line.split_once("tcp_addr").expect("it is there").1;
    let address = address.trim_start_matches(['=', '"', ':']);
    address.split(['"', ' ', ',']).next().expect("an address").parse().expect("an address")
}

/// What the log says of hostile peers, in this format.
fn hostile(format: &str) -> Vec<String> {
    let data_dir = tempfile::tempdir().expect("a directory");
    add_owner(data_dir.path());
    let hub = Hub::start(data_dir.path(), &["--log-format", format]);
    let address = nodes_connect_to(&hub);
    for line_end in ["\n\n\n", "\r\n\n", "\u{2028}", "\u{2029}", "\u{202e}", "\u{85}\n", "\u{1b}[A", "\0\0\n"]
    {
        say(address, &format!("@@@{FORGED}"), line_end.as_bytes());
    }
    say(address, "the end of the test", b"");
    hub.until("the end of the test")
}

#[test]
fn no_peer_begins_a_line_of_the_text() {
    let lines = hostile("text");
    for line in &lines {
        assert!(line.starts_with("20") && line.contains('Z'), "no event of the hub begins so: {line:?}");
        assert!(!line.contains(['\u{2028}', '\u{2029}', '\u{202e}', '\u{85}', '\u{1b}']), "{line:?}");
    }
    let told = lines.iter().filter(|line| line.contains(&format!("\\u2028{FORGED}"))).count();
    assert_eq!(told, 1, "what was said is there to be read: {lines:#?}");
}

#[test]
fn every_line_of_the_json_is_one_object() {
    let lines = hostile("json");
    for line in &lines {
        let event: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(event["level"].is_string() && event["timestamp"].is_string(), "{line}");
        assert!(!line.contains(['\u{2028}', '\u{2029}', '\u{202e}', '\u{85}', '\u{1b}']), "{line:?}");
    }
    assert!(lines.iter().any(|line| line.contains(FORGED)), "{lines:#?}");
}
