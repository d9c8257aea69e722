//! The whole logic of the hub: no IO, no clock, no threads, no randomness of its own.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod catalogue;
mod effect;
mod error;
mod event;
mod ids;
mod input;
pub mod store;
mod time;
pub mod view;

pub use effect::{Effect, Effects};
pub use error::IotError;
pub use event::Event;
pub use ids::{DeliveryId, NodeId, Series, SessionId, Ticket};
pub use input::{Answer, Input, Request};
pub use time::{Instant, Now, UnixMillis};
pub use view::{AdmissionState, CommandState, PresenceState};
