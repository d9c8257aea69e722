//! The door: who is let in, in whose name a request is made, and what is kept of what was refused.
//!
//! `admit.rs` lets a request in or not, `secret.rs` makes and hashes secrets, `cookie.rs` is the browser's half of a login, `who.rs` tells who asks,
//! `lately.rs` who was let in lately, `rights.rs` what they may do, `enter.rs` claims, logs in and out. The rules are `iot-core`'s, the tables `iot-store`'s; which route is for
//! whom stands in the table of the routes.

mod admit;
mod cookie;
mod enter;
mod lately;
mod rights;
mod secret;
mod who;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant as Clock},
};

use iot_core::{
    Instant, IotError, UnixMillis,
    people::{Allowance, By, Change, ChangeError, ClaimCode, People, Throttle, User},
    store::StoreError,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use self::lately::Lately;
pub use self::secret::{Secret, SecretError, hash_password};
pub(crate) use self::{
    admit::{admit, let_in},
    cookie::{CookieRule, Transport},
    enter::{claim, local, log_in, log_out},
    rights::Rights,
    who::{Who, With, is_at_this_machine},
};
use crate::{bulkhead::Bulkhead, error::WebError};

/// Passwords that are hashed at one time, each with 19 MiB and a processor of its own, and those that wait.
const HASHING: usize = 2;
const WAITING: usize = 64;

/// Who is let in.
pub(crate) struct Door {
    people: Bulkhead<dyn People>,
    lately: Arc<Mutex<Lately>>,
    cookie: CookieRule,
    /// Whether somebody owns the hub. Once it is so, it stays so.
    claimed: AtomicBool,
    /// What proves that whoever claims the hub reads its log; `None` where it was claimed when it started.
    code: Option<ClaimCode>,
    throttle: Mutex<Throttle>,
    refusals: Mutex<Allowance>,
    started: Clock,
    hashing: Semaphore,
    waiting: Semaphore,
}

impl core::fmt::Debug for Door {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Door").field("claimed", &self.claimed).finish_non_exhaustive()
    }
}

impl Door {
    /// How the cookie of a login is called.
    pub(crate) fn cookie_name(&self) -> &str {
        self.cookie.name()
    }

    /// A door to a hub with these people, whom the store tells within `patience` or not at all. Where there are none, the
    /// code that a claim needs goes into the log.
    ///
    /// # Errors
    /// As the store's; and where no random numbers are to be had, [`IotError::NotStored`] too: the hub must not go on.
    pub(crate) fn new(
        people: Arc<dyn People>,
        patience: Duration,
        cookie: CookieRule,
    ) -> Result<Self, IotError> {
        let is_claimed = !people.users()?.is_empty();
        let code = if is_claimed {
            None
        } else {
            Some(
                secret::claim_code()
                    .map_err(|error| IotError::NotStored { why: error.to_string().into() })?,
            )
        };
        if let Some(code) = code {
            tracing::warn!(
                claim_code = %code,
                "nobody owns this hub yet, and no node is served: open its page, and give this code there"
            );
        }
        Ok(Self {
            people: Bulkhead::new(people, patience),
            lately: Arc::default(),
            cookie,
            claimed: AtomicBool::new(is_claimed),
            code,
            throttle: Mutex::default(),
            refusals: Mutex::default(),
            started: Clock::now(),
            hashing: Semaphore::new(HASHING),
            waiting: Semaphore::new(WAITING),
        })
    }

    /// Whether somebody owns the hub.
    ///
    /// # Errors
    /// As the store's.
    pub(crate) async fn is_claimed(&self) -> Result<bool, WebError> {
        if self.claimed.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let is_claimed = !self.ask(People::users).await?.is_empty();
        self.claimed.fetch_or(is_claimed, Ordering::Relaxed);
        Ok(is_claimed)
    }

    /// The monotonic time that tries are counted by.
    fn instant(&self) -> Instant {
        Instant(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Asks the store.
    ///
    /// # Errors
    /// As the store's, and where it does not answer.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&(dyn People + 'static)) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, IotError> {
        Ok(self.people.ask(ask).await??)
    }

    /// Makes a change in the name of `who`.
    ///
    /// # Errors
    /// [`WebError::People`] where the rules refuse it, as the store's where it cannot be kept.
    pub(crate) async fn change(&self, change: Change, who: &str, at: UnixMillis) -> Result<(), WebError> {
        let (who, lately) = (who.to_owned(), Arc::clone(&self.lately));
        let changed = self.people.see_through(move |people| {
            let changed = people.change(&change, By { at, who: &who, why: "" });
            // Here, because whoever wanted the change may go away while it is made.
            lately.lock().unwrap_or_else(PoisonError::into_inner).forget();
            changed
        });
        changed.await?.map_err(|error| match error {
            ChangeError::Refused(refused) => WebError::People(refused),
            ChangeError::NotStored(error) => IotError::from(error).into(),
        })
    }

    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps in the audit that something was refused, as long as there are not too many of them.
    pub(crate) async fn note_refusal(&self, what: String, who: &str, why: &str, at: UnixMillis) {
        let now = self.instant();
        let taken = self.refusals.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        let Some(left_out) = taken else { return };
        let why = match left_out {
            0 => why.to_owned(),
            many => format!("{why}; {many} more refusals before this one are not kept"),
        };
        let who = who.to_owned();
        let kept = self.people.ask(move |people| {
            people.change(&Change::Refuse { what: what.into() }, By { at, who: &who, why: &why })
        });
        let error = match kept.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(error, "a refusal could not be kept in the audit");
    }

    /// Hashes a password, away from other answers and not many at one time.
    ///
    /// # Errors
    /// [`WebError::Busy`].
    pub(crate) async fn hashed(&self, password: String) -> Result<Box<str>, WebError> {
        let hashed = self.slowly(move || hash_password(&password)).await?;
        Ok(hashed.map_err(|error| IotError::NotStored { why: error.to_string().into() })?)
    }

    /// Whether this is the password of a user. It takes as long where there is no such user.
    ///
    /// # Errors
    /// [`WebError::Busy`].
    pub(crate) async fn is_password(&self, user: Option<&User>, password: String) -> Result<bool, WebError> {
        let kept = user.map(|user| user.password.clone());
        self.slowly(move || secret::is_password(&password, kept.as_deref())).await
    }

    async fn slowly<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WebError> {
        let waiting = self.waiting.try_acquire().map_err(|_| WebError::Busy)?;
        // The semaphore is never closed.
        let _turn = self.hashing.acquire().await.map_err(|_| WebError::Busy)?;
        drop(waiting);
        Ok(spawn_blocking(work).await.map_err(|_| IotError::Stopping)?)
    }
}
