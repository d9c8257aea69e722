//! The audit: every change that a person makes, with who, what, before, after and why.
//!
//! Owns what a record says. Which changes there are is the flows'; keeping the records is the store's.

use alloc::boxed::Box;

use iot_proto::{CommandId, Text, UnixMillis};

use crate::{IotError, NodeId};

/// Longest reason, and longest name of whoever asks, in bytes.
pub const WORDS: usize = 240;

/// Why something is done, as it can be kept: without blanks around it, one line of at most 240 bytes, which may be empty.
///
/// # Errors
/// [`IotError::Label`].
pub fn reason(why: &str) -> Result<&str, IotError> {
    let why = Text::<WORDS>::new(why.trim());
    why.map(Text::as_str).map_err(|source| IotError::Label { what: "the reason", source })
}

/// One change, as the flow that made it puts it. It is kept with the change itself or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When.
    pub at: UnixMillis,
    /// Who asked for it, and from where if that is known.
    pub by: Box<str>,
    /// What was done.
    pub deed: Deed,
    /// To what.
    pub target: Target,
    /// What was before, in words; empty where there was nothing.
    pub before: Box<str>,
    /// What is now, in words; empty where there is nothing any more.
    pub after: Box<str>,
    /// Why, in the words of whoever asked; may be empty.
    pub why: Box<str>,
}

/// What was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The node, where it is about one.
    pub node: Option<NodeId>,
    /// What node or module was called then: it may have been renamed or forgotten since.
    pub title: Box<str>,
    /// Index of the module, where it is about one.
    pub module: Option<u8>,
    /// The command, where it is about one.
    pub command: Option<CommandId>,
}

/// A record with the number that the store gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Ascends in the order in which changes were stored; never used again.
    pub number: u64,
    /// The change.
    pub record: AuditRecord,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// A node was let in.
    Admit,
    /// A waiting node was turned away.
    TurnAway,
    /// A node is let in no more.
    Revoke,
    /// Commands to a node that proves nothing, or that nobody has verified, were permitted.
    Permit,
    /// They are permitted no more.
    Forbid,
    /// Such a node is let in at another address.
    AcceptAddress,
    /// A node was disabled for now.
    Disable,
    /// A disabled node was enabled.
    Enable,
    /// A node or a module was named, or a node's place said.
    Name,
    /// A node's tags were changed.
    Tag,
    /// A node was put into the archive.
    Archive,
    /// A node was taken out of the archive.
    Unarchive,
    /// New hardware took a node's place.
    Replace,
    /// A node changed its key.
    ChangeKey,
    /// The hub's next key was announced, its key changed, or the one before ended.
    ChangeHubKey,
    /// A node was forgotten with everything of it.
    Forget,
    /// The window for joining was opened, or a secret added to it.
    OpenWindow,
    /// The window for joining was closed.
    CloseWindow,
    /// A command was sent.
    Command,
    /// A command was cancelled.
    Cancel,
    /// Somebody became the owner of the hub.
    Claim,
    /// A user was added.
    AddUser,
    /// A user was removed.
    RemoveUser,
    /// A user was given another role.
    SetRole,
    /// A user was given another password.
    SetPassword,
    /// A user logged in.
    LogIn,
    /// A user logged out.
    LogOut,
    /// A token was made.
    AddToken,
    /// A token was revoked.
    RevokeToken,
    /// A backup was sent to the hub.
    Upload,
    /// A backup was fetched from the hub.
    Download,
    /// A backup took the place of the store.
    Restore,
    /// Something was refused to whoever asked.
    Refuse,
}

impl Deed {
    /// All deeds, in the order in which people think of them.
    pub const ALL: [Self; 33] = [
        Self::Admit,
        Self::TurnAway,
        Self::Revoke,
        Self::Permit,
        Self::Forbid,
        Self::AcceptAddress,
        Self::Disable,
        Self::Enable,
        Self::Name,
        Self::Tag,
        Self::Archive,
        Self::Unarchive,
        Self::Replace,
        Self::ChangeKey,
        Self::ChangeHubKey,
        Self::Forget,
        Self::OpenWindow,
        Self::CloseWindow,
        Self::Command,
        Self::Cancel,
        Self::Claim,
        Self::AddUser,
        Self::RemoveUser,
        Self::SetRole,
        Self::SetPassword,
        Self::LogIn,
        Self::LogOut,
        Self::AddToken,
        Self::RevokeToken,
        Self::Upload,
        Self::Download,
        Self::Restore,
        Self::Refuse,
    ];

    /// The deed of this [word](Self::word).
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.word() == word)
    }

    /// The deed's word in the API and in the store, such as `turn-away`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::TurnAway => "turn-away",
            Self::Revoke => "revoke",
            Self::Permit => "permit",
            Self::Forbid => "forbid",
            Self::AcceptAddress => "accept-address",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Name => "name",
            Self::Tag => "tag",
            Self::Archive => "archive",
            Self::Unarchive => "unarchive",
            Self::Replace => "replace",
            Self::ChangeKey => "change-key",
            Self::ChangeHubKey => "change-hub-key",
            Self::Forget => "forget",
            Self::OpenWindow => "open-window",
            Self::CloseWindow => "close-window",
            Self::Command => "command",
            Self::Cancel => "cancel",
            Self::Claim => "claim",
            Self::AddUser => "add-user",
            Self::RemoveUser => "remove-user",
            Self::SetRole => "set-role",
            Self::SetPassword => "set-password",
            Self::LogIn => "log-in",
            Self::LogOut => "log-out",
            Self::AddToken => "add-token",
            Self::RevokeToken => "revoke-token",
            Self::Upload => "upload",
            Self::Download => "download",
            Self::Restore => "restore",
            Self::Refuse => "refuse",
        }
    }
}

/// Which changes are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only those of this node.
    pub node: Option<NodeId>,
    /// Only those in which this was done.
    pub deed: Option<Deed>,
    /// Only those whose author has this in it, whatever the case of its ASCII letters.
    pub by: Option<Box<str>>,
    /// Only those at this instant or later.
    pub from: Option<UnixMillis>,
    /// Only those before this instant.
    pub to: Option<UnixMillis>,
    /// Only those with a number below this.
    pub before: Option<u64>,
    /// At most so many, the newest.
    pub limit: usize,
}

impl AuditQuery {
    /// Whether an entry is asked for, apart from how many are.
    pub fn fits(&self, entry: &AuditEntry) -> bool {
        let AuditEntry { number, record } = entry;
        let has = |part: &str| record.by.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
        self.node.as_ref().is_none_or(|node| record.target.node.as_ref() == Some(node))
            && self.deed.is_none_or(|deed| record.deed == deed)
            && self.by.as_deref().is_none_or(has)
            && self.from.is_none_or(|from| record.at >= from)
            && self.to.is_none_or(|to| record.at < to)
            && self.before.is_none_or(|before| *number < before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deed_is_found_by_its_word() {
        for deed in Deed::ALL {
            assert_eq!(Deed::from_word(deed.word()), Some(deed));
        }
        assert_eq!(Deed::from_word("explode"), None);
    }
}
