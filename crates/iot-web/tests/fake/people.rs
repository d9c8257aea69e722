//! Who may use the made-up hub: one user of each role, each with a login and a token.

use std::{collections::BTreeMap, net::IpAddr, sync::LazyLock, time::Duration};

use iot_core::{
    UnixMillis,
    people::{
        By, Change, ChangeError, Login, People as _, Role, SecretHash, Token, TokenLabel, Used, User,
        UserName,
    },
    store::StoreError,
};
use iot_store::MemoryStore;
use iot_web::{Secret, hash_password};
use tokio::{runtime::Handle, sync::watch, time::timeout};

use super::now;

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse";

/// Hashed once: it is made to be slow.
static HASHED: LazyLock<Box<str>> = LazyLock::new(|| hash_password(PASSWORD).expect("random numbers"));

/// The people, and what they hold.
#[derive(Clone, Debug)]
pub(crate) struct People {
    pub(crate) store: MemoryStore,
    /// Whether the disk hangs, as a test wants it: nothing that is asked of the store is answered meanwhile.
    pub(crate) disk_hangs: watch::Sender<bool>,
    /// What stands in the cookie of the user with each role, and their tokens.
    pub(crate) logins: BTreeMap<Role, String>,
    pub(crate) tokens: BTreeMap<Role, String>,
}

impl People {
    /// Nobody at all.
    pub(crate) fn nobody() -> Self {
        let (store, disk_hangs) = (MemoryStore::new(), watch::Sender::new(false));
        Self { store, disk_hangs, logins: BTreeMap::new(), tokens: BTreeMap::new() }
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

    /// The store, once it answers.
    fn answering(&self) -> &MemoryStore {
        let mut hangs = self.disk_hangs.subscribe();
        if *hangs.borrow_and_update() {
            // A test that has failed does not wait for ever.
            let answers = timeout(Duration::from_mins(1), hangs.wait_for(|hangs| !hangs));
            drop(Handle::current().block_on(answers));
        }
        &self.store
    }

    pub(crate) fn change(&self, change: &Change) {
        let by = By { at: now(), who: "the scene", why: "" };
        self.store.change(change, by).expect("the scene is allowed");
    }
}

/// What the server asks: as slow as the disk.
impl iot_core::people::People for People {
    fn users(&self) -> Result<Vec<User>, StoreError> {
        self.answering().users()
    }

    fn login(&self, key: SecretHash) -> Result<Option<(Login, Role)>, StoreError> {
        self.answering().login(key)
    }

    fn has_logged_in_from(&self, user: &UserName, address: IpAddr) -> Result<bool, StoreError> {
        self.answering().has_logged_in_from(user, address)
    }

    fn token(&self, key: SecretHash) -> Result<Option<(Token, Role)>, StoreError> {
        self.answering().token(key)
    }

    fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.answering().tokens()
    }

    fn change(&self, change: &Change, by: By<'_>) -> Result<(), ChangeError> {
        self.answering().change(change, by)
    }

    fn note_use(&self, used: Used, at: UnixMillis) -> Result<(), StoreError> {
        self.answering().note_use(used, at)
    }
}
