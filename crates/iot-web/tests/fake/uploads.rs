//! What the made-up hub does with backups that are sent to it: it keeps them, and takes those that begin as it wants.

use std::sync::{Arc, Mutex, PoisonError};

use iot_web::{BackupFile, Piece, Taking, UploadRefused, Uploading};
use tokio::sync::{mpsc, oneshot};

use super::{
    Fake,
    kept::{BACKUP, MOST},
    now,
};

/// What a file begins with that is taken.
pub(crate) const GOOD: &str = "made by a hub";

/// Who sent a backup that was taken, and the file.
pub(crate) type Uploads = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

impl Fake {
    pub(super) fn take(&self, by: &str, bytes: Option<u64>) -> Result<Taking, UploadRefused> {
        if bytes.is_some_and(|bytes| bytes > MOST) {
            return Err(self.refuse(UploadRefused::TooLong { limit: MOST }));
        }
        let is_free = self.store.send_if_modified(|store| {
            let under_way = &mut store.backups.upload.under_way;
            let is_free = under_way.is_none();
            under_way.get_or_insert(Uploading::Coming(bytes.map(|_| 0)));
            is_free
        });
        if !is_free {
            return Err(UploadRefused::UnderWay);
        }
        let ((pieces, coming), (tell, taken)) = (mpsc::channel(1), oneshot::channel());
        let (fake, by) = (self.clone(), by.to_owned());
        tokio::spawn(async move {
            let came = fake.read(coming, by).await.map_err(|refused| fake.refuse(refused));
            fake.store.send_modify(|store| store.backups.upload.under_way = None);
            // Whoever sent it may be gone.
            let _ = tell.send(came);
        });
        Ok(Taking { pieces, taken })
    }

    async fn read(&self, mut coming: mpsc::Receiver<Piece>, by: String) -> Result<BackupFile, UploadRefused> {
        let mut file = Vec::new();
        loop {
            let bytes = u64::try_from(file.len()).expect("it is short");
            match coming.recv().await {
                Some(Piece::Bytes(_)) if bytes > MOST => return Err(UploadRefused::TooLong { limit: MOST }),
                Some(Piece::Bytes(piece)) => file.extend_from_slice(&piece),
                Some(Piece::End) if !file.starts_with(GOOD.as_bytes()) => {
                    return Err(UploadRefused::Unfit("the file was not made by a hub".into()));
                }
                Some(Piece::End) => {
                    self.uploads.lock().unwrap_or_else(PoisonError::into_inner).push((by, file));
                    return Ok(BackupFile { name: BACKUP.into(), at: now(), bytes });
                }
                None => return Err(UploadRefused::CutOff { bytes }),
            }
        }
    }

    fn refuse(&self, refused: UploadRefused) -> UploadRefused {
        let why = (now(), refused.to_string().into());
        self.store.send_modify(|store| store.backups.upload.refused = Some(why));
        refused
    }
}
