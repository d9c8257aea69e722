//! Nodes with their modules, and what is reported and desired of each property.

use std::net::IpAddr;

use http::StatusCode;
use iot_core::{
    IotError, NodeId,
    catalogue::Access,
    store::Decision,
    view::{self, Archived, ModuleView, NodeFilter, NodeView, PropertyView},
};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{Error, limit};
use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    feed,
    input::{self, Query},
    web::Web,
    wording,
};

/// A node.
#[derive(Serialize)]
struct Node<'a> {
    id: &'a str,
    keys: Vec<Key>,
    title: &'a str,
    place: &'a str,
    tags: &'a [Box<str>],
    admission: &'static str,
    permission: &'static str,
    permitted: Option<Json>,
    home: Option<IpAddr>,
    stranger: Option<Json>,
    presence: Presence,
    sleep: Option<Json>,
    address: Option<String>,
    board: &'a str,
    firmware: &'a str,
    first_seen: i64,
    last_heard: Option<i64>,
    reports: u64,
    duplicates: u64,
    lost_reports: u64,
    queued: usize,
    modules: Vec<Module<'a>>,
}

/// Whether a node is there, why and since when.
#[derive(Serialize)]
pub(super) struct Presence {
    state: &'static str,
    reason: String,
    since: i64,
    next_contact: Option<i64>,
    overdue_from: Option<i64>,
    lost_from: Option<i64>,
}

#[derive(Serialize)]
struct Module<'a> {
    index: u8,
    title: &'a str,
    kind: &'a str,
    kind_version: u16,
    registered_with: Option<u16>,
    supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
    properties: Vec<Property<'a>>,
}

#[derive(Serialize)]
struct Key {
    id: String,
    state: &'static str,
    since: i64,
    until: Option<i64>,
}

impl From<&view::KeyView> for Key {
    fn from(key: &view::KeyView) -> Self {
        let view::KeyView { id, standing, since, until } = key;
        Self { id: id.to_string(), state: standing.word(), since: since.0, until: until.map(|at| at.0) }
    }
}

#[derive(Serialize)]
struct Property<'a> {
    channel: u8,
    name: &'a str,
    title: &'a str,
    writable: bool,
    latest: Option<Json>,
    desired: Option<Json>,
}

impl From<&view::Presence> for Presence {
    fn from(presence: &view::Presence) -> Self {
        Self {
            state: presence.state.word(),
            reason: wording::reason(&presence.reason),
            since: presence.since.0,
            next_contact: presence.next_contact.map(|at| at.0),
            overdue_from: presence.overdue_from.map(|at| at.0),
            lost_from: presence.lost_from.map(|at| at.0),
        }
    }
}

impl<'a> From<&'a NodeView> for Node<'a> {
    fn from(node: &'a NodeView) -> Self {
        Self {
            id: node.id.as_str(),
            keys: node.keys.iter().map(Key::from).collect(),
            title: &node.title,
            place: &node.place,
            tags: &node.tags,
            admission: node.admission.word(),
            permission: node.permission.word(),
            permitted: permitted(&node.permission),
            home: node.home,
            stranger: node.stranger.map(|other| json!({ "address": other.address, "at": other.at.0 })),
            presence: Presence::from(&node.presence),
            sleep: node.sleep.map(|sleep| json!({ "since": sleep.since.0, "for_s": sleep.for_s })),
            address: node.address.map(|address| address.to_string()),
            board: &node.board,
            firmware: &node.firmware,
            first_seen: node.first_seen.0,
            last_heard: node.last_heard.map(|at| at.0),
            reports: node.reports,
            duplicates: node.duplicates,
            lost_reports: node.lost_reports,
            queued: node.queued,
            modules: node.modules.iter().map(Module::from).collect(),
        }
    }
}

/// By whose word commands to a node are taken that proves nothing.
fn permitted(permission: &view::Permission) -> Option<Json> {
    let view::Permission::Given(Decision { by, why, at }) = permission else { return None };
    Some(json!({ "by": by, "why": why, "at": at.0 }))
}

impl<'a> From<&'a ModuleView> for Module<'a> {
    fn from(module: &'a ModuleView) -> Self {
        Self {
            index: module.index,
            title: &module.title,
            kind: &module.kind_name,
            kind_version: module.kind_version,
            registered_with: module.registered_with,
            supported: module.kind.is_ok(),
            error: module.kind.as_ref().err().map(Error::from),
            properties: module.properties.iter().map(Property::from).collect(),
        }
    }
}

impl<'a> From<&'a PropertyView> for Property<'a> {
    fn from(view: &'a PropertyView) -> Self {
        let property = &view.property;
        Self {
            channel: property.channel,
            name: &property.name,
            title: &property.title,
            writable: property.access == Access::ReadWrite,
            latest: view.latest.as_ref().map(|reading| feed::reading_json(reading, &property.value)),
            desired: view.desired.as_ref().map(|desired| {
                json!({
                    "value": input::to_json(&desired.value, &property.value),
                    "text": property.value.text_with_unit(&desired.value),
                    "command": desired.command.to_string(),
                    "state": desired.state.word(),
                    "since": desired.since.0,
                })
            }),
        }
    }
}

/// Most nodes on one page; without a limit all nodes are one page.
const NODES: usize = 1_000;

/// `GET /api/v1/nodes?tag=&archived=&after=&limit=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
pub(crate) async fn nodes<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let limit = query.get("limit").map(|_| limit(query, NODES, NODES)).transpose()?;
    let after = query.get("after").map(|id| {
        NodeId::parse(id).ok_or_else(|| WebError::malformed(format!("after is no id of a node: {id}")))
    });
    let archived = match query.get("archived").unwrap_or("hide") {
        "hide" => Archived::Hidden,
        "only" => Archived::Only,
        "show" => Archived::Shown,
        other => return Err(WebError::malformed(format!("archived is hide, only or show, not {other}"))),
    };
    // One more than is shown says whether there is another page.
    let filter = NodeFilter {
        tag: query.get("tag").map(Into::into),
        archived,
        after: after.transpose()?,
        limit: limit.map_or(usize::MAX, |limit| limit + 1),
    };
    let (mut nodes, _room) = web.nodes(filter).await?;
    let has_more = limit.is_some_and(|limit| nodes.len() > limit);
    nodes.truncate(limit.unwrap_or(usize::MAX));
    let next = nodes.last().filter(|_| has_more).map(|node| node.id.as_str());
    let shown: Vec<_> = nodes.iter().map(Node::from).collect();
    Ok(body::json(StatusCode::OK, &json!({ "nodes": shown, "next": next })))
}

/// `GET /api/v1/nodes/{node}`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn node<B: Backend>(web: &Web<B>, id: &NodeId) -> Result<Reply, WebError> {
    Ok(body::json(StatusCode::OK, &Node::from(&web.backend.node(id).await?)))
}

/// `GET /api/v1/nodes/{node}/modules/{index}`.
///
/// # Errors
/// As the backend's; [`IotError::ModuleNotRegistered`].
pub(crate) async fn module<B: Backend>(web: &Web<B>, id: &NodeId, index: u8) -> Result<Reply, WebError> {
    let node = web.backend.node(id).await?;
    let module = node.modules.iter().find(|module| module.index == index);
    let module = module.ok_or_else(|| IotError::ModuleNotRegistered { node: id.clone(), module: index })?;
    Ok(body::json(StatusCode::OK, &Module::from(module)))
}
