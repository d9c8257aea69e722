//! [`decide`]: which changes of people are allowed, and what the audit says of them.

use alloc::{boxed::Box, format, string::String};

use thiserror::Error;

use super::{By, Change, Login, Role, Token, User, UserName};
use crate::audit::{AuditRecord, Deed, Target};

/// Most users: a hub is for one site.
pub const MAX_USERS: usize = 100;

/// Most tokens of one user.
pub const MAX_TOKENS: usize = 32;

/// Most logins of one user; of more the one that was used least lately goes.
pub const MAX_LOGINS: usize = 32;

/// How long a token may live, in milliseconds: ten years.
const LONGEST_TOKEN: i64 = 3_653 * 86_400_000;

/// Most bytes of what was refused, and why, in the audit.
const WORDS: usize = 240;

/// What is known inside the transaction that a change is made in.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// All users.
    pub users: &'a [User],
    /// All tokens.
    pub tokens: &'a [Token],
}

impl Known<'_> {
    fn user(&self, name: &UserName) -> Result<&User, PeopleError> {
        let found = self.users.iter().find(|user| user.name == *name);
        found.ok_or_else(|| PeopleError::UnknownUser { name: name.clone() })
    }

    /// Somebody must be left who may say who may use the hub.
    fn leaves_an_admin(&self, without: &UserName) -> Result<(), PeopleError> {
        let mut others = self.users.iter().filter(|user| user.name != *without);
        if others.any(|user| user.role == Role::Admin) {
            Ok(())
        } else {
            Err(PeopleError::LastAdmin { name: without.clone() })
        }
    }

    fn has_room_for(&self, user: &User) -> Result<(), PeopleError> {
        if self.users.iter().any(|known| known.name == user.name) {
            return Err(PeopleError::NameTaken { name: user.name.clone() });
        }
        if self.users.is_empty() && user.role != Role::Admin {
            return Err(PeopleError::FirstIsAdmin);
        }
        if self.users.len() >= MAX_USERS {
            return Err(PeopleError::TooMany { what: "users", limit: MAX_USERS });
        }
        Ok(())
    }

    fn may_have(&self, token: &Token) -> Result<(), PeopleError> {
        let user = self.user(&token.user)?;
        if token.role > user.role {
            return Err(PeopleError::Scope { asked: token.role, most: user.role });
        }
        let life = token.until.0.saturating_sub(token.made.0);
        if !(1..=LONGEST_TOKEN).contains(&life) {
            return Err(PeopleError::Lifetime { days: LONGEST_TOKEN / 86_400_000 });
        }
        let own = self.tokens.iter().filter(|known| known.user == token.user);
        if own.filter(|known| known.is_valid(token.made)).count() >= MAX_TOKENS {
            return Err(PeopleError::TooMany { what: "tokens of one user", limit: MAX_TOKENS });
        }
        Ok(())
    }
}

/// Why a change of people is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PeopleError {
    /// The hub has an owner already.
    #[error("this hub has been claimed already")]
    Claimed,
    /// The claim needs another code, or none.
    #[error("this is not the code that the hub wrote into its log")]
    WrongCode,
    /// The claim needs the code.
    #[error("the code is missing that the hub wrote into its log when it started")]
    CodeMissing,
    /// The first user has to be an admin.
    #[error("the first user of a hub is an admin")]
    FirstIsAdmin,
    /// Two users of one name.
    #[error("a user is called {name} already")]
    NameTaken {
        /// The name.
        name: UserName,
    },
    /// Nobody is called so.
    #[error("no user is called {name}")]
    UnknownUser {
        /// The name.
        name: UserName,
    },
    /// A hub without an admin could never have one again.
    #[error("{name} is the last admin")]
    LastAdmin {
        /// Who that is.
        name: UserName,
    },
    /// More than are kept.
    #[error("there are {limit} {what}, and no more are kept")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are kept.
        limit: usize,
    },
    /// What cannot be a name.
    #[error(
        "a name has 1 to {} lower-case letters, digits, dots, dashes and underscores, the first a letter",
        UserName::MAX
    )]
    Name,
    /// What cannot be a role.
    #[error("a role is viewer, operator or admin")]
    Role,
    /// What cannot be a password.
    #[error("the password is not taken: {why}")]
    Password {
        /// Why.
        why: Box<str>,
    },
    /// What cannot be a passphrase.
    #[error("the passphrase is not taken: {why}")]
    Passphrase {
        /// Why.
        why: Box<str>,
    },
    /// The name or the password is not right; which of them is not told.
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// Too many tries have failed.
    #[error("too many tries have failed: try again in {seconds} s")]
    Wait {
        /// In how many seconds the next try is looked at.
        seconds: u64,
    },
    /// What cannot be the label of a token.
    #[error("the label of a token has 1 to 64 bytes without control characters, not {bytes}")]
    Label {
        /// How many it has.
        bytes: usize,
    },
    /// A token for more than its user may do.
    #[error("a token for {asked} is more than its user may do, who is {most}")]
    Scope {
        /// What was asked.
        asked: Role,
        /// What the user may do.
        most: Role,
    },
    /// A token that would have ended, or would hardly ever end.
    #[error("a token lives for 1 to {days} days")]
    Lifetime {
        /// Most days.
        days: i64,
    },
    /// No such token.
    #[error("there is no token {number}")]
    UnknownToken {
        /// Its number.
        number: u64,
    },
}

