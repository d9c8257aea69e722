//! Who may use the made-up hub: one user of each role, each with a login and a token.

use std::{collections::BTreeMap, net::IpAddr, sync::LazyLock};

use iot_core::{
    UnixMillis,
    people::{By, Change, Login, People as _, Role, Token, TokenLabel, User, UserName},
};
use iot_store::MemoryStore;
use iot_web::{Secret, hash_password};

use super::now;

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse";

/// Hashed once: it is made to be slow.
static HASHED: LazyLock<Box<str>> = LazyLock::new(|| hash_password(PASSWORD).expect("random numbers"));

/// The people, and what they hold.
#[derive(Clone, Debug)]
pub(crate) struct People {
    pub(crate) store: MemoryStore,
    /// What stands in the cookie of the user with each role, and their tokens.
    pub(crate) logins: BTreeMap<Role, String>,
    pub(crate) tokens: BTreeMap<Role, String>,
}

impl People {
    /// Nobody at all.
    pub(crate) fn nobody() -> Self {
        Self { store: MemoryStore::new(), logins: BTreeMap::new(), tokens: BTreeMap::new() }
    }

    /// Ada is admin, Olga operator, Vera viewer.
    pub(crate) fn with_everybody() -> Self {
        let mut people = Self::nobody();
        for (name, role) in [("ada", Role::Admin), ("olga", Role::Operator), ("vera", Role::Viewer)] {
            let user = UserName::new(name).expect("a name");
            people.change(&Change::AddUser(User {
                name: user.clone(),
                role,
                password: HASHED.clone(),
                since: UnixMillis(now().0 - 86_400_000),
            }));
            let secret = Secret::for_login().expect("random numbers");
            let (address, at) = (IpAddr::from([10, 0, 0, 5]), now());
            people.change(&Change::LogIn(Login {
                key: secret.hash,
                user: user.clone(),
                address,
                began: at,
                used: at,
            }));
            people.logins.insert(role, secret.text);
            let secret = Secret::for_token().expect("random numbers");
            people.change(&Change::AddToken(Token {
                number: 0,
                key: secret.hash,
                user,
                label: TokenLabel::new("backup").expect("a label"),
                role,
                made: at,
                until: UnixMillis(at.0 + 86_400_000),
                used: None,
            }));
            people.tokens.insert(role, secret.text);
        }
        people
    }

    pub(crate) fn change(&self, change: &Change) {
        let by = By { at: now(), who: "the scene", why: "" };
        self.store.change(change, by).expect("the scene is allowed");
    }
}
