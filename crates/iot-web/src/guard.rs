//! What holds for every answer: limits, refusals in words, security headers. Nothing here knows a page.

use std::{convert::Infallible, time::Duration};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use iot_core::people::PeopleError;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_http::{
    body::Limited, catch_panic::CatchPanicLayer, csrf::CsrfLayer, limit::RequestBodyLimitLayer,
    timeout::TimeoutLayer, trace::TraceLayer,
};

use crate::{
    Backend, api,
    body::{InWords, Reply},
    error::WebError,
    handler, page,
    route::Surface,
    web::Web,
};

/// Longest body of a request, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// Within this an answer must begin. A script may wait 30 seconds for a command; streams begin at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// Set on every answer that does not set its own.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The whole service of one connection.
pub(crate) fn guarded<B: Backend>(
    web: Web<B>,
) -> impl Service<
    Request<Incoming>,
    Response = Reply,
    Error = Infallible,
    Future: Future<Output = Result<Reply, Infallible>> + Send,
> + Clone {
    let handling = web.clone();
    let inner = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(CatchPanicLayer::new())
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_WITHIN))
        .layer(CsrfLayer::new())
        .service(service_fn(move |request: Request<Limited<Incoming>>| {
            let web = handling.clone();
            async move { Ok::<_, Infallible>(handler::answer(&web, request).await) }
        }));
    let inner = BoxCloneSyncService::new(inner);
    service_fn(move |request: Request<Incoming>| {
        let (web, inner) = (web.clone(), inner.clone());
        async move {
            web.serve();
            let surface = Surface::of(request.uri().path());
            let is_called = |name: &str| web.backend.is_called(name);
            let reply = if web.hosts.allow(request.uri(), request.headers(), is_called) {
                inner.oneshot(request).await?.map(BodyExt::boxed_unsync)
            } else {
                refused(&web, surface, StatusCode::MISDIRECTED_REQUEST).await
            };
            let reply = finished(in_words(&web, surface, reply).await);
            // What is whole is on its way; what goes on, such as a feed, is served as long as it does.
            if reply.body().size_hint().exact().is_some() {
                web.wait();
            }
            Ok(reply)
        }
    })
}

/// Puts what a layer refused without a word into words.
async fn in_words<B: Backend>(web: &Web<B>, surface: Surface, reply: Reply) -> Reply {
    let bare = reply.extensions().get::<InWords>().is_none();
    if bare { refused(web, surface, reply.status()).await } else { reply }
}

async fn refused<B: Backend>(web: &Web<B>, surface: Surface, status: StatusCode) -> Reply {
    failed(web, surface, &WebError::Refused { status }).await
}

/// The answer for an error, in the form that its reader expects.
pub(crate) async fn failed<B: Backend>(web: &Web<B>, surface: Surface, error: &WebError) -> Reply {
    let mut reply = match surface {
        Surface::Page => page::error(web, error).await,
        Surface::Api => api::error(error),
    };
    if let WebError::Method { allow } = error {
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if error.status() == StatusCode::UNAUTHORIZED && surface == Surface::Api {
        reply.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let WebError::People(PeopleError::Wait { seconds }) = error {
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    reply
}

fn finished<T>(mut reply: Response<T>) -> Response<T> {
    for (name, value) in HEADERS {
        reply.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    reply
}
