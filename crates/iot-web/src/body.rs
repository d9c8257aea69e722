//! The one body type of every answer, and how answers are made. What is in them is for pages and the API.

use std::error::Error;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use serde::Serialize;

/// Why a body ended early.
pub(crate) type BodyError = Box<dyn Error + Send + Sync>;

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, BodyError>;

/// An answer.
pub(crate) type Reply = Response<Body>;

/// Marks an answer that is already in words for its reader; what a layer refuses is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InWords;

/// An answer with this body and type.
pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.extensions_mut().insert(InWords);
    reply
}

/// A page.
pub(crate) fn html(status: StatusCode, page: String) -> Reply {
    reply(status, "text/html; charset=utf-8", page)
}

/// A JSON document.
pub(crate) fn json<T: Serialize>(status: StatusCode, document: &T) -> Reply {
    // Documents of the API have text keys and finite numbers, so they can always be written.
    let body = serde_json::to_vec(document).unwrap_or_default();
    reply(status, "application/json", body)
}

/// Sends a browser on after a form, so that reloading does not post it again.
pub(crate) fn see_other(location: &str) -> Reply {
    let mut reply = reply(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    reply.headers_mut().insert(header::LOCATION, location);
    reply
}
