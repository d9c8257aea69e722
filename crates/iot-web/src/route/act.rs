//! What can be done, as paths name it: with a node, a module or a command, about people, about joining, and about the
//! hub's key. What comes of it
//! is said where it is done.

use iot_core::{NodeId, people::UserName};
use iot_proto::CommandId;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Set a property, given by its number or name.
    Set(NodeId, u8, Box<str>),
    /// Have the node tell a property's value now, given by its number or name.
    Get(NodeId, u8, Box<str>),
    /// Run an action, given by its number or name.
    Invoke(NodeId, u8, Box<str>),
    /// Call a module something.
    NameModule(NodeId, u8),
    /// Do something with a node as a whole.
    Node(NodeId, NodeAct),
    /// Cancel a command.
    Cancel(CommandId),
}

/// Something to do about who may use the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PeopleAct {
    Claim,
    LogIn,
    LogOut,
    /// Add a user.
    Add,
    /// Give a user another role.
    SetRole(UserName),
    /// Give a user another password.
    SetPassword(UserName),
    Remove(UserName),
    /// Give oneself another password.
    SetOwnPassword,
    /// Make a token for oneself.
    AddToken,
    /// Revoke a token, by its number.
    RevokeToken(u64),
}

/// Something to do about joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinAct {
    /// Let nodes join for a while.
    Open,
    /// Let no more nodes join.
    Close,
    /// Let one more node join with a secret.
    Secret,
    /// Let the node in that shows these digits.
    Digits,
    /// Let nodes ask that can show nothing.
    Unverified,
    /// Let one of them in.
    Admit,
    /// Turn a node away that joins.
    End,
}

/// Something to do about the hub's own key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HubKeyAct {
    /// Have a next key announced.
    Announce,
    /// Go over to it.
    Change,
}

/// Something to do with a node as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeAct {
    Identify,
    Restart,
    Name,
    Admit,
    Reject,
    Disable,
    Enable,
    Revoke,
    Permit,
    Forbid,
    AcceptAddress,
    Tags,
    Archive,
    Unarchive,
    Forget,
    Replace,
}

impl NodeAct {
    /// Those that a path names by a word; the others have a path of their own.
    pub(super) const WORDS: [(&'static str, Self); 12] = [
        ("identify", Self::Identify),
        ("restart", Self::Restart),
        ("name", Self::Name),
        ("admit", Self::Admit),
        ("reject", Self::Reject),
        ("disable", Self::Disable),
        ("enable", Self::Enable),
        ("revoke", Self::Revoke),
        ("address", Self::AcceptAddress),
        ("tags", Self::Tags),
        ("archive", Self::Archive),
        ("unarchive", Self::Unarchive),
    ];

    /// What a word of a path means.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find_map(|(known, act)| (known == word).then_some(act))
    }
}
