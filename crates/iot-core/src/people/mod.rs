//! Who may use the hub: users with roles, what they have after logging in, tokens for programs, and the claim
//! that makes the first of them.
//!
//! Everything here is a rule or plain data. Whoever answers people makes secrets and hashes and counts tries with
//! the [`Throttle`]; whoever stores them puts each [`Change`] through [`decide`] inside one transaction of its
//! own, so that of a thousand who claim a hub at once exactly one becomes its owner.

mod code;
mod name;
mod passphrase;
mod rules;
mod throttle;

use alloc::{boxed::Box, vec::Vec};
use core::net::IpAddr;

use thiserror::Error;

pub use self::{
    code::ClaimCode,
    name::{Role, TokenLabel, UserName, check_password},
    passphrase::Passphrase,
    rules::{Known, MAX_LOGINS, MAX_TOKENS, MAX_USERS, PeopleError, decide},
    throttle::{Allowance, FREE_TRIES, Standing, Throttle, Wait},
};
use crate::{UnixMillis, store::StoreError};

/// A login ends when nothing was asked with it for 12 hours, and 30 days after it began in any case.
const LOGIN_IDLE: i64 = 12 * 3_600_000;
const LOGIN_AT_MOST: i64 = 30 * 86_400_000;

/// How stale the time of the last use may be, in milliseconds: a use is noted at most once in five minutes.
const USE_NOTED_EVERY: i64 = 5 * 60_000;

/// SHA-256 of a secret that its owner alone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretHash(pub [u8; 32]);

/// Somebody who may use the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What they are called.
    pub name: UserName,
    /// What they may do.
    pub role: Role,
    /// Their password as a PHC string, which names the function, its parameters and the salt.
    pub password: Box<str>,
    /// When they were added.
    pub since: UnixMillis,
}

/// What a user has from logging in until logging out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Of the secret in the browser's cookie.
    pub key: SecretHash,
    /// Whose.
    pub user: UserName,
    /// From where they logged in.
    pub address: IpAddr,
    /// When.
    pub began: UnixMillis,
    /// When something was last asked with it, to within five minutes.
    pub used: UnixMillis,
}

impl Login {
    /// When it ends if nothing more is asked with it.
    pub fn ends(&self) -> UnixMillis {
        let idle = self.used.0.saturating_add(LOGIN_IDLE);
        UnixMillis(idle.min(self.began.0.saturating_add(LOGIN_AT_MOST)))
    }

    /// Whether it can be used at this time. A clock that was set back ends none.
    pub fn is_valid(&self, now: UnixMillis) -> bool {
        now < self.ends()
    }

    /// Whether a use now is to be noted.
    pub fn is_use_to_note(&self, now: UnixMillis) -> bool {
        now.0.saturating_sub(self.used.0) >= USE_NOTED_EVERY
    }
}

/// What a program shows instead of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Names it for ever; given by the store.
    pub number: u64,
    /// Of the token itself, which is shown once.
    pub key: SecretHash,
    /// In whose name it acts.
    pub user: UserName,
    /// What it is for.
    pub label: TokenLabel,
    /// What it may do; never more than its user.
    pub role: Role,
    /// When it was made.
    pub made: UnixMillis,
    /// When it ends.
    pub until: UnixMillis,
    /// When it was last used, to within five minutes; `None` where it never was.
    pub used: Option<UnixMillis>,
}

impl Token {
    /// Whether it can be used at this time.
    pub fn is_valid(&self, now: UnixMillis) -> bool {
        now < self.until
    }

    /// Whether a use now is to be noted.
    pub fn is_use_to_note(&self, now: UnixMillis) -> bool {
        self.used.is_none_or(|used| now.0.saturating_sub(used.0) >= USE_NOTED_EVERY)
    }
}

