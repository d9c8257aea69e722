//! [`Restores`]: backups that people ask on the page to be restored, from the page to whoever runs the hub. What a
//! restore does with the files is `iot-store`'s.
//!
//! A hub cannot take its own store away. So it makes a backup ready while it goes on, and hands it over here; whoever
//! runs the hub tears it down, puts the backup in the store's place, and starts it again.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use iot_proto::UnixMillis;
use iot_store::{Prepared, RestoreError, Restored, put_back};
use tokio::{sync::Notify, task::spawn_blocking};
use tracing::{error, info, warn};

use crate::{Config, store};

/// The restores of one hub, over all its starts: given to [`Builder::restores`](crate::Builder::restores) each time.
#[derive(Clone, Debug, Default)]
pub struct Restores {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    handed_over: Notify,
}

#[derive(Debug, Default)]
struct State {
    ready: Option<Prepared>,
    failed: Option<(UnixMillis, Box<str>)>,
}

impl Restores {
    /// Waits until a backup is ready to take the store's place. The hub is then to be torn down.
    pub async fn ready(&self) -> Prepared {
        loop {
            // Whoever hands one over between the two lines leaves a permit behind.
            let handed_over = self.shared.handed_over.notified();
            if let Some(prepared) = self.state().ready.take() {
                return prepared;
            }
            handed_over.await;
        }
    }

    /// Puts a backup in the place of the store of a hub that was torn down. Where it cannot be put there, the store
    /// is as it was, the page of the hub that is started next says why, and nothing is given.
    pub async fn put(&self, prepared: Prepared) -> Option<Restored> {
        let put = spawn_blocking(|| prepared.put()).await;
        match put
            .map_err(|_| "the runtime ended".to_owned())
            .and_then(|put| put.map_err(|error| error.to_string()))
        {
            Ok(restored) => {
                let kept = restored.kept.as_ref().map(|kept| kept.display().to_string());
                let (readings, cancelled) = (restored.contents.readings, restored.cancelled);
                info!(readings, cancelled, kept, "a backup was restored");
                Some(restored)
            }
            Err(why) => {
                self.fail(&why);
                None
            }
        }
    }

    /// Undoes a restore, because the hub does not start on what was restored: what was kept is the store again.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn undo(&self, config: &Config, kept: &Path, why: &str) -> Result<(), RestoreError> {
        error!(
            why,
            "the hub does not start on the backup that was restored: its store takes its place again"
        );
        let refused = kept.with_added_extension("refused");
        put_back(kept, &config.data_dir.join(store::FILE_NAME), &refused)?;
        self.fail(&format!("the hub did not start on it ({why}); it lies in {}", refused.display()));
        Ok(())
    }

    /// Hands a backup over that is ready.
    pub(crate) fn hand_over(&self, prepared: Prepared) {
        self.state().ready = Some(prepared);
        self.shared.handed_over.notify_one();
    }

    /// Notes that a restore has failed.
    pub(crate) fn fail(&self, why: &str) {
        warn!(why, "no backup was restored");
        self.state().failed = Some((iot_net::wall_clock(), why.into()));
    }

    /// When the last restore failed, and why, if it did.
    pub(crate) fn failed(&self) -> Option<(UnixMillis, Box<str>)> {
        self.state().failed.clone()
    }

    /// Another restore begins.
    pub(crate) fn begin(&self) {
        self.state().failed = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
