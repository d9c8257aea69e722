//! What the forms of people ask for: users, roles, passwords and tokens. Claiming and logging in are the door's.

use iot_core::{
    UnixMillis,
    people::{Change, People, PeopleError, Role, Token, TokenLabel, User, UserName, check_password},
};

use crate::{
    Backend,
    body::{self, Reply},
    door::{self, Secret, Who},
    error::WebError,
    input::Query,
    page::{self, Told},
    route::PeopleAct,
    web::{Asked, Web},
};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Does what a form asks. What is refused comes back on the page that it was on.
///
/// # Errors
/// Why it is not done, where no page can show it.
pub(crate) async fn done<B: Backend>(web: &Web<B>, act: PeopleAct, asked: &Asked) -> Result<Reply, WebError> {
    match act {
        PeopleAct::Claim => return door::claim(web, asked).await,
        PeopleAct::LogIn => return door::log_in(web, asked).await,
        PeopleAct::LogOut => return door::log_out(web).await,
        PeopleAct::Add
        | PeopleAct::SetRole(_)
        | PeopleAct::SetPassword(_)
        | PeopleAct::Remove(_)
        | PeopleAct::SetOwnPassword
        | PeopleAct::AddToken
        | PeopleAct::RevokeToken(_) => {}
    }
    let form = asked.form()?;
    let who = web.who.as_deref().ok_or(WebError::NotLoggedIn)?;
    let is_own = matches!(act, PeopleAct::SetOwnPassword | PeopleAct::AddToken | PeopleAct::RevokeToken(_));
    let result = if is_own { own(web, who, act, &form).await } else { others(web, act, &form).await };
    match result {
        Ok(reply) => Ok(reply),
        Err(error) if is_own => page::account(web, Some(Told::Refused(&error))).await,
        Err(error) => page::people(web, Some((&error, form.get("name").unwrap_or_default()))).await,
    }
}

/// What an admin does about users.
async fn others<B: Backend>(web: &Web<B>, act: PeopleAct, form: &Query) -> Result<Reply, WebError> {
    let change = match act {
        PeopleAct::Add => {
            let (name, role) = (UserName::new(form.raw("name").unwrap_or_default())?, role(form)?);
            let password = password(web, &name, form).await?;
            Change::AddUser(User { name, role, password, since: web.now() })
        }
        PeopleAct::SetRole(name) => Change::SetRole(name, role(form)?),
        PeopleAct::SetPassword(user) => {
            let password = password(web, &user, form).await?;
            let keep = web.who.as_deref().and_then(Who::login).map(|login| login.key);
            Change::SetPassword { user, password, keep }
        }
        PeopleAct::Remove(name) => Change::RemoveUser(name),
        PeopleAct::Claim
        | PeopleAct::LogIn
        | PeopleAct::LogOut
        | PeopleAct::SetOwnPassword
        | PeopleAct::AddToken
        | PeopleAct::RevokeToken(_) => return Err(WebError::NotFound),
    };
    web.door.change(change, &web.author(), web.now()).await?;
    Ok(body::see_other("/people"))
}

/// What somebody does about the own account.
async fn own<B: Backend>(web: &Web<B>, who: &Who, act: PeopleAct, form: &Query) -> Result<Reply, WebError> {
    let now = web.now();
    match act {
        PeopleAct::SetOwnPassword => {
            let old = form.raw("old").unwrap_or_default().to_owned();
            // Whoever finds a browser open must not take the account away.
            web.door.own_password(&who.user, web.peer, old).await?;
            let password = password(web, &who.user, form).await?;
            let keep = who.login().map(|login| login.key);
            let change = Change::SetPassword { user: who.user.clone(), password, keep };
            web.door.change(change, &web.author(), now).await?;
            Ok(body::see_other("/account"))
        }
        PeopleAct::AddToken => {
            let days: i64 = form.get("days").and_then(|days| days.parse().ok()).unwrap_or(0);
            let secret = Secret::for_token().map_err(|error| WebError::unkept(&error))?;
            let token = Token {
                number: 0,
                key: secret.hash,
                user: who.user.clone(),
                label: TokenLabel::new(form.raw("label").unwrap_or_default())?,
                role: role(form)?,
                made: now,
                until: UnixMillis(now.0.saturating_add(days.saturating_mul(DAY))),
                used: None,
            };
            web.door.change(Change::AddToken(token), &web.author(), now).await?;
            page::account(web, Some(Told::Token(secret.text))).await
        }
        PeopleAct::RevokeToken(number) => {
            let tokens = web.door.ask(People::tokens).await?;
            let may = |token: &Token| token.user == who.user || who.role == Role::Admin;
            let token = tokens.into_iter().find(|token| token.number == number).filter(may);
            let token = token.ok_or(PeopleError::UnknownToken { number })?;
            let back = if token.user == who.user { "/account" } else { "/people" };
            web.door.change(Change::RevokeToken(token), &web.author(), now).await?;
            Ok(body::see_other(back))
        }
        PeopleAct::Claim
        | PeopleAct::LogIn
        | PeopleAct::LogOut
        | PeopleAct::Add
        | PeopleAct::SetRole(_)
        | PeopleAct::SetPassword(_)
        | PeopleAct::Remove(_) => Err(WebError::NotFound),
    }
}

fn role(form: &Query) -> Result<Role, PeopleError> {
    form.get("role").and_then(Role::from_word).ok_or(PeopleError::Role)
}

/// The new password of a form, hashed.
async fn password<B: Backend>(web: &Web<B>, user: &UserName, form: &Query) -> Result<Box<str>, WebError> {
    let password = form.raw("password").unwrap_or_default();
    check_password(user, password)?;
    web.door.hashed(password.to_owned()).await
}
