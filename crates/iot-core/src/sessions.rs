//! The connections that nodes opened: how far each has come, and which requests on it wait for an answer.
//!
//! ```text
//!   SessionOpened -> Anonymous -- hello --> Open{node} -- close, replaced, silent --> Closing -> SessionClosed
//!                       |\______ joins --> Joining -- admitted, refused, cut --> Closing
//!                        \______ no hello in time, refused, broken frame _______________^
//! ```

use alloc::{
    boxed::Box,
    collections::{BTreeMap, btree_map::Entry},
    vec::Vec,
};
use core::net::SocketAddr;

use iot_proto::{BootId, CommandId, Frame, NodeKey, RequestId, UnixMillis};

use crate::{DeliveryId, IotError, Numbered, Origin, SessionId, Ticket, registry::NodeNumber};

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing is known of the peer but its address. Whoever was last seen there is expected to say hello.
    Anonymous { expects: Option<NodeNumber> },
    /// The peer said hello and was welcomed.
    Open { node: NodeNumber },
    /// The peer joins; it sends no frames.
    Joining,
    /// Told to end; nothing that still arrives counts.
    Closing,
}

impl Phase {
    /// Whether it counts as a connection on which nobody has said hello.
    fn is_half_open(self) -> bool {
        matches!(self, Self::Anonymous { .. } | Self::Joining)
    }
}

/// What an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// A command.
    Command(CommandId),
    /// A message sent for someone.
    Ask(Ticket),
    /// Whether the node is there.
    Ping,
    /// That a node took note of its admission.
    Admission,
    /// That a node has stored the hub's key of this number.
    HubKey(u8),
    /// Who answers where the hub dialled.
    Hello,
}

/// Where an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// On a session.
    Session(SessionId),
    /// On a connection that the hub dialled.
    Delivery(DeliveryId),
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: SocketAddr,
    phase: Phase,
    proven: Option<Box<Proven>>,
    /// The first report that was refused because of the node's admission, until it comes again or the node registers.
    pub(crate) refused: Option<(BootId, u32)>,
    /// Whether a command went unanswered and nothing was heard since.
    pub(crate) is_stalled: bool,
    requests: Requests,
}

/// What the peer of an encrypted connection has proven.
#[derive(Debug)]
struct Proven {
    key: NodeKey,
    hub_key: u8,
}

/// The requests of one connection that wait for an answer.
#[derive(Debug)]
pub(crate) struct Requests {
    next: RequestId,
    pending: Vec<(RequestId, Pending)>,
}

impl Requests {
    /// Of a new connection.
    pub(crate) fn new() -> Self {
        Self { next: RequestId::FIRST, pending: Vec::new() }
    }

    /// Numbers a new request.
    pub(crate) fn begin(&mut self, pending: Pending) -> RequestId {
        let id = self.next;
        self.next = id.next();
        self.pending.push((id, pending));
        id
    }

    /// What the answer with this number was waited for; `None` where nothing was.
    pub(crate) fn end(&mut self, id: RequestId) -> Option<Pending> {
        let at = self.pending.iter().position(|(known, _)| *known == id)?;
        Some(self.pending.swap_remove(at).1)
    }

    /// Stops waiting for an answer.
    pub(crate) fn forget(&mut self, pending: Pending) {
        self.pending.retain(|(_, known)| *known != pending);
    }

    /// How many requests count against what a node takes at one time. A ping may always be sent, and what
    /// a person decided is not kept back.
    pub(crate) fn in_flight(&self) -> usize {
        let counts = |pending: &Pending| matches!(pending, Pending::Command(_) | Pending::Ask(_));
        self.pending.iter().filter(|(_, pending)| counts(pending)).count()
    }

    /// The oldest command whose outcome is waited for.
    pub(crate) fn command(&self) -> Option<CommandId> {
        self.pending.iter().find_map(|(_, pending)| match pending {
            Pending::Command(id) => Some(*id),
            Pending::Ask(_) | Pending::Ping | Pending::Admission | Pending::HubKey(_) | Pending::Hello => {
                None
            }
        })
    }

    /// Whether this is waited for.
    pub(crate) fn awaits(&self, pending: Pending) -> bool {
        self.pending.iter().any(|(_, known)| *known == pending)
    }

    /// Everything that is still waited for, in the order in which it was asked.
    pub(crate) fn drain(&mut self) -> Vec<Pending> {
        let mut drained = core::mem::take(&mut self.pending);
        drained.sort_by_key(|(id, _)| *id);
        drained.into_iter().map(|(_, pending)| pending).collect()
    }

    /// Whether nothing is waited for.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

impl Session {
    /// How far it has come; [`Sessions::enter`] takes it further.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// The node that has said hello, of which this frame came.
    ///
    /// # Errors
    /// [`IotError::OutOfTurn`] where none has.
    pub(crate) fn node(&self, frame: &Frame<'_>) -> Result<NodeNumber, IotError> {
        match self.phase {
            Phase::Open { node } => Ok(node),
            Phase::Anonymous { .. } | Phase::Joining | Phase::Closing => Err(Self::hello_first(frame)),
        }
    }

    /// What a frame is answered that came before hello.
    pub(crate) fn hello_first(frame: &Frame<'_>) -> IotError {
        IotError::OutOfTurn { kind: frame.kind, why: "say hello first" }
    }

