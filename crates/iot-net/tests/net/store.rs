//! [`ScriptedStore`]: a store whose every commit waits for the test to say how it ends.

use core::pin::pin;
use std::sync::mpsc;

use iot_core::store::{Batch, Snapshot, Store, StoreError};
use tokio::{sync::mpsc as tokio_mpsc, time::timeout};

use crate::node::SOON;

/// The store, to be given to the hub.
pub(crate) struct ScriptedStore {
    begun: tokio_mpsc::UnboundedSender<Batch>,
    outcomes: mpsc::Receiver<Result<(), StoreError>>,
}

/// The test's end of it.
pub(crate) struct Script {
    begun: tokio_mpsc::UnboundedReceiver<Batch>,
    outcomes: mpsc::Sender<Result<(), StoreError>>,
}

impl ScriptedStore {
    pub(crate) fn new() -> (Box<Self>, Script) {
        let (begun_here, begun) = tokio_mpsc::unbounded_channel();
        let (outcomes, outcomes_here) = mpsc::channel();
        (Box::new(Self { begun: begun_here, outcomes: outcomes_here }), Script { begun, outcomes })
    }
}

impl Script {
    /// The batch whose commit has begun and waits.
    pub(crate) async fn begun(&mut self) -> Batch {
        let begun = timeout(SOON, self.begun.recv()).await.expect("a commit begins");
        begun.expect("the hub runs")
    }

    /// Lets the commit that waits succeed.
    pub(crate) fn succeed(&self) {
        self.outcomes.send(Ok(())).expect("the hub runs");
    }

    /// Lets the commit that waits fail.
    pub(crate) fn fail(&self, why: &str) {
        self.outcomes.send(Err(StoreError { why: why.into() })).expect("the hub runs");
    }

    /// Lets every commit succeed that begins before `done` is done.
    pub(crate) async fn pass(&mut self, done: impl Future<Output = ()>) {
        let mut done = pin!(done);
        loop {
            tokio::select! {
                () = &mut done => return,
                _ = self.begun() => self.succeed(),
            }
        }
    }

    /// Lets every commit succeed from now on.
    pub(crate) fn open(self) {
        drop(self.outcomes);
    }
}

impl Store for ScriptedStore {
    fn load(&mut self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot::default())
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        // A test that has let go of its end no longer looks at batches and lets them pass.
        let _ = self.begun.send(batch.clone());
        self.outcomes.recv().unwrap_or(Ok(()))
    }
}
