//! `iot-server user` and `token`: who may use the hub, said on its own machine. It is the way back in for an admin
//! who has forgotten the password, and works beside a running hub.

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use iot_core::{
    UnixMillis,
    people::{By, Change, People as _, Role, Token, TokenLabel, User, UserName, check_password},
};
use iot_server::Config;
use iot_store::SqlitePeople;
use iot_web::{Secret, hash_password};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    cli::{AUTHOR, Settings, TokenTask, UserTask},
    out,
    store_file::store_of,
};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Changes or tells who may use the hub.
///
/// # Errors
/// What is wrong with the configuration, or why it is not done.
pub(crate) fn user(settings: Settings, task: UserTask) -> anyhow::Result<ExitCode> {
    let people = open(settings)?;
    let now = iot_net::wall_clock();
    match task {
        UserTask::Add { name, role } => {
            let name = UserName::new(&name)?;
            let password = hashed(&name)?;
            let user = User { name: name.clone(), role: role.into(), password, since: now };
            change(&people, &Change::AddUser(user))?;
            out::line(&format!("{name} may use the hub as {}", Role::from(role)));
        }
        UserTask::List { json } => {
            for User { name, role, since, .. } in people.users()? {
                let (name, role) = (name.as_str(), role.word());
                out::line(&if json {
                    json!({ "name": name, "role": role, "since": since.0 }).to_string()
                } else {
                    format!("{name:<32} {role:<8} since {}", date(since))
                });
            }
        }
        UserTask::Remove { name } => {
            let name = UserName::new(&name)?;
            change(&people, &Change::RemoveUser(name.clone()))?;
            out::line(&format!("{name} is removed"));
        }
        UserTask::Password { name } => {
            let user = UserName::new(&name)?;
            let password = hashed(&user)?;
            change(&people, &Change::SetPassword { user: user.clone(), password, keep: None })?;
            out::line(&format!("{user} has another password; all logins have ended"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Changes or tells which programs may use the hub.
///
/// # Errors
/// What is wrong with the configuration, or why it is not done.
pub(crate) fn token(settings: Settings, task: TokenTask) -> anyhow::Result<ExitCode> {
    let people = open(settings)?;
    let now = iot_net::wall_clock();
    match task {
        TokenTask::Create { user, label, role, days } => {
            let secret = Secret::for_token()?;
            change(
                &people,
                &Change::AddToken(Token {
                    number: 0,
                    key: secret.hash,
                    user: UserName::new(&user)?,
                    label: TokenLabel::new(&label)?,
                    role: role.into(),
                    made: now,
                    until: UnixMillis(now.0.saturating_add(i64::from(days) * DAY)),
                    used: None,
                }),
            )?;
            out::line(&secret.text);
        }
        TokenTask::List { json } => {
            for Token { number, user, label, role, until, used, .. } in people.tokens()? {
                let (user, label, role) = (user.as_str(), label.as_str(), role.word());
                out::line(&if json {
                    let last_use = used.map(|at| at.0);
                    json!({ "number": number, "user": user, "label": label, "role": role, "until": until.0,
                            "used": last_use })
                    .to_string()
                } else {
                    format!("{number:>4} {user:<16} {role:<8} until {}  {label}", date(until))
                });
            }
        }
        TokenTask::Revoke { number } => {
            let token = people.tokens()?.into_iter().find(|token| token.number == number);
            let token = token.with_context(|| format!("there is no token {number}"))?;
            change(&people, &Change::RevokeToken(token))?;
            out::line(&format!("token {number} is revoked"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn open(settings: Settings) -> anyhow::Result<SqlitePeople> {
    Ok(SqlitePeople::open(&store_of(&settings.config(Config::default())?)?)?)
}

fn change(people: &SqlitePeople, change: &Change) -> anyhow::Result<()> {
    Ok(people.change(change, By { at: iot_net::wall_clock(), who: AUTHOR, why: "" })?)
}

/// The password of a user, typed twice without being shown, or the first line of standard input; hashed.
fn hashed(user: &UserName) -> anyhow::Result<Box<str>> {
    let password = if io::stdin().is_terminal() {
        let password = rpassword::prompt_password(format!("Password of {user}: "))?;
        check_password(user, &password)?;
        if rpassword::prompt_password("Once more: ")? != password {
            bail!("the two passwords are not the same");
        }
        password
    } else {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).context("read the password from standard input")?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    check_password(user, &password)?;
    Ok(hash_password(&password)?)
}

fn date(at: UnixMillis) -> String {
    Timestamp::from_millisecond(at.0)
        .map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}
