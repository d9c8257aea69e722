//! What would become of a node if new hardware took its place.

use http::StatusCode;
use iot_core::{
    IotError, NodeId,
    view::{Fate, ModuleFacts},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    input::Query,
    web::Web,
    word::Word,
};

/// What is asked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedReplacement {
    /// Id of the new hardware, which waits or has been let in.
    by: Box<str>,
}

/// What would become of a node.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Replacement<'a> {
    node: &'a str,
    by: &'a str,
    modules: Vec<ModuleChange<'a>>,
    commands: CommandChanges,
}

/// What becomes of a module.
#[derive(Serialize, JsonSchema)]
struct ModuleChange<'a> {
    index: u8,
    fate: Word<Fate>,
    before: Option<Facts<'a>>,
    after: Option<Facts<'a>>,
}

/// What a module is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ModuleFacts")]
struct Facts<'a> {
    title: &'a str,
    kind: &'a str,
    kind_version: u16,
}

/// What becomes of the commands under way.
#[derive(Serialize, JsonSchema)]
struct CommandChanges {
    moving: usize,
    cancelled: usize,
}

impl<'a> From<&'a ModuleFacts> for Facts<'a> {
    fn from(facts: &'a ModuleFacts) -> Self {
        Self { title: &facts.title, kind: &facts.kind, kind_version: facts.kind_version }
    }
}

/// `GET /api/v1/nodes/{node}/replacement?by=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] without the other node.
pub(crate) async fn replacement<B: Backend>(
    web: &Web<B>,
    node: &NodeId,
    query: &Query,
) -> Result<Reply, WebError> {
    let AskedReplacement { by } = query.read()?;
    let by = NodeId::parse(&by).ok_or(IotError::UnknownNode { node: by })?;
    let shown = web.backend.replacement(node, &by).await?;
    let modules = shown.modules.iter().map(|change| ModuleChange {
        index: change.index,
        fate: Word(change.fate),
        before: change.before.as_ref().map(Facts::from),
        after: change.after.as_ref().map(Facts::from),
    });
    let document = Replacement {
        node: shown.node.as_str(),
        by: shown.by.as_str(),
        modules: modules.collect(),
        commands: CommandChanges { moving: shown.moving, cancelled: shown.cancelled },
    };
    Ok(body::json(StatusCode::OK, &document))
}
