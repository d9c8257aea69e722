//! The conversations of the hub, one file each: what happens, in which order, when something is learned.
//!
//! Flows own no state. They ask the parts that do, in the order that the protocol gives, and put what
//! follows into the effects.

mod admission;
pub(crate) mod ask;
mod audit;
mod command;
mod deliver;
mod hello;
mod hub_keys;
mod join;
mod keys;
mod naming;
mod outcome;
mod register;
mod replace;
mod report;
mod restore;
mod send;
mod session;
mod sleep;
mod terms;
mod tick;
mod unverified;
mod window;

pub use naming::MAX_TAGS;