/// A change of who may use the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nobody owns the hub yet: this user does from now on.
    Claim(User),
    /// Somebody else may use it.
    AddUser(User),
    /// A user goes, with all logins and tokens.
    RemoveUser(UserName),
    /// A user may do more or less than before.
    SetRole(UserName, Role),
    /// A user has another password. All logins end but the one that is named.
    SetPassword {
        /// Whose.
        user: UserName,
        /// The new one, as a PHC string.
        password: Box<str>,
        /// The login in which it was changed.
        keep: Option<SecretHash>,
    },
    /// A user logged in.
    LogIn(Login),
    /// A user logged out.
    LogOut(Login),
    /// A program is given a token; the store numbers it.
    AddToken(Token),
    /// A token is not taken any more.
    RevokeToken(Token),
    /// A backup was sent to the hub and was found whole: nothing changes, but it is kept in the audit.
    Upload {
        /// What it is called here.
        name: Box<str>,
    },
    /// A backup is fetched from the hub, with all that the hub knows: nothing changes, but it is kept in the audit.
    Download {
        /// What it is called here.
        name: Box<str>,
    },
    /// Something was refused: nothing changes, but it is kept in the audit.
    Refuse {
        /// What was asked, such as `log in as ada`.
        what: Box<str>,
    },
}

/// Who asks for a change, when and why.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// When.
    pub at: UnixMillis,
    /// Who, and from where if that is known.
    pub who: &'a str,
    /// Why; may be empty.
    pub why: &'a str,
}

/// The use of a login or a token, which is noted and no change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Used {
    /// A login.
    Login(SecretHash),
    /// A token.
    Token(SecretHash),
}

/// Keeps users, logins and tokens. Any number of threads may ask at once.
pub trait People: Send + Sync {
    /// Everybody, by name. There is nobody until the hub has been claimed.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    fn users(&self) -> Result<Vec<User>, StoreError>;

    /// The login with this key, and what its user may do.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    fn login(&self, key: SecretHash) -> Result<Option<(Login, Role)>, StoreError>;

    /// Whether this user has logged in from this address in the last 30 days and not logged out.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    fn has_logged_in_from(&self, user: &UserName, address: IpAddr) -> Result<bool, StoreError>;

    /// The token with this key, and what its user may do.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    fn token(&self, key: SecretHash) -> Result<Option<(Token, Role)>, StoreError>;

    /// All tokens, by number.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    fn tokens(&self) -> Result<Vec<Token>, StoreError>;

    /// Makes a change, with its record in the audit, in one transaction that no other change can come between.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing has changed then.
    fn change(&self, change: &Change, by: By<'_>) -> Result<(), ChangeError>;

    /// Notes when a login or a token was used.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be kept.
    fn note_use(&self, used: Used, at: UnixMillis) -> Result<(), StoreError>;
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChangeError {
    /// The rules do not allow it.
    #[error(transparent)]
    Refused(#[from] PeopleError),
    /// It could not be kept.
    #[error(transparent)]
    NotStored(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;

    fn login() -> Login {
        Login {
            key: SecretHash([1; 32]),
            user: UserName::new("ada").unwrap(),
            address: Ipv4Addr::LOCALHOST.into(),
            began: UnixMillis(0),
            used: UnixMillis(0),
        }
    }

    #[test]
    fn a_login_ends_after_twelve_idle_hours_and_after_thirty_days_of_use() {
        let mut login = login();
        assert!(login.is_valid(UnixMillis(LOGIN_IDLE - 1)) && !login.is_valid(UnixMillis(LOGIN_IDLE)));
        login.used = UnixMillis(LOGIN_AT_MOST - 1);
        assert!(login.is_valid(UnixMillis(LOGIN_AT_MOST - 1)) && !login.is_valid(UnixMillis(LOGIN_AT_MOST)));
    }

    #[test]
    fn a_use_is_noted_once_in_five_minutes() {
        let login = login();
        assert!(!login.is_use_to_note(UnixMillis(USE_NOTED_EVERY - 1)));
        assert!(login.is_use_to_note(UnixMillis(USE_NOTED_EVERY)));
    }
}
