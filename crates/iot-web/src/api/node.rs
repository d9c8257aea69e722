//! Nodes with their modules, and what is reported and desired of each property.

use http::StatusCode;
use iot_core::{
    AdmissionState, IotError, NodeId,
    catalogue::Access,
    view::{self, ModuleView, NodeView, PropertyView},
};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::Error;
use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    feed, input,
    web::Web,
    wording,
};

/// A node.
#[derive(Serialize)]
struct Node<'a> {
    id: &'a str,
    title: &'a str,
    place: &'a str,
    admission: &'static str,
    presence: Presence,
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
    supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
    properties: Vec<Property<'a>>,
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
            title: &node.title,
            place: &node.place,
            admission: match node.admission {
                AdmissionState::Pending => "pending",
                AdmissionState::Admitted => "admitted",
                AdmissionState::Revoked => "revoked",
            },
            presence: Presence::from(&node.presence),
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

impl<'a> From<&'a ModuleView> for Module<'a> {
    fn from(module: &'a ModuleView) -> Self {
        Self {
            index: module.index,
            title: &module.title,
            kind: &module.kind_name,
            kind_version: module.kind_version,
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

/// `GET /api/v1/nodes`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn nodes<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    let nodes = web.backend.nodes().await?;
    let nodes: Vec<_> = nodes.iter().map(Node::from).collect();
    Ok(body::json(StatusCode::OK, &json!({ "nodes": nodes })))
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
