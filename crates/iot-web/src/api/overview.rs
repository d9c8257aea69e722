//! How all is, and what happened.

use std::collections::BTreeMap;

use http::StatusCode;
use iot_core::{
    NodeId,
    view::{self, Notice, PresenceCounts},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Error,
    command::Command,
    node::{Presence, Stranger},
};
use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    input::Query,
    query::Between,
    web::Web,
    word::Time,
};

/// How all is.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Overview<'a> {
    /// What the hub is called.
    hub: &'a str,
    now: Time,
    presence: Presences,
    modules: usize,
    /// Nodes that wait to be admitted.
    waiting: usize,
    /// Commands that have not ended.
    under_way: usize,
    /// Whether every node is let in.
    open_registration: bool,
    /// What needs a person, worst first.
    needs: Vec<Need<'a>>,
    /// How often a limit was reached since the hub has started.
    limits_reached: BTreeMap<&'static str, usize>,
}

/// How many nodes are in each state.
#[derive(Serialize, JsonSchema)]
struct Presences {
    connecting: usize,
    online: usize,
    asleep: usize,
    overdue: usize,
    lost: usize,
    disabled: usize,
}

/// Something that needs a person.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "need", rename_all = "lowercase")]
enum Need<'a> {
    Stranger { node: &'a str, title: &'a str, home: String, stranger: Stranger },
    Lost { node: &'a str, title: &'a str, presence: Presence },
    Overdue { node: &'a str, title: &'a str, presence: Presence },
    Failed { command: Box<Command<'a>> },
    Unsupported { node: &'a str, title: &'a str, module: &'a str, error: Error },
    Waiting { count: usize },
}

impl From<PresenceCounts> for Presences {
    fn from(counts: PresenceCounts) -> Self {
        let PresenceCounts { connecting, online, asleep, overdue, lost, disabled } = counts;
        Self { connecting, online, asleep, overdue, lost, disabled }
    }
}

impl<'a> From<&'a view::Need> for Need<'a> {
    fn from(need: &'a view::Need) -> Self {
        match need {
            view::Need::Stranger { node, title, home, stranger } => Self::Stranger {
                node: node.as_str(),
                title,
                home: home.to_string(),
                stranger: Stranger::from(*stranger),
            },
            view::Need::Lost { node, title, presence } => {
                Self::Lost { node: node.as_str(), title, presence: presence.into() }
            }
            view::Need::Overdue { node, title, presence } => {
                Self::Overdue { node: node.as_str(), title, presence: presence.into() }
            }
            view::Need::Failed(view) => Self::Failed { command: Box::new(Command::new(view, None)) },
            view::Need::Unsupported { node, title, module, error } => {
                Self::Unsupported { node: node.as_str(), title, module, error: error.into() }
            }
            view::Need::Waiting { count } => Self::Waiting { count: *count },
        }
    }
}

/// `GET /api/v1/overview`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn overview<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    let view = web.backend.overview().await?;
    let limits = view.limits_reached.into_iter().chain(web.reached.counts());
    let document = Overview {
        hub: &view.hub,
        now: web.now().into(),
        presence: view.presence.into(),
        modules: view.modules,
        waiting: view.waiting,
        under_way: view.under_way,
        open_registration: view.open_registration,
        needs: view.needs.iter().map(Need::from).collect(),
        limits_reached: limits.map(|(limit, count)| (limit.word(), count)).collect(),
    };
    Ok(body::json(StatusCode::OK, &document))
}

/// What is asked of the activity.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedActivity {
    /// Most of what happened in one answer.
    #[serde(default)]
    limit: Between<1, 1_000, 100>,
}

/// What happened, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Activity<'a> {
    activity: Vec<Happened<'a>>,
}

/// Something that happened.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Happened<'a> {
    at: Time,
    /// The node that it is about.
    node: Option<&'a str>,
    text: &'a str,
}

impl<'a> From<&'a Notice> for Happened<'a> {
    fn from(notice: &'a Notice) -> Self {
        Self { at: notice.at.into(), node: notice.node.as_ref().map(NodeId::as_str), text: &notice.text }
    }
}

/// `GET /api/v1/activity`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a bad limit.
pub(crate) async fn activity<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let AskedActivity { limit } = query.read()?;
    let notices = web.backend.activity(limit.get()).await?;
    let activity = notices.iter().map(Happened::from).collect();
    Ok(body::json(StatusCode::OK, &Activity { activity }))
}
