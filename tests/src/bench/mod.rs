//! What `cargo xtask bench` measures: the hub beside its peers, and the hub on a day as every other.
//!
//! A figure that is compared is measured on two cores: the server on one, this process on the other. Every
//! file measures one thing and sets its bars.

pub mod commands;
pub mod cpu;
pub mod echo;
pub mod figure;
pub mod fleet;
pub mod idle;
pub mod keys;
pub mod load;
pub mod peers;
pub mod server;
pub mod stores;
pub mod visits;
pub mod wire;