/// Whether a change is allowed as things are, and what is kept of it in the audit.
///
/// # Errors
/// [`PeopleError`].
pub fn decide(change: &Change, known: Known<'_>, by: By<'_>) -> Result<AuditRecord, PeopleError> {
    let named = |name: &UserName| Target { title: name.as_str().into(), ..Target::default() };
    let (deed, target, before, after) = match change {
        Change::Claim(user) => {
            if !known.users.is_empty() {
                return Err(PeopleError::Claimed);
            }
            known.has_room_for(user)?;
            (Deed::Claim, named(&user.name), String::new(), format!("{}", user.role))
        }
        Change::AddUser(user) => {
            known.has_room_for(user)?;
            (Deed::AddUser, named(&user.name), String::new(), format!("{}", user.role))
        }
        Change::RemoveUser(name) => {
            let user = known.user(name)?;
            known.leaves_an_admin(name)?;
            (Deed::RemoveUser, named(name), format!("{}", user.role), String::new())
        }
        Change::SetRole(name, role) => {
            let user = known.user(name)?;
            if *role != Role::Admin {
                known.leaves_an_admin(name)?;
            }
            (Deed::SetRole, named(name), format!("{}", user.role), format!("{role}"))
        }
        Change::SetPassword { user, .. } => {
            known.user(user)?;
            (Deed::SetPassword, named(user), String::new(), String::new())
        }
        Change::LogIn(Login { user, address, .. }) => {
            known.user(user)?;
            (Deed::LogIn, named(user), String::new(), format!("from {address}"))
        }
        Change::LogOut(Login { user, .. }) => (Deed::LogOut, named(user), String::new(), String::new()),
        Change::AddToken(token) => {
            known.may_have(token)?;
            (Deed::AddToken, named(&token.user), String::new(), format!("{}: {}", token.label, token.role))
        }
        Change::RevokeToken(token) => {
            if !known.tokens.iter().any(|kept| kept.number == token.number) {
                return Err(PeopleError::UnknownToken { number: token.number });
            }
            (Deed::RevokeToken, named(&token.user), format!("{}: {}", token.label, token.role), String::new())
        }
        Change::Upload { name } => {
            (Deed::Upload, Target::default(), String::new(), format!("the backup {}", clipped(name)))
        }
        Change::Download { name } => {
            (Deed::Download, Target::default(), String::new(), format!("the backup {}", clipped(name)))
        }
        Change::Refuse { what } => (Deed::Refuse, Target::default(), String::new(), clipped(what)),
    };
    let (before, after) = (before.into(), after.into());
    let (who, why) = (clipped(by.who).into(), clipped(by.why).into());
    Ok(AuditRecord { at: by.at, by: who, deed, target, before, after, why })
}

