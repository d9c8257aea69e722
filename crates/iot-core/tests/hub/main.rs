//! The hub from outside: scenarios as transcripts, and random ones against its invariants.
//!
//! A [`World`](world::World) drives a real hub through virtual time with the bytes that nodes would send. What
//! the hub wants done becomes short lines, which a scenario compares with those that it expects.

mod archive;
mod ask;
mod audit;
mod button;
mod clock;
mod command;
mod delivery;
mod determinism;
mod end;
mod hello;
mod hub_keys;
mod joining;
mod keys;
mod ledger;
mod limits;
mod lines;
mod naming;
mod node;
mod original;
mod peers;
mod presence;
mod refusal;
mod registration;
mod rekey;
mod replace;
mod report;
mod resend;
mod restart;
mod sleep;
mod steps;
mod store;
mod terms;
mod unverified;
mod world;
