//! The handler: one arm for each route. It reads what a request carries and leaves the answer to others.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;
use tower_http::body::Limited;

use crate::{
    Backend, act, api, asset, backup,
    body::{self, Reply},
    door,
    error::WebError,
    feed, guard, hub_key,
    input::Query,
    joining, openapi, page, people, restore,
    route::{self, Api, Page, Route, Surface},
    upload,
    web::{Asked, Web},
};

/// Answers a request.
pub(crate) async fn answer<B: Backend>(web: &Web<B>, request: Request<Limited<Incoming>>) -> Reply {
    let (surface, place) = (Surface::of(request.uri().path()), request.uri().to_string());
    let looks = matches!(route::route(request.method(), request.uri().path()), Ok((Route::Page(_), _)))
        && request.method() != Method::POST;
    let mut web = web.clone();
    match answered(&mut web, request).await {
        Ok(reply) => reply,
        Err(error) => {
            if let Some(other) = page::instead(&error, &place).filter(|_| looks) {
                return body::see_other(&other);
            }
            let mut reply = guard::failed(&web, surface, &error).await;
            if let WebError::TooSlow { .. } | WebError::Upload(_) = error {
                // Or the server would wait for the rest of the body once more.
                reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            reply
        }
    }
}

async fn answered<B: Backend>(
    web: &mut Web<B>,
    request: Request<Limited<Incoming>>,
) -> Result<Reply, WebError> {
    let (head, body) = request.into_parts();
    let found = route::route(&head.method, head.uri.path());
    door::admit(web, &head, found.as_ref().ok().map(|(_, may)| *may)).await?;
    let (route, _) = found?;
    let (body, upload) = if matches!(route, Route::Upload(_)) {
        (Bytes::new(), Some(body))
    } else {
        (whole(web, body).await?, None)
    };
    let asked = Asked { query: Query::parse(head.uri.query()), headers: head.headers, body };
    match route {
        Route::Page(page) => read_page(web, page, &asked).await,
        Route::Api(api) => read_api(web, api, &asked).await,
        Route::Act(act, Surface::Page) => act::by_form(web, act, &asked).await,
        Route::Act(act, Surface::Api) => act::by_script(web, act, &asked).await,
        Route::People(act) => people::done(web, act, &asked).await,
        Route::Join(act, Surface::Page) => joining::by_form(web, act, &asked).await,
        Route::Join(act, Surface::Api) => joining::by_script(web, act, &asked).await,
        Route::HubKey(act, surface) => hub_key::asked(web, act, surface, &asked).await,
        Route::Events => Ok(feed::feed(web, &asked.headers)),
        Route::Health => api::health(web).await,
        Route::BackUp(surface) => backup::begin(web, surface, &asked),
        Route::Restore(name, surface) => restore::restore(web, &name, surface, &asked).await,
        Route::Upload(surface) => upload::take(web, surface, &asked, upload).await,
        Route::BackupFile(name) => api::backup_file(web, &name).await,
        Route::Asset(path) => asset::asset(&path, &asked.headers),
        Route::ModuleFile { kind, path } => asset::module_file(&web.backend.catalogue(), &kind, &path),
    }
}

/// The whole body, which is short.
async fn whole<B: Backend>(web: &Web<B>, body: Limited<Incoming>) -> Result<Bytes, WebError> {
    web.wait();
    let body = timeout(web.body_within, body.collect()).await;
    web.serve();
    let body = body.map_err(|_| WebError::TooSlow { limit_s: web.body_within.as_secs_f32() })?;
    Ok(body.map_err(|_| WebError::TooLong { limit: guard::MAX_BODY })?.to_bytes())
}

async fn read_page<B: Backend>(web: &Web<B>, page: Page, asked: &Asked) -> Result<Reply, WebError> {
    match page {
        Page::Overview => page::overview(web, None).await,
        Page::Nodes => page::nodes(web, &asked.query).await,
        Page::Node(node) => page::node(web, &node, None).await,
        Page::Module(node, index) => page::module(web, &node, index, &asked.query, None).await,
        Page::Commands => page::commands(web, &asked.query).await,
        Page::Inbox => page::inbox(web).await,
        Page::Joining => page::joining(web, None).await,
        Page::Store => page::store(web).await,
        Page::HubKey => page::hub_key(web, None).await,
        Page::Restore(name) => page::restore(web, &name).await,
        Page::Catalogue => page::catalogue(web).await,
        Page::Kind(name) => page::kind(web, &name).await,
        Page::Audit => page::audit(web, &asked.query).await,
        Page::Claim => Ok(page::claim(web, asked, None).await),
        Page::LogIn => Ok(page::log_in(web, &asked.query, None).await),
        Page::People => page::people(web, None).await,
        Page::Account => page::account(web, None).await,
        Page::Replacement(node) => page::replacement(web, &node, &asked.query).await,
    }
}

async fn read_api<B: Backend>(web: &Web<B>, api: Api, asked: &Asked) -> Result<Reply, WebError> {
    match api {
        Api::Overview => api::overview(web).await,
        Api::Activity => api::activity(web, &asked.query).await,
        Api::Nodes => api::nodes(web, &asked.query).await,
        Api::Node(node) => api::node(web, &node).await,
        Api::Module(node, index) => api::module(web, &node, index).await,
        Api::Readings => api::readings(web, &asked.query).await,
        Api::Rollups => api::rollups(web, &asked.query).await,
        Api::Gaps => api::gaps(web, &asked.query).await,
        Api::Export => api::export(web, &asked.query).await,
        Api::Commands => api::commands(web, &asked.query).await,
        Api::Command(id) => api::command(web, id).await,
        Api::Joining => api::joining(web).await,
        Api::Store => Ok(api::store(web)),
        Api::HubKey => api::hub_key(web).await,
        Api::Backups => Ok(api::backups(web)),
        Api::Restore(name) => api::difference(web, &name).await,
        Api::Catalogue => Ok(api::catalogue(&web.backend.catalogue())),
        Api::Kind(name) => api::kind(&web.backend.catalogue(), &name),
        Api::Audit => api::audit(web, &asked.query).await,
        Api::AuditExport => api::audit_export(web, &asked.query),
        Api::Account => Ok(api::account(web)),
        Api::Document => Ok(openapi::openapi(web)),
        Api::Replacement(node) => api::replacement(web, &node, &asked.query).await,
    }
}
