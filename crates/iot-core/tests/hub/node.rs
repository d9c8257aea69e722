//! What the nodes of the scenarios say: messages with everything filled in that a scenario does not speak of.

use iot_core::NodeId;
use iot_proto::{
    Announcement, BootId, Capabilities, Close, CommandId, ErrorCode, Hello, Identity, Label, Name, Outcome,
    OutcomeStatus, Reading, Sleep, Taken, Value, VersionRange,
};

/// Keeps its session and listens.
pub(crate) const BOTH: Capabilities = Capabilities::KEEPS_SESSION.and(Capabilities::LISTENS);

/// The id of the plain node of this name.
pub(crate) fn id(name: &str) -> NodeId {
    NodeId::parse(&format!("plain:{name}")).expect("a name")
}

/// The hello of a node that keeps its session, takes any frame and one request at a time.
pub(crate) fn hello(name: &str) -> Hello<'_> {
    Hello {
        versions: VersionRange::OURS,
        identity: Identity::Name(Name::new(name).expect("a name")),
        boot: BootId(1),
        max_frame: u16::MAX,
        inflight: 1,
        capabilities: Capabilities::KEEPS_SESSION,
        keepalive_s: 0,
        board: Label::EMPTY,
        firmware: Label::EMPTY,
        firmware_version: Label::EMPTY,
    }
}

/// A module without a title.
pub(crate) fn module(index: u8, kind: &str) -> Announcement<'_> {
    Announcement { index, kind: Name::new(kind).expect("a kind"), kind_version: 1, title: Label::EMPTY }
}

/// A reading measured just now.
pub(crate) fn reading<'a>(module: u8, channel: u8, value: impl Into<Value<'a>>) -> Reading<'a> {
    Reading { module, channel, taken: Taken::Age(0), value: value.into() }
}

/// An outcome with the value that the node has now.
pub(crate) fn outcome(command: CommandId, status: OutcomeStatus, value: Option<Value<'_>>) -> Outcome<'_> {
    let code = if status == OutcomeStatus::FAILED { ErrorCode::BLOCKED } else { ErrorCode::OK };
    Outcome { command, status, code, value, detail: Label::EMPTY }
}

/// The node sleeps for `for_s` seconds after it has listened for `listen_s`.
pub(crate) fn sleep(for_s: u32, listen_s: u32) -> Sleep {
    Sleep { for_s, listen_ms: listen_s * 1000 }
}

/// A goodbye.
pub(crate) fn goodbye() -> Close<'static> {
    Close { code: ErrorCode::OK, retry_after_ms: 0, detail: Label::EMPTY }
}
