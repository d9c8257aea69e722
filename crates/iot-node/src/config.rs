//! Who the node is and what it carries: what the firmware decides once, before the first connection.

use core::time::Duration;

use iot_proto::{Announcement, BootId, Capabilities, CommandId, Hello, Identity, Label, VersionRange};

use crate::commands::OPEN_COMMANDS;

/// What the firmware decides before the first connection.
#[derive(Clone, Copy, Debug)]
pub struct Config<'c> {
    /// Who the node is.
    pub identity: Identity<'c>,
    /// Drawn anew at every start.
    pub boot: BootId,
    /// Seed of the jitter in the waits between connections; different for every node.
    pub seed: u64,
    /// The modules that the node carries, by index from 0. At most [`MAX_MODULES`](iot_proto::MAX_MODULES).
    pub modules: &'c [Announcement<'c>],
    /// How the node keeps in touch.
    pub contact: Contact,
    /// What else it can do: listen, sleep, make itself seen. [`Capabilities::KEEPS_SESSION`] follows from
    /// `contact` and need not be given.
    pub capabilities: Capabilities,
    /// Longest silence that the node wishes for, in seconds; 0 lets the hub choose.
    pub keepalive_s: u32,
    /// Board or chip.
    pub board: Label<'c>,
    /// Name of the firmware.
    pub firmware: Label<'c>,
    /// Version of the firmware.
    pub firmware_version: Label<'c>,
    /// The command that caused this start, where it was one: the firmware keeps it over the restart, so
    /// that a resend of the command is answered and does not restart the node again.
    pub restarted_by: Option<CommandId>,
}

/// How a node keeps in touch with its hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// It keeps its session open.
    Session,
    /// It connects, says what it has to say, and closes; and comes back after this time.
    Visits {
        /// From the end of one visit to the beginning of the next.
        every: Duration,
    },
}

impl<'c> Config<'c> {
    /// A node that keeps its session, and nothing else. Change the fields for more.
    pub fn new(identity: Identity<'c>, boot: BootId, seed: u64, modules: &'c [Announcement<'c>]) -> Self {
        Self {
            identity,
            boot,
            seed,
            modules,
            contact: Contact::Session,
            capabilities: Capabilities(0),
            keepalive_s: 0,
            board: Label::EMPTY,
            firmware: Label::clipped("iot-node"),
            firmware_version: Label::clipped(env!("CARGO_PKG_VERSION")),
            restarted_by: None,
        }
    }

    /// The hello of this node, which takes frames of at most `max_frame` bytes.
    pub(crate) fn hello(&self, max_frame: usize) -> Hello<'c> {
        let (capabilities, keepalive_s) = match self.contact {
            Contact::Session => (self.capabilities.and(Capabilities::KEEPS_SESSION), self.keepalive_s),
            Contact::Visits { every } => {
                let others = self.capabilities.0 & !Capabilities::KEEPS_SESSION.0;
                (Capabilities(others), u32::try_from(every.as_secs().max(1)).unwrap_or(u32::MAX))
            }
        };
        Hello {
            versions: VersionRange::OURS,
            identity: self.identity,
            boot: self.boot,
            max_frame: u16::try_from(max_frame).unwrap_or(u16::MAX),
            inflight: OPEN_COMMANDS,
            capabilities,
            keepalive_s,
            board: self.board,
            firmware: self.firmware,
            firmware_version: self.firmware_version,
        }
    }
}
