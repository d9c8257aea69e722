//! What every store must do, on each of them; and what only a file can: outlive its process, power cuts
//! between commits, and being opened when it should not be.

mod conformance;
mod file;
mod given;
