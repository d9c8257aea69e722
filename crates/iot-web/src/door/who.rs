//! [`Who`]: in whose name a request is made. A login comes in a cookie, a token in `Authorization`.

use std::net::IpAddr;

use http::{HeaderMap, header};
use iot_core::{
    IotError, UnixMillis,
    people::{Login, People, Role, Token, Used, UserName},
    store::StoreError,
};

use super::{Door, secret};
use crate::error::WebError;

/// Somebody whom the hub knows.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// Their name.
    pub(crate) user: UserName,
    /// What they may do with what they came with.
    pub(crate) role: Role,
    /// What they came with.
    pub(crate) with: With,
}

/// What somebody came with.
#[derive(Clone, Debug)]
pub(crate) enum With {
    /// The cookie of a login.
    Login(Login),
    /// A token.
    Token(Token),
}

impl Who {
    /// How the audit and the ledger name them.
    pub(crate) fn author(&self) -> String {
        match &self.with {
            With::Login(_) => self.user.to_string(),
            With::Token(token) => format!("{} (token {})", self.user, token.label),
        }
    }

    /// Whether what they came with still counts.
    fn is_valid(&self, now: UnixMillis) -> bool {
        match &self.with {
            With::Login(login) => login.is_valid(now),
            With::Token(token) => token.is_valid(now),
        }
    }

    /// Whether a use of it now is to be noted.
    fn is_use_to_note(&self, now: UnixMillis) -> bool {
        match &self.with {
            With::Login(login) => login.is_use_to_note(now),
            With::Token(token) => token.is_use_to_note(now),
        }
    }

    /// The login, where they came with one.
    pub(crate) fn login(&self) -> Option<&Login> {
        match &self.with {
            With::Login(login) => Some(login),
            With::Token(_) => None,
        }
    }
}

/// Longest secret that is looked at, in bytes; those that the hub makes are shorter.
const LONGEST: usize = 100;

impl Door {
    /// In whose name a request with these headers is made; `None` where it has neither cookie nor token, or one of
    /// a login that has ended.
    ///
    /// # Errors
    /// [`WebError::BadToken`]; whoever shows a token means it. As the store's where it cannot be read.
    pub(crate) async fn who(&self, headers: &HeaderMap, now: UnixMillis) -> Result<Option<Who>, WebError> {
        if let Some(given) = headers.get(header::AUTHORIZATION) {
            let token = given.to_str().ok().and_then(|given| given.split_once(' '));
            let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            let Some((_, token)) = token.filter(|(_, token)| token.len() <= LONGEST) else {
                return Err(WebError::BadToken);
            };
            return self.with_token(token.trim(), now).await.map(Some);
        }
        match self.cookie.read(headers).filter(|secret| !secret.is_empty() && secret.len() <= LONGEST) {
            Some(secret) => self.with_login(secret, now).await,
            None => Ok(None),
        }
    }

    async fn with_login(&self, secret: &str, now: UnixMillis) -> Result<Option<Who>, WebError> {
        self.find(Used::Login(secret::hash(secret)), now).await
    }

    async fn with_token(&self, text: &str, now: UnixMillis) -> Result<Who, WebError> {
        self.find(Used::Token(secret::hash(text)), now).await?.ok_or(WebError::BadToken)
    }

    /// Whether somebody may still do what they began: their login or token has not ended since.
    pub(crate) async fn still(&self, who: &Who, now: UnixMillis) -> bool {
        let key = match &who.with {
            With::Login(login) => Used::Login(login.key),
            With::Token(token) => Used::Token(token.key),
        };
        matches!(self.find(key, now).await, Ok(Some(_)))
    }

    /// Whose login or token this is, and notes that it was used. Where the store does not tell, who was let in lately is
    /// known without it.
    async fn find(&self, key: Used, now: UnixMillis) -> Result<Option<Who>, WebError> {
        let changes = self.lately().changes();
        let found = match self.ask(move |people| read(people, key)).await {
            Ok(found) => {
                self.lately().told(key, found.as_ref(), changes);
                let found = found.filter(|who| who.is_valid(now));
                if found.as_ref().is_some_and(|who| who.is_use_to_note(now)) {
                    self.note_use(key, now);
                }
                found
            }
            Err(error @ IotError::NotStored { .. }) => {
                let known = self.lately().known(key);
                Some(known.ok_or(error)?).filter(|who| who.is_valid(now))
            }
            Err(error) => return Err(error.into()),
        };
        Ok(found)
    }

    /// Notes a use as well as it can be: nobody waits for that, and where the disk is full people still have to see
    /// that it is.
    fn note_use(&self, key: Used, now: UnixMillis) {
        let people = self.people.clone();
        tokio::spawn(async move {
            if let Ok(Err(error)) = people.ask(move |people| people.note_use(key, now)).await {
                tracing::debug!(%error, "a use could not be noted");
            }
        });
    }
}

/// Whose login or token this is.
fn read(people: &dyn People, key: Used) -> Result<Option<Who>, StoreError> {
    Ok(match key {
        Used::Login(key) => people.login(key)?.map(|(login, role)| Who {
            user: login.user.clone(),
            role,
            with: With::Login(login),
        }),
        Used::Token(key) => people.token(key)?.map(|(token, most)| Who {
            user: token.user.clone(),
            role: token.role.min(most),
            with: With::Token(token),
        }),
    })
}

/// Whether whoever asks sits at the hub's own machine. What a proxy passed on does not, whatever its address.
pub(crate) fn is_at_this_machine(peer: Option<IpAddr>, headers: &HeaderMap) -> bool {
    let is_passed_on = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host: Option<http::uri::Authority> = host.parse().ok();
    let host = host.as_ref().map(|host| host.host().trim_start_matches('[').trim_end_matches(']'));
    let is_own = host.is_some_and(|host| {
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|host: IpAddr| host.is_loopback())
    });
    peer.is_some_and(|peer| peer.to_canonical().is_loopback())
        && is_own
        && !is_passed_on.iter().any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_straight_from_this_machine_counts_as_such() {
        let local = Some(IpAddr::from([127, 0, 0, 1]));
        let far = Some(IpAddr::from([10, 0, 0, 5]));
        let headers = |pairs: &[(&'static str, &str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
        };
        for (peer, given, expected) in [
            (local, headers(&[("host", "127.0.0.1:8080")]), true),
            (local, headers(&[("host", "localhost")]), true),
            (local, headers(&[("host", "[::1]:80")]), true),
            (far, headers(&[("host", "localhost")]), false),
            (None, headers(&[("host", "localhost")]), false),
            (local, headers(&[("host", "hub.example")]), false),
            (local, headers(&[("host", "localhost"), ("x-forwarded-for", "10.0.0.5")]), false),
            (local, headers(&[("host", "localhost"), ("forwarded", "for=10.0.0.5")]), false),
            (local, headers(&[]), false),
        ] {
            assert_eq!(is_at_this_machine(peer, &given), expected, "{peer:?} {given:?}");
        }
    }
}
