//! What people, and those who pose as them, can fill: connections to the pages, passwords, users, tokens, logins,
//! tags, and the window in which nodes join.

use anyhow::{Context as _, Result};
use iot_core::{
    UnixMillis,
    people::{By, Change, Login, People, Role, SecretHash, Token, TokenLabel, User, UserName},
};
use iot_node::{
    join::{Join, Randomness},
    noise::KeyPair,
    runner::random,
};
use iot_store::SqlitePeople;
use serde_json::json;

use super::{
    Siege, Sizes,
    case::{Case, default_of},
    crowd::{Crowd, SILENTLY, held_on},
    strangers::{BEYOND, until_full},
};
use crate::people::OWNER;

/// When all that is put into the store was made: a time at which everything of it is valid.
const DAY: i64 = 86_400_000;

impl Siege<'_> {
    /// Fills all that people can fill, and gives what was filled.
    pub(super) fn people(&mut self) -> Result<Vec<Case>> {
        let mut cases = self.page_connections()?;
        cases.push(self.passwords()?);
        cases.push(self.body()?);
        cases.push(self.tags()?);
        cases.extend(self.joining()?);
        Ok(cases)
    }

    /// Connections to the pages: those of one address, and all of them, of which the oldest makes room.
    fn page_connections(&mut self) -> Result<Vec<Case>> {
        let (pages, each) = (self.site.hub.api.address(), self.sizes.pages_per_address);
        let mut crowd = Crowd::new(pages);
        let from = self.address();
        crowd.come_all(from, each)?;
        let beyond = crowd.come(from)?;
        crowd.settle(|crowd| crowd.refused() > 0);
        let told = crowd.peers().nth(beyond).and_then(|peer| peer.told.words()).unwrap_or("nothing");
        let told = (told.to_owned(), "503 Service Unavailable");
        let what = "connections of one address to the pages";
        let mut cases = vec![Case::counted(what, Sizes::count(each), crowd.held(), told)];
        let (mut most, mut left) = (0, self.sizes.pages);
        while left > 0 {
            let here = left.min(each);
            crowd.come_all(self.address(), here)?;
            crowd.listen();
            most = most.max(held_on(pages.port(), None)?);
            left -= here;
        }
        crowd.settle(|crowd| crowd.peers().next().is_some_and(|first| first.told.words().is_some()));
        // Whoever opens pages meanwhile takes a place and gives it back.
        for _ in 0..BEYOND {
            crowd.come(self.address())?;
            until_full(self.sizes.pages, || held_on(pages.port(), None));
            crowd.listen();
            most = most.max(held_on(pages.port(), None)?);
        }
        // One more is accepted before the oldest goes.
        let most = if most == self.sizes.pages + 1 { self.sizes.pages } else { most };
        let told = crowd.peers().next().and_then(|first| first.told.words()).unwrap_or("nothing");
        let limit = Sizes::count(self.sizes.pages);
        cases.push(Case::counted("connections to the pages", limit, most, (told.to_owned(), SILENTLY)));
        Ok(cases)
    }

    /// Wrong passwords from one address, until it has to wait.
    fn passwords(&mut self) -> Result<Case> {
        let (from, limit) = (self.address(), default_of("wrong passwords in a row"));
        let mut crowd = Crowd::new(self.site.hub.api.address());
        let body = "name=ada&password=not%20this%20one";
        let (base, host, len) = (self.site.hub.api.base(), self.site.hub.api.address(), body.len());
        let request = format!(
            "POST /login HTTP/1.1\r\nhost: {host}\r\norigin: {base}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {len}\r\n\r\n{body}"
        );
        for tries in 1..=limit + 1 {
            let place = crowd.come(from)?;
            crowd.say(place, request.as_bytes());
            crowd.settle(|crowd| crowd.refused() == usize::try_from(tries).unwrap_or(usize::MAX));
        }
        let wrong = crowd.peers().filter(|peer| {
            let words = peer.told.words().unwrap_or_default();
            !words.contains("retry-after") && words.starts_with("HTTP/1.1 4")
        });
        let wrong = wrong.count();
        // The owner, at the hub's own machine, gets in all the same.
        if let Err(error) = self.site.hub.api.apart().logged_in(OWNER) {
            self.faults.push(format!("the owner was locked out: {error:#}"));
        }
        Ok(Case::counted("wrong passwords in a row", limit, wrong, (crowd.last_words(), "retry-after")))
    }

    /// The longest body, and one that is a byte longer.
    fn body(&self) -> Result<Case> {
        let limit = default_of("bytes of the body of a request");
        let (mut most, mut told) = (0, String::new());
        for len in [limit, limit + 1] {
            let text = "x".repeat(usize::try_from(len)? - 2);
            let (status, answer) = self.site.hub.api.post("/joining/open", &json!(text))?;
            if status == 413 {
                told = answer.to_string();
            } else {
                most = usize::try_from(len)?;
            }
        }
        let told = (told, "the body is longer than 65536 bytes");
        Ok(Case::counted("bytes of the body of a request", limit, most, told))
    }

    /// Users, tokens and logins: all but the last are put into the store, as if they had been made before.
    pub(super) fn in_the_store(&self) -> Result<Vec<Case>> {
        let people = SqlitePeople::open(&self.site.data_dir().join("hub.db"))?;
        let now = UnixMillis(i64::try_from(
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis(),
        )?);
        let put = |change: &Change| people.change(change, By { at: now, who: "the proof", why: "" });
        let owner = UserName::new(OWNER.0)?;
        let ada = self.site.hub.api.apart().logged_in(OWNER)?;
        let users = default_of("users");
        for number in people.users()?.len()..usize::try_from(users)? {
            let (name, password) = (UserName::new(&format!("u{number}"))?, "$argon2id$".into());
            put(&Change::AddUser(User { name, role: Role::Viewer, password, since: now }))?;
        }
        let (_, told) =
            ada.submit("/people", &[("name", "eve"), ("role", "viewer"), ("password", "correct horse")])?;
        let mut cases = vec![Case::counted(
            "users",
            users,
            people.users()?.len(),
            (within(&told, "users"), "here are 100 users"),
        )];
        let tokens = default_of("tokens of one user");
        let own = || -> Result<usize> {
            Ok(people.tokens()?.into_iter().filter(|token| token.user == owner).count())
        };
        for number in own()?..usize::try_from(tokens)? {
            let key = key(b't', number)?;
            let (label, until) = (TokenLabel::new(&format!("t{number}"))?, UnixMillis(now.0 + DAY));
            let (user, made) = (owner.clone(), now);
            let token = Token { number: 0, key, user, label, role: Role::Viewer, made, until, used: None };
            put(&Change::AddToken(token))?;
        }
        let (_, told) =
            ada.submit("/account/tokens", &[("label", "more"), ("role", "viewer"), ("days", "1")])?;
        let told = (within(&told, "tokens"), "here are 32 tokens of one user");
        cases.push(Case::counted("tokens of one user", tokens, own()?, told));
        cases.push(logins(&people, &owner, now)?);
        Ok(cases)
    }

    /// Tags of one node.
    fn tags(&self) -> Result<Case> {
        let limit = default_of("tags of one node");
        let (mut most, mut told) = (0, String::new());
        for count in [limit, limit + 1] {
            let tags: Vec<_> = (0..count).map(|number| format!("t{number}")).collect();
            let (status, answer) =
                self.site.hub.api.post("/nodes/plain:resident/tags", &json!({ "tags": tags }))?;
            if status == 200 {
                most = usize::try_from(count)?;
            } else {
                told = answer.to_string();
            }
        }
        let told = (told, "tags of one node would exceed the limit of 16");
        Ok(Case::counted("tags of one node", limit, most, told))
    }

    /// Secrets of the window, and nodes that join with digits, each from an address of its own.
    fn joining(&mut self) -> Result<Vec<Case>> {
        let api = self.site.hub.api.clone();
        let limit = default_of("secrets of one window");
        let (mut most, mut told) = (0, String::new());
        for path in std::iter::once("/joining/open").chain((0..limit).map(|_| "/joining/secret")) {
            let (status, answer) = api.post(path, &json!({}))?;
            if status == 200 {
                most += 1;
            } else {
                told = answer.to_string();
            }
        }
        let told = (told, "secrets would exceed the limit of 16");
        let mut cases = vec![Case::counted("secrets of one window", limit, most, told)];
        let limit = default_of("nodes that join with digits at one time");
        let mut crowd = Crowd::new(self.site.hub.tcp);
        for _ in 0..=limit {
            let (ephemeral, nonce, answer) = (random()?, random()?, random()?);
            let own = KeyPair::from_secret(random()?);
            let join = Join::with_code(&own, Randomness { ephemeral, nonce, answer })?;
            let place = crowd.come(self.address())?;
            crowd.say(place, join.waiting());
            crowd.settle(|crowd| crowd.welcome() + crowd.refused() == place + 1);
        }
        let told = (crowd.last_words(), "refused with 2");
        cases.push(Case::counted("nodes that join with digits at one time", limit, crowd.welcome(), told));
        drop(crowd);
        api.post("/joining/close", &json!({}))?;
        Ok(cases)
    }
}

