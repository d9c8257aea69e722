//! [`StoreThread`]: the thread on which batches are committed, one after the other.
//!
//! It waits for the disk so that the thread with the sockets never does, and looks after the store while no
//! batch waits. What a commit means for anybody is decided in `commit.rs`.

use core::future::pending;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
    time::Duration,
};

use iot_core::store::{Batch, Store, StoreError, Upkeep};
use tokio::sync::mpsc;
use tracing::warn;

/// Where a batch had so many readings, the next one is near, and most of what is due is done with it. It is waited for.
const MANY: usize = 256;
const NEAR: Duration = Duration::from_millis(2);

/// Where batches go, and where they come back from.
#[derive(Debug)]
pub(crate) struct StoreThread {
    batches: SyncSender<Batch>,
    ended: mpsc::Receiver<(Batch, Result<(), StoreError>)>,
}

impl StoreThread {
    /// Starts the thread. It ends, and drops the store, when the `StoreThread` is dropped.
    ///
    /// # Errors
    /// Where the operating system has no thread to give.
    pub(crate) fn start(mut store: Box<dyn Store>) -> io::Result<(Self, JoinHandle<()>)> {
        let (batches, given) = sync_channel::<Batch>(1);
        let (done, ended) = mpsc::channel(1);
        let thread = Builder::new().name("store".into()).spawn(move || {
            let mut wait = Duration::ZERO;
            while let Some(batch) = next(&mut *store, &given, wait) {
                wait = if batch.readings.len() < MANY { Duration::ZERO } else { NEAR };
                let result = commit(&mut *store, &batch);
                // There is room: the next batch is given after this one has come back.
                if done.try_send((batch, result)).is_err() {
                    break;
                }
            }
        })?;
        Ok((Self { batches, ended }, thread))
    }

    /// Gives a batch to the store. There is room for it while no other is being committed.
    pub(crate) fn commit(&self, batch: Batch) {
        // The thread runs until this end is dropped, and there is never a second batch to find it busy.
        let _ = self.batches.try_send(batch);
    }

    /// The batch that was given last, and what became of it. Waits for ever where none was given.
    pub(crate) async fn ended(&mut self) -> (Batch, Result<(), StoreError>) {
        match self.ended.recv().await {
            Some(ended) => ended,
            None => pending().await,
        }
    }
}

/// The next batch. Where there is none after this time, what is due in the store is done until there is, a short step
/// at a time. `None` when no other will come.
fn next(store: &mut dyn Store, given: &Receiver<Batch>, mut wait: Duration) -> Option<Batch> {
    loop {
        match given.recv_timeout(wait) {
            Ok(batch) => return Some(batch),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => wait = Duration::ZERO,
        }
        match upkeep(store) {
            Ok(Upkeep::Due) => {}
            Ok(Upkeep::Done) => return given.recv().ok(),
            Err(why) => {
                warn!("could not pack what is stored: {why}");
                return given.recv().ok();
            }
        }
    }
}

/// A store that panics has not stored: its records are kept and tried again.
fn commit(store: &mut dyn Store, batch: &Batch) -> Result<(), StoreError> {
    let outcome = catch_unwind(AssertUnwindSafe(|| store.commit(batch)));
    outcome.unwrap_or_else(|_| Err(panicked()))
}

fn upkeep(store: &mut dyn Store) -> Result<Upkeep, StoreError> {
    let outcome = catch_unwind(AssertUnwindSafe(|| store.upkeep()));
    outcome.unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> StoreError {
    StoreError { why: "the store has panicked; see the lines above".into() }
}
