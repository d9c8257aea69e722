//! [`Care`]: looks after the store's file while the hub runs: looks through it, backs it up, makes backups ready to be
//! restored, and tells pages and the API how it is. What these tasks do with the file is `iot-store`'s.
//!
//! Each task has a thread of its own, which ends at its next step once the hub stops.

mod backups;
mod pace;
mod restoring;
mod under_way;
mod uploads;

use core::{fmt, ops::ControlFlow, time::Duration};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Instant,
};

use iot_core::people::{Passphrase, People};
use iot_net::{HubHandle, wall_clock};
use iot_store::{Contents, Existing, Inspection, SealedKey, VerifyError, back_up};
use iot_web::{
    BackupData, BackupRefused, BackupsView, CheckView, Checked, Found, Refuses, RestoreView, StoreView,
    UploadView,
};
use tokio::sync::watch;
use tracing::{error, info, warn};

use self::{
    backups::Backups,
    pace::Pace,
    under_way::{UNFINISHED, UnderWay},
    uploads::{Room, room},
};
pub use self::{restoring::aside, uploads::UPLOAD_LEAVES};
use crate::{Config, Restores, config::StoreKind, identity, seal, store};

/// For each part of time that looking through the file takes, so many parts are left to the hub.
const LEFT_TO_THE_HUB: u32 = 4;

/// Looks after the store. Dropping it ends what is under way.
pub(crate) struct Care {
    shared: Arc<Shared>,
}

impl fmt::Debug for Care {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Care").field("file", &self.shared.file).finish_non_exhaustive()
    }
}

/// What the threads share.
struct Shared {
    /// The file; `None` where everything is kept in memory.
    file: Option<PathBuf>,
    /// Where the hub's key lies.
    data_dir: PathBuf,
    backups: Backups,
    view: watch::Sender<StoreView>,
    pace: Pace,
    /// Whoever takes backups that are to be restored, if anybody does.
    restores: Option<Restores>,
    /// Who keeps the audit.
    people: Arc<dyn People>,
    /// Bytes that an upload may have at most.
    upload_limit: u64,
    /// How much the disk takes.
    room: Room,
}

impl Care {
    /// Begins to look after the store of a hub that runs.
    pub(crate) fn start(
        config: &Config,
        hub: &HubHandle,
        (restores, people): (Option<Restores>, Arc<dyn People>),
    ) -> Self {
        let file = match config.store {
            StoreKind::Disk => Some(config.data_dir.join(store::FILE_NAME)),
            StoreKind::Memory => None,
        };
        let backups = Backups::new(&config.data_dir, config.backups_kept.into());
        backups.sweep_uploads();
        let upload_limit = u64::from(config.max_upload_mib) * 1024 * 1024;
        let view = StoreView {
            file: file.as_deref().map(|path| path.display().to_string().into()),
            refuses: None,
            check: CheckView { every: every(config.check_every_hours), ..CheckView::default() },
            backups: BackupsView {
                kept: backups.list(),
                keep: config.backups_kept.into(),
                every: every(config.backup_every_hours),
                upload: UploadView { most: upload_limit, ..UploadView::default() },
                ..BackupsView::default()
            },
            restore: RestoreView {
                failed: restores.as_ref().and_then(Restores::failed),
                ..RestoreView::default()
            },
        };
        let (check_every, backup_every) = (view.check.every, view.backups.every);
        let (data_dir, view) = (config.data_dir.clone(), watch::Sender::new(view));
        let pace = Pace::default();
        let shared = Shared { file, data_dir, backups, view, pace, restores, people, upload_limit, room };
        let shared = Arc::new(shared);
        tokio::spawn(tell_refusals(hub.refusing(), Arc::clone(&shared)));
        if let (Some(path), Some(every)) = (shared.file.clone(), check_every) {
            shared.spawn("check", move |shared| shared.look_through_again_and_again(&path, every));
        }
        if let (Some(_), Some(every)) = (&shared.file, backup_every) {
            shared.spawn("backups", move |shared| shared.back_up_again_and_again(every));
        }
        Self { shared }
    }

