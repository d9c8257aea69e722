//! What peers send that is none: each costs what the protocol says, and never another peer anything.

use iot_core::{Input, SessionId};
use iot_proto::{
    Correlation, Error, ErrorCode, FrameError, Hello, MessageKind, Ping, Pong, RequestId, UpdateState,
    UpdateStatus,
};

use crate::{
    node::{hello, module},
    peers::encoded,
    world::World,
};

fn two() -> World {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    world.join(2, "10.0.0.6", &hello("valve"), &[]);
    world.skip();
    world
}

/// A ping whose header names another kind.
fn unknown_kind(correlation: Correlation) -> Vec<u8> {
    let mut bytes = encoded(&Ping, correlation);
    bytes[4..6].copy_from_slice(&[0x7F, 0x7F]);
    bytes
}

#[test]
fn an_unknown_kind_is_answered_and_the_session_goes_on() {
    let mut world = two();
    world.receives(1, &unknown_kind(Correlation::Request(RequestId::FIRST)));
    let refused = "refused plain:pump: 0x7f7f: message kind 0x7f7f is not supported";
    world.expect(&["1 < error unsupported-message", refused]);
    world.says(1, &Ping);
    world.expect(&["1 < pong"]);
}

#[test]
fn a_body_that_is_not_one_of_its_kind_costs_that_message() {
    let mut world = two();
    let mut bytes = encoded(&Pong { time: None }, Correlation::Request(RequestId::FIRST));
    bytes[4] = 3;
    world.receives(1, &bytes);
    world.expect(&["1 < error malformed-message", "refused plain:pump: ping: 1 bytes are left over"]);
}

#[test]
fn only_a_request_is_answered() {
    let mut world = two();
    world.receives(1, &unknown_kind(Correlation::OneWay));
    world.receives(1, &unknown_kind(Correlation::Response(RequestId::FIRST)));
    world.expect(&[
        "refused plain:pump: 0x7f7f: message kind 0x7f7f is not supported",
        "refused plain:pump: 0x7f7f does not fit here: it answers no request",
    ]);
}

#[test]
fn a_broken_frame_costs_the_session_with_a_named_reason_and_nobody_elses() {
    let mut world = two();
    world.feed(Input::Broken { session: SessionId(1), error: FrameError::Marker(0x47) });
    world.expect(&[
        "1 < error broken-frame (one-way)",
        "refused plain:pump: byte 0x47 does not begin a frame",
        "1 < close broken-frame",
        "close 1",
        "note Pump is overdue.",
    ]);
    world.feed(Input::Broken { session: SessionId(1), error: FrameError::Marker(0x47) });
    world.expect(&[]);
    assert_eq!(world.presence("valve"), "online: InSession");
}

#[test]
fn a_peer_that_does_not_read_is_closed() {
    let mut world = two();
    world.feed(Input::Overflowed { session: SessionId(1), limit: 65_536 });
    world.expect(&[
        "1 < error too-many (one-way)",
        "refused plain:pump: bytes to send would exceed the limit of 65536",
        "1 < close too-many",
        "close 1",
        "note Pump is overdue.",
    ]);
}

#[test]
fn what_arrives_after_the_close_counts_for_nothing() {
    let mut world = two();
    world.feed(Input::Broken { session: SessionId(1), error: FrameError::Encrypted });
    world.skip();
    let bytes = encoded(&Ping, Correlation::Request(RequestId::FIRST));
    world.receives(1, &bytes);
    world.receives(77, &bytes);
    world.expect(&[]);
}

#[test]
fn a_nodes_own_trouble_is_put_into_the_log() {
    let mut world = two();
    let error = Error::new(ErrorCode::HARDWARE, MessageKind(0), "sensor gone");
    world.sends(1, &error, Correlation::OneWay);
    world.expect(&["refused plain:pump: the node says: error 42 hardware: sensor gone"]);
}

#[test]
fn what_answers_nothing_is_out_of_turn() {
    let mut world = two();
    let status = UpdateStatus { state: UpdateState::RECEIVING, next: 0, code: ErrorCode::OK };
    world.says(1, &status);
    world.says(1, &Pong { time: None });
    world.sends(1, &Hello { keepalive_s: 1, ..hello("pump") }, Correlation::Response(RequestId::FIRST));
    world.expect(&[
        "1 < error out-of-turn",
        "refused plain:pump: update-status does not fit here: no update is under way",
        "1 < error out-of-turn",
        "refused plain:pump: pong does not fit here: it answers no request",
        "refused plain:pump: hello does not fit here: it answers no request",
    ]);
}
