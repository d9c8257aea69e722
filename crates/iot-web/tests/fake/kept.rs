//! What the made-up hub keeps: a store on disk, found whole, with a backup; and the hub's key.

use std::time::Duration;

use iot_core::{
    AdmissionState, HubKeys, NumberedKey,
    people::UserName,
    view::{Changed, Difference, Held, HubKeysView, LackingView, Named, Otherwise},
};
use iot_proto::HubKey;
use iot_web::{BackupFile, BackupsView, CheckView, Checked, Found, RestoreView, StoreView};

use super::{id, now};

/// Name of the backup that there is.
pub(crate) const BACKUP: &str = "hub-20261114T132400Z.db";

/// One key, which two nodes know; one of them lacks any other.
pub(crate) fn hub_keys() -> HubKeysView {
    let key = HubKey([1; 32]);
    let current = NumberedKey { number: 1, key, since: None };
    let lacking = LackingView { node: id("pump-house"), title: "Pump house".into(), last_heard: Some(now()) };
    HubKeysView {
        keys: HubKeys { id: key.id(), current, next: None, former: None },
        highest_known: Some(1),
        have: 1,
        lack: 1,
        lacking: vec![lacking],
    }
}

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
        restore: RestoreView::default(),
    }
}

/// What would become of the hub if that backup was restored.
pub(crate) fn difference() -> Difference {
    let user = |name| UserName::new(name).expect("a name");
    let changed = |name, otherwise| Changed { id: id(name), title: "<b>Gate</b>".into(), otherwise };
    Difference {
        then: Held { nodes: 9, modules: 21, users: 2 },
        now: Held { nodes: 11, modules: 24, users: 3 },
        lost_readings: 4_312,
        left_out: vec![changed("new-gate", Otherwise::Unknown)],
        let_in: vec![changed("old-gate", Otherwise::Not(AdmissionState::Revoked))],
        commands_back: vec![Named { id: id("old-boiler"), title: "<b>Boiler</b>".into() }],
        users_lost: vec![user("vera")],
        users_back: vec![user("otto")],
        tokens_back: 2,
    }
}
