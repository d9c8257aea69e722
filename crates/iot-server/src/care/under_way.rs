//! [`UnderWay`]: the turn of a task of the [care](super), which nobody else has meanwhile. However the task ends, the turn
//! ends with it: also where its thread panics, and where the operating system has no thread to give.

/// What is told of a task that ended without a word of its own.
pub(super) const UNFINISHED: &str = "it ended before it was done: the log may say why";

/// A task that is under way. Dropped before it [has ended](Self::ended), it tells that it failed.
pub(super) struct UnderWay {
    fail: Option<Box<dyn FnOnce() + Send>>,
}

impl UnderWay {
    /// The task begins. `fail` gives its turn back and tells that it failed.
    pub(super) fn new(fail: impl FnOnce() + Send + 'static) -> Self {
        Self { fail: Some(Box::new(fail)) }
    }

    /// The task has told what came of it.
    pub(super) fn ended(mut self) {
        self.fail = None;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(fail) = self.fail.take() {
            fail();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use bytes::Bytes;
    use iot_web::{BackupRefused, Piece, RestoreRefused, StoreView, Taking, UploadRefused};

    use super::*;
    use crate::{
        Restores,
        care::{
            Care,
            uploads::tests::{MIB, care, is_empty},
            whole,
        },
    };

    fn view(care: &Care) -> StoreView {
        care.watch().borrow().clone()
    }

    /// A thread that has this turn panics.
    fn panics_with(turn: impl Send + 'static) {
        let thread = thread::spawn(move || {
            let _turn = turn;
            panic!("planted");
        });
        assert!(thread.join().is_err());
    }

    #[test]
    fn an_upload_whose_thread_panics_has_failed_leaves_nothing_and_the_next_one_is_taken() {
        static LOOKS: AtomicUsize = AtomicUsize::new(0);
        let (data_dir, care) = care(|_| {
            // The first look is before the thread.
            assert_ne!(LOOKS.fetch_add(1, Ordering::Relaxed), 1, "planted");
            Ok(u64::MAX)
        });
        let send = || {
            let Taking { pieces, taken } = care.take("ada", Some(MIB)).unwrap();
            let _ = pieces.blocking_send(Piece::Bytes(Bytes::from(vec![7; 9_000])));
            let _ = pieces.blocking_send(Piece::End);
            taken.blocking_recv()
        };
        assert!(send().is_err(), "nobody says a word");
        let upload = view(&care).backups.upload;
        assert!(upload.under_way.is_none() && upload.refused.unwrap().1.contains(UNFINISHED));
        assert!(is_empty(&data_dir));
        assert!(matches!(send(), Ok(Err(UploadRefused::Unfit(_)))), "the next one is looked through");
    }

    #[test]
    fn a_backup_whose_thread_panics_has_failed_and_the_next_one_begins() {
        let (_data_dir, care) = care(|_| Ok(u64::MAX));
        let begun = care.shared.begin_backup().unwrap();
        assert_eq!(care.back_up(None), Err(BackupRefused::UnderWay));
        panics_with(begun);
        let backups = view(&care).backups;
        assert_eq!((backups.percent, backups.failed.map(|(_, why)| why)), (None, Some(UNFINISHED.into())));
        assert!(care.shared.begin_backup().is_ok());
    }

    #[test]
    fn a_restore_whose_thread_panics_has_failed_and_the_next_one_begins() {
        let (_data_dir, care) = care(|_| Ok(u64::MAX));
        let (restores, name) = (Restores::default(), "hub-20261114T142407Z.db");
        let begin = || care.shared.begin_restore(name, &restores);
        let turn = begin().unwrap();
        assert!(matches!(begin(), Err(RestoreRefused::UnderWay)));
        panics_with(turn);
        let restore = view(&care).restore;
        assert!(restore.under_way.is_none() && *restore.failed.unwrap().1 == *UNFINISHED);
        assert!(restores.failed().is_some(), "the page of the next start says so too");
        assert!(begin().is_ok());
    }

    #[test]
    fn what_has_ended_has_not_failed_and_a_part_that_panics_does_not_end_what_goes_on() {
        UnderWay::new(|| panic!("it has ended")).ended();
        whole(|| panic!("planted"));
    }
}
