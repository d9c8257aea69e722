//! Stores behind the persistence port of `iot-core`.
//!
//! [`SqliteStore`] keeps everything in one SQLite file: what it has committed is on disk. [`MemoryStore`]
//! keeps everything in memory: for tests, demonstrations, and wherever nothing needs to survive the process.
//!
//! [`back_up`], [`restore`], [`verify`] and [`Inspection`] care for the file: the first and the last two while a
//! hub uses it.

mod batch;
mod buckets;
mod memory;
mod retention;
mod ring;
mod sqlite;

pub use memory::{MemoryLimits, MemoryStore};
pub use retention::{Retention, RetentionPolicy};
pub use sqlite::{
    BackupError, Contents, Existing, Inspection, OpenError, Progress, Readmitted, ReadmittedNode,
    RestoreError, Restored, SealedKey, SqliteChronicle, SqliteDisk, SqliteHistory, SqliteLimits,
    SqlitePeople, SqliteStore, VerifyError, back_up, is_in_use, restore, sealed_key, verify,
};
