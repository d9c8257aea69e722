//! Proofs of what the hub promises, run by `cargo xtask prove`. `docs/proofs.md` says what each one shows.
//!
//! A proof keeps a book of its own of what was promised, does harm, and compares. Each has a control: a
//! planted fault that it must find, or it proves nothing. `kill9` and `diskfull` harm the real binary, `powerloss`,
//! `iofail` and `bitrot` the real store on a disk of their own, `sim` and `time` hub and nodes in a world of their own.

pub mod bitrot;
mod chance;
mod disk;
pub mod diskfull;
mod found;
pub mod iofail;
pub mod kill9;
pub mod pair;
pub mod powerloss;
pub mod sim;
mod story;
pub mod time;
