//! Proofs against the real binary, run by `cargo xtask prove`. `docs/proofs.md` says what each one shows.
//!
//! A proof keeps a book of its own of what the hub promised, does harm, and compares. Each has a control: a
//! planted fault that it must find, or it proves nothing.

mod chance;
#[cfg(target_os = "linux")]
pub mod diskfull;
pub mod kill9;
