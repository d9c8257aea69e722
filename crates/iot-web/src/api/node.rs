//! Nodes with their modules, and what is reported and desired of each property.

use http::StatusCode;
use iot_core::{
    CommandState, IotError, NodeId, PresenceState,
    catalogue::Access,
    store::{self, Decision},
    view::{self, Archived, KeyStanding, KeyView, ModuleView, NodeFilter, NodeView, PropertyView},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Error, Reading};
use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    input::{self, Query, Told},
    query::Between,
    web::Web,
    word::{Time, Word},
    wording,
};

/// Nodes with their modules, in the order of their ids.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Nodes<'a> {
    nodes: Vec<Node<'a>>,
    /// What to give as `after` for the next page; `null` on the last.
    next: Option<&'a str>,
}

/// A node.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Node<'a> {
    id: &'a str,
    /// Its own key comes first, and then those that it announced or had; none where it is plain.
    keys: Vec<Key>,
    title: &'a str,
    place: &'a str,
    tags: &'a [Box<str>],
    admission: Word<view::AdmissionState>,
    /// Whether commands are taken.
    permission: Word<view::Permission>,
    /// By whose word they are, where the node proves nothing or is unverified.
    permitted: Option<Leave<'a>>,
    /// By whose word it was let in although nothing was compared: it may be another node than was meant.
    unverified: Option<Leave<'a>>,
    /// Where the node is let in, and nowhere else.
    home: Option<String>,
    /// Who else said its name, and was refused.
    stranger: Option<Stranger>,
    presence: Presence,
    /// What it declared, and has not come back from.
    sleep: Option<Sleep>,
    address: Option<String>,
    board: &'a str,
    firmware: &'a str,
    first_seen: Time,
    last_heard: Option<Time>,
    reports: u64,
    duplicates: u64,
    lost_reports: u64,
    /// Commands that wait.
    queued: usize,
    modules: Vec<Module<'a>>,
}

/// The word of an admin on a node.
#[derive(Serialize, JsonSchema)]
struct Leave<'a> {
    by: &'a str,
    why: &'a str,
    at: Time,
}

/// Somebody who said a node's name at another address.
#[derive(Serialize, JsonSchema)]
pub(super) struct Stranger {
    address: String,
    /// The last time.
    at: Time,
}

/// A sleep that a node declared.
#[derive(Serialize, JsonSchema)]
struct Sleep {
    since: Time,
    for_s: u32,
}

/// Whether a node is there, why and since when.
#[derive(Serialize, JsonSchema)]
pub(super) struct Presence {
    state: Word<PresenceState>,
    reason: String,
    since: Time,
    next_contact: Option<Time>,
    overdue_from: Option<Time>,
    lost_from: Option<Time>,
}

/// A module of a node.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Module<'a> {
    index: u8,
    title: &'a str,
    kind: &'a str,
    /// What the firmware was built for.
    kind_version: u16,
    /// The version in the catalogue when the module was registered.
    registered_with: Option<u16>,
    supported: bool,
    /// Why the hub does not support its kind; not there where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
    properties: Vec<Property<'a>>,
}

/// A key of a node.
#[derive(Serialize, JsonSchema)]
struct Key {
    id: String,
    state: Word<KeyStanding>,
    since: Time,
    until: Option<Time>,
}

/// What is reported and desired of a property.
#[derive(Serialize, JsonSchema)]
struct Property<'a> {
    channel: u8,
    name: &'a str,
    title: &'a str,
    writable: bool,
    /// What the node reported.
    latest: Option<Reading<'a>>,
    /// What somebody wants.
    desired: Option<Desired>,
}

/// What somebody wants a property to become.
#[derive(Serialize, JsonSchema)]
struct Desired {
    value: Told,
    text: Box<str>,
    command: String,
    state: Word<CommandState>,
    since: Time,
}

