//! Stores behind the persistence port of `iot-core`.
//!
//! [`SqliteStore`] keeps everything in one SQLite file: what it has committed is on disk. [`MemoryStore`]
//! keeps everything in memory: for tests, demonstrations, and wherever nothing needs to survive the process.
//!
//! [`back_up`], [`compare`], [`restore`], [`verify`] and [`Inspection`] care for the file: all but the third while a hub
//! uses it. Of restoring, [`prepare`] does what takes time, which a hub need not notice. An [`Arrival`] is a backup that
//! comes from elsewhere.

mod batch;
mod buckets;
mod memory;
mod retention;
mod ring;
mod sqlite;

pub use memory::{MemoryLimits, MemoryStore};
pub use retention::{Retention, RetentionPolicy};
pub use sqlite::{
    Arrival, ArrivalError, Arrived, BackupError, Contents, Existing, Inspection, OpenError, Prepared,
    Progress, Readmitted, ReadmittedNode, RestoreError, Restored, SealedKey, SqliteChronicle, SqliteDisk,
    SqliteHistory, SqliteLimits, SqlitePeople, SqliteStore, VerifyError, back_up, compare, is_in_use,
    prepare, put_back, restore, sealed_key, verify,
};
