//! Users, logins and tokens of a [`MemoryStore`], under the same lock as all else that it keeps.

use std::{collections::BTreeMap, net::IpAddr};

use iot_core::{
    UnixMillis,
    people::{
        By, Change, ChangeError, Known, Login, MAX_LOGINS, People, Role, SecretHash, Token, Used, User,
        UserName, decide,
    },
    store::StoreError,
};

use super::MemoryStore;

/// Who may use the hub.
#[derive(Debug, Default)]
pub(super) struct Kept {
    users: BTreeMap<UserName, User>,
    logins: BTreeMap<SecretHash, Login>,
    tokens: BTreeMap<u64, Token>,
    /// The number that was given last.
    last: u64,
}

impl People for MemoryStore {
    fn users(&self) -> Result<Vec<User>, StoreError> {
        Ok(self.kept().people.users.values().cloned().collect())
    }

    fn login(&self, key: SecretHash) -> Result<Option<(Login, Role)>, StoreError> {
        let kept = self.kept();
        let login = kept.people.logins.get(&key).cloned();
        Ok(login
            .and_then(|login| Some((kept.people.users.get(&login.user)?.role, login)))
            .map(|(r, l)| (l, r)))
    }

    fn has_logged_in_from(&self, user: &UserName, address: IpAddr) -> Result<bool, StoreError> {
        let kept = self.kept();
        Ok(kept.people.logins.values().any(|login| login.user == *user && login.address == address))
    }

    fn token(&self, key: SecretHash) -> Result<Option<(Token, Role)>, StoreError> {
        let kept = self.kept();
        let token = kept.people.tokens.values().find(|token| token.key == key).cloned();
        Ok(token
            .and_then(|token| Some((kept.people.users.get(&token.user)?.role, token)))
            .map(|(r, t)| (t, r)))
    }

    fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        Ok(self.kept().people.tokens.values().cloned().collect())
    }

    fn change(&self, change: &Change, by: By<'_>) -> Result<(), ChangeError> {
        let limit = self.limits.audit;
        let mut kept = self.kept();
        let users: Vec<_> = kept.people.users.values().cloned().collect();
        let tokens: Vec<_> = kept.people.tokens.values().cloned().collect();
        let record = decide(change, Known { users: &users, tokens: &tokens }, by)?;
        kept.people.apply(change, by.at);
        kept.ledger.keep_change(&record, limit);
        Ok(())
    }

    fn note_use(&self, used: Used, at: UnixMillis) -> Result<(), StoreError> {
        let people = &mut self.kept().people;
        match used {
            Used::Login(key) => {
                if let Some(login) = people.logins.get_mut(&key) {
                    login.used = at;
                }
            }
            Used::Token(key) => {
                if let Some(token) = people.tokens.values_mut().find(|token| token.key == key) {
                    token.used = Some(at);
                }
            }
        }
        Ok(())
    }
}

impl Kept {
    /// Does what the rules have allowed.
    fn apply(&mut self, change: &Change, now: UnixMillis) {
        match change {
            Change::Claim(user) | Change::AddUser(user) => {
                self.users.insert(user.name.clone(), user.clone());
            }
            Change::RemoveUser(name) => {
                self.users.remove(name);
                self.logins.retain(|_, login| login.user != *name);
                self.tokens.retain(|_, token| token.user != *name);
            }
            Change::SetRole(name, role) => {
                if let Some(user) = self.users.get_mut(name) {
                    user.role = *role;
                }
            }
            Change::SetPassword { user: name, password, keep } => {
                if let Some(user) = self.users.get_mut(name) {
                    user.password.clone_from(password);
                }
                self.logins.retain(|key, login| login.user != *name || Some(*key) == *keep);
            }
            Change::LogIn(login) => {
                self.logins.retain(|_, kept| kept.user != login.user || kept.is_valid(now));
                let own = self.logins.values().filter(|kept| kept.user == login.user);
                let oldest = own.clone().min_by_key(|kept| kept.used).map(|kept| kept.key);
                if let Some(oldest) = oldest.filter(|_| own.count() >= MAX_LOGINS) {
                    self.logins.remove(&oldest);
                }
                self.logins.insert(login.key, login.clone());
            }
            Change::LogOut(login) => drop(self.logins.remove(&login.key)),
            Change::AddToken(token) => {
                self.tokens.retain(|_, kept| kept.is_valid(now));
                self.last += 1;
                self.tokens.insert(self.last, Token { number: self.last, ..token.clone() });
            }
            Change::RevokeToken(token) => drop(self.tokens.remove(&token.number)),
            Change::Upload { .. } | Change::Download { .. } | Change::Refuse { .. } => {}
        }
    }
}