impl From<&KeyView> for Key {
    fn from(key: &KeyView) -> Self {
        let KeyView { id, standing, since, until } = key;
        Self {
            id: id.to_string(),
            state: Word(*standing),
            since: (*since).into(),
            until: until.map(Time::from),
        }
    }
}

impl From<&view::Presence> for Presence {
    fn from(presence: &view::Presence) -> Self {
        Self {
            state: Word(presence.state),
            reason: wording::reason(&presence.reason),
            since: presence.since.into(),
            next_contact: presence.next_contact.map(Time::from),
            overdue_from: presence.overdue_from.map(Time::from),
            lost_from: presence.lost_from.map(Time::from),
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
            admission: Word(node.admission),
            permission: Word(node.permission),
            permitted: node.permitted.as_ref().map(Leave::from),
            unverified: node.unverified.as_ref().map(Leave::from),
            home: node.home.map(|home| home.to_string()),
            stranger: node.stranger.map(Stranger::from),
            presence: Presence::from(&node.presence),
            sleep: node.sleep.map(|sleep| Sleep { since: sleep.since.into(), for_s: sleep.for_s }),
            address: node.address.map(|address| address.to_string()),
            board: &node.board,
            firmware: &node.firmware,
            first_seen: node.first_seen.into(),
            last_heard: node.last_heard.map(Time::from),
            reports: node.reports,
            duplicates: node.duplicates,
            lost_reports: node.lost_reports,
            queued: node.queued,
            modules: node.modules.iter().map(Module::from).collect(),
        }
    }
}

impl<'a> From<&'a Decision> for Leave<'a> {
    fn from(Decision { by, why, at }: &'a Decision) -> Self {
        Self { by, why, at: (*at).into() }
    }
}

impl From<store::Stranger> for Stranger {
    fn from(stranger: store::Stranger) -> Self {
        Self { address: stranger.address.to_string(), at: stranger.at.into() }
    }
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
            latest: view.latest.as_ref().map(|reading| Reading::new(reading, &property.value)),
            desired: view.desired.as_ref().map(|desired| Desired {
                value: input::told(&desired.value, &property.value),
                text: property.value.text_with_unit(&desired.value),
                command: desired.command.to_string(),
                state: Word(desired.state),
                since: desired.since.into(),
            }),
        }
    }
}

/// What is asked of nodes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedNodes {
    /// Only those with this tag.
    tag: Option<Box<str>>,
    /// Whether those in the archive are given.
    #[serde(default)]
    archived: AskedArchived,
    /// Only those whose id comes after this one.
    after: Option<Box<str>>,
    /// Most nodes in one answer; all without it.
    limit: Option<Between<1, 1_000>>,
}

/// Whether nodes in the archive are given.
#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum AskedArchived {
    #[default]
    Hide,
    Only,
    Show,
}

impl From<AskedArchived> for Archived {
    fn from(asked: AskedArchived) -> Self {
        match asked {
            AskedArchived::Hide => Self::Hidden,
            AskedArchived::Only => Self::Only,
            AskedArchived::Show => Self::Shown,
        }
    }
}

/// `GET /api/v1/nodes?tag=&archived=&after=&limit=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
pub(crate) async fn nodes<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let AskedNodes { tag, archived, after, limit } = query.read()?;
    let limit: Option<usize> = limit.map(Between::get);
    let after = after.map(|node| NodeId::parse(&node).ok_or(IotError::UnknownNode { node }));
    // One more than is shown says whether there is another page.
    let filter = NodeFilter {
        tag,
        archived: archived.into(),
        after: after.transpose()?,
        limit: limit.map_or(usize::MAX, |limit| limit + 1),
    };
    let (mut nodes, _room) = web.nodes(filter).await?;
    let has_more = limit.is_some_and(|limit| nodes.len() > limit);
    nodes.truncate(limit.unwrap_or(usize::MAX));
    let next = nodes.last().filter(|_| has_more).map(|node| node.id.as_str());
    let document = Nodes { nodes: nodes.iter().map(Node::from).collect(), next };
    Ok(body::json(StatusCode::OK, &document))
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
