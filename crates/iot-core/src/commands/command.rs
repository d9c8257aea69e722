//! One command: the states that it may go through, each step with its time and cause.

use alloc::boxed::Box;

use iot_proto::{CommandId, OwnedValue, UnixMillis};

use crate::{
    CommandState, IotError,
    registry::NodeNumber,
    sessions::Route,
    store::{CommandRecord, Record},
    view::{Step, Wanted},
};

/// A command and where it is for.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) node: NodeNumber,
    pub(crate) record: CommandRecord,
    /// Where it was last sent.
    pub(crate) sent_on: Option<Route>,
    /// How often the node took it and gave no answer that is one.
    pub(crate) unanswered: u32,
}

impl Command {
    /// A command that is new, or was stored.
    pub(crate) fn new(node: NodeNumber, record: CommandRecord) -> Self {
        Self { node, record, sent_on: None, unanswered: 0 }
    }

    pub(crate) fn id(&self) -> CommandId {
        self.record.id
    }

    pub(crate) fn state(&self) -> CommandState {
        self.record.state()
    }

    /// Takes a step. A command that has ended takes none.
    pub(crate) fn step(&mut self, at: UnixMillis, state: CommandState, cause: Option<IotError>) -> bool {
        if !self.state().is_under_way() {
            return false;
        }
        match self.record.steps.last_mut() {
            // Waiting for another reason than before is no step of its own: a node that is away for a
            // day would fill the command's life with tries.
            Some(last) if last.state == state => last.cause = cause,
            _ => self.record.steps.push(Step { state, at, cause }),
        }
        true
    }

    /// When it was first on its way: what the node measured before cannot be its doing.
    pub(crate) fn first_sent(&self) -> Option<UnixMillis> {
        self.record.steps.iter().find(|step| step.state != CommandState::Queued).map(|step| step.at)
    }

    /// What is to be kept of it.
    pub(crate) fn to_record(&self) -> Record {
        Record::Command(Box::new(self.record.clone()))
    }
}

impl Wanted {
    /// The module that it is wanted of; `None` where it is wanted of the node itself.
    pub fn module(&self) -> Option<u8> {
        match self {
            Self::Set { module, .. } | Self::Get { module, .. } | Self::Invoke { module, .. } => {
                Some(*module)
            }
            Self::Identify { .. } | Self::Restart => None,
        }
    }

    /// The module and channel that it is wanted of.
    pub(crate) fn place(&self) -> Option<(u8, u8)> {
        match self {
            Self::Set { module, channel, .. }
            | Self::Get { module, channel }
            | Self::Invoke { module, channel, .. } => Some((*module, *channel)),
            Self::Identify { .. } | Self::Restart => None,
        }
    }

    /// The value that a property should become.
    pub(crate) fn set_value(&self) -> Option<&OwnedValue> {
        match self {
            Self::Set { value, .. } => Some(value),
            Self::Get { .. } | Self::Invoke { .. } | Self::Identify { .. } | Self::Restart => None,
        }
    }
}
