//! The handler: one arm for each route. It reads what a request carries and leaves the answer to others.

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;
use tower_http::body::Limited;

use crate::{
    Backend, act, api, asset,
    body::{self, Reply},
    error::WebError,
    feed, guard,
    input::Query,
    page,
    route::{self, Api, Page, Route, Surface},
    web::{Asked, Web},
};

/// Answers a request.
pub(crate) async fn answer<B: Backend>(web: &Web<B>, request: Request<Limited<Incoming>>) -> Reply {
    let surface = Surface::of(request.uri().path());
    match answered(web, request).await {
        Ok(reply) => reply,
        Err(error) => guard::failed(web, surface, &error).await,
    }
}

async fn answered<B: Backend>(web: &Web<B>, request: Request<Limited<Incoming>>) -> Result<Reply, WebError> {
    let (head, body) = request.into_parts();
    let route = route::route(&head.method, head.uri.path())?;
    let body = timeout(web.body_within, body.collect()).await;
    let body = body.map_err(|_| WebError::TooSlow { limit_s: web.body_within.as_secs_f32() })?;
    let body = body.map_err(|_| WebError::TooLong { limit: guard::MAX_BODY })?.to_bytes();
    let asked = Asked { query: Query::parse(head.uri.query()), headers: head.headers, body };
    match route {
        Route::Page(page) => read_page(web, page, &asked).await,
        Route::Api(api) => read_api(web, api, &asked).await,
        Route::Act(act, Surface::Page) => act::by_form(web, act, &asked).await,
        Route::Act(act, Surface::Api) => act::by_script(web, act, &asked).await,
        Route::Events => Ok(feed::feed(web, &asked.headers)),
        Route::Health => health(web).await,
        Route::Asset(path) => asset::asset(&path, &asked.headers),
        Route::ModuleFile { kind, path } => asset::module_file(&web.backend.catalogue(), &kind, &path),
    }
}

async fn read_page<B: Backend>(web: &Web<B>, page: Page, asked: &Asked) -> Result<Reply, WebError> {
    match page {
        Page::Overview => page::overview(web, None).await,
        Page::Nodes => page::nodes(web, &asked.query).await,
        Page::Node(node) => page::node(web, &node, None).await,
        Page::Module(node, index) => page::module(web, &node, index, &asked.query, None).await,
        Page::Commands => page::commands(web, &asked.query).await,
        Page::Inbox => page::inbox(web).await,
        Page::Catalogue => page::catalogue(web).await,
        Page::Kind(name) => page::kind(web, &name).await,
    }
}

async fn read_api<B: Backend>(web: &Web<B>, api: Api, asked: &Asked) -> Result<Reply, WebError> {
    match api {
        Api::Overview => api::overview(web).await,
        Api::Activity => api::activity(web, &asked.query).await,
        Api::Nodes => api::nodes(web).await,
        Api::Node(node) => api::node(web, &node).await,
        Api::Module(node, index) => api::module(web, &node, index).await,
        Api::Readings => api::readings(web, &asked.query).await,
        Api::Commands => api::commands(web, &asked.query).await,
        Api::Command(id) => api::command(web, id).await,
        Api::Catalogue => Ok(api::catalogue(&web.backend.catalogue())),
        Api::Kind(name) => api::kind(&web.backend.catalogue(), &name),
    }
}

/// Healthy is a hub that answers.
async fn health<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    web.backend.overview().await?;
    Ok(body::json(StatusCode::OK, &serde_json::json!({ "status": "ok" })))
}
