//! What the cross-crate suite is made of: the real binary as a process, its API, nodes driven by hand.
//!
//! `walk` is the way through the whole system that `cargo xtask e2e` goes; `bench` measures it and its
//! peers with the same parts, and `prove` holds the hub to its promises under harm. Tests that need no process of their own lie in `tests/`.

pub mod api;
pub mod bench;
pub mod browser;
pub mod hand_node;
pub mod hub;
pub mod out;
pub mod people;
pub mod prove;
pub mod python;
pub mod wait;
pub mod walk;