/// Logs in once more than is kept: the first login has ended.
fn logins(people: &SqlitePeople, owner: &UserName, now: UnixMillis) -> Result<Case> {
    let limit = default_of("logins of one user");
    let keys: Vec<_> =
        (0..=usize::try_from(limit)?).map(|number| key(b'l', number)).collect::<Result<_>>()?;
    for (at, key) in (0..).zip(&keys) {
        // Newer than any that the proof has from the page.
        let at = UnixMillis(now.0 + 60_000 + at);
        let address = std::net::Ipv4Addr::LOCALHOST.into();
        let login = Login { key: *key, user: owner.clone(), address, began: at, used: at };
        people.change(&Change::LogIn(login), By { at, who: "the proof", why: "" })?;
    }
    let mut lasting = Vec::new();
    for key in keys {
        lasting.push(people.login(key)?.is_some());
    }
    let first = lasting.first().context("there is a first login")?;
    let told = if *first { "the first is still there" } else { "the first has ended" };
    let most = lasting.iter().filter(|lasts| **lasts).count();
    Ok(Case::counted("logins of one user", limit, most, (told.into(), "the first has ended")))
}

/// The hash of a secret that nobody has.
fn key(sort: u8, number: usize) -> Result<SecretHash> {
    let mut bytes = [sort; 32];
    bytes[0] = u8::try_from(number)?;
    Ok(SecretHash(bytes))
}

/// The sentence of a page that speaks of this.
fn within(page: &str, word: &str) -> String {
    let mut sentences = page.split(['<', '>', '\n']).filter(|text| text.contains("here are"));
    sentences.find(|text| text.contains(word)).map_or(page, str::trim).to_owned()
}
