//! [`Hub`]: routes each input to the part that owns its state, and nothing else.

use alloc::{sync::Arc, vec::Vec};

use iot_proto::CommandId;

use crate::{
    Effects, Input, Instant, IotError, NodeId, Now,
    catalogue::Catalogue,
    config::HubConfig,
    store::Snapshot,
    view::{CommandFilter, CommandView, NodeView, Notice, Overview},
};

/// Why the hub wants a [`Tick`](Input::Tick), for logs and traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineReason {
    /// A new connection has not said hello.
    Hello,
    /// A node's presence changes if it stays silent, or it is asked whether it is there.
    Presence,
    /// A command waits for an answer, for another try, or for its end.
    Command,
    /// A message sent for someone waits for its answer.
    Answer,
}

/// When the hub wants a [`Tick`](Input::Tick), and for which reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// Why.
    pub reason: DeadlineReason,
}

/// The hub: nodes, sessions, readings and commands, without IO.
#[derive(Debug)]
pub struct Hub {
    catalogue: Arc<Catalogue>,
}

impl Hub {
    /// A hub that knows what `snapshot` says; at the start of a new one that is nothing.
    pub fn new(config: HubConfig, catalogue: Arc<Catalogue>, snapshot: Snapshot, now: Now) -> Self {
        let _ = (config, snapshot, now);
        Self { catalogue }
    }

    /// Applies one input; everything to do because of it is appended to `out`.
    pub fn handle(&mut self, now: Now, input: Input<'_>, out: &mut Effects) {
        let _ = (now, input, out);
    }

    /// When [`Input::Tick`] is next due; always later than the `now` of the last input handled.
    pub fn next_deadline(&self) -> Option<Deadline> {
        None
    }

    /// The hub as it is now, for those who read.
    pub fn view(&self, now: Now) -> View<'_> {
        View { hub: self, now }
    }
}

/// The hub at one instant, for those who read: every call makes plain data.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    hub: &'a Hub,
    now: Now,
}

impl View<'_> {
    /// All module kinds.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        let _ = self.now;
        &self.hub.catalogue
    }

    /// How all is, at one glance.
    pub fn overview(&self) -> Overview {
        Overview::default()
    }

    /// All nodes, by title.
    pub fn nodes(&self) -> Vec<NodeView> {
        Vec::new()
    }

    /// One node.
    ///
    /// # Errors
    /// [`IotError::UnknownNode`].
    pub fn node(&self, id: &NodeId) -> Result<NodeView, IotError> {
        Err(IotError::UnknownNode { node: id.as_str().into() })
    }

    /// Commands, newest first.
    pub fn commands(&self, filter: &CommandFilter) -> Vec<CommandView> {
        let _ = filter;
        Vec::new()
    }

    /// One command.
    ///
    /// # Errors
    /// [`IotError::UnknownCommand`].
    pub fn command(&self, id: CommandId) -> Result<CommandView, IotError> {
        Err(IotError::UnknownCommand { id: alloc::format!("{id}").into() })
    }

    /// What happened, newest first, at most `limit`.
    pub fn activity(&self, limit: usize) -> Vec<Notice> {
        let _ = limit;
        Vec::new()
    }
}
