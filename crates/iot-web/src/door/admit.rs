//! [`admit`]: whether a request gets as far as its route. The table of the routes says whom each is for; [`let_in`] says
//! who may let which node in, because that depends on the node.

use http::{HeaderMap, HeaderName, Method, header, request::Parts};
use iot_core::{
    NodeId,
    people::{PeopleError, Role},
    view::NodeView,
};

use super::{Who, With};
use crate::{Backend, error::WebError, route::May, web::Web};

/// What a browser says about the page that a request comes from. Whether it is the right page has been looked at
/// before, by a layer.
const COMES_FROM: [HeaderName; 2] = [header::ORIGIN, HeaderName::from_static("sec-fetch-site")];

/// Finds out in whose name a request is made, and lets it in or not. `may` is `None` where there is no such route.
///
/// # Errors
/// [`WebError::Unclaimed`], [`PeopleError::Claimed`], [`WebError::NotLoggedIn`], [`WebError::BadToken`],
/// [`WebError::Forbidden`], [`WebError::NoOrigin`]; as the store's.
pub(crate) async fn admit<B: Backend>(
    web: &mut Web<B>,
    head: &Parts,
    may: Option<May>,
) -> Result<(), WebError> {
    if may == Some(May::Always) {
        return Ok(());
    }
    match (web.door.is_claimed().await?, may) {
        (false, Some(May::ToClaim)) => return says_where_it_comes_from(&head.method, &head.headers),
        (false, _) => return Err(WebError::Unclaimed),
        (true, Some(May::ToClaim)) => return Err(PeopleError::Claimed.into()),
        (true, _) => {}
    }
    let who = match web.door.who(&head.headers, web.now()).await {
        Err(WebError::BadToken) => {
            note(web, place(head), &web.stranger(), &WebError::BadToken).await;
            return Err(WebError::BadToken);
        }
        who => who?,
    };
    let is_token = who.as_ref().is_some_and(|who| matches!(who.with, With::Token(_)));
    web.who = who.map(Into::into);
    let Some(may) = may else { return Ok(()) };
    // Whoever shows a token has put it there; a cookie is sent by browsers themselves.
    if !is_token {
        says_where_it_comes_from(&head.method, &head.headers)?;
    }
    check(web, may, || place(head)).await
}

/// Lets whoever asks let this node in, or refuses it.
///
/// # Errors
/// [`IotError::UnknownNode`](iot_core::IotError::UnknownNode), [`WebError::NotLoggedIn`], [`WebError::Forbidden`].
pub(crate) async fn let_in<B: Backend>(web: &Web<B>, node: &NodeId) -> Result<(), WebError> {
    let may = to_let_in(&web.backend.node(node).await?);
    check(web, may, || format!("letting {node} in")).await
}

/// Whom letting a node in is for. One that proves nothing could be anyone, and one that nobody has verified another than
/// was meant: an admin answers for each.
pub(crate) fn to_let_in(node: &NodeView) -> May {
    let is_doubtful = node.is_unproven() || node.is_unverified();
    May::Role(if is_doubtful { Role::Admin } else { Role::Operator })
}

/// Checks that what is for these is for whoever asks. Where it is not, that is kept in the audit.
async fn check<B: Backend>(web: &Web<B>, may: May, what: impl FnOnce() -> String) -> Result<(), WebError> {
    match (is_for(may, web.who.as_deref()), web.who.as_deref()) {
        (true, _) => Ok(()),
        (false, None) => Err(WebError::NotLoggedIn),
        (false, Some(who)) => {
            let role = match who.with {
                With::Token(_) => format!("a token for {}", who.role),
                With::Login(_) => who.role.to_string(),
            };
            let refused =
                WebError::Forbidden { needs: may, user: who.user.as_str().into(), role: role.into() };
            note(web, what(), &who.author(), &refused).await;
            Err(refused)
        }
    }
}

/// What was asked for, as the audit has it.
fn place(head: &Parts) -> String {
    format!("{} {}", head.method, head.uri.path())
}

/// Keeps in the audit that something was refused.
async fn note<B: Backend>(web: &Web<B>, what: String, who: &str, why: &WebError) {
    web.door.note_refusal(what, who, &why.to_string(), web.now()).await;
}

/// Whether a route for these is one for whoever asks.
pub(crate) fn is_for(may: May, who: Option<&Who>) -> bool {
    let has = |least: Role| who.is_some_and(|who| who.role >= least);
    match may {
        May::Always | May::Anyone => true,
        May::ToClaim => false,
        May::Role(least) => has(least),
        May::Person(least) => has(least) && who.is_some_and(|who| who.login().is_some()),
    }
}

/// A change must say which page it comes from: a browser always does, and what a page of another site makes a
/// browser send, or a program without a token, must not pass for it.
fn says_where_it_comes_from(method: &Method, headers: &HeaderMap) -> Result<(), WebError> {
    let reads = method == Method::GET || method == Method::HEAD;
    if reads || COMES_FROM.iter().any(|name| headers.contains_key(name)) {
        Ok(())
    } else {
        Err(WebError::NoOrigin)
    }
}
