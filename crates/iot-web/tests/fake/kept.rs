//! The store of the made-up hub: on disk, found whole, with a backup.

use std::time::Duration;

use iot_web::{BackupFile, BackupsView, CheckView, Checked, Found, StoreView};

use super::now;

/// Name of the backup that there is.
pub(crate) const BACKUP: &str = "hub-20261114T132400Z.db";

/// A store on disk that was found whole and has a backup.
pub(crate) fn store() -> StoreView {
    let day = Duration::from_hours(24);
    StoreView {
        file: Some("data/hub.db".into()),
        refuses: None,
        check: CheckView {
            percent: None,
            last: Some(Checked { at: now(), found: Found::Whole }),
            every: Some(7 * day),
        },
        backups: BackupsView {
            percent: None,
            failed: None,
            kept: vec![BackupFile { name: BACKUP.into(), at: now(), bytes: 20_400_000 }],
            keep: 7,
            every: Some(day),
        },
    }
}