/// As much of a text as is kept, without control characters: some of it was written by strangers.
fn clipped(text: &str) -> String {
    let mut kept = String::new();
    for character in text.chars().filter(|character| !character.is_control()) {
        if kept.len() + character.len_utf8() > WORDS {
            break;
        }
        kept.push(character);
    }
    kept
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::{
        UnixMillis,
        people::{SecretHash, TokenLabel},
    };

    fn name(text: &str) -> UserName {
        UserName::new(text).unwrap()
    }

    fn user(text: &str, role: Role) -> User {
        User { name: name(text), role, password: "$argon2id$".into(), since: UnixMillis(1) }
    }

    fn token(role: Role, days: i64) -> Token {
        Token {
            number: 1,
            key: SecretHash([0; 32]),
            user: name("bea"),
            label: TokenLabel::new("backup").unwrap(),
            role,
            made: UnixMillis(0),
            until: UnixMillis(days * 86_400_000),
            used: None,
        }
    }

    fn decided(change: &Change, users: &[User]) -> Result<AuditRecord, PeopleError> {
        let by = By { at: UnixMillis(7), who: "ada", why: "" };
        decide(change, Known { users, tokens: &[] }, by)
    }

    #[test]
    fn a_hub_is_claimed_once_and_by_an_admin() {
        assert_eq!(decided(&Change::Claim(user("ada", Role::Admin)), &[]).unwrap().deed, Deed::Claim);
        let refused = decided(&Change::Claim(user("ada", Role::Operator)), &[]);
        assert_eq!(refused, Err(PeopleError::FirstIsAdmin));
        let refused = decided(&Change::Claim(user("eve", Role::Admin)), &[user("ada", Role::Admin)]);
        assert_eq!(refused, Err(PeopleError::Claimed));
    }

    #[test]
    fn the_last_admin_stays_one() {
        let mut users = vec![user("ada", Role::Admin), user("bea", Role::Operator)];
        let last = Err(PeopleError::LastAdmin { name: name("ada") });
        assert_eq!(decided(&Change::RemoveUser(name("ada")), &users), last);
        assert_eq!(decided(&Change::SetRole(name("ada"), Role::Viewer), &users), last);
        decided(&Change::SetRole(name("ada"), Role::Admin), &users).unwrap();
        users.push(user("cleo", Role::Admin));
        decided(&Change::RemoveUser(name("ada")), &users).unwrap();
    }

    #[test]
    fn a_token_may_no_more_than_its_user_and_ends() {
        let users = [user("ada", Role::Admin), user("bea", Role::Operator)];
        decided(&Change::AddToken(token(Role::Operator, 90)), &users).unwrap();
        let refused = decided(&Change::AddToken(token(Role::Admin, 90)), &users);
        assert_eq!(refused, Err(PeopleError::Scope { asked: Role::Admin, most: Role::Operator }));
        for days in [0, 4_000] {
            let refused = decided(&Change::AddToken(token(Role::Viewer, days)), &users);
            assert!(matches!(refused, Err(PeopleError::Lifetime { .. })), "{days}");
        }
        let tokens: Vec<_> = (0..MAX_TOKENS).map(|_| token(Role::Viewer, 90)).collect();
        let by = By { at: UnixMillis(7), who: "bea", why: "" };
        let known = Known { users: &users, tokens: &tokens };
        let refused = decide(&Change::AddToken(token(Role::Viewer, 90)), known, by);
        assert!(matches!(refused, Err(PeopleError::TooMany { .. })));
    }

    #[test]
    fn nobody_comes_twice_and_nobody_unknown_is_changed() {
        let users = [user("ada", Role::Admin)];
        let taken = decided(&Change::AddUser(user("ada", Role::Viewer)), &users);
        assert_eq!(taken, Err(PeopleError::NameTaken { name: name("ada") }));
        let unknown = Err(PeopleError::UnknownUser { name: name("eve") });
        assert_eq!(decided(&Change::SetRole(name("eve"), Role::Viewer), &users), unknown);
        assert_eq!(decided(&Change::RemoveUser(name("eve")), &users), unknown);
        let many: Vec<_> = (0..MAX_USERS).map(|number| user(&format!("u{number}"), Role::Admin)).collect();
        let full = decided(&Change::AddUser(user("ada", Role::Viewer)), &many);
        assert!(matches!(full, Err(PeopleError::TooMany { .. })));
    }

    #[test]
    fn what_strangers_wrote_is_kept_short_and_without_control_characters() {
        let what = format!("log in as \n\u{1b}[31m{}", "é".repeat(500));
        let record = decided(&Change::Refuse { what: what.into() }, &[]).unwrap();
        assert!(record.after.starts_with("log in as [31mé") && record.after.len() <= WORDS);
    }
}
