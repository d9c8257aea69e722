//! The whole logic of the hub: no IO, no clock, no threads, no randomness of its own.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod catalogue;
pub mod config;
mod effect;
mod error;
mod event;
mod hub;
mod ids;
mod input;
pub mod store;
mod time;
pub mod view;

pub use effect::{Effect, Effects};
pub use error::IotError;
pub use event::Event;
pub use hub::{Deadline, DeadlineReason, Hub, View};
pub use ids::{DeliveryId, NodeId, Series, SessionId, Ticket};
pub use input::{Answer, Input, Request};
pub use time::{Instant, Now, UnixMillis};
pub use view::{AdmissionState, CommandState, PresenceState};
