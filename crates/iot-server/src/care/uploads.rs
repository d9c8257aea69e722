//! Uploads: backups that people send to the hub, from the first byte to their place in the list. How a file is kept and
//! looked through is `iot-store`'s, how it is read from a request `iot-web`'s.
//!
//! One is taken at a time, on a thread of its own. It has no name before all of it came, was looked through and stands in
//! the audit. The disk always keeps room for what nodes report.

use std::{io, path::Path, sync::Arc};

use iot_core::people::{By, Change};
use iot_net::wall_clock;
use iot_proto::UnixMillis;
use iot_store::{Arrival, ArrivalError};
use iot_web::{BackupFile, Piece, Taking, UploadRefused, Uploading};
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use super::{
    Care, Shared,
    backups::begun,
    under_way::{UNFINISHED, UnderWay},
};

/// Bytes that an upload leaves free on the disk.
pub const UPLOAD_LEAVES: u64 = 64 * 1024 * 1024;

/// Pieces of an upload that may wait for the disk.
const PIECES: usize = 4;

/// Tells how many bytes are free where a directory lies.
pub(super) type Room = fn(&Path) -> io::Result<u64>;

/// What the operating system lets this user write there.
#[cfg(unix)]
pub(super) fn room(directory: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(directory)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// This operating system tells when the disk is full.
#[cfg(not(unix))]
pub(super) fn room(_: &Path) -> io::Result<u64> {
    Ok(u64::MAX)
}

impl Care {
    /// Begins to take a backup that is sent in the name of `by`, of so many bytes where somebody said how many.
    ///
    /// # Errors
    /// [`UploadRefused`].
    pub(crate) fn take(&self, by: &str, bytes: Option<u64>) -> Result<Taking, UploadRefused> {
        let shared = &self.shared;
        if shared.file.is_none() {
            return Err(UploadRefused::InMemory);
        }
        if shared.pace.is_over() {
            return Err(UploadRefused::Stopping);
        }
        let is_free = shared.view.send_if_modified(|view| {
            let under_way = &mut view.backups.upload.under_way;
            let is_free = under_way.is_none();
            under_way.get_or_insert(Uploading::Coming(bytes.map(|_| 0)));
            is_free
        });
        if !is_free {
            return Err(UploadRefused::UnderWay);
        }
        let (fails, who) = (Arc::clone(shared), by.to_owned());
        let unfinished = UploadRefused::Unwritten(UNFINISHED.into());
        let under_way = UnderWay::new(move || fails.upload_ended(&who, Some(&unfinished)));
        let arrival = match shared.begin_upload(bytes.unwrap_or(0)) {
            Ok(arrival) => arrival,
            Err(refused) => {
                shared.upload_ended(by, Some(&refused));
                under_way.ended();
                return Err(refused);
            }
        };
        let ((pieces, coming), (tell, taken)) = (mpsc::channel(PIECES), oneshot::channel());
        let by = by.to_owned();
        shared.spawn("upload", move |shared| {
            // Also where this panics, the turn ends before whoever sent it hears of that.
            let (tell, under_way) = (tell, under_way);
            let took = shared.take(arrival, coming, (&by, bytes));
            shared.upload_ended(&by, took.as_ref().err());
            under_way.ended();
            // Whoever sent it may be gone.
            let _ = tell.send(took);
        });
        Ok(Taking { pieces, taken })
    }
}

impl Shared {
    /// Makes the file, where one of so many bytes may be taken.
    fn begin_upload(&self, bytes: u64) -> Result<Arrival, UploadRefused> {
        self.fits(bytes)?;
        let place =
            self.backups.upload().map_err(|error| UploadRefused::Unwritten(error.to_string().into()))?;
        self.has_room(bytes)?;
        Arrival::begin(&place).map_err(|error| refused(&error))
    }

    /// Takes what comes until it is whole, and gives it its name.
    fn take(
        &self,
        arrival: Arrival,
        coming: mpsc::Receiver<Piece>,
        (by, bytes): (&str, Option<u64>),
    ) -> Result<BackupFile, UploadRefused> {
        let arrival = self.receive(arrival, coming, bytes)?;
        self.tell_upload(Uploading::Checking);
        let bytes = arrival.bytes();
        let arrived = arrival.check(&mut |_| {}).map_err(|error| refused(&error))?;
        if self.pace.is_over() {
            return Err(UploadRefused::Stopping);
        }
        let now = wall_clock();
        // A clock that was ahead then says nothing of today.
        let at = UnixMillis(arrived.last.map_or(now.0, |last| last.0.min(now.0)));
        let (name, path) = self.backups.uploaded(at);
        let at = begun(&name).unwrap_or(at);
        let upload = Change::Upload { name: name.clone() };
        self.people
            .change(&upload, By { at: now, who: by, why: "" })
            .map_err(|error| UploadRefused::Unwritten(error.to_string().into()))?;
        let (readings, has_key) = (arrived.contents.readings, arrived.contents.has_key);
        arrived.put(&path).map_err(|error| refused(&error))?;
        self.backups.keep_upload(&name);
        info!(name = &*name, by, bytes, readings, has_key, "a backup was sent here and verified");
        Ok(BackupFile { name, at, bytes })
    }

    /// Writes what comes until somebody says that it was all.
    fn receive(
        &self,
        mut arrival: Arrival,
        mut coming: mpsc::Receiver<Piece>,
        bytes: Option<u64>,
    ) -> Result<Arrival, UploadRefused> {
        loop {
            let piece = coming.blocking_recv();
            if self.pace.is_over() {
                return Err(UploadRefused::Stopping);
            }
            match piece {
                Some(Piece::Bytes(piece)) => {
                    let more = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                    self.fits(arrival.bytes().saturating_add(more))?;
                    self.has_room(more)?;
                    arrival.write(&piece).map_err(|error| refused(&error))?;
                    let percent = bytes.map(|of| percent(arrival.bytes(), of));
                    self.tell_upload(Uploading::Coming(percent));
                }
                Some(Piece::End) => return Ok(arrival),
                None => return Err(UploadRefused::CutOff { bytes: arrival.bytes() }),
            }
        }
    }

    /// Whether one of so many bytes may be taken.
    fn fits(&self, bytes: u64) -> Result<(), UploadRefused> {
        let limit = self.upload_limit;
        if bytes > limit { Err(UploadRefused::TooLong { limit }) } else { Ok(()) }
    }

    /// Whether the disk has room for so many bytes more.
    fn has_room(&self, needed: u64) -> Result<(), UploadRefused> {
        let room = (self.room)(self.backups.directory());
        let room = room.map_err(|error| UploadRefused::Unwritten(error.to_string().into()))?;
        if needed.saturating_add(UPLOAD_LEAVES) > room {
            return Err(UploadRefused::NoRoom { needed, room, kept: UPLOAD_LEAVES });
        }
        Ok(())
    }

    /// Shows what came of it.
    fn upload_ended(&self, by: &str, refused: Option<&UploadRefused>) {
        let refused = refused.map(ToString::to_string);
        if let Some(why) = &refused {
            warn!(why, by, "no backup was taken from whoever sent one");
        }
        self.view.send_modify(|view| {
            view.backups.kept = self.backups.list();
            view.backups.upload.under_way = None;
            view.backups.upload.refused = refused.map(|why| (wall_clock(), why.into()));
        });
    }

    /// Shows how far it has come, where that has changed.
    fn tell_upload(&self, uploading: Uploading) {
        self.view
            .send_if_modified(|view| view.backups.upload.under_way.replace(uploading) != Some(uploading));
    }
}

/// How much of it is there. What stands around the file counts too, so that it is never quite all.
fn percent(bytes: u64, of: u64) -> u8 {
    let percent = bytes.saturating_mul(100).checked_div(of).unwrap_or(100);
    u8::try_from(percent.min(100)).unwrap_or(100)
}

/// Why a file is refused, for whoever sent it.
fn refused(error: &ArrivalError) -> UploadRefused {
    let why = error.to_string().into();
    match error {
        ArrivalError::Io { .. } => UploadRefused::Unwritten(why),
        ArrivalError::Foreign
        | ArrivalError::Newer { .. }
        | ArrivalError::NotClosed
        | ArrivalError::Damaged { .. } => UploadRefused::Unfit(why),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        fs,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
    };

    use bytes::Bytes;
    use iot_store::MemoryStore;
    use iot_web::StoreView;
    use tempfile::TempDir;
    use tokio::sync::watch;

    use super::*;
    use crate::care::{backups::Backups, pace::Pace};

    pub(in crate::care) const MIB: u64 = 1024 * 1024;

    /// The care of a hub whose disk has so much room.
    pub(in crate::care) fn care(room: Room) -> (TempDir, Care) {
        let data_dir = tempfile::tempdir().unwrap();
        let shared = Shared {
            file: Some(data_dir.path().join("hub.db")),
            data_dir: data_dir.path().into(),
            backups: Backups::new(data_dir.path(), 7),
            view: watch::Sender::new(StoreView::default()),
            pace: Pace::default(),
            restores: None,
            people: Arc::new(MemoryStore::new()),
            upload_limit: 3 * MIB,
            room,
        };
        (data_dir, Care { shared: Arc::new(shared) })
    }

    /// What becomes of so many pieces of 1 MiB.
    fn sent(care: &Care, pieces: usize, said: Option<u64>) -> Result<BackupFile, UploadRefused> {
        let Taking { pieces: to, taken } = care.take("ada", said)?;
        for _ in 0..pieces {
            // It may be refused before all has come.
            let _ = to.blocking_send(Piece::Bytes(Bytes::from(vec![7; 1024 * 1024])));
        }
        let _ = to.blocking_send(Piece::End);
        taken.blocking_recv().unwrap()
    }

    pub(in crate::care) fn is_empty(data_dir: &TempDir) -> bool {
        fs::read_dir(data_dir.path().join("backups")).map_or(true, |mut files| files.next().is_none())
    }

    #[test]
    fn a_disk_that_fills_while_a_backup_comes_ends_it_before_it_is_full() {
        /// Each look finds 2 MiB less.
        static LEFT: AtomicU64 = AtomicU64::new(UPLOAD_LEAVES + 5 * MIB);
        let (data_dir, care) = care(|_| Ok(LEFT.fetch_sub(2 * MIB, Ordering::Relaxed)));
        let refused = sent(&care, 3, Some(3 * MIB)).unwrap_err();
        let room = UPLOAD_LEAVES - MIB;
        assert_eq!(refused, UploadRefused::NoRoom { needed: MIB, room, kept: UPLOAD_LEAVES });
        assert!(is_empty(&data_dir));
        let view = care.watch().borrow().backups.upload.clone();
        assert!(view.under_way.is_none() && view.refused.is_some_and(|(_, why)| why.contains("stay free")));
    }

    #[test]
    fn one_that_says_too_much_or_sends_more_than_it_may_is_refused_and_leaves_nothing() {
        let (data_dir, care) = care(|_| Ok(u64::MAX));
        let limit = 3 * MIB;
        assert_eq!(sent(&care, 0, Some(limit + 1)).unwrap_err(), UploadRefused::TooLong { limit });
        assert_eq!(sent(&care, 4, None).unwrap_err(), UploadRefused::TooLong { limit });
        assert_eq!(sent(&care, 4, Some(MIB)).unwrap_err(), UploadRefused::TooLong { limit }, "it said less");
        assert!(is_empty(&data_dir));
        let unfit = sent(&care, 3, None).unwrap_err();
        assert_eq!(
            unfit,
            UploadRefused::Unfit("the file was not made by a hub".into()),
            "there is place again"
        );
        assert!(is_empty(&data_dir));
    }

    #[test]
    fn a_second_one_waits_for_the_first_and_none_begins_in_a_hub_that_stops() {
        let (_data_dir, care) = care(|_| Ok(u64::MAX));
        let Taking { pieces, taken } = care.take("ada", Some(MIB)).unwrap();
        assert_eq!(care.take("ada", None).unwrap_err(), UploadRefused::UnderWay);
        care.stop();
        drop(pieces);
        assert_eq!(taken.blocking_recv().unwrap().unwrap_err(), UploadRefused::Stopping);
        assert_eq!(care.take("ada", None).unwrap_err(), UploadRefused::Stopping);
    }
}
