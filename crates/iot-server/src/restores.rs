//! [`Restores`]: backups that people ask on the page to be restored, from the page to whoever runs the hub. What a
//! restore does with the files is `iot-store`'s.
//!
//! A hub cannot take its own store away. So it makes a backup ready while it goes on, and hands it over here; whoever
//! runs the hub tears it down, puts the backup in the store's place, and starts it again.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use iot_net::KeySet;
use iot_proto::UnixMillis;
use iot_store::{Prepared, RestoreError, Restored, put_back};
use thiserror::Error;
use tokio::{sync::Notify, task::spawn_blocking};
use tracing::{error, info, warn};

use crate::{
    Config, aside,
    identity::{self, IdentityError},
    store,
};

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
    ready: Option<Ready>,
    failed: Option<(UnixMillis, Box<str>)>,
}

/// A backup that is ready to take the store's place.
#[derive(Debug)]
pub struct Ready {
    /// The store.
    pub(crate) prepared: Prepared,
    /// The hub's keys in it, where somebody gave the passphrase, and the data directory that they are for.
    pub(crate) keys: Option<(KeySet, PathBuf)>,
}

/// Where that is kept which a backup has replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replaced {
    /// The store; `None` where there was none.
    pub store: Option<PathBuf>,
    /// The hub's keys; `None` where they stayed.
    pub keys: Option<PathBuf>,
}

/// Why a restore cannot be undone.
#[derive(Debug, Error)]
pub enum UndoError {
    /// The store that was kept cannot be put back.
    #[error(transparent)]
    Store(#[from] RestoreError),
    /// The hub's keys that were kept cannot be put back.
    #[error(transparent)]
    Keys(#[from] IdentityError),
}

impl Restores {
    /// Waits until a backup is ready to take the store's place. The hub is then to be torn down.
    pub async fn ready(&self) -> Ready {
        loop {
            // Whoever hands one over between the two lines leaves a permit behind.
            let handed_over = self.shared.handed_over.notified();
            if let Some(ready) = self.state().ready.take() {
                return ready;
            }
            handed_over.await;
        }
    }

    /// Puts a backup in the place of the store of a hub that was torn down. Where it cannot be put there, the store
    /// is as it was, the page of the hub that is started next says why, and nothing is given. The keys go last, as the
    /// store without them is worth more than they are without the store.
    pub async fn put(&self, Ready { prepared, keys }: Ready) -> Option<Replaced> {
        let at = iot_net::wall_clock();
        let put = spawn_blocking(move || {
            let restored = prepared.put().map_err(|error| error.to_string())?;
            let moved = keys.map(|(keys, data_dir)| {
                let aside = aside(&data_dir.join(identity::FILE_NAME), at);
                identity::put(&data_dir, &keys, &aside).map(|moved| moved.then_some(aside))
            });
            Ok((restored, moved.transpose().map(Option::flatten)))
        });
        match put.await.unwrap_or_else(|_| Err("the runtime ended".to_owned())) {
            Ok((Restored { contents, cancelled, kept, .. }, keys)) => {
                let shown = kept.as_ref().map(|kept| kept.display().to_string());
                info!(readings = contents.readings, cancelled, kept = shown, "a backup was restored");
                let keys = keys.unwrap_or_else(|error| {
                    self.fail(&format!("the store is that of the backup, and the hub's key is not: {error}"));
                    None
                });
                Some(Replaced { store: kept, keys })
            }
            Err(why) => {
                self.fail(&why);
                None
            }
        }
    }

    /// Undoes a restore, because the hub does not start on what was restored: what was kept counts again.
    ///
    /// # Errors
    /// [`UndoError`].
    pub fn undo(&self, config: &Config, replaced: &Replaced, why: &str) -> Result<(), UndoError> {
        error!(
            why,
            "the hub does not start on the backup that was restored: its store takes its place again"
        );
        if let Some(kept) = &replaced.keys {
            let path = config.data_dir.join(identity::FILE_NAME);
            fs::rename(kept, &path).map_err(|source| IdentityError::Io { path, source })?;
        }
        if let Some(kept) = &replaced.store {
            let refused = kept.with_added_extension("refused");
            put_back(kept, &config.data_dir.join(store::FILE_NAME), &refused)?;
            self.fail(&format!("the hub did not start on it ({why}); it lies in {}", refused.display()));
        }
        Ok(())
    }

    /// Hands a backup over that is ready.
    pub(crate) fn hand_over(&self, ready: Ready) {
        self.state().ready = Some(ready);
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
