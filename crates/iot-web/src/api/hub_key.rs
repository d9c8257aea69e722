//! The hub's own keys in the API. What is secret of them is nowhere here.

use http::StatusCode;
use iot_core::{NumberedKey, view::LackingView};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    web::Web,
    word::Time,
};

/// The hub's own keys, and how far its nodes have come with them.
#[derive(Serialize, JsonSchema)]
pub(crate) struct HubKeys<'a> {
    /// The id of the hub, which is that of its first key and stays.
    id: String,
    /// The key by which nodes know the hub.
    current: HubKey,
    /// The key that is announced.
    next: Option<HubKey>,
    /// The key before.
    former: Option<FormerHubKey>,
    /// How many nodes have stored the newest key.
    have: usize,
    /// How many lack it.
    lack: usize,
    /// Those that lack it, at most 200.
    lacking: Vec<LackingNode<'a>>,
}

/// A key of the hub.
#[derive(Serialize, JsonSchema)]
struct HubKey {
    number: u8,
    id: String,
    /// 64 hexadecimal digits, as nodes are given them.
    key: String,
    since: Option<Time>,
}

/// A key of the hub that another has followed.
#[derive(Serialize, JsonSchema)]
struct FormerHubKey {
    number: u8,
    id: String,
    /// Until when nodes get in with it.
    taken_until: Time,
}

/// A node that lacks the newest key.
#[derive(Serialize, JsonSchema)]
struct LackingNode<'a> {
    node: &'a str,
    title: &'a str,
    last_heard: Option<Time>,
}

impl From<&NumberedKey> for HubKey {
    fn from(key: &NumberedKey) -> Self {
        let (id, digits) = (key.key.id().to_string(), key.key.to_string());
        Self { number: key.number, id, key: digits, since: key.since.map(Time::from) }
    }
}

impl From<&NumberedKey> for FormerHubKey {
    fn from(key: &NumberedKey) -> Self {
        let (id, taken_until) = (key.key.id().to_string(), key.taken_until().into());
        Self { number: key.number, id, taken_until }
    }
}

impl<'a> From<&'a LackingView> for LackingNode<'a> {
    fn from(node: &'a LackingView) -> Self {
        let LackingView { node, title, last_heard } = node;
        Self { node: node.as_str(), title, last_heard: last_heard.map(Time::from) }
    }
}

/// `GET /api/v1/hub-key`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn hub_key<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    let view = web.backend.hub_keys().await?;
    let document = HubKeys {
        id: view.keys.id.to_string(),
        current: (&view.keys.current).into(),
        next: view.keys.next.as_ref().map(HubKey::from),
        former: view.keys.former.as_ref().map(FormerHubKey::from),
        have: view.have,
        lack: view.lack,
        lacking: view.lacking.iter().map(LackingNode::from).collect(),
    };
    Ok(body::json(StatusCode::OK, &document))
}
