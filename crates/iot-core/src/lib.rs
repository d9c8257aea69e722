//! The whole logic of the hub: no IO, no clock, no threads, no randomness of its own.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod activity;
pub mod catalogue;
mod commands;
pub mod config;
mod deadlines;
mod effect;
mod error;
mod event;
mod flow;
mod hub;
mod ids;
mod input;
mod presence;
mod registry;
mod sessions;
pub mod store;
mod time;
pub mod view;

pub use deadlines::{Deadline, DeadlineReason};
pub use effect::{Effect, Effects};
pub use error::IotError;
pub use event::Event;
pub use hub::Hub;
pub use ids::{DeliveryId, NodeId, Series, SessionId, Ticket};
pub use input::{Answer, Input, Request};
pub use time::{Instant, Now, UnixMillis};
pub use view::{AdmissionState, CommandState, PresenceState, View};
