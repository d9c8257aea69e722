//! Holds `PROTOCOL.md` to the crate: its tables of kinds and codes, its limits, and its first session.

use iot_proto::{
    DIAL_PORT, ErrorCode, Frame, HEADER_LEN, HUB_PORT, HubMessage, Limits, MAX_BODY, MAX_FRAME, MAX_MODULES,
    MAX_READINGS, MIN_FRAME, MessageKind, NodeMessage,
};

const DOCUMENT: &str = include_str!("../PROTOCOL.md");

/// The frozen vectors: lines of sender, name and frame.
const VECTORS: &str = include_str!("wire/v1.txt");

/// The lines of the section whose heading begins with `heading`.
fn section(heading: &str) -> impl Iterator<Item = &'static str> {
    let lines = DOCUMENT.lines().skip_while(move |line| !line.starts_with(heading)).skip(1);
    lines.take_while(|line| !line.starts_with("## "))
}

/// The first two columns of the tables under `heading`, without their backquotes.
fn columns(heading: &str) -> Vec<(String, String)> {
    let rows = section(heading).filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    rows.map(|(first, rest)| {
        let second = rest.split('|').next().unwrap_or_default();
        let plain = |text: &str| text.trim().replace('`', "");
        (plain(first), plain(second))
    })
    .collect()
}

#[test]
fn the_table_of_kinds_is_that_of_the_crate() {
    let is_number = |row: &(String, String)| row.0.starts_with("0x");
    let documented: Vec<_> = columns("## 5.").into_iter().filter(is_number).collect();
    let defined = MessageKind::ALL.iter().map(|kind| (format!("{:#06X}", kind.0), kind.to_string()));
    let defined: Vec<_> = defined.map(|(number, word)| (number.replace("0X", "0x"), word)).collect();
    assert_eq!(documented, defined);
}

#[test]
fn the_table_of_codes_is_that_of_the_crate() {
    let documented: Vec<_> = columns("## 13.").into_iter().filter(|row| row.0 != "code").collect();
    let defined: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|code| (code.0.to_string(), code.word().expect("a defined code has a word").to_owned()))
        .collect();
    assert_eq!(documented, defined);
}

#[test]
fn the_limits_are_those_of_the_crate() {
    let said = DOCUMENT.split_whitespace().collect::<Vec<_>>().join(" ").replace("**", "").replace(',', "");
    for sentence in [
        format!("A frame has at most {MAX_FRAME} bytes"),
        format!("so a body has at most {MAX_BODY})"),
        format!("that it takes (at least {MIN_FRAME} bytes)"),
        format!("sends frames of at most {} bytes", Limits::UNTIL_AGREED.frame),
        format!("| modules | list at most {MAX_MODULES} |"),
        format!("a list of at most {MAX_MODULES} verdicts"),
        format!("| readings | list at most {MAX_READINGS} |"),
        format!("| rejected | list at most {MAX_READINGS} |"),
        format!("| hub | {HUB_PORT} |"),
        format!("| node if it wants to be dialled | {DIAL_PORT} |"),
    ] {
        assert!(said.contains(&sentence), "PROTOCOL.md does not say: {sentence}");
    }
}

/// The examples of bodies in the document: name of the vector, and the bytes in hexadecimal.
fn examples() -> impl Iterator<Item = (&'static str, String)> {
    let examples = section("## 5.").filter_map(|line| line.strip_prefix("- Example `")?.split_once("`: `"));
    examples.map(|(name, bytes)| (name, bytes.trim_end_matches('`').replace(' ', "").to_lowercase()))
}

#[test]
fn every_example_is_its_vector() {
    for (name, body) in examples() {
        let vector = VECTORS.lines().find(|line| line.split(' ').nth(1) == Some(name)).expect(name);
        let frame = vector.split(' ').nth(2).expect("three columns");
        assert_eq!(body, frame[2 * HEADER_LEN..], "{name}");
    }
}

#[test]
fn every_kind_is_shown_in_bytes() {
    let session = documented_session();
    for kind in MessageKind::ALL {
        let word = kind.word().expect("a defined kind has a word");
        let shown = session.iter().any(|(_, shown, _)| *shown == word);
        assert!(shown || examples().any(|(name, _)| name.starts_with(word)), "no bytes for {word}");
    }
}

/// The frames of the documented session: who sends it, the kind's word, the bytes.
fn documented_session() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut frames: Vec<(&str, &str, Vec<u8>)> = Vec::new();
    for line in section("## 16.") {
        if let Some((sender @ ("node" | "hub"), word)) = line.split_once(": ") {
            frames.push((sender, word, Vec::new()));
        } else if let Some((bytes, _)) = line.split_once(" ; ") {
            let (.., frame) = frames.last_mut().expect("bytes follow the name of their message");
            let bytes = bytes.split_whitespace();
            frame.extend(bytes.map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal")));
        }
    }
    frames
}

#[test]
fn every_frame_of_the_documented_session_decodes() {
    let session = documented_session();
    assert_eq!(session.first().map(|(sender, word, _)| (*sender, *word)), Some(("node", "hello")));
    assert_eq!(session.last().map(|(sender, word, _)| (*sender, *word)), Some(("node", "close")));
    for (sender, word, bytes) in session {
        let (frame, used) = Frame::split(&bytes, MAX_FRAME).unwrap().expect("a whole frame");
        assert_eq!((used, frame.kind.word()), (bytes.len(), Some(word)));
        let decoded = match sender {
            "node" => NodeMessage::decode(frame.kind, frame.body).map(drop),
            _ => HubMessage::decode(frame.kind, frame.body).map(drop),
        };
        assert_eq!(decoded, Ok(()), "{word}");
    }
}
