//! Causes of a command's steps as JSON: exact where they can be, else number and words.

use core::net::SocketAddr;

use iot_core::{IotError, NodeId};
use iot_proto::{CommandId, ErrorCode};
use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// A cause as it is written. What has no variant of its own is kept as number and words.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cause {
    Cut,
    /// As hubs wrote it that did not name the newer command.
    Superseded,
    SupersededBy {
        id: [u8; 16],
    },
    Expired,
    Replaced,
    Stopping,
    Silent {
        for_s: u64,
    },
    NoAnswer {
        limit_s: u64,
    },
    NotStored {
        why: Box<str>,
    },
    Revoked {
        node: Box<str>,
    },
    Disabled {
        node: Box<str>,
    },
    Archived {
        node: Box<str>,
    },
    HardwareReplaced {
        by: Box<str>,
    },
    PendingApproval {
        node: Box<str>,
    },
    ModuleNotRegistered {
        node: Box<str>,
        module: u8,
    },
    KindUnsupported {
        kind: Box<str>,
    },
    KindVersionUnknown {
        kind: Box<str>,
        version: u16,
        known: u16,
    },
    KindDisabled {
        kind: Box<str>,
    },
    Node {
        code: u16,
        detail: Box<str>,
    },
    NotAsWanted {
        wanted: Box<str>,
        reported: Box<str>,
    },
    WrongNode {
        node: Box<str>,
        answered: Box<str>,
    },
    Unreachable {
        address: SocketAddr,
        why: Box<str>,
    },
    Cancelled {
        by: Box<str>,
    },
    Earlier {
        code: u16,
        text: Box<str>,
    },
}

/// Writes a cause.
pub(crate) fn write(cause: &IotError) -> Result<String, Fault> {
    let kept = exactly(cause.clone())
        .unwrap_or_else(|| Cause::Earlier { code: cause.code().0, text: cause.to_string().into() });
    serde_json::to_string(&kept).map_err(|why| Fault::unreadable("a cause", &why))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is added later is kept as number and words")]
fn exactly(cause: IotError) -> Option<Cause> {
    let id = |node: &NodeId| node.as_str().into();
    Some(match cause {
        IotError::Cut => Cause::Cut,
        IotError::Superseded { by } => Cause::SupersededBy { id: by.0 },
        IotError::Expired => Cause::Expired,
        IotError::Replaced => Cause::Replaced,
        IotError::Stopping => Cause::Stopping,
        IotError::Silent { for_s } => Cause::Silent { for_s },
        IotError::NoAnswer { limit_s } => Cause::NoAnswer { limit_s },
        IotError::NotStored { why } => Cause::NotStored { why },
        IotError::Revoked { node } => Cause::Revoked { node: id(&node) },
        IotError::Disabled { node } => Cause::Disabled { node: id(&node) },
        IotError::Archived { node } => Cause::Archived { node: id(&node) },
        IotError::HardwareReplaced { by } => Cause::HardwareReplaced { by: id(&by) },
        IotError::PendingApproval { node } => Cause::PendingApproval { node: id(&node) },
        IotError::ModuleNotRegistered { node, module } => {
            Cause::ModuleNotRegistered { node: id(&node), module }
        }
        IotError::KindUnsupported { kind } => Cause::KindUnsupported { kind },
        IotError::KindVersionUnknown { kind, version, known } => {
            Cause::KindVersionUnknown { kind, version, known }
        }
        IotError::KindDisabled { kind } => Cause::KindDisabled { kind },
        IotError::Node { code, detail } => Cause::Node { code: code.0, detail },
        IotError::NotAsWanted { wanted, reported } => Cause::NotAsWanted { wanted, reported },
        IotError::WrongNode { node, answered } => Cause::WrongNode { node: id(&node), answered },
        IotError::Unreachable { address, why } => Cause::Unreachable { address, why },
        IotError::Cancelled { by } => Cause::Cancelled { by },
        _ => return None,
    })
}

/// Reads what [`write`] wrote.
pub(crate) fn read(text: &str) -> Result<IotError, Fault> {
    let id = |node: &str| super::nodes::parse_id(node);
    let kept = serde_json::from_str(text).map_err(|why| Fault::unreadable("a cause", &why))?;
    Ok(match kept {
        Cause::Cut => IotError::Cut,
        Cause::Superseded => {
            IotError::Earlier { code: ErrorCode::SUPERSEDED, text: "a newer command took its place".into() }
        }
        Cause::SupersededBy { id } => IotError::Superseded { by: CommandId(id) },
        Cause::Expired => IotError::Expired,
        Cause::Replaced => IotError::Replaced,
        Cause::Stopping => IotError::Stopping,
        Cause::Silent { for_s } => IotError::Silent { for_s },
        Cause::NoAnswer { limit_s } => IotError::NoAnswer { limit_s },
        Cause::NotStored { why } => IotError::NotStored { why },
        Cause::Revoked { node } => IotError::Revoked { node: id(&node)? },
        Cause::Disabled { node } => IotError::Disabled { node: id(&node)? },
        Cause::Archived { node } => IotError::Archived { node: id(&node)? },
        Cause::HardwareReplaced { by } => IotError::HardwareReplaced { by: id(&by)? },
        Cause::PendingApproval { node } => IotError::PendingApproval { node: id(&node)? },
        Cause::ModuleNotRegistered { node, module } => {
            IotError::ModuleNotRegistered { node: id(&node)?, module }
        }
        Cause::KindUnsupported { kind } => IotError::KindUnsupported { kind },
        Cause::KindVersionUnknown { kind, version, known } => {
            IotError::KindVersionUnknown { kind, version, known }
        }
        Cause::KindDisabled { kind } => IotError::KindDisabled { kind },
        Cause::Node { code, detail } => IotError::Node { code: ErrorCode(code), detail },
        Cause::NotAsWanted { wanted, reported } => IotError::NotAsWanted { wanted, reported },
        Cause::WrongNode { node, answered } => IotError::WrongNode { node: id(&node)?, answered },
        Cause::Unreachable { address, why } => IotError::Unreachable { address, why },
        Cause::Cancelled { by } => IotError::Cancelled { by },
        Cause::Earlier { code, text } => IotError::Earlier { code: ErrorCode(code), text },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_comes_back_as_it_was_or_with_its_number_and_words() {
        let address = "10.0.0.5:1234".parse().unwrap();
        for cause in [
            IotError::Cut,
            IotError::NoAnswer { limit_s: 5 },
            IotError::Unreachable { address, why: "refused \"twice\"".into() },
            IotError::Node { code: ErrorCode(77), detail: "ü".into() },
            IotError::Revoked { node: NodeId::parse("plain:a").unwrap() },
            IotError::Superseded { by: CommandId([7; 16]) },
            IotError::HardwareReplaced { by: NodeId::parse("plain:b").unwrap() },
        ] {
            assert_eq!(read(&write(&cause).unwrap()).unwrap(), cause);
        }
        let cause = IotError::TooMany { what: "bytes", limit: 9 };
        let kept = read(&write(&cause).unwrap()).unwrap();
        assert_eq!((kept.code(), kept.to_string()), (cause.code(), cause.to_string()));
        assert_eq!(read(&write(&kept).unwrap()).unwrap(), kept);
    }

    #[test]
    fn what_an_older_hub_wrote_is_read_with_its_number_and_words() {
        let read = read("\"superseded\"").unwrap();
        assert_eq!(read.code(), ErrorCode::SUPERSEDED);
        assert_eq!(read.to_string(), "a newer command took its place");
    }
}