    /// How the store is, and every change of that.
    pub(crate) fn watch(&self) -> watch::Receiver<StoreView> {
        self.shared.view.subscribe()
    }

    /// Begins a backup and gives the name that its file will have. With a passphrase the hub's key is in it.
    pub(crate) fn back_up(&self, passphrase: Option<Passphrase>) -> Result<Box<str>, BackupRefused> {
        let begun = self.shared.begin_backup()?;
        let name = begun.name.clone();
        self.shared.spawn("backup", move |shared| shared.back_up(begun, passphrase.as_ref()));
        Ok(name)
    }

    /// The backup of this name, if there is one.
    pub(crate) fn backup(&self, name: &str) -> Option<BackupData> {
        let (file, bytes) = self.shared.backups.open(name)?;
        Some(BackupData { file, bytes })
    }

    /// Ends what is under way, at its next step.
    pub(crate) fn stop(&self) {
        self.shared.pace.stop();
    }
}

impl Drop for Care {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn spawn(self: &Arc<Self>, name: &str, task: impl FnOnce(&Arc<Self>) + Send + 'static) {
        let shared = Arc::clone(self);
        let started = thread::Builder::new().name(name.into()).spawn(move || task(&shared));
        if let Err(error) = started {
            warn!(%error, "the operating system has no thread to give: the task {name} does not run");
        }
    }

    fn look_through_again_and_again(self: &Arc<Self>, path: &Path, every: Duration) {
        loop {
            whole(|| self.look_through(path));
            if self.pace.pause(every).is_break() {
                return;
            }
        }
    }

    /// Looks through the file once, step by step.
    fn look_through(self: &Arc<Self>, path: &Path) {
        let began = Instant::now();
        let shared = Arc::clone(self);
        let under_way = UnderWay::new(move || {
            warn!(why = UNFINISHED, "the store could not be looked through");
            shared.looked_through(Found::Nothing(UNFINISHED.into()));
        });
        let found = match self.inspect(path) {
            Ok(ControlFlow::Break(())) => return under_way.ended(),
            Ok(ControlFlow::Continue(())) => {
                info!(seconds = began.elapsed().as_secs(), "the store was looked through: nothing is wrong");
                Found::Whole
            }
            Err(damaged) if damaged.is_damage() => {
                error!(%damaged, "the store is damaged: stop the hub, keep a copy of all its files, and restore a backup");
                Found::Damage(format!("{damaged}. Stop the hub first").into())
            }
            Err(error) => {
                warn!(%error, "the store could not be looked through");
                Found::Nothing(error.to_string().into())
            }
        };
        self.looked_through(found);
        under_way.ended();
    }

    fn looked_through(&self, found: Found) {
        self.view.send_modify(|view| {
            view.check.percent = None;
            view.check.last = Some(Checked { at: wall_clock(), found });
        });
    }

