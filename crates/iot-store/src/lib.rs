//! Stores behind the persistence port of `iot-core`.
//!
//! [`SqliteStore`] keeps everything in one SQLite file: what it has committed is on disk. [`MemoryStore`]
//! keeps everything in memory: for tests, demonstrations, and wherever nothing needs to survive the process.

mod batch;
mod memory;
mod ring;
mod sqlite;

pub use memory::{MemoryLimits, MemoryStore};
pub use sqlite::{OpenError, SqliteChronicle, SqliteHistory, SqliteLimits, SqliteStore};
