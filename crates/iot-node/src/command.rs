//! A command as the firmware gets it, and the answer that it gives.

use iot_proto::{CommandId, ErrorCode, HubMessage, Value};

/// What the hub wants of the firmware.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Command<'e> {
    /// Names the command in [`Node::answer`](crate::Node::answer).
    pub id: CommandId,
    /// What to do.
    pub what: What<'e>,
}

/// What a command asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What<'e> {
    /// Set a property. Done when the node has the value; answer with the value that it has now.
    Set {
        /// Index of the module.
        module: u8,
        /// Number of the property.
        channel: u8,
        /// What it should become.
        value: Value<'e>,
    },
    /// Tell a property's value.
    Get {
        /// Index of the module.
        module: u8,
        /// Number of the property.
        channel: u8,
    },
    /// Run an action.
    Invoke {
        /// Index of the module.
        module: u8,
        /// Number of the action.
        channel: u8,
        /// The action's argument, where it takes one.
        argument: Option<Value<'e>>,
    },
    /// Make yourself seen or heard.
    Identify {
        /// For how long, in seconds.
        for_s: u16,
    },
    /// Start anew, once the answer has left.
    Restart,
}

impl<'e> Command<'e> {
    /// The command in a message of the hub; `None` where it is none.
    pub(crate) fn of(message: &HubMessage<'e>) -> Option<Self> {
        let (id, what) = match *message {
            HubMessage::Set(set) => {
                (set.command, What::Set { module: set.module, channel: set.channel, value: set.value })
            }
            HubMessage::Get(get) => (get.command, What::Get { module: get.module, channel: get.channel }),
            HubMessage::Invoke(it) => {
                (it.command, What::Invoke { module: it.module, channel: it.channel, argument: it.argument })
            }
            HubMessage::Identify(identify) => (identify.command, What::Identify { for_s: identify.for_s }),
            HubMessage::Restart(restart) => (restart.command, What::Restart),
            HubMessage::Welcome(_)
            | HubMessage::Registered(_)
            | HubMessage::Admission(_)
            | HubMessage::ReportAck(_)
            | HubMessage::SleepAck(_)
            | HubMessage::NextHubKey(_)
            | HubMessage::Dial(_)
            | HubMessage::UpdateOffer(_)
            | HubMessage::UpdateBlock(_)
            | HubMessage::Ping(_)
            | HubMessage::Pong(_)
            | HubMessage::Error(_)
            | HubMessage::Close(_)
            | HubMessage::Acknowledged(_) => return None,
        };
        Some(Self { id, what })
    }
}

/// What the firmware says of a command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer<'a> {
    /// It will be done; another answer follows.
    Accepted,
    /// It is done; with the property's value as it is now, where the command was about one.
    Done(Option<Value<'a>>),
    /// It was not done and will not be.
    Failed {
        /// Why, as a number: [`ErrorCode::BLOCKED`], [`ErrorCode::UNKNOWN_CHANNEL`] and so on.
        code: ErrorCode,
        /// Why, in words for a person. Cut where it does not fit.
        detail: &'a str,
    },
}
