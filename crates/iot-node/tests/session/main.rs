//! The session against hand-written frames of a hub: one rule of the protocol in each test.

mod commands;
mod hub;
mod lifecycle;
mod renewal;
mod reports;
mod wire;
