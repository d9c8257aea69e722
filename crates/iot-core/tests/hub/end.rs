//! A node's end of a connection: what it may be sent, and what it has not answered.

use std::collections::BTreeMap;

use iot_proto::{CommandId, Correlation, Dial, Frame, HubMessage, Identity, Limits, MessageKind, RequestId};

use crate::lines::frames;

/// One end of a connection: what it takes, and which requests of the hub it has not answered.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) limit: usize,
    /// The limit of a hello that is not welcomed yet, and who said it.
    pub(crate) offered: Option<(usize, String)>,
    /// Who is welcome on it.
    pub(crate) node: Option<String>,
    /// Who was meant where the hub dialled.
    pub(crate) dialled: Option<String>,
    pub(crate) next: RequestId,
    pub(crate) commands: BTreeMap<CommandId, RequestId>,
    /// Any other request, the latest.
    pub(crate) asked: Option<RequestId>,
}

impl End {
    /// Of a new connection.
    pub(crate) fn new() -> Self {
        Self {
            limit: Limits::UNTIL_AGREED.frame,
            offered: None,
            node: None,
            dialled: None,
            next: RequestId::FIRST,
            commands: BTreeMap::new(),
            asked: None,
        }
    }

    /// Takes what the hub sends, if it may send it.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        for (frame, message) in frames(bytes) {
            if let HubMessage::Welcome(_) = message {
                let (limit, node) = self.offered.take().expect("a welcome answers a hello");
                (self.limit, self.node) = (limit, Some(node));
            }
            if let HubMessage::Dial(Dial { to: Identity::Name(name), .. }) = message {
                self.dialled = Some(name.as_str().into());
            }
            let len = iot_proto::HEADER_LEN + frame.body.len();
            assert!(len <= self.limit, "{} of {len} bytes for a limit of {}", frame.kind, self.limit);
            let Correlation::Request(request) = frame.correlation else { continue };
            match command_of(&frame) {
                Some(command) => drop(self.commands.insert(command, request)),
                None => self.asked = Some(request),
            }
        }
    }
}

/// The command that a message of the hub brings: every such body begins with its id.
fn command_of(frame: &Frame<'_>) -> Option<CommandId> {
    match frame.kind {
        MessageKind::SET
        | MessageKind::GET
        | MessageKind::INVOKE
        | MessageKind::IDENTIFY
        | MessageKind::RESTART => frame.body.first_chunk().copied().map(CommandId),
        _ => None,
    }
}
