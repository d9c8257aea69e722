//! Peers that want a line of the log for themselves, and what of their lines is there.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Result, ensure};
use iot_proto::{Capabilities, Correlation, Error, ErrorCode, Label};
use serde_json::Value;

use super::asked::Asked;
use crate::{hand_node::HandNode, hub::HubProcess, wait::until};

/// How long the hub may take to log what was said.
const SOON: Duration = Duration::from_secs(20);

/// What the peers would like to stand on a line of its own.
pub(super) const FORGED: &str = "{\"forged\":1,\"level\":\"ERROR\"}";

/// What could end a line or hide one.
const BREAKS: [&str; 9] =
    ["\n\n\n", "\r\n\n", "\u{2028}", "\u{2029}", "\u{202e}", "\u{85}\n", "\u{1b}[A", "\u{1b}]0", "\0\0\n"];

/// What peers say last.
const LAST: &str = "the last word of the peers";

/// Says it in every place in which a peer can say something, and waits until the log has all of it.
///
/// # Errors
/// When the hub does not answer, or logs nothing of it.
pub(super) fn say(hub: &HubProcess, asked: &mut Asked, cookie: &str) -> Result<()> {
    let (mut node, _) = HandNode::hello(hub.tcp, "forger", 1, 0, Capabilities::KEEPS_SESSION)?;
    node.register("relay", 1, FORGED)?;
    for breaks in BREAKS {
        tell(hub.tcp, &format!("@@@{FORGED}"), breaks.as_bytes())?;
        let text = format!("{breaks}{FORGED}");
        let mut raw = HandNode::connect(hub.tcp)?;
        raw.raw(text.as_bytes())?;
        for (path, fields) in [
            ("/login", [("name", text.as_str()), ("password", "none")]),
            ("/people", [("name", text.as_str()), ("role", text.as_str())]),
            ("/nodes/plain:forger/name", [("title", text.as_str()), ("place", text.as_str())]),
            ("/nodes/plain:forger/disable", [("why", text.as_str()), ("x", "")]),
            ("/nodes/plain:forger/enable", [("why", text.as_str()), ("x", "")]),
        ] {
            asked.form(path, cookie, &fields)?;
        }
        // What is no HTTP any more is refused; the agent and the path are tried in turn.
        asked.ask("GET", "/nodes", &format!("User-Agent: {text}\r\n"), "")?;
        asked.ask(
            "GET",
            "/nodes/%0a%7B%22forged%22:1%7D%1b%5bA%e2%80%a8?q=%0d%0a%7B%22forged%22:1%7D",
            cookie,
            "",
        )?;
    }
    tell(hub.tcp, LAST, b"")?;
    until("the log has the last word", SOON, || Ok((hub.logged(LAST) > 0).then_some(())))?;
    ensure!(hub.logged("forged") > 0, "nothing of what the peers said came as far as the log");
    Ok(())
}

/// Says something on a connection of its own, in bytes that no encoder would write: `@@@` becomes the break.
fn tell(hub: SocketAddr, detail: &str, breaks: &[u8]) -> Result<()> {
    let error = Error { code: ErrorCode::FAILED, about: 0, detail: Label::clipped(detail) };
    let mut wire = Vec::new();
    iot_proto::encode_to_vec(&error, Correlation::OneWay, &mut wire)?;
    if let Some(at) = wire.windows(3).position(|three| three == b"@@@") {
        wire.iter_mut().skip(at).zip(breaks).for_each(|(byte, of_break)| *byte = *of_break);
    }
    let mut stream = TcpStream::connect(hub)?;
    stream.write_all(&wire)?;
    stream.shutdown(Shutdown::Write)?;
    // The hub has taken it once it closes its side.
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Lines of a log, and those that are no record of the hub's own.
pub(super) fn forged(log: &str) -> (usize, Vec<String>) {
    let lines: Vec<_> = log.split('\n').filter(|line| !line.is_empty()).collect();
    let forged = lines.iter().filter(|line| !is_own(line)).map(ToString::to_string).collect();
    (lines.len(), forged)
}

/// Whether a line is one record, as the hub writes them, and hides nothing.
fn is_own(line: &str) -> bool {
    let hides =
        |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202e}');
    let Ok(record) = serde_json::from_str::<Value>(line) else { return false };
    let is_record = record["timestamp"].is_string() && record["level"].is_string();
    is_record && record.get("forged").is_none() && !line.contains(hides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_records_of_the_hub_are_its_own() {
        let good =
            "{\"timestamp\":\"2026-11-22T20:00:00Z\",\"level\":\"INFO\",\"message\":\"{\\\"forged\\\":1}\"}";
        assert!(is_own(good));
        for bad in [FORGED, "ERROR all is lost", "{\"timestamp\":\"x\",\"level\":\"ERROR\",\"forged\":1}"] {
            assert!(!is_own(bad), "{bad}");
        }
        assert!(!is_own(&good.replace("INFO", "INFO\u{1b}[A")));
        assert_eq!(forged(&format!("{good}\n{FORGED}\n")).1, [FORGED]);
    }
}
