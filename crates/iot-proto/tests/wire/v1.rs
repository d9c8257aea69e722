//! The frozen vectors of wire version 1: every message kind, byte for byte, both ways.
//!
//! Once version 1 is released, never edit this file or `v1.txt`. When a test against it fails, the change
//! that made it fail breaks every node in the field: revert that change instead. A new shape of a message
//! is a new kind, and its vectors go into the file of the version that brings it.
//!
//! Each line of a vector is bytes in hexadecimal, and what they say behind the `;`.

use iot_proto::{
    Acknowledged, Admission, Announcement, BootId, Capabilities, Close, CommandId, Correlation, Dial, Error,
    ErrorCode, Get, Hello, HubKey, HubKeyStage, HubMessage, Identify, Identity, Invoke, Label, List, Name,
    NextHubKey, NextKey, NodeKey, NodeMessage, Outcome, OutcomeStatus, Ping, Pong, Reading, Register,
    Registered, Rejected, Report, ReportAck, RequestId, Restart, Set, Sleep, SleepAck, Taken, Text,
    UnixMillis, UpdateBlock, UpdateOffer, UpdateState, UpdateStatus, Value, Verdict, VersionRange, Welcome,
};

use crate::{See, hub, node};

const NOW: UnixMillis = UnixMillis(1_767_225_600_000);
const COMMAND: CommandId = CommandId(*b"\x01\x90\xb2\xf4\xc0\xde\x7a\xbc\x8d\xef\x00\x11\x22\x33\x44\x55");
const KEY: NodeKey = NodeKey([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30, 31,
]);

/// Shows every vector of version 1 to `see`, in the order of `v1.txt`.
pub(crate) fn each(see: See<'_>) {
    hello(see);
    welcome(see);
    both_ways(see);
    errors(see);
    dial(see);
    upkeep(see);
    updates(see);
    register(see);
    report(see);
    report_texts(see);
    report_ack(see);
    set(see);
    commands(see);
    outcomes(see);
}

fn name(name: &str) -> Name<'_> {
    Name::new(name).expect("it is valid")
}

fn label(label: &str) -> Label<'_> {
    Label::new(label).expect("it is valid")
}

fn list<T>(items: &[T]) -> List<'_, T> {
    List::new(items).expect("there are few")
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Text::new(text).expect("it is valid"))
}

