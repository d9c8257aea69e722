//! What a person does about an error: one sentence for each. What went wrong, in words and as a number, is said by the
//! error itself.

use super::IotError;

impl IotError {
    /// What a person does about it: one sentence.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Frame(_) => "Check that the node speaks this protocol and this port is meant.",
            Self::Message { .. } | Self::OutOfTurn { .. } => "Check the node's firmware against PROTOCOL.md.",
            Self::Version { .. } => "Update the node's firmware, or this hub.",
            Self::TooMany { .. } => "Wait until there are fewer, or raise the limit.",
            Self::TimedOut { .. } | Self::Silent { .. } => "Check the node's power and its network.",
            Self::Replaced => "Nothing to do, unless two nodes use one name.",
            Self::NotStored { .. } => "Check the disk of the data directory.",
            Self::Stopping => "Wait until the hub is back.",
            Self::KeyTaken => "Have the node make a key of its own.",
            Self::KeyEnded { .. } => {
                "Have the node use its newest key; if that is lost, revoke it and let it join anew."
            }
            Self::HandshakeDue => "Nothing to do: the node comes back by itself.",
            Self::UnprovenKey => "Let the node say hello by name, or open an encrypted session.",
            Self::PendingApproval { .. } => "Admit the node in the inbox.",
            Self::Revoked { .. } => "Admit the node anew if it belongs here.",
            Self::Disabled { .. } => "Enable the node on its page.",
            Self::Elsewhere { .. } => "If the node has moved, accept its new address on its page.",
            Self::NotPermitted { .. } => {
                "An admin may permit them on the node's page, which says what that means."
            }
            Self::Archived { .. } => "Take the node out of the archive on its page.",
            Self::Standing { .. } => "See the node's page for what can be done with it.",
            Self::Irreplaceable { .. } => "Choose a node that waits in the inbox or has been let in.",
            Self::Joining { .. } => "See the page where nodes join.",
            Self::HubKey(_) => "See the page of the hub's key.",
            Self::WrongDigits { .. } => {
                "Type all the digits that the node shows now: twelve, or six where it has a button."
            }
            Self::UnknownNode { .. } => "See the list of nodes for those that are known.",
            Self::KindUnsupported { .. } => "Put the kind's folder into modules/ of the data directory.",
            Self::KindVersionUnknown { .. } => "Update the kind's folder, or the node's firmware.",
            Self::KindDisabled { .. } => "Take the kind out of disabled_kinds in the configuration.",
            Self::ModuleNotRegistered { .. } => "See the node's page for the modules that it registered.",
            Self::Label { .. } => "Choose a shorter text, in one line.",
            Self::Tag { .. } => "Give short words with commas between them.",
            Self::ReasonMissing { .. } => "Say why, in one line.",
            Self::TooLong { .. } => "Have the node come back more often, and declare a shorter time.",
            Self::Value(_) => "See the catalogue for what the module kind takes.",
            Self::NotAsWanted { .. } | Self::Node { .. } => "See to the module, then send the command again.",
            Self::Unreachable { .. } => "Check the node's power, its network and that it listens.",
            Self::NoWay { .. } => {
                "Let the node keep a session, or give it an address of its own on the network."
            }
            Self::WrongNode { .. } => "Give each node its own address, and restart the one that moved.",
            Self::Cut => "Nothing to do: the command waits and is sent again.",
            Self::NoAnswer { .. } => "Check the node, then send the command again.",
            Self::Expired | Self::Cancelled { .. } | Self::HardwareReplaced { .. } => {
                "Send it again if it is still wanted."
            }
            Self::Superseded { .. } | Self::CommandEnded => "Nothing to do.",
            Self::UnknownCommand { .. } => "See the list of commands for those that are kept.",
            Self::Earlier { .. } => "See the hub's log of that time.",
        }
    }
}
