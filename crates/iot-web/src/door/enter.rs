//! Claiming the hub, logging in and logging out, as the forms of their pages ask for it.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{MutexGuard, PoisonError, atomic::Ordering},
};

use iot_core::people::{
    Change, ClaimCode, Login, PeopleError, Role, Standing, Throttle, User, UserName, Wait, check_password,
};

use super::{Door, Secret, Who, is_at_this_machine};
use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    input::Query,
    page,
    web::{Asked, Web},
};

/// Makes whoever sends the form the owner of the hub, and logs them in.
///
/// # Errors
/// Where the page cannot be shown again with what was wrong.
pub(crate) async fn claim<B: Backend>(web: &Web<B>, asked: &Asked) -> Result<Reply, WebError> {
    let form = asked.form()?;
    match claimed(web, asked, &form).await {
        Ok(user) => logged_in(web, user, "/").await,
        Err(error) => {
            if matches!(error, WebError::People(PeopleError::WrongCode | PeopleError::CodeMissing)) {
                let what = "claim the hub".to_owned();
                web.door.note_refusal(what, &web.stranger(), &error.to_string(), web.now()).await;
            }
            Ok(page::claim(web, asked, Some((&error, &form))).await)
        }
    }
}

async fn claimed<B: Backend>(web: &Web<B>, asked: &Asked, form: &Query) -> Result<UserName, WebError> {
    match form.get("code") {
        Some(typed) => {
            let typed = ClaimCode::parse(typed).ok_or(PeopleError::WrongCode)?;
            if !web.door.code.is_some_and(|code| code.is(typed)) {
                return Err(PeopleError::WrongCode.into());
            }
        }
        None if is_at_this_machine(web.peer, &asked.headers) => {}
        None => return Err(PeopleError::CodeMissing.into()),
    }
    let name = UserName::new(form.raw("name").unwrap_or_default())?;
    let password = form.raw("password").unwrap_or_default();
    check_password(&name, password)?;
    let password = web.door.hashed(password.to_owned()).await?;
    let user = User { name: name.clone(), role: Role::Admin, password, since: web.now() };
    // The store decides in its transaction: of many who come this far one does not find an owner there.
    web.door.change(Change::Claim(user), &format!("{name} at {}", address(web.peer)), web.now()).await?;
    web.door.claimed.store(true, Ordering::Relaxed);
    tracing::info!(user = %name, "the hub has an owner");
    Ok(name)
}

/// Logs in whoever sends the form with a right name and password.
///
/// # Errors
/// Where the page cannot be shown again with what was wrong.
pub(crate) async fn log_in<B: Backend>(web: &Web<B>, asked: &Asked) -> Result<Reply, WebError> {
    let form = asked.form()?;
    match known(web, asked, &form).await {
        Ok(user) => logged_in(web, user, form.get("next").map_or("/", local)).await,
        Err(error) => Ok(page::log_in(web, &form, Some(&error)).await),
    }
}

/// Whose name and password the form has.
async fn known<B: Backend>(web: &Web<B>, asked: &Asked, form: &Query) -> Result<UserName, WebError> {
    let (door, now, from) = (&web.door, web.now(), address(web.peer));
    // What cannot be a name is nobody's, which is no secret.
    let name = UserName::new(form.raw("name").unwrap_or_default()).map_err(|_| PeopleError::WrongPassword)?;
    let password = form.raw("password").unwrap_or_default().to_owned();
    let asked_name = name.clone();
    let (user, came_before) = door
        .ask(move |people| {
            let user = people.users()?.into_iter().find(|user| user.name == asked_name);
            Ok((user, people.has_logged_in_from(&asked_name, from)?))
        })
        .await?;
    let is_familiar = came_before || is_at_this_machine(web.peer, &asked.headers);
    let standing = if is_familiar { Standing::Familiar } else { Standing::Stranger };
    let Err(refused) = door.tried((&name, standing), from, user.as_ref(), password).await? else {
        return Ok(name);
    };
    door.note_refusal(format!("log in as {name}"), &web.stranger(), &refused.to_string(), now).await;
    Err(refused.into())
}

impl Door {
    /// Whether a password is right, where it is looked at; the outer error is that it could not be.
    async fn tried(
        &self,
        (name, standing): (&UserName, Standing),
        from: IpAddr,
        user: Option<&User>,
        password: String,
    ) -> Result<Result<(), PeopleError>, WebError> {
        let now = self.instant();
        let attempt = self.throttle().attempt(now, (name, standing), from);
        if let Err(Wait(pause)) = attempt {
            return Ok(Err(PeopleError::Wait { seconds: pause.as_secs().max(1) }));
        }
        if !self.is_password(user, password).await? {
            return Ok(Err(PeopleError::WrongPassword));
        }
        self.throttle().succeeded(name, from);
        Ok(Ok(()))
    }

    /// Whether this is the password of somebody who is logged in. It is tried no more often than at the door.
    ///
    /// # Errors
    /// [`PeopleError::Wait`], [`PeopleError::WrongPassword`]; as the store's.
    pub(crate) async fn own_password(
        &self,
        name: &UserName,
        peer: Option<IpAddr>,
        password: String,
    ) -> Result<(), WebError> {
        let wanted = name.clone();
        let user =
            self.ask(move |people| Ok(people.users()?.into_iter().find(|user| user.name == wanted))).await?;
        let tried = self.tried((name, Standing::Familiar), address(peer), user.as_ref(), password);
        Ok(tried.await??)
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the browser of this user a login, and sends it on.
async fn logged_in<B: Backend>(web: &Web<B>, user: UserName, next: &str) -> Result<Reply, WebError> {
    let secret = Secret::for_login().map_err(|error| WebError::unkept(&error))?;
    let (address, now, who) = (address(web.peer), web.now(), user.to_string());
    let login = Login { key: secret.hash, user, address, began: now, used: now };
    web.door.change(Change::LogIn(login), &who, now).await?;
    let mut reply = body::see_other(next);
    if let Some(cookie) = web.door.cookie.set(&secret.text) {
        reply.headers_mut().insert(http::header::SET_COOKIE, cookie);
    }
    Ok(reply)
}

/// Ends the login that the request came with.
///
/// # Errors
/// As the store's.
pub(crate) async fn log_out<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    if let Some(login) = web.who.as_deref().and_then(Who::login) {
        web.door.change(Change::LogOut(login.clone()), login.user.as_str(), web.now()).await?;
    }
    let mut reply = body::see_other("/login");
    if let Some(cookie) = web.door.cookie.clear() {
        reply.headers_mut().insert(http::header::SET_COOKIE, cookie);
    }
    Ok(reply)
}

fn address(peer: Option<IpAddr>) -> IpAddr {
    peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical()
}

/// A place of this hub to go to; its home where the text names none, or another site.
pub(crate) fn local(next: &str) -> &str {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site_after_logging_in() {
        for (next, expected) in [
            ("/nodes/plain:a?x=1", "/nodes/plain:a?x=1"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(next), expected);
        }
    }
}
