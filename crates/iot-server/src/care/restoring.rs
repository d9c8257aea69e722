//! Restoring a backup of the list: what would become of the hub, and making it ready while the hub runs. Taking the
//! store's place is left to whoever runs the hub: see [`Restores`](crate::Restores).

use core::ops::ControlFlow;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use iot_core::{
    people::{By, Passphrase},
    view::Difference,
};
use iot_net::{KeySet, wall_clock};
use iot_proto::UnixMillis;
use iot_store::{Progress, SealedKey, compare, prepare, sealed_key};
use iot_web::{BackupKey, RestoreRefused, Restoring};
use jiff::Timestamp;
use tracing::info;

use super::{
    Care, Shared,
    backups::begun,
    under_way::{UNFINISHED, UnderWay},
};
use crate::{Ready, Restores, identity, seal};

/// How a store is called that a backup has replaced: by the second in which it was, in UTC.
const ASIDE: &str = "before-%Y%m%dT%H%M%SZ";

/// Where a store is kept when a backup takes its place at this time.
pub fn aside(store: &Path, now: UnixMillis) -> PathBuf {
    let at = Timestamp::from_millisecond(now.0).unwrap_or_default();
    store.with_added_extension(at.strftime(ASIDE).to_string())
}

impl Care {
    /// What becomes of the hub if the backup of this name is restored. It may take its time.
    ///
    /// # Errors
    /// [`RestoreRefused`], with what is wrong with the backup.
    pub(crate) fn difference(&self, name: &str) -> Result<Difference, RestoreRefused> {
        let (store, backup, at) = self.shared.restorable(name)?;
        compare(&backup, &store, at).map_err(|error| RestoreRefused::Unreadable(error.to_string().into()))
    }

    /// Whether the backup of this name has the hub's own key.
    ///
    /// # Errors
    /// [`RestoreRefused`], with what is wrong with the backup.
    pub(crate) fn backup_key(&self, name: &str) -> Result<BackupKey, RestoreRefused> {
        let (_, backup, _) = self.shared.restorable(name)?;
        let Some(sealed) = sealed(&backup)? else { return Ok(BackupKey::Absent) };
        // What is wrong with that of this hub is said when it starts.
        let own = identity::existing(&self.shared.data_dir).ok().flatten();
        let is_same = own.is_some_and(|own| *sealed.hub == own.id.to_string());
        Ok(if is_same { BackupKey::Same } else { BackupKey::Other })
    }

    /// Begins to make the backup of this name ready to be restored, in somebody's name; with a passphrase also the hub's
    /// keys that are in it. It is looked through first, and
    /// refused where it is damaged; the hub goes on until it is ready.
    ///
    /// # Errors
    /// [`RestoreRefused`].
    pub(crate) fn restore(
        &self,
        name: &str,
        (by, why): (&str, &str),
        passphrase: Option<&Passphrase>,
    ) -> Result<(), RestoreRefused> {
        let (store, backup, _) = self.shared.restorable(name)?;
        let restores = self.shared.restores.clone().ok_or(RestoreRefused::NotHere)?;
        let keys = passphrase.map(|passphrase| keys_in(&backup, passphrase)).transpose()?;
        let keys = keys.map(|keys| (keys, self.shared.data_dir.clone()));
        let under_way = self.shared.begin_restore(name, &restores)?;
        let (by, why) = (by.to_owned(), why.to_owned());
        self.shared.spawn("restore", move |shared| {
            let now = wall_clock();
            let by = By { at: now, who: &by, why: &why };
            let watch = &mut |progress| shared.tell_restoring(progress);
            match prepare(&backup, (&store, &aside(&store, now)), by, watch) {
                Ok(prepared) => {
                    info!(backup = %backup.display(), by = by.who, "a backup takes the store's place: the hub stops for it");
                    restores.hand_over(Ready { prepared, keys });
                }
                Err(error) => shared.restore_failed(&restores, &error.to_string()),
            }
            under_way.ended();
        });
        Ok(())
    }
}

/// The hub's key in a backup, sealed.
fn sealed(backup: &Path) -> Result<Option<SealedKey>, RestoreRefused> {
    sealed_key(backup).map_err(|error| RestoreRefused::Unreadable(error.to_string().into()))
}

/// The hub's keys in a backup that has some.
fn keys_in(backup: &Path, passphrase: &Passphrase) -> Result<KeySet, RestoreRefused> {
    let none = || RestoreRefused::Key("the backup has no key of the hub that a passphrase could open".into());
    let sealed = sealed(backup)?.ok_or_else(none)?;
    seal::open(&sealed, passphrase).map_err(|error| RestoreRefused::Key(error.to_string().into()))
}

impl Shared {
    /// The store, the backup of this name, and when that was begun.
    fn restorable(&self, name: &str) -> Result<(PathBuf, PathBuf, UnixMillis), RestoreRefused> {
        let store = self.file.clone().ok_or(RestoreRefused::InMemory)?;
        let at = begun(name).ok_or(RestoreRefused::Unknown)?;
        let backup = self.backups.path(name).ok_or(RestoreRefused::Unknown)?;
        Ok((store, backup, at))
    }

    /// Makes sure that no other restore is under way, and begins one.
    pub(super) fn begin_restore(
        self: &Arc<Self>,
        name: &str,
        restores: &Restores,
    ) -> Result<UnderWay, RestoreRefused> {
        if self.pace.is_over() {
            return Err(RestoreRefused::Stopping);
        }
        let is_free = self.view.send_if_modified(|view| {
            let is_free = view.restore.under_way.is_none();
            if is_free {
                view.restore.under_way = Some(Restoring { name: name.into(), percent: 0 });
                view.restore.failed = None;
            }
            is_free
        });
        if !is_free {
            return Err(RestoreRefused::UnderWay);
        }
        restores.begin();
        let (shared, restores) = (Arc::clone(self), restores.clone());
        Ok(UnderWay::new(move || shared.restore_failed(&restores, UNFINISHED)))
    }

    /// Shows why a backup was not restored.
    fn restore_failed(&self, restores: &Restores, why: &str) {
        restores.fail(why);
        self.view.send_modify(|view| {
            view.restore.under_way = None;
            view.restore.failed = restores.failed();
        });
    }

    /// Shows how much of a backup has been copied.
    fn tell_restoring(&self, progress: Progress) -> ControlFlow<()> {
        let percent = u8::try_from(progress.percent()).unwrap_or(100);
        self.view.send_if_modified(|view| {
            let restoring = view.restore.under_way.as_mut();
            restoring.is_some_and(|restoring| core::mem::replace(&mut restoring.percent, percent) != percent)
        });
        if self.pace.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
