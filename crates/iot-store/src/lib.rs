//! Stores behind the persistence port of `iot-core`.
//!
//! [`MemoryStore`] keeps everything in memory: for tests, demonstrations, and wherever nothing needs to
//! survive the process.

mod memory;
mod ring;

pub use memory::{MemoryLimits, MemoryStore};
