//! The owner: nodes are let in once the hub has one, however it came by them: on its page, from the command line
//! beside it, or from a program that starts it.

use core::time::Duration;
use std::sync::Arc;

use iot_core::people::{By, Change, ChangeError, People, PeopleError, Role, User, UserName, check_password};
use thiserror::Error;
use tokio::task::{AbortHandle, spawn_blocking};
use tracing::{error, info};

/// How often it is looked whether the hub has an owner, as long as it has none.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Who becomes the owner at the start, if nobody is by then.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl core::fmt::Debug for Owner {
    /// Tells the name alone.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Owner").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why somebody cannot become the owner.
#[derive(Debug, Error)]
pub enum OwnerError {
    /// The name or the password is not taken.
    #[error(transparent)]
    Refused(#[from] PeopleError),
    /// They could not be kept.
    #[error("they cannot be kept: {0}")]
    NotKept(String),
}

/// Makes somebody the owner, unless the hub has one.
///
/// # Errors
/// [`OwnerError`].
pub(crate) fn claim(people: &dyn People, owner: &Owner) -> Result<(), OwnerError> {
    let name = UserName::new(&owner.name)?;
    check_password(&name, &owner.password)?;
    let password =
        iot_web::hash_password(&owner.password).map_err(|error| OwnerError::NotKept(error.to_string()))?;
    let at = iot_net::wall_clock();
    let claim = Change::Claim(User { name, role: Role::Admin, password, since: at });
    match people.change(&claim, By { at, who: "the program that started the hub", why: "" }) {
        Ok(()) | Err(ChangeError::Refused(PeopleError::Claimed)) => Ok(()),
        Err(ChangeError::Refused(refused)) => Err(refused.into()),
        Err(ChangeError::NotStored(error)) => Err(OwnerError::NotKept(error.to_string())),
    }
}

/// Opens as soon as the hub has an owner; gives what ends the wait.
pub(crate) fn open_with_owner(people: Arc<dyn People>, open: impl FnOnce() + Send + 'static) -> AbortHandle {
    let waiting = tokio::spawn(async move {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            let people = Arc::clone(&people);
            match spawn_blocking(move || people.users()).await {
                Ok(Ok(users)) if users.is_empty() => {}
                Ok(Ok(_)) => break,
                Ok(Err(why)) => {
                    error!(%why, "nobody can be told apart from a stranger, and no node is served");
                }
                // The runtime ends.
                Err(_) => return,
            }
        }
        info!("the hub has an owner: nodes are let in");
        open();
    });
    waiting.abort_handle()
}
