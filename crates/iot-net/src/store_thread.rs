//! [`StoreThread`]: the thread on which batches are committed, one after the other.
//!
//! It waits for the disk so that the thread with the sockets never does, and looks after the store while no
//! batch waits. What a commit means for anybody is decided in `commit.rs`.

use core::future::pending;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{Builder, JoinHandle},
};

use iot_core::store::{Batch, Store, StoreError, Upkeep};
use tokio::sync::mpsc::{self, error::TryRecvError};
use tracing::warn;

/// Where batches go, and where they come back from.
#[derive(Debug)]
pub(crate) struct StoreThread {
    batches: mpsc::Sender<Batch>,
    ended: mpsc::Receiver<(Batch, Result<(), StoreError>)>,
}

impl StoreThread {
    /// Starts the thread. It ends, and drops the store, when the `StoreThread` is dropped.
    ///
    /// # Errors
    /// Where the operating system has no thread to give.
    pub(crate) fn start(mut store: Box<dyn Store>) -> io::Result<(Self, JoinHandle<()>)> {
        let (batches, mut given) = mpsc::channel::<Batch>(1);
        let (done, ended) = mpsc::channel(1);
        let thread = Builder::new().name("store".into()).spawn(move || {
            while let Some(batch) = next(&mut *store, &mut given) {
                let result = commit(&mut *store, &batch);
                if done.blocking_send((batch, result)).is_err() {
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

/// The next batch. Until there is one, what is due in the store is done, a short step at a time. `None` when
/// no other will come.
fn next(store: &mut dyn Store, given: &mut mpsc::Receiver<Batch>) -> Option<Batch> {
    loop {
        match given.try_recv() {
            Ok(batch) => return Some(batch),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        match upkeep(store) {
            Ok(Upkeep::Due) => {}
            Ok(Upkeep::Done) => return given.blocking_recv(),
            Err(why) => {
                warn!("could not pack what is stored: {why}");
                return given.blocking_recv();
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
