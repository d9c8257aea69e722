//! What people and programs do with secrets at a hub: claim, log in, change passwords, show tokens, rightly and wrongly.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use iot_net::wall_clock;
use iot_web::routes;
use serde_json::{Value, json};

use super::{
    asked::{Asked, digits_after},
    book::Book,
};
use crate::{hub::HubProcess, people::command, prove::chance::Chance, wait::until};

/// How long a backup of a small store may take.
const SOON: Duration = Duration::from_secs(30);

/// Users that are added on the page, and at the command line.
const BY_PAGE: usize = 9;
const BY_COMMAND: usize = 3;

/// How every token begins.
const TOKEN: &str = "iothub_";

/// Everybody who knows a secret of one hub.
#[derive(Debug)]
pub(super) struct Deeds<'a> {
    pub(super) asked: &'a mut Asked,
    pub(super) book: &'a mut Book,
    pub(super) chance: Chance,
    /// The line of a head with the owner's cookie, and the one with an admin's token.
    pub(super) cookie: String,
    pub(super) bearer: String,
}

impl Deeds<'_> {
    /// A new password. It has characters that pages, addresses and JSON write in another way, and a part that has none.
    pub(super) fn password(&mut self, what: &str) -> String {
        let part = self.digits(20);
        let text = format!("Ab \"&ü</+ {part}");
        self.book.note(what, &text, &part);
        text
    }

    fn digits(&mut self, many: usize) -> String {
        let drawn = (0..many).map(|_| u32::try_from(self.chance.below(16)).unwrap_or(0));
        drawn.filter_map(|digit| char::from_digit(digit, 16)).collect()
    }

    /// Claims the hub with the code of its log, and tries the code once more.
    ///
    /// # Errors
    /// When the claim is refused, or the code is worth something afterwards.
    pub(super) fn claim(&mut self, code: &str) -> Result<()> {
        self.book.note("the claim code", code, code);
        let password = self.password("the owner's password");
        let mut fields = [("code", code), ("name", "owner"), ("password", password.as_str())];
        let answer = self.asked.done("/claim", "", &fields)?;
        self.cookie = self.cookie_of(&answer, "the owner's cookie")?;
        fields[1].1 = "thief";
        let again = self.asked.form("/claim", "", &fields)?;
        ensure!(!again.contains("et-cookie: iot-hub"), "the code of a claimed hub is worth something");
        Ok(())
    }

    /// The line of a head with the cookie that an answer hands out.
    fn cookie_of(&mut self, answer: &str, what: &str) -> Result<String> {
        let (_, rest) = answer.split_once("set-cookie: ").context("a cookie is handed out")?;
        let name = rest.split('=').next().unwrap_or_default();
        let digits = digits_after(answer, &format!("{name}="))?;
        self.book.note(what, &digits, &digits);
        self.asked.shown_once(&digits);
        Ok(format!("Cookie: {name}={digits}\r\n"))
    }

    /// Adds users in both ways; each logs in, makes a token and gets another password.
    ///
    /// # Errors
    /// When anything of it is refused.
    pub(super) fn users(&mut self, data_dir: &Path) -> Result<()> {
        for number in 0..BY_PAGE + BY_COMMAND {
            let name = format!("user-{number}");
            let role = if number == 0 { "admin" } else { "operator" };
            let password = self.password(&format!("the password of {name}"));
            let owner = self.cookie.clone();
            if number < BY_PAGE {
                let fields = [("name", name.as_str()), ("role", role), ("password", &password)];
                self.asked.done("/people", &owner, &fields)?;
            } else {
                command(data_dir, &["user", "add", &name, "--role", role], &password)?;
                let create = ["token", "create", &name, "--label", "script", "--role", role];
                let token = command(data_dir, &create, "")?;
                self.token(token.trim().strip_prefix(TOKEN).context("a token")?, &name);
            }
            let answer = self.asked.done("/login", "", &[("name", &name), ("password", &password)])?;
            let own = self.cookie_of(&answer, &format!("the cookie of {name}"))?;
            let fields = [("label", "script"), ("role", role), ("days", "30")];
            let page = self.asked.done("/account/tokens", &own, &fields)?;
            let digits = digits_after(&page, TOKEN)?;
            self.asked.shown_once(&digits);
            let token = self.token(&digits, &name);
            if number == 0 {
                self.bearer = format!("Authorization: Bearer {token}\r\n");
            }
            let new = self.password(&format!("the second password of {name}"));
            if number % 2 == 0 {
                let fields = [("old", password.as_str()), ("password", &new)];
                self.asked.done("/account/password", &own, &fields)?;
            } else {
                let path = format!("/people/{name}/password");
                self.asked.done(&path, &owner, &[("password", &new)])?;
            }
        }
        Ok(())
    }

    fn token(&mut self, digits: &str, name: &str) -> String {
        let token = format!("{TOKEN}{digits}");
        self.book.note(format!("a token of {name}"), &token, digits);
        token
    }

    /// Shows secrets where they are wrong: passwords that are none, tokens where no token belongs.
    ///
    /// # Errors
    /// When there is no answer.
    pub(super) fn wrongly(&mut self) -> Result<()> {
        let (owner, bearer) = (self.cookie.clone(), self.bearer.clone());
        let token = bearer.trim_start_matches("Authorization: Bearer ").trim_end().to_owned();
        for number in 0..8 {
            let wrong = self.password("a wrong password");
            let name = ["owner", "user-1", "nobody", "no name at all"][number % 4];
            self.asked.form("/login", "", &[("name", name), ("password", &wrong), ("next", "/nodes")])?;
            self.asked.form("/account/password", &owner, &[("old", &wrong), ("password", &wrong)])?;
        }
        let long = self.password("a password that is too long").repeat(200);
        self.asked.form("/people", &owner, &[("name", "eve"), ("role", "viewer"), ("password", &long)])?;
        let refused = self.password("a password of a user with a wrong name");
        self.asked.form(
            "/people",
            &owner,
            &[("name", "Not A Name"), ("role", "?"), ("password", &refused)],
        )?;
        let unknown = self.digits(64);
        let unknown = self.token(&unknown, "nobody");
        for lines in [
            format!("Authorization: Bearer {unknown}\r\n"),
            format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("owner:{token}"))),
            format!("Authorization: {token}\r\n"),
            format!("Cookie: iot-hub={token}\r\n"),
            format!("X-Token: {token}\r\nUser-Agent: {token}\r\nReferer: http://x/{token}\r\n"),
        ] {
            for path in ["/api/v1/nodes", "/nodes", "/people", "/nowhere"] {
                self.asked.ask("GET", path, &lines, "")?;
            }
        }
        let form = [("label", token.as_str()), ("role", token.as_str()), ("days", token.as_str())];
        self.asked.form("/login", "", &form)?;
        for (lines, body) in [
            ("Content-Type: application/json\r\n", format!("{{\"title\": 5, \"token\": \"{token}\"}}")),
            ("Content-Type: application/json\r\n", format!("{{\"{token}")),
            ("Content-Type: text/plain\r\n", token.clone()),
        ] {
            for path in [
                "/api/v1/nodes/plain:forger/name",
                "/api/v1/nodes/plain:none/tags",
                "/api/v1/nodes/plain:forger/tags",
            ] {
                self.asked.ask("POST", path, &format!("{bearer}{lines}"), &body)?;
            }
        }
        Ok(())
    }

    /// Opens everything that can be read, by cookie and by token.
    ///
    /// # Errors
    /// When there is no answer.
    pub(super) fn look_at_everything(&mut self) -> Result<()> {
        for name in [self.cookie.clone(), self.bearer.clone()] {
            // The feed has no end.
            let all = routes().filter(|route| route.method == "GET" && !route.path.ends_with("/events"));
            for route in all {
                let path = route.path.replace("{node}", "plain:forger").replace("{module}", "0");
                self.asked.ask("GET", &path, &name, "")?;
            }
        }
        Ok(())
    }

    /// Makes backups through the API, on the page and at the command line, without the hub's key and with it, fetches
    /// those that the hub keeps, and tries to restore them with passphrases that open none.
    ///
    /// # Errors
    /// When there is none in time.
    pub(super) fn back_up(&mut self, hub: &HubProcess, data_dir: &Path) -> Result<()> {
        let lines = format!("{}Content-Type: application/json\r\n", self.bearer);
        let short = format!("Ab{}", self.digits(10));
        self.book.note("a passphrase that is too short", &short, &short);
        let sealed = self.password("the passphrase of a backup");
        let wrong = self.password("a passphrase that opens no backup");
        for passphrase in [None, Some(&short), Some(&sealed)] {
            let body = passphrase.map_or_else(|| json!({}), |words| json!({ "passphrase": words }));
            let answer = self.asked.ask("POST", "/api/v1/backup", &lines, &body.to_string())?;
            if passphrase == Some(&short) {
                ensure!(answer.contains(" 422 "), "a passphrase that is too short: {answer}");
            } else {
                let place = self.fetch_backup(hub, &answer)?;
                for words in [&short, &wrong] {
                    let body = json!({ "passphrase": words }).to_string();
                    let answer = self.asked.ask("POST", &format!("{place}/restore"), &lines, &body)?;
                    ensure!(answer.contains(" 422 "), "a passphrase that opens nothing: {answer}");
                }
                // Two of one second would have one name.
                let second = || wall_clock().0 / 1_000;
                let begun = second();
                until("the next second", SOON, || Ok((second() != begun).then_some(())))?;
            }
        }
        let by_command = self.password("the passphrase of a backup at the command line");
        let file = data_dir.join("backups/by-command.db").display().to_string();
        command(data_dir, &["backup", &file, "--with-key"], &by_command)?;
        Ok(())
    }

    /// Fetches the backup that an answer has named, and gives its place.
    fn fetch_backup(&mut self, hub: &HubProcess, answer: &str) -> Result<String> {
        let bearer = self.bearer.clone();
        let (_, body) = answer.split_once("\r\n\r\n").context("a body")?;
        let begun: Value = serde_json::from_str(body).with_context(|| answer.to_owned())?;
        let place = begun["location"].as_str().context("its place")?.to_owned();
        let token = bearer.trim_start_matches("Authorization: Bearer ").trim_end();
        let api = hub.api.clone().with_token(token);
        until("the backup is there", SOON, || {
            let kept = api.get("/backup")?;
            let all = kept["backups"].as_array().into_iter().flatten();
            Ok(all.into_iter().any(|one| one["location"] == place.as_str()).then_some(()))
        })?;
        self.asked.ask("GET", &place, &bearer, "")?;
        Ok(place)
    }
}
