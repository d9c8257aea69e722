//! [`Received`]: a frame of the hub, and the message in it.

use anyhow::{Context as _, Result};
use iot_proto::{Correlation, HubMessage, MessageKind};

/// A frame that was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// What kind of message it is.
    pub kind: MessageKind,
    /// How it belongs to others.
    pub correlation: Correlation,
    /// Its body.
    pub body: Vec<u8>,
}

impl Received {
    /// The message in it.
    ///
    /// # Errors
    /// When the hub sent what is no message of a hub.
    pub fn message(&self) -> Result<HubMessage<'_>> {
        HubMessage::decode(self.kind, &self.body).with_context(|| format!("{:?}", self.kind))
    }
}
