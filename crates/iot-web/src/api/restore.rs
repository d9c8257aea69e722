//! Restoring a backup: what would become of the hub, and that it has been begun.

use http::StatusCode;
use iot_core::{
    people::UserName,
    view::{self, Changed, Named},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::store::Failure;
use crate::{
    Backend, RestoreView,
    body::{self, Reply},
    error::WebError,
    web::Web,
};

/// What would become of the hub if a backup was restored.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Difference<'a> {
    backup: &'a str,
    then: Held,
    now: Held,
    /// Readings that were measured after the backup was begun.
    lost_readings: usize,
    /// Nodes that are let in now and would not be.
    left_out: Vec<ChangedNode<'a>>,
    /// Nodes that are not let in now and would be.
    let_in: Vec<ChangedNode<'a>>,
    /// Nodes that prove nothing, to which commands would be taken and are not now.
    commands_back: Vec<NamedNode<'a>>,
    users_lost: Vec<&'a str>,
    /// Users who would have the role and the password that they had then.
    users_back: Vec<&'a str>,
    /// Tokens that would be taken again.
    tokens_back: usize,
}

/// How much a store holds.
#[derive(Serialize, JsonSchema)]
struct Held {
    nodes: usize,
    modules: usize,
    users: usize,
}

/// A node that is let in either then or now.
#[derive(Serialize, JsonSchema)]
struct ChangedNode<'a> {
    id: &'a str,
    title: &'a str,
    /// How it stands on the other side: `unknown`, `disabled`, or its admission.
    otherwise: &'static str,
}

/// A node, and what it was called then.
#[derive(Serialize, JsonSchema)]
struct NamedNode<'a> {
    id: &'a str,
    title: &'a str,
}

impl From<&view::Held> for Held {
    fn from(held: &view::Held) -> Self {
        Self { nodes: held.nodes, modules: held.modules, users: held.users }
    }
}

impl<'a> From<&'a Changed> for ChangedNode<'a> {
    fn from(node: &'a Changed) -> Self {
        Self { id: node.id.as_str(), title: &node.title, otherwise: node.otherwise.word() }
    }
}

impl<'a> From<&'a Named> for NamedNode<'a> {
    fn from(Named { id, title }: &'a Named) -> Self {
        Self { id: id.as_str(), title }
    }
}

/// `GET /api/v1/backups/{name}/restore`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn difference<B: Backend>(web: &Web<B>, name: &str) -> Result<Reply, WebError> {
    let shown = web.backend.difference(name).await?;
    let document = Difference {
        backup: name,
        then: Held::from(&shown.then),
        now: Held::from(&shown.now),
        lost_readings: shown.lost_readings,
        left_out: shown.left_out.iter().map(ChangedNode::from).collect(),
        let_in: shown.let_in.iter().map(ChangedNode::from).collect(),
        commands_back: shown.commands_back.iter().map(NamedNode::from).collect(),
        users_lost: shown.users_lost.iter().map(UserName::as_str).collect(),
        users_back: shown.users_back.iter().map(UserName::as_str).collect(),
        tokens_back: shown.tokens_back,
    };
    Ok(body::json(StatusCode::OK, &document))
}

/// A restore has been begun, or a backup: where to see how it goes.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Begun<'a> {
    pub(super) backup: &'a str,
    pub(super) location: &'a str,
}

/// A restore has been begun.
pub(crate) fn restoring(name: &str) -> Reply {
    body::json(StatusCode::ACCEPTED, &Begun { backup: name, location: "/api/v1/store" })
}

/// How restoring is going.
#[derive(Serialize, JsonSchema)]
pub(super) struct Restore<'a> {
    under_way: Option<UnderWay<'a>>,
    failed: Option<Failure<'a>>,
}

/// A backup that is being made ready.
#[derive(Serialize, JsonSchema)]
struct UnderWay<'a> {
    backup: &'a str,
    /// How much of it is copied.
    percent: u8,
}

impl<'a> From<&'a RestoreView> for Restore<'a> {
    fn from(restore: &'a RestoreView) -> Self {
        let under_way = restore.under_way.as_ref();
        Self {
            under_way: under_way
                .map(|restoring| UnderWay { backup: &restoring.name, percent: restoring.percent }),
            failed: restore.failed.as_ref().map(Failure::from),
        }
    }
}
