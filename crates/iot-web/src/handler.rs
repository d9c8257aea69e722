//! The handler: one arm for each route. It reads what a request carries and leaves the answer to others.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use iot_proto::UnixMillis;
use jiff::tz::TimeZone;
use tokio::sync::watch;
use tower_http::body::Limited;

use crate::{
    Backend, act, api, asset,
    body::{self, Reply},
    error::WebError,
    feed, guard,
    host::Hosts,
    input::Query,
    page,
    route::{self, Api, Page, Route, Surface},
    wording::Words,
};

/// What every handler may need.
#[derive(Clone, Debug)]
pub(crate) struct Web<B> {
    /// The hub.
    pub(crate) backend: B,
    /// The time zone in which people read times.
    pub(crate) zone: TimeZone,
    /// The names under which the hub may be addressed.
    pub(crate) hosts: Arc<Hosts>,
    /// Closes when the server stops.
    pub(crate) stopping: watch::Receiver<()>,
    /// Who is connected.
    pub(crate) peer: Option<IpAddr>,
}

impl<B: Backend> Web<B> {
    /// Words for people, at this instant.
    pub(crate) fn words(&self) -> Words {
        Words::new(self.backend.now(), self.zone.clone())
    }

    /// The hub's clock.
    pub(crate) fn now(&self) -> UnixMillis {
        self.backend.now()
    }
}

/// The parts of a request that handlers read.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The query of the address.
    pub(crate) query: Query,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The whole body.
    pub(crate) body: Bytes,
}

impl Asked {
    /// Whether the body is of this content type; an empty body is of every type.
    pub(crate) fn is(&self, expected: &'static str) -> Result<(), WebError> {
        let given = self.headers.get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok());
        let essence = given.and_then(|given| given.split(';').next()).map(str::trim);
        let fits = self.body.is_empty() || essence.is_some_and(|given| given.eq_ignore_ascii_case(expected));
        if fits { Ok(()) } else { Err(WebError::ContentType { expected }) }
    }
}

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
    let body = body.collect().await.map_err(|_| WebError::TooLong { limit: guard::MAX_BODY })?.to_bytes();
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
