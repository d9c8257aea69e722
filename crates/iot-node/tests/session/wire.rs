//! Bytes that are not as they should be, or come as they like.

use iot_node::{
    HELLO_LIMIT,
    proto::{Admission, Close, Correlation, ErrorCode, Label, MessageKind, NodeMessage, Ping},
};
use proptest::prelude::*;

use crate::hub::{DIALLED, OWN, Rig, ack, config, dial, error, frame, request, response, set, welcome};

#[test]
fn an_unknown_message_kind_is_refused_and_the_session_goes_on() {
    let mut rig = Rig::online(config(), &welcome());
    let mut unknown = frame(&Ping, request(7));
    unknown[4..6].copy_from_slice(&0x7abc_u16.to_le_bytes());
    rig.hear(OWN, &unknown);
    let said = rig.said(OWN).remove(0);
    let NodeMessage::Error(error) = said.message() else { panic!("{said:?}") };
    assert_eq!((error.code, error.about), (ErrorCode::UNSUPPORTED_MESSAGE, 0x7abc));
    assert_eq!(said.correlation, response(7));
    rig.hear(OWN, &frame(&Ping, request(8)));
    assert_eq!(rig.kinds(OWN), [MessageKind::PONG]);
}

#[test]
fn a_malformed_message_is_refused_and_the_session_goes_on() {
    let mut rig = Rig::online(config(), &welcome());
    let mut malformed = frame(&set(1, true.into()), request(7));
    *malformed.last_mut().unwrap() = 9;
    rig.hear(OWN, &malformed);
    let said = rig.said(OWN).remove(0);
    let NodeMessage::Error(error) = said.message() else { panic!("{said:?}") };
    assert_eq!(error.code, ErrorCode::MALFORMED_MESSAGE);
    assert!(rig.node.is_online() && rig.commands.is_empty());
}

#[test]
fn a_broken_frame_ends_the_connection_with_its_reason() {
    let mut rig = Rig::online(config(), &welcome());
    rig.hear(OWN, b"GET / HTTP/1.1\r\n");
    let said = rig.said(OWN);
    let NodeMessage::Error(error) = said[0].message() else { panic!("{said:?}") };
    assert_eq!(error.code, ErrorCode::BROKEN_FRAME);
    assert_eq!(said[1].kind, MessageKind::CLOSE);
    assert!(!rig.node.is_online());
    assert!(rig.events.iter().any(|event| event.contains("Broken")), "{:?}", rig.events);
}

#[test]
fn a_frame_longer_than_the_buffer_is_refused_by_its_header() {
    let mut rig = Rig::online(config(), &welcome());
    let mut header = frame(&Ping, request(7));
    header[6..8].copy_from_slice(&2_000_u16.to_le_bytes());
    rig.hear(OWN, &header);
    let said = rig.said(OWN);
    let NodeMessage::Error(error) = said[0].message() else { panic!("{said:?}") };
    assert_eq!(error.code, ErrorCode::FRAME_TOO_LONG);
}

#[test]
fn bytes_may_come_in_any_pieces() {
    let play = |split: Option<usize>| {
        let mut rig = Rig::online(config(), &welcome());
        let mut bytes = frame(&set(1, true.into()), request(9));
        bytes.extend(frame(&Ping, request(10)));
        bytes.extend(frame(&Admission::DISABLED, request(11)));
        match split {
            Some(at) => {
                rig.hear(OWN, &bytes[..at]);
                rig.hear(OWN, &bytes[at..]);
            }
            None => bytes.chunks(1).for_each(|byte| rig.hear(OWN, byte)),
        }
        (rig.events.clone(), rig.said(OWN), bytes.len())
    };
    let (events, said, len) = play(Some(0));
    for split in (1..len).map(Some).chain([None]) {
        let (split_events, split_said, _) = play(split);
        assert_eq!((&split_events, &split_said), (&events, &said), "split at {split:?}");
    }
}

#[test]
fn a_peer_that_asks_without_reading_stops_being_heard_and_loses_nothing() {
    let mut rig = Rig::online(config(), &welcome());
    let ping = frame(&Ping, request(5));
    let mut offered = 0;
    // The node's answers fill its buffer, then what comes in fills the other.
    loop {
        let taken = rig.node.received(rig.now, OWN, &ping);
        rig.run();
        offered += taken;
        if taken < ping.len() {
            break;
        }
    }
    let mut answered = 0;
    loop {
        let pongs = rig.kinds(OWN).len();
        answered += pongs;
        if pongs == 0 {
            break;
        }
    }
    assert_eq!(answered, offered / ping.len());
}

/// Frames of every kind that a hub sends, one after the other.
fn all_that_a_hub_says() -> Vec<u8> {
    let close = Close { code: ErrorCode::OK, retry_after_ms: 0, detail: Label::EMPTY };
    let frames = [
        frame(&welcome(), response(1)),
        frame(&Admission::ADMITTED, request(5)),
        frame(&set(1, true.into()), request(1)),
        frame(&dial("shed"), request(2)),
        frame(&ack(3), response(2)),
        frame(&error(ErrorCode::NOT_STORED), response(3)),
        frame(&Ping, request(4)),
        frame(&close, Correlation::OneWay),
    ];
    frames.concat()
}

proptest! {
    /// Whatever comes, in whatever state, the node goes on or closes, and never panics.
    #[test]
    fn no_bytes_make_a_node_panic(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        noise in proptest::collection::vec(any::<u8>(), 0..40),
        is_online in any::<bool>(),
        piece in 1..80_usize,
    ) {
        let mut bytes = all_that_a_hub_says();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.extend(noise);
        let mut rig = Rig::new(config());
        if is_online {
            rig.connect(&welcome());
            rig.report(1);
        }
        rig.node.dialled(rig.now);
        for piece in bytes.chunks(piece) {
            rig.hear(OWN, piece);
            rig.hear(DIALLED, piece);
            rig.said(OWN);
            rig.said(DIALLED);
        }
        rig.pass(HELLO_LIMIT);
    }
}
