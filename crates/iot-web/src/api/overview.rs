//! How all is, and what happened.

use std::collections::BTreeMap;

use http::StatusCode;
use iot_core::view::{Need, Overview, PresenceCounts};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{Error, command, limit, node};
use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    feed,
    input::Query,
    web::Web,
};

/// Notices in one answer, where nobody says and at most.
const NOTICES: (usize, usize) = (100, 1_000);

#[derive(Serialize)]
struct OverviewDocument {
    hub: Box<str>,
    now: i64,
    presence: Presences,
    modules: usize,
    waiting: usize,
    under_way: usize,
    open_registration: bool,
    needs: Vec<Json>,
    limits_reached: BTreeMap<&'static str, usize>,
}

#[derive(Serialize)]
struct Presences {
    connecting: usize,
    online: usize,
    asleep: usize,
    overdue: usize,
    lost: usize,
    disabled: usize,
}

impl From<PresenceCounts> for Presences {
    fn from(counts: PresenceCounts) -> Self {
        let PresenceCounts { connecting, online, asleep, overdue, lost, disabled } = counts;
        Self { connecting, online, asleep, overdue, lost, disabled }
    }
}

/// `GET /api/v1/overview`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn overview<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    let Overview { hub, presence, modules, waiting, under_way, needs, open_registration, limits_reached } =
        web.backend.overview().await?;
    let limits = limits_reached.into_iter().chain(web.reached.counts());
    let limits_reached = limits.map(|(limit, count)| (limit.word(), count)).collect();
    let needs = needs.iter().map(need).collect();
    let (now, presence) = (web.now().0, presence.into());
    let document = OverviewDocument {
        hub,
        now,
        presence,
        modules,
        waiting,
        under_way,
        open_registration,
        needs,
        limits_reached,
    };
    Ok(body::json(StatusCode::OK, &document))
}

fn need(need: &Need) -> Json {
    match need {
        Need::Lost { node: id, title, presence } => {
            json!({ "need": "lost", "node": id.as_str(), "title": title, "presence": node::Presence::from(presence) })
        }
        Need::Overdue { node: id, title, presence } => {
            json!({ "need": "overdue", "node": id.as_str(), "title": title, "presence": node::Presence::from(presence) })
        }
        Need::Failed(view) => json!({ "need": "failed", "command": command::Command::new(view, None) }),
        Need::Unsupported { node, title, module, error } => json!({
            "need": "unsupported", "node": node.as_str(), "title": title, "module": module,
            "error": Error::from(error),
        }),
        Need::Waiting { count } => json!({ "need": "waiting", "count": count }),
    }
}

/// `GET /api/v1/activity`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a bad limit.
pub(crate) async fn activity<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let notices = web.backend.activity(limit(query, NOTICES.0, NOTICES.1)?).await?;
    let notices: Vec<_> = notices.iter().map(feed::notice_json).collect();
    Ok(body::json(StatusCode::OK, &json!({ "activity": notices })))
}
