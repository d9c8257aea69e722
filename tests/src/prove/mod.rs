//! Proofs of what the hub promises, run by `cargo xtask prove`. `docs/proofs.md` says what each one shows.
//!
//! A proof keeps a book of its own of what was promised, does harm, and compares. Each has a control: a
//! planted fault that it must find, or it proves nothing. `kill9`, `diskfull`, `diskhang`, `identity`, `claim`, `secrets`, `web`,
//! `flood`, `exhaust`, `slow` and `dial` harm the real binary, `pair` the real hub in this process, `powerloss`, `iofail` and
//! `bitrot` the real store on a disk of their own, `sim` and `time` hub and nodes in a world of their own.

pub mod bitrot;
mod chance;
pub mod claim;
mod described;
pub mod dial;
mod disk;
pub mod diskfull;
pub mod diskhang;
pub mod exhaust;
mod findings;
pub mod flood;
mod found;
mod frame;
pub mod identity;
pub mod iofail;
pub mod kill9;
mod load;
mod low_order;
mod namespace;
pub mod pair;
pub mod powerloss;
#[cfg(unix)]
pub mod secrets;
pub mod sim;
mod site;
pub mod slow;
mod story;
pub mod time;
pub mod web;