fn reading(module: u8, channel: u8, taken: Taken, value: Value<'_>) -> Reading<'_> {
    Reading { module, channel, taken, value }
}

fn request(id: u32) -> Correlation {
    Correlation::Request(RequestId::new(id).expect("it is not 0"))
}

fn response(id: u32) -> Correlation {
    Correlation::Response(RequestId::new(id).expect("it is not 0"))
}

/// Hello, from a plain node and from one with a key; the frozen core.
fn hello(see: See<'_>) {
    let message = NodeMessage::Hello(Hello {
        versions: VersionRange { min: 1, max: 1 },
        identity: Identity::Name(name("kitchen-1")),
        boot: BootId(7),
        max_frame: 1024,
        inflight: 1,
        capabilities: Capabilities::KEEPS_SESSION,
        keepalive_s: 20,
        board: label("ESP32-C6"),
        firmware: label("kitchen"),
        firmware_version: label("1.0.0"),
    });
    let bytes = "
        C1 01 00 00 01 00 2A 00 01 00 00 00 ; request 1: hello, body of 42 bytes
        01 01 01 ; oldest version: 1; newest version: 1; identity: arm 1, a name
        09 6B 69 74 63 68 65 6E 2D 31 ; name: 9 bytes, `kitchen-1`
        07 80 08 01 ; boot: 7; largest frame: 1024; in flight: 1
        01 14 ; capabilities: keeps its session; keepalive: 20 s
        08 45 53 50 33 32 2D 43 36 ; board: 8 bytes, `ESP32-C6`
        07 6B 69 74 63 68 65 6E ; firmware: 7 bytes, `kitchen`
        05 31 2E 30 2E 30 ; version of the firmware: 5 bytes, `1.0.0`
    ";
    node(see, "hello-name", request(1), message, bytes);

    let message = NodeMessage::Hello(Hello {
        versions: VersionRange { min: 1, max: 3 },
        identity: Identity::Key(KEY),
        boot: BootId(u32::MAX),
        max_frame: 16_368,
        inflight: 255,
        capabilities: Capabilities(0x801E),
        keepalive_s: 3600,
        board: label(""),
        firmware: label(""),
        firmware_version: label(""),
    });
    let bytes = "
        C1 01 01 00 01 00 33 00 01 00 00 00 ; response 1: hello, body of 51 bytes
        01 03 00 ; oldest version: 1; newest version: 3; identity: arm 0, a key
        00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F ; key, first half
        10 11 12 13 14 15 16 17 18 19 1A 1B 1C 1D 1E 1F ; key, second half
        FF FF FF FF 0F F0 7F FF ; boot: 4294967295; largest frame: 16368; in flight: 255
        9E 80 02 ; capabilities: listens, sleeps, updates, identifies; bit 15 unknown
        90 1C 00 00 ; keepalive: 3600 s; board: none; firmware: none
        00 ; version of the firmware: none
    ";
    node(see, "hello-key", response(1), message, bytes);
}

/// Answers to hello; the frozen core.
fn welcome(see: See<'_>) {
    let message = HubMessage::Welcome(Welcome {
        version: 1,
        time: NOW,
        max_frame: 16_368,
        inflight: 16,
        keepalive_s: 20,
        admission: Admission::ADMITTED,
        stored: 42,
        hub: label("Home"),
    });
    let bytes = "
        C1 01 01 00 02 00 12 00 01 00 00 00 ; response 1: welcome, body of 18 bytes
        01 80 A0 D5 ED EE 66 ; version: 1; time: 2026-01-01T00:00:00Z
        F0 7F 10 14 ; largest frame: 16368; in flight: 16; keepalive: 20 s
        01 2A 04 48 6F 6D 65 ; admission: admitted; stored: 42; hub: 4 bytes, `Home`
    ";
    hub(see, "welcome", response(1), message, bytes);

    let message = HubMessage::Welcome(Welcome {
        version: 1,
        time: NOW,
        max_frame: 16_368,
        inflight: 16,
        keepalive_s: 20,
        admission: Admission::PENDING,
        stored: 0,
        hub: label(""),
    });
    let bytes = "
        C1 01 01 00 02 00 0E 00 01 00 00 00 ; response 1: welcome, body of 14 bytes
        01 80 A0 D5 ED EE 66 ; version: 1; time: 2026-01-01T00:00:00Z
        F0 7F 10 14 ; largest frame: 16368; in flight: 16; keepalive: 20 s
        00 00 00 ; admission: pending; stored: 0; hub: none
    ";
    hub(see, "welcome-pending", response(1), message, bytes);
}

/// What travels both ways, from each side; the frozen core.
fn both_ways(see: See<'_>) {
    let message = NodeMessage::Ping(Ping);
    let bytes = "
        C1 01 00 00 03 00 00 00 07 00 00 00 ; request 7: ping, body of 0 bytes
    ";
    node(see, "ping", request(7), message, bytes);

    let message = NodeMessage::Ping(Ping);
    let bytes = "
        C1 01 00 00 03 00 00 00 00 00 00 00 ; one-way: ping, body of 0 bytes
    ";
    node(see, "ping-one-way", Correlation::OneWay, message, bytes);

    let message = HubMessage::Ping(Ping);
    let bytes = "
        C1 01 00 00 03 00 00 00 04 03 02 01 ; request 16909060: ping, body of 0 bytes
    ";
    hub(see, "ping-from-hub", request(16_909_060), message, bytes);

    let message = NodeMessage::Pong(Pong { time: None });
    let bytes = "
        C1 01 01 00 04 00 01 00 04 03 02 01 ; response 16909060: pong, body of 1 byte
        00 ; time: none
    ";
    node(see, "pong-without-clock", response(16_909_060), message, bytes);

    let message = HubMessage::Pong(Pong { time: Some(NOW) });
    let bytes = "
        C1 01 01 00 04 00 07 00 07 00 00 00 ; response 7: pong, body of 7 bytes
        01 80 A0 D5 ED EE 66 ; time: some; 2026-01-01T00:00:00Z
    ";
    hub(see, "pong-from-hub", response(7), message, bytes);

    let message = NodeMessage::Acknowledged(Acknowledged);
    let bytes = "
        C1 01 01 00 0D 00 00 00 03 00 00 00 ; response 3: acknowledged, body of 0 bytes
    ";
    node(see, "acknowledged", response(3), message, bytes);

    let message = HubMessage::Acknowledged(Acknowledged);
    let bytes = "
        C1 01 01 00 0D 00 00 00 04 00 00 00 ; response 4: acknowledged, body of 0 bytes
    ";
    hub(see, "acknowledged-from-hub", response(4), message, bytes);
}

/// Errors and ends; the frozen core.
fn errors(see: See<'_>) {
    let message = NodeMessage::Error(Error {
        code: ErrorCode::UNSUPPORTED_MESSAGE,
        about: 0x0203,
        detail: label("no actions here"),
    });
    let bytes = "
        C1 01 01 00 05 00 13 00 05 00 00 00 ; response 5: error, body of 19 bytes
        01 83 04 ; code: unsupported-message; about: 0x0203, invoke
        0F 6E 6F 20 61 63 74 69 6F 6E 73 20 68 65 72 65 ; detail: 15 bytes, `no actions here`
    ";
    node(see, "error", response(5), message, bytes);

    let message = HubMessage::Error(Error { code: ErrorCode::BROKEN_FRAME, about: 0, detail: label("") });
    let bytes = "
        C1 01 00 00 05 00 03 00 00 00 00 00 ; one-way: error, body of 3 bytes
        03 00 00 ; code: broken-frame; about: not known; detail: none
    ";
    hub(see, "error-from-hub", Correlation::OneWay, message, bytes);

    let message = HubMessage::Error(Error { code: ErrorCode(65_535), about: 0xFFFF, detail: label("Tür") });
    let bytes = "
        C1 01 01 00 05 00 0B 00 06 00 00 00 ; response 6: error, body of 11 bytes
        FF FF 03 FF FF 03 ; code: 65535, not defined; about: 0xFFFF, not defined
        04 54 C3 BC 72 ; detail: 4 bytes, `Tür`
    ";
    hub(see, "error-not-defined", response(6), message, bytes);

    let message = NodeMessage::Close(Close { code: ErrorCode::OK, retry_after_ms: 0, detail: label("") });
    let bytes = "
        C1 01 00 00 06 00 03 00 00 00 00 00 ; one-way: close, body of 3 bytes
        00 00 00 ; code: ok; retry after: 0 ms; detail: none
    ";
    node(see, "close", Correlation::OneWay, message, bytes);

    let message =
        HubMessage::Close(Close { code: ErrorCode::STOPPING, retry_after_ms: 5000, detail: label("update") });
    let bytes = "
        C1 01 00 00 06 00 0A 00 00 00 00 00 ; one-way: close, body of 10 bytes
        0A 88 27 ; code: stopping; retry after: 5000 ms
        06 75 70 64 61 74 65 ; detail: 6 bytes, `update`
    ";
    hub(see, "close-from-hub", Correlation::OneWay, message, bytes);
}

/// Connections that the hub opens; the frozen core.
fn dial(see: See<'_>) {
    let message = HubMessage::Dial(Dial {
        versions: VersionRange { min: 1, max: 1 },
        to: Identity::Name(name("kitchen-1")),
        time: NOW,
    });
    let bytes = "
        C1 01 00 00 07 00 13 00 01 00 00 00 ; request 1: dial, body of 19 bytes
        01 01 01 ; oldest version: 1; newest version: 1; identity: arm 1, a name
        09 6B 69 74 63 68 65 6E 2D 31 ; name: 9 bytes, `kitchen-1`
        80 A0 D5 ED EE 66 ; time: 2026-01-01T00:00:00Z
    ";
    hub(see, "dial-name", request(1), message, bytes);

    let message = HubMessage::Dial(Dial {
        versions: VersionRange { min: 1, max: 1 },
        to: Identity::Key(KEY),
        time: UnixMillis(-1),
    });
    let bytes = "
        C1 01 00 00 07 00 24 00 01 00 00 00 ; request 1: dial, body of 36 bytes
        01 01 00 ; oldest version: 1; newest version: 1; identity: arm 0, a key
        00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F ; key, first half
        10 11 12 13 14 15 16 17 18 19 1A 1B 1C 1D 1E 1F ; key, second half
        01 ; time: 1 ms before 1970
    ";
    hub(see, "dial-key", request(1), message, bytes);
}

/// Identify and restart; the frozen core.
fn upkeep(see: See<'_>) {
    let message = HubMessage::Identify(Identify { command: COMMAND, for_s: 300 });
    let bytes = "
        C1 01 00 00 08 00 12 00 0A 00 00 00 ; request 10: identify, body of 18 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        AC 02 ; for 300 s
    ";
    hub(see, "identify", request(10), message, bytes);

    let message = HubMessage::Restart(Restart { command: COMMAND });
    let bytes = "
        C1 01 00 00 09 00 10 00 0B 00 00 00 ; request 11: restart, body of 16 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
    ";
    hub(see, "restart", request(11), message, bytes);
}

/// Firmware updates; the frozen core.
fn updates(see: See<'_>) {
    let message = HubMessage::UpdateOffer(UpdateOffer {
        firmware: label("kitchen"),
        version: label("1.1.0"),
        size: 1_048_576,
        digest: KEY.0,
        signature: [[0x5A; 32], [0xA5; 32]],
    });
    let bytes = "
        C1 01 00 00 0A 00 71 00 0C 00 00 00 ; request 12: update-offer, body of 113 bytes
        07 6B 69 74 63 68 65 6E ; firmware: 7 bytes, `kitchen`
        05 31 2E 31 2E 30 ; version: 5 bytes, `1.1.0`
        80 80 40 ; size: 1048576
        00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F ; digest, first half
        10 11 12 13 14 15 16 17 18 19 1A 1B 1C 1D 1E 1F ; digest, second half
        5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A ; signature, first quarter
        5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A 5A ; signature, second quarter
        A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 ; signature, third quarter
        A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5 ; signature, fourth quarter
    ";
    hub(see, "update-offer", request(12), message, bytes);

    let message = HubMessage::UpdateBlock(UpdateBlock { offset: 65_536, data: &[0x00, 0x7F, 0x80, 0xFF] });
    let bytes = "
        C1 01 00 00 0B 00 08 00 0D 00 00 00 ; request 13: update-block, body of 8 bytes
        80 80 04 04 00 7F 80 FF ; offset: 65536; data: 4 bytes
    ";
    hub(see, "update-block", request(13), message, bytes);

    let message = HubMessage::UpdateBlock(UpdateBlock { offset: 0, data: &[] });
    let bytes = "
        C1 01 00 00 0B 00 02 00 0E 00 00 00 ; request 14: update-block, body of 2 bytes
        00 00 ; offset: 0; data: none
    ";
    hub(see, "update-block-empty", request(14), message, bytes);

    let message = NodeMessage::UpdateStatus(UpdateStatus {
        state: UpdateState::RECEIVING,
        next: 65540,
        code: ErrorCode::OK,
    });
    let bytes = "
        C1 01 01 00 0C 00 05 00 0D 00 00 00 ; response 13: update-status, body of 5 bytes
        00 84 80 04 00 ; state: receiving; next: 65540; code: ok
    ";
    node(see, "update-status", response(13), message, bytes);

    let message = NodeMessage::UpdateStatus(UpdateStatus {
        state: UpdateState::REFUSED,
        next: 0,
        code: ErrorCode::FAILED,
    });
    let bytes = "
        C1 01 01 00 0C 00 03 00 0D 00 00 00 ; response 13: update-status, body of 3 bytes
        02 00 28 ; state: refused; next: 0; code: failed
    ";
    node(see, "update-status-refused", response(13), message, bytes);
}

/// Registration and admission.
fn register(see: See<'_>) {
    let items = [
        Announcement { index: 0, kind: name("relay"), kind_version: 1, title: label("Pump") },
        Announcement { index: 1, kind: name("temperature"), kind_version: 300, title: label("") },
    ];
    let message = NodeMessage::Register(Register { total: 2, modules: list(&items) });
    let bytes = "
        C1 01 00 00 01 01 1F 00 02 00 00 00 ; request 2: register, body of 31 bytes
        02 02 ; total: 2; modules: 2
        00 05 72 65 6C 61 79 ; [0] index: 0; kind: 5 bytes, `relay`
        01 04 50 75 6D 70 ; [0] version of the kind: 1; title: 4 bytes, `Pump`
        01 ; [1] index: 1
        0B 74 65 6D 70 65 72 61 74 75 72 65 ; [1] kind: 11 bytes, `temperature`
        AC 02 00 ; [1] version of the kind: 300; title: none
    ";
    node(see, "register", request(2), message, bytes);

    let message = NodeMessage::Register(Register { total: 0, modules: List::EMPTY });
    let bytes = "
        C1 01 00 00 01 01 02 00 03 00 00 00 ; request 3: register, body of 2 bytes
        00 00 ; total: 0; modules: none
    ";
    node(see, "register-none", request(3), message, bytes);

    let items = [
        Verdict { index: 0, code: ErrorCode::OK },
        Verdict { index: 1, code: ErrorCode::KIND_VERSION_UNKNOWN },
    ];
    let message = HubMessage::Registered(Registered { verdicts: list(&items) });
    let bytes = "
        C1 01 01 00 02 01 05 00 02 00 00 00 ; response 2: registered, body of 5 bytes
        02 ; verdicts: 2
        00 00 ; [0] index: 0; code: ok
        01 1F ; [1] index: 1; code: kind-version-unknown
    ";
    hub(see, "registered", response(2), message, bytes);

    let message = HubMessage::Registered(Registered { verdicts: List::EMPTY });
    let bytes = "
        C1 01 01 00 02 01 01 00 03 00 00 00 ; response 3: registered, body of 1 byte
        00 ; verdicts: none
    ";
    hub(see, "registered-none", response(3), message, bytes);

    let message = HubMessage::Admission(Admission::ADMITTED);
    let bytes = "
        C1 01 00 00 03 01 01 00 03 00 00 00 ; request 3: admission, body of 1 byte
        01 ; admission: admitted
    ";
    hub(see, "admission", request(3), message, bytes);

    let message = HubMessage::Admission(Admission(200));
    let bytes = "
        C1 01 00 00 03 01 01 00 00 00 00 00 ; one-way: admission, body of 1 byte
        C8 ; admission: 200, not defined
    ";
    hub(see, "admission-not-defined", Correlation::OneWay, message, bytes);
}

/// Reports with truth values, floats and integers.
fn report(see: See<'_>) {
    let items =
        [reading(0, 1, Taken::Age(0), Value::from(true)), reading(1, 1, Taken::Age(250), Value::from(21.5))];
    let message = NodeMessage::Report(Report { boot: BootId(7), sequence: 1, readings: list(&items) });
    let bytes = "
        C1 01 00 00 04 01 17 00 03 00 00 00 ; request 3: report, body of 23 bytes
        07 01 02 ; boot: 7; sequence: 1; readings: 2
        00 01 00 ; [0] module: 0; channel: 1; taken: arm 0, age
        00 00 01 ; [0] age: 0 ms; value: arm 0, bool; true
        01 01 00 ; [1] module: 1; channel: 1; taken: arm 0, age
        FA 01 02 ; [1] age: 250 ms; value: arm 2, float
        00 00 00 00 00 80 35 40 ; [1] 21.5
    ";
    node(see, "report", request(3), message, bytes);

    let items = [
        reading(63, 255, Taken::At(NOW), Value::from(-1_i64)),
        reading(63, 0, Taken::At(UnixMillis(-1)), Value::from(i64::MIN)),
        reading(0, 1, Taken::Age(u32::MAX), Value::from(i64::MAX)),
    ];
    let message =
        NodeMessage::Report(Report { boot: BootId(u32::MAX), sequence: u32::MAX, readings: list(&items) });
    let bytes = "
        C1 01 00 00 04 01 38 00 FF FF FF FF ; request 4294967295: report, body of 56 bytes
        FF FF FF FF 0F ; boot: 4294967295
        FF FF FF FF 0F 03 ; sequence: 4294967295; readings: 3
        3F FF 01 ; [0] module: 63; channel: 255; taken: arm 1, instant
        80 A0 D5 ED EE 66 01 01 ; [0] 2026-01-01T00:00:00Z; value: arm 1, int; -1
        3F 00 01 ; [1] module: 63; channel: 0; taken: arm 1, instant
        01 01 ; [1] 1 ms before 1970; value: arm 1, int
        FF FF FF FF FF FF FF FF FF 01 ; [1] -9223372036854775808
        00 01 00 ; [2] module: 0; channel: 1; taken: arm 0, age
        FF FF FF FF 0F 01 ; [2] age: 4294967295 ms; value: arm 1, int
        FE FF FF FF FF FF FF FF FF 01 ; [2] 9223372036854775807
    ";
    node(see, "report-integers", request(4_294_967_295), message, bytes);
}

/// Reports with texts and zeros, and one without readings.
fn report_texts(see: See<'_>) {
    let items = [
        reading(2, 1, Taken::Age(127), text("20 °C")),
        reading(2, 1, Taken::Age(128), text("")),
        reading(2, 2, Taken::Age(0), Value::from(-0.0)),
        reading(2, 3, Taken::Age(0), Value::from(false)),
    ];
    let message = NodeMessage::Report(Report { boot: BootId(0), sequence: 128, readings: list(&items) });
    let bytes = "
        C1 01 00 00 04 01 2A 00 04 00 00 00 ; request 4: report, body of 42 bytes
        00 80 01 04 ; boot: 0; sequence: 128; readings: 4
        02 01 00 ; [0] module: 2; channel: 1; taken: arm 0, age
        7F 03 ; [0] age: 127 ms; value: arm 3, text
        06 32 30 20 C2 B0 43 ; [0] 6 bytes, `20 °C`
        02 01 00 ; [1] module: 2; channel: 1; taken: arm 0, age
        80 01 03 00 ; [1] age: 128 ms; value: arm 3, text; none
        02 02 00 ; [2] module: 2; channel: 2; taken: arm 0, age
        00 02 ; [2] age: 0 ms; value: arm 2, float
        00 00 00 00 00 00 00 80 ; [2] -0.0
        02 03 00 ; [3] module: 2; channel: 3; taken: arm 0, age
        00 00 00 ; [3] age: 0 ms; value: arm 0, bool; false
    ";
    node(see, "report-texts", request(4), message, bytes);

    let message = NodeMessage::Report(Report { boot: BootId(7), sequence: 2, readings: List::EMPTY });
    let bytes = "
        C1 01 00 00 04 01 03 00 05 00 00 00 ; request 5: report, body of 3 bytes
        07 02 00 ; boot: 7; sequence: 2; readings: none
    ";
    node(see, "report-none", request(5), message, bytes);
}

/// The answers to reports and to sleep.
fn report_ack(see: See<'_>) {
    let message = HubMessage::ReportAck(ReportAck { boot: BootId(7), stored: 1, rejected: List::EMPTY });
    let bytes = "
        C1 01 01 00 05 01 03 00 03 00 00 00 ; response 3: report-ack, body of 3 bytes
        07 01 00 ; boot: 7; stored: 1; rejected: none
    ";
    hub(see, "report-ack", response(3), message, bytes);

    let items = [
        Rejected { position: 0, code: ErrorCode::WRONG_TYPE },
        Rejected { position: 511, code: ErrorCode(999) },
    ];
    let message = HubMessage::ReportAck(ReportAck { boot: BootId(7), stored: 300, rejected: list(&items) });
    let bytes = "
        C1 01 01 00 05 01 0A 00 04 00 00 00 ; response 4: report-ack, body of 10 bytes
        07 AC 02 02 ; boot: 7; stored: 300; rejected: 2
        00 34 ; [0] position: 0; code: wrong-type
        FF 03 E7 07 ; [1] position: 511; code: 999, not defined
    ";
    hub(see, "report-ack-rejected", response(4), message, bytes);

    let message = NodeMessage::Sleep(Sleep { for_s: 600, listen_ms: 2000 });
    let bytes = "
        C1 01 00 00 06 01 04 00 06 00 00 00 ; request 6: sleep, body of 4 bytes
        D8 04 D0 0F ; for 600 s; listens for 2000 ms
    ";
    node(see, "sleep", request(6), message, bytes);

    let message = HubMessage::SleepAck(SleepAck { waiting: 2 });
    let bytes = "
        C1 01 01 00 07 01 01 00 06 00 00 00 ; response 6: sleep-ack, body of 1 byte
        02 ; waiting: 2
    ";
    hub(see, "sleep-ack", response(6), message, bytes);

    let key = core::array::from_fn(|at| 0x20 + u8::try_from(at).expect("below 32"));
    let message = NodeMessage::NextKey(NextKey { key: NodeKey(key) });
    let bytes = "
        C1 01 00 00 08 01 20 00 07 00 00 00 ; request 7: next-key, body of 32 bytes
        20 21 22 23 24 25 26 27 28 29 2A 2B 2C 2D 2E 2F ; key
        30 31 32 33 34 35 36 37 38 39 3A 3B 3C 3D 3E 3F
    ";
    node(see, "next-key", request(7), message, bytes);

    let key = core::array::from_fn(|at| 0x40 + u8::try_from(at).expect("below 32"));
    let stage = HubKeyStage::IN_USE;
    let message = HubMessage::NextHubKey(NextHubKey { number: 2, stage, key: HubKey(key) });
    let bytes = "
        C1 01 00 00 09 01 22 00 08 00 00 00 ; request 8: next-hub-key, body of 34 bytes
        02 01 ; number: 2; stage: in use
        40 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 4F ; key
        50 51 52 53 54 55 56 57 58 59 5A 5B 5C 5D 5E 5F
    ";
    hub(see, "next-hub-key", request(8), message, bytes);
}

/// A property set to a value of every type.
fn set(see: See<'_>) {
    let message = HubMessage::Set(Set { command: COMMAND, module: 0, channel: 1, value: Value::from(true) });
    let bytes = "
        C1 01 00 00 01 02 14 00 14 00 00 00 ; request 20: set, body of 20 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        00 01 00 01 ; module: 0; channel: 1; value: arm 0, bool; true
    ";
    hub(see, "set-bool", request(20), message, bytes);

    let message =
        HubMessage::Set(Set { command: COMMAND, module: 0, channel: 1, value: Value::from(-300_i64) });
    let bytes = "
        C1 01 00 00 01 02 15 00 14 00 00 00 ; request 20: set, body of 21 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        00 01 01 D7 04 ; module: 0; channel: 1; value: arm 1, int; -300
    ";
    hub(see, "set-int", request(20), message, bytes);

    let message =
        HubMessage::Set(Set { command: COMMAND, module: 0, channel: 1, value: Value::from(-273.15) });
    let bytes = "
        C1 01 00 00 01 02 1B 00 14 00 00 00 ; request 20: set, body of 27 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        00 01 02 ; module: 0; channel: 1; value: arm 2, float
        66 66 66 66 66 12 71 C0 ; -273.15
    ";
    hub(see, "set-float", request(20), message, bytes);

    let message = HubMessage::Set(Set { command: COMMAND, module: 0, channel: 1, value: text("Grüße") });
    let bytes = "
        C1 01 00 00 01 02 1B 00 14 00 00 00 ; request 20: set, body of 27 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        00 01 03 ; module: 0; channel: 1; value: arm 3, text
        07 47 72 C3 BC C3 9F 65 ; 7 bytes, `Grüße`
    ";
    hub(see, "set-text", request(20), message, bytes);
}

/// The other commands.
fn commands(see: See<'_>) {
    let message = HubMessage::Get(Get { command: COMMAND, module: 63, channel: 255 });
    let bytes = "
        C1 01 00 00 02 02 12 00 15 00 00 00 ; request 21: get, body of 18 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        3F FF ; module: 63; channel: 255
    ";
    hub(see, "get", request(21), message, bytes);

    let message = HubMessage::Invoke(Invoke { command: COMMAND, module: 1, channel: 2, argument: None });
    let bytes = "
        C1 01 00 00 03 02 13 00 16 00 00 00 ; request 22: invoke, body of 19 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        01 02 00 ; module: 1; channel: 2; argument: none
    ";
    hub(see, "invoke", request(22), message, bytes);

    let message = HubMessage::Invoke(Invoke {
        command: COMMAND,
        module: 1,
        channel: 2,
        argument: Some(Value::from(0x00FF_8000_i64)),
    });
    let bytes = "
        C1 01 00 00 03 02 18 00 17 00 00 00 ; request 23: invoke, body of 24 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        01 02 01 01 ; module: 1; channel: 2; argument: some; value: arm 1, int
        80 80 FC 0F ; 0xFF8000
    ";
    hub(see, "invoke-argument", request(23), message, bytes);
}

/// What became of commands.
fn outcomes(see: See<'_>) {
    let message = NodeMessage::Outcome(Outcome {
        command: COMMAND,
        status: OutcomeStatus::ACCEPTED,
        code: ErrorCode::OK,
        value: None,
        detail: label(""),
    });
    let bytes = "
        C1 01 01 00 04 02 14 00 14 00 00 00 ; response 20: outcome, body of 20 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        00 00 00 00 ; status: accepted; code: ok; value: none; detail: none
    ";
    node(see, "outcome-accepted", response(20), message, bytes);

    let message = NodeMessage::Outcome(Outcome {
        command: COMMAND,
        status: OutcomeStatus::DONE,
        code: ErrorCode::OK,
        value: Some(Value::from(true)),
        detail: label(""),
    });
    let bytes = "
        C1 01 01 00 04 02 16 00 14 00 00 00 ; response 20: outcome, body of 22 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        01 00 01 00 01 ; status: done; code: ok; value: some; value: arm 0, bool; true
        00 ; detail: none
    ";
    node(see, "outcome-done", response(20), message, bytes);

    let message = NodeMessage::Outcome(Outcome {
        command: COMMAND,
        status: OutcomeStatus::FAILED,
        code: ErrorCode::BLOCKED,
        value: Some(Value::from(0.5)),
        detail: label("a hand is in the door"),
    });
    let bytes = "
        C1 01 00 00 04 02 32 00 08 00 00 00 ; request 8: outcome, body of 50 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        02 29 01 02 ; status: failed; code: blocked; value: some; value: arm 2, float
        00 00 00 00 00 00 E0 3F ; 0.5
        15 61 20 68 61 6E 64 20 69 73 20 69 6E 20 74 68 65 20 64 6F 6F 72 ; detail: 21 bytes, `a hand is in the door`
    ";
    node(see, "outcome-later", request(8), message, bytes);

    let message = NodeMessage::Outcome(Outcome {
        command: COMMAND,
        status: OutcomeStatus(9),
        code: ErrorCode::OK,
        value: None,
        detail: label(""),
    });
    let bytes = "
        C1 01 01 00 04 02 14 00 18 00 00 00 ; response 24: outcome, body of 20 bytes
        01 90 B2 F4 C0 DE 7A BC 8D EF 00 11 22 33 44 55 ; command
        09 00 00 00 ; status: 9, not defined; code: ok; value: none; detail: none
    ";
    node(see, "outcome-not-defined", response(24), message, bytes);
}
