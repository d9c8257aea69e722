//! Bytes that are not as they should be, or come as they like.

use iot_node::proto::{Admission, Correlation, ErrorCode, MessageKind, NodeMessage, Ping};

use crate::hub::{OWN, Rig, config, frame, request, response, set, welcome};

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
        bytes.extend(frame(&Admission::DISABLED, Correlation::OneWay));
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
