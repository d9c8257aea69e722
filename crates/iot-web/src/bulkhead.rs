//! [`Bulkhead`]: keeps a disk that hangs from holding up everybody. What may have to read it is asked by one at a time,
//! on a thread for such work, and nobody waits for an answer for ever: whoever asks while one is overdue is told so at
//! once. So a disk that does not answer costs one thread for each bulkhead, however many people look at pages.

use core::{fmt, pin::pin, time::Duration};
use std::sync::{Arc, Mutex, PoisonError};

use iot_core::{IotError, store::StoreError};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep_until, timeout},
};

/// Something that may have to wait for the disk, and those who ask it. Clones ask the same.
pub struct Bulkhead<T: ?Sized> {
    behind: Arc<T>,
    patience: Duration,
    turns: Arc<Semaphore>,
    /// When the one whose turn it is began.
    begun: Arc<Mutex<Option<Instant>>>,
}

/// The turn of one who asks. It ends when this is dropped.
struct Turn {
    begun: Arc<Mutex<Option<Instant>>>,
    #[expect(dead_code, reason = "it is held, and given back")]
    permit: OwnedSemaphorePermit,
}

impl<T: ?Sized> Clone for Bulkhead<T> {
    fn clone(&self) -> Self {
        Self {
            behind: Arc::clone(&self.behind),
            patience: self.patience,
            turns: Arc::clone(&self.turns),
            begun: Arc::clone(&self.begun),
        }
    }
}

impl<T: ?Sized> fmt::Debug for Bulkhead<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl<T: ?Sized + Send + Sync + 'static> Bulkhead<T> {
    /// What `behind` is asked from now on is answered within `patience`, or not at all.
    pub fn new(behind: Arc<T>, patience: Duration) -> Self {
        Self { behind, patience, turns: Arc::new(Semaphore::new(1)), begun: Arc::default() }
    }

    /// Asks, and gives up after a while. What was asked goes on behind whoever gave up.
    ///
    /// # Errors
    /// [`IotError::NotStored`] where no answer has come; [`IotError::Stopping`] where none can come any more.
    pub async fn ask<R: Send + 'static>(
        &self,
        ask: impl FnOnce(&T) -> R + Send + 'static,
    ) -> Result<R, IotError> {
        let asked = self.begin(ask).await?;
        let answer = timeout(self.patience, asked).await.map_err(|_| self.silent())?;
        answer.map_err(|_| IotError::Stopping)
    }

    /// Asks for what changes something, and waits to its end, since nobody could say what had become of it.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); then nothing of it was begun.
    pub async fn see_through<R: Send + 'static>(
        &self,
        ask: impl FnOnce(&T) -> R + Send + 'static,
    ) -> Result<R, IotError> {
        self.begin(ask).await?.await.map_err(|_| IotError::Stopping)
    }

    async fn begin<R: Send + 'static>(
        &self,
        ask: impl FnOnce(&T) -> R + Send + 'static,
    ) -> Result<JoinHandle<R>, IotError> {
        let turn = self.turn().await?;
        let behind = Arc::clone(&self.behind);
        Ok(spawn_blocking(move || {
            let _turn = turn;
            ask(&behind)
        }))
    }

    /// Waits for a turn, as long as each of those before ends in time.
    async fn turn(&self) -> Result<Turn, IotError> {
        let mut permit = pin!(Arc::clone(&self.turns).acquire_owned());
        loop {
            let before = self.begun();
            let overdue = before.unwrap_or_else(Instant::now) + self.patience;
            tokio::select! {
                biased;
                permit = &mut permit => {
                    let permit = permit.map_err(|_| IotError::Stopping)?;
                    let begun = Arc::clone(&self.begun);
                    *begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                    return Ok(Turn { begun, permit });
                }
                () = sleep_until(overdue) => {
                    if before.is_some() && self.begun() == before {
                        return Err(self.silent());
                    }
                }
            }
        }
    }

    fn begun(&self) -> Option<Instant> {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silent(&self) -> IotError {
        StoreError::silent(self.patience).into()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const BRIEF: Duration = Duration::from_millis(100);

    /// A disk that answers when it is told to.
    fn hanging() -> (Bulkhead<Mutex<mpsc::Receiver<u8>>>, mpsc::Sender<u8>) {
        let (answers, disk) = mpsc::channel();
        (Bulkhead::new(Arc::new(Mutex::new(disk)), BRIEF), answers)
    }

    fn wait(disk: &Mutex<mpsc::Receiver<u8>>) -> u8 {
        disk.lock().unwrap().recv().unwrap()
    }

    #[tokio::test]
    async fn who_asks_while_an_answer_is_overdue_is_told_at_once_until_it_has_come() {
        let (disk, answers) = hanging();
        let refused = disk.ask(wait).await.unwrap_err();
        assert!(refused.to_string().contains("has not answered for 0.1 s"), "{refused}");
        let asked = Instant::now();
        for _ in 0..100 {
            assert!(matches!(disk.ask(wait).await, Err(IotError::NotStored { .. })));
            assert!(matches!(disk.see_through(wait).await, Err(IotError::NotStored { .. })));
        }
        assert!(asked.elapsed() < BRIEF, "{:?}", asked.elapsed());
        answers.send(1).unwrap();
        answers.send(2).unwrap();
        while disk.begun().is_some() {
            tokio::task::yield_now().await;
        }
        assert_eq!(disk.ask(wait).await, Ok(2), "none of those who were refused was begun");
    }

    #[tokio::test]
    async fn many_who_wait_for_one_another_are_answered_however_long_it_takes_in_all() {
        let disk = Bulkhead::new(Arc::new(()), BRIEF);
        let ask = || disk.ask(|()| std::thread::sleep(BRIEF / 4));
        let asked = Instant::now();
        let all = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask());
        assert_eq!(all, (Ok(()), Ok(()), Ok(()), Ok(()), Ok(()), Ok(()), Ok(()), Ok(())));
        assert!(asked.elapsed() > BRIEF, "they took turns");
    }

    #[tokio::test]
    async fn a_change_that_was_begun_is_waited_for_and_a_panic_ends_a_turn() {
        let (disk, answers) = hanging();
        let change = {
            let disk = disk.clone();
            tokio::spawn(async move { disk.see_through(wait).await })
        };
        tokio::time::sleep(3 * BRIEF).await;
        assert!(disk.ask(wait).await.is_err(), "it is overdue");
        answers.send(7).unwrap();
        assert_eq!(change.await.unwrap(), Ok(7));
        assert_eq!(disk.see_through(|_| panic!("on purpose")).await.map(|()| 0), Err(IotError::Stopping));
        answers.send(8).unwrap();
        assert_eq!(disk.ask(Mutex::is_poisoned).await, Ok(false));
        assert_eq!(disk.ask(wait).await, Ok(8));
    }
}