    fn inspect(&self, path: &Path) -> Result<ControlFlow<()>, VerifyError> {
        let mut inspection = Inspection::begin(path)?;
        loop {
            let began = Instant::now();
            let Some(progress) = inspection.step()? else { return Ok(ControlFlow::Continue(())) };
            let percent = u8::try_from(progress.percent()).unwrap_or(100);
            self.tell(|view| &mut view.check.percent, percent);
            if self.pace.pause(began.elapsed() * LEFT_TO_THE_HUB).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    fn back_up_again_and_again(self: &Arc<Self>, every: Duration) {
        loop {
            let since = self.backups.made().next().map_or(i64::MAX, |newest| wall_clock().0 - newest.at.0);
            let since = Duration::from_millis(u64::try_from(since).unwrap_or(0));
            if let Some(wait) = every.checked_sub(since).filter(|wait| !wait.is_zero()) {
                if self.pace.pause(wait).is_break() {
                    return;
                }
                continue;
            }
            if let Ok(begun) = self.begin_backup() {
                whole(|| self.back_up(begun, None));
            }
            // One that failed is tried again, and not at once.
            if self.pace.pause(every.min(Duration::from_mins(10))).is_break() {
                return;
            }
        }
    }

    /// Makes sure that no other backup is under way, and begins one.
    fn begin_backup(self: &Arc<Self>) -> Result<Begun, BackupRefused> {
        let path = self.file.clone().ok_or(BackupRefused::InMemory)?;
        if self.pace.is_over() {
            return Err(BackupRefused::Stopping);
        }
        let is_free = self.view.send_if_modified(|view| {
            let is_free = view.backups.percent.is_none();
            view.backups.percent = view.backups.percent.or(Some(0));
            is_free
        });
        if !is_free {
            return Err(BackupRefused::UnderWay);
        }
        let name = self.backups.name(wall_clock());
        let (shared, failed) = (Arc::clone(self), name.clone());
        let fail = move || shared.backup_ended(&failed, Instant::now(), Err(UNFINISHED.into()));
        Ok(Begun { path, name, under_way: UnderWay::new(fail) })
    }

    fn back_up(&self, Begun { path, name, under_way }: Begun, passphrase: Option<&Passphrase>) {
        let began = Instant::now();
        let made = self.copy(&path, &name, passphrase);
        self.backup_ended(&name, began, made);
        under_way.ended();
    }

    /// Tells what came of a backup.
    fn backup_ended(&self, name: &str, began: Instant, made: Result<Contents, String>) {
        match &made {
            Ok(contents) => {
                let seconds = began.elapsed().as_secs();
                let has_key = contents.has_key;
                info!(
                    name,
                    contents.bytes, contents.readings, has_key, seconds, "a backup was made and verified"
                );
                self.backups.prune();
            }
            Err(why) => warn!(name, why, "no backup was made"),
        }
        self.view.send_modify(|view| {
            view.backups.percent = None;
            view.backups.kept = self.backups.list();
            view.backups.failed = made.err().map(|why| (wall_clock(), why.into()));
        });
    }

    fn copy(&self, path: &Path, name: &str, passphrase: Option<&Passphrase>) -> Result<Contents, String> {
        let key = passphrase.map(|passphrase| self.sealed(passphrase)).transpose()?;
        let to = self.backups.place(name).map_err(|error| error.to_string())?;
        let watch = &mut |progress: iot_store::Progress| {
            self.tell(|view| &mut view.backups.percent, u8::try_from(progress.percent()).unwrap_or(100));
            if self.pace.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        back_up(path, (&to, Existing::Keep), key.as_ref(), watch).map_err(|error| error.to_string())
    }

    /// The hub's key under a passphrase.
    fn sealed(&self, passphrase: &Passphrase) -> Result<SealedKey, String> {
        let identity = identity::existing(&self.data_dir).map_err(|error| error.to_string())?;
        let identity = identity.ok_or("the hub has no key")?;
        seal::seal(&identity, passphrase).map_err(|error| error.to_string())
    }

    /// Shows how far a task has come, where that has changed.
    fn tell(&self, of: impl Fn(&mut StoreView) -> &mut Option<u8>, percent: u8) {
        self.view.send_if_modified(|view| of(view).replace(percent) != Some(percent));
    }
}

/// A backup that is under way.
struct Begun {
    /// The store.
    path: PathBuf,
    name: Box<str>,
    under_way: UnderWay,
}

/// Does something of a task that goes on afterwards, whatever becomes of this: a panic has been told by then.
fn whole(part: impl FnOnce()) {
    // What is shared is behind locks that outlive a panic.
    let _ = catch_unwind(AssertUnwindSafe(part));
}

/// Shows whether the store refuses what it is given, for as long as the hub runs.
async fn tell_refusals(mut refusing: watch::Receiver<Option<iot_net::Refusing>>, shared: Arc<Shared>) {
    while refusing.changed().await.is_ok() {
        let refuses = refusing.borrow_and_update().clone();
        let refuses = refuses.map(|refusing| Refuses { why: refusing.why, since: refusing.since });
        shared.view.send_modify(|view| view.refuses = refuses);
    }
}

fn every(hours: u16) -> Option<Duration> {
    (hours > 0).then(|| Duration::from_hours(hours.into()))
}