    /// The key that the peer has proven; `None` on a plain connection.
    pub(crate) fn proven(&self) -> Option<NodeKey> {
        self.proven.as_ref().map(|proven| proven.key)
    }

    /// The number of the hub's key that the peer goes by; `None` on a plain connection.
    pub(crate) fn hub_key(&self) -> Option<u8> {
        self.proven.as_ref().map(|proven| proven.hub_key)
    }

    /// The peer has proven that it has this key, and that it knows the hub's of this number.
    pub(crate) fn prove(&mut self, key: NodeKey, hub_key: u8) {
        self.proven = Some(Box::new(Proven { key, hub_key }));
    }

    /// The peer has stored the hub's key of this number, which is in use, and goes by it from now on.
    pub(crate) fn goes_by(&mut self, hub_key: u8) {
        if let Some(proven) = &mut self.proven {
            proven.hub_key = hub_key;
        }
    }

    /// The requests that wait for an answer.
    pub(crate) fn requests(&mut self) -> &mut Requests {
        &mut self.requests
    }
}

/// How many connections count against limits. Those that are closing do not: they are told why they end, and
/// hold nothing but a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Connections that are not closing.
    pub(crate) live: u32,
    /// Those of them on which nobody has said hello; whoever joins is among them.
    pub(crate) half_open: u32,
}

impl Tally {
    fn add(&mut self, phase: Phase) {
        self.live += u32::from(phase != Phase::Closing);
        self.half_open += u32::from(phase.is_half_open());
    }

    fn take(&mut self, phase: Phase) {
        self.live -= u32::from(phase != Phase::Closing);
        self.half_open -= u32::from(phase.is_half_open());
    }
}

/// All connections that nodes opened.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// Boxed, so that the map's spare room does not have their size.
    by_id: Numbered<SessionId, Box<Session>>,
    all: Tally,
    by_origin: BTreeMap<Origin, Tally>,
    /// Nodes that are expected on a session, on which and since when.
    expected: BTreeMap<NodeNumber, (SessionId, UnixMillis)>,
}

impl Sessions {
    /// A connection was opened. Gives how many there are from there by now.
    pub(crate) fn open(&mut self, id: SessionId, peer: SocketAddr) -> Tally {
        let (phase, requests) = (Phase::Anonymous { expects: None }, Requests::new());
        let session = Session { peer, phase, proven: None, refused: None, is_stalled: false, requests };
        self.by_id.insert(id, Box::new(session));
        self.all.add(phase);
        let here = self.by_origin.entry(Origin::of(peer.ip())).or_default();
        here.add(phase);
        *here
    }

    /// A connection has ended.
    pub(crate) fn remove(&mut self, id: SessionId) {
        self.enter(id, Phase::Closing);
        self.by_id.remove(id);
    }

    /// A connection comes as far as this.
    pub(crate) fn enter(&mut self, id: SessionId, phase: Phase) {
        let Some(session) = self.get_mut(id) else { return };
        let (before, origin) = (core::mem::replace(&mut session.phase, phase), Origin::of(session.peer.ip()));
        if before == phase {
            return;
        }
        self.all.take(before);
        self.all.add(phase);
        let Entry::Occupied(mut here) = self.by_origin.entry(origin) else { return };
        here.get_mut().take(before);
        here.get_mut().add(phase);
        if *here.get() == Tally::default() {
            here.remove();
        }
    }

    /// This node is expected to say hello on a connection.
    pub(crate) fn expect(&mut self, id: SessionId, node: NodeNumber, since: UnixMillis) {
        if let Some(Phase::Anonymous { expects }) = self.get_mut(id).map(|session| &mut session.phase) {
            *expects = Some(node);
            self.expected.insert(node, (id, since));
        }
    }

    /// The node that is expected to say hello on a connection.
    pub(crate) fn expected_on(&self, id: SessionId) -> Option<NodeNumber> {
        match self.get(id)?.phase {
            Phase::Anonymous { expects } => expects,
            Phase::Open { .. } | Phase::Joining | Phase::Closing => None,
        }
    }

    /// It is known who is on a connection, or that nobody is. Gives the node that was expected there.
    pub(crate) fn stop_expecting(&mut self, id: SessionId) -> Option<NodeNumber> {
        let Phase::Anonymous { expects } = &mut self.get_mut(id)?.phase else { return None };
        let node = expects.take()?;
        // It may have come on another one meanwhile, or be expected there.
        self.expected.get(&node).filter(|(known, _)| *known == id)?;
        self.expected.remove(&node);
        Some(node)
    }

    /// A node has come.
    pub(crate) fn expect_no_more(&mut self, node: NodeNumber) {
        self.expected.remove(&node);
    }

    /// Since when a node is expected to say hello on a connection; `None` where it is not.
    pub(crate) fn expected_since(&self, node: NodeNumber) -> Option<UnixMillis> {
        self.expected.get(&node).map(|(_, since)| *since)
    }

    /// A connection.
    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.by_id.get(id).map(Box::as_ref)
    }

    /// A connection, to change it.
    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.by_id.get_mut(id).map(Box::as_mut)
    }

    /// How many connections there are.
    pub(crate) fn all(&self) -> Tally {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_small() {
        // The size class of allocators under which it stays; there is one for every node that is there.
        assert!(size_of::<Session>() <= 96, "{} bytes", size_of::<Session>());
    }
}
