//! One command: the states that it may go through, each step with its time and cause.

use alloc::boxed::Box;

use iot_proto::{CommandId, OwnedValue, UnixMillis};

use crate::{
    CommandState, Instant, IotError, Now,
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
    /// When it was first on its way since the hub started.
    pub(crate) first_sent: Option<Instant>,
    /// How often the node took it and gave no answer that is one.
    pub(crate) unanswered: u32,
}

impl Command {
    /// A command that is new, or was stored.
    pub(crate) fn new(node: NodeNumber, record: CommandRecord) -> Self {
        Self { node, record, sent_on: None, first_sent: None, unanswered: 0 }
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

    /// Whether it was on its way when a reading was measured: what was measured before cannot be its doing.
    ///
    /// Both are compared on the monotonic clock, which no step moves. Labels count only where both lie before the
    /// hub's start.
    pub(crate) fn was_sent_before(&self, measured: Measured) -> bool {
        match (self.first_sent, measured.instant) {
            (Some(sent), Some(measured)) => sent <= measured,
            (Some(_), None) => false,
            (None, Some(_)) => true,
            (None, None) => {
                let sent = self.record.steps.iter().find(|step| step.state != CommandState::Queued);
                sent.is_some_and(|sent| sent.at <= measured.wall)
            }
        }
    }

    /// What is to be kept of it.
    pub(crate) fn to_record(&self) -> Record {
        Record::Command(Box::new(self.record.clone()))
    }
}

/// When a reading was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// `None` where that was before the hub started.
    instant: Option<Instant>,
    wall: UnixMillis,
}

impl Measured {
    /// Of a reading that has just arrived and got this label.
    pub(crate) fn at(now: Now, wall: UnixMillis) -> Self {
        let age = u64::try_from(now.wall.0.saturating_sub(wall.0)).unwrap_or(0);
        Self { instant: now.instant.0.checked_sub(age).map(Instant), wall }
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
