//! Commands with their lives, and waiting for one to end.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use iot_core::{
    CommandState, Event, NodeId,
    catalogue::ValueType,
    view::{CommandFilter, CommandView, ReadingView, Wanted},
};
use iot_proto::{CommandId, OwnedValue};
use serde::Serialize;
use serde_json::{Value as Json, json};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, timeout_at},
};

use super::{Error, limit};
use crate::{
    Backend, act,
    body::{self, Reply},
    error::WebError,
    feed,
    input::{self, Query},
    route::command_id,
    web::Web,
};

/// Commands in one answer, where nobody says and at most.
const COMMANDS: (usize, usize) = (100, 1_000);

/// Longest wait for a command, in seconds.
const WAIT_S: u64 = 30;

/// A command.
#[derive(Serialize)]
pub(super) struct Command<'a> {
    id: String,
    node: &'a str,
    node_title: &'a str,
    module: Option<Json>,
    wanted: Json,
    summary: &'a str,
    author: &'a str,
    why: &'a str,
    state: &'static str,
    steps: Vec<Step>,
    expires: i64,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<Json>,
}

#[derive(Serialize)]
struct Step {
    state: &'static str,
    at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Error>,
}

impl<'a> Command<'a> {
    /// The command, with what its property reports where that is known.
    pub(super) fn new(view: &'a CommandView, reported: Option<Target>) -> Self {
        let value = reported.as_ref().map(|target| &target.value);
        let steps = view.steps.iter().map(|step| Step {
            state: step.state.word(),
            at: step.at.0,
            cause: step.cause.as_ref().map(Error::from),
        });
        Self {
            id: view.id.to_string(),
            node: view.node.as_str(),
            node_title: &view.node_title,
            module: view.module.as_ref().map(|(index, title)| json!({ "index": index, "title": title })),
            wanted: wanted(&view.wanted, value),
            summary: &view.summary,
            author: &view.author,
            why: &view.why,
            state: view.state.word(),
            steps: steps.collect(),
            expires: view.expires.0,
            attempts: view.attempts,
            reported: reported
                .and_then(|target| target.latest.map(|reading| feed::reading_json(&reading, &target.value))),
        }
    }
}

/// The property that a command is for.
pub(super) struct Target {
    value: ValueType,
    latest: Option<ReadingView>,
}

fn wanted(wanted: &Wanted, definition: Option<&ValueType>) -> Json {
    let value = |value: &OwnedValue| match (definition, value) {
        (Some(definition), _) => input::to_json(value, definition),
        (None, OwnedValue::Bool(value)) => json!(value),
        (None, OwnedValue::Int(value)) => json!(value),
        (None, OwnedValue::Float(value)) => json!(value.get()),
        (None, OwnedValue::Text(value)) => json!(value),
    };
    match wanted {
        Wanted::Set { channel, value: set, .. } => {
            json!({ "set": { "channel": channel, "value": value(set) } })
        }
        Wanted::Get { channel, .. } => json!({ "get": { "channel": channel } }),
        Wanted::Invoke { channel, argument, .. } => {
            json!({ "invoke": { "channel": channel, "argument": argument.as_ref().map(value) } })
        }
        Wanted::Identify { for_s } => json!({ "identify": { "for_s": for_s } }),
        Wanted::Restart => json!({ "restart": {} }),
    }
}

/// The state of this word.
///
/// # Errors
/// [`WebError::Malformed`].
fn state(word: &str) -> Result<CommandState, WebError> {
    CommandState::from_word(word)
        .ok_or_else(|| WebError::malformed(format!("no command state is called {word}")))
}

/// For how long a script wants to wait: `?wait=5`.
///
/// # Errors
/// [`WebError::Malformed`].
pub(crate) fn wait(query: &Query) -> Result<Option<Duration>, WebError> {
    let Some(text) = query.get("wait") else { return Ok(None) };
    let seconds = text.parse().ok().filter(|seconds| *seconds <= WAIT_S);
    let seconds = seconds
        .ok_or_else(|| WebError::malformed(format!("wait is 0 to {WAIT_S} whole seconds, not {text}")))?;
    Ok(Some(Duration::from_secs(seconds)))
}

/// `GET /api/v1/commands?node=&module=&state=&before=&limit=`; several states with commas between them.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
pub(crate) async fn commands<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let node = query
        .get("node")
        .map(|node| NodeId::parse(node).ok_or_else(|| iot_core::IotError::UnknownNode { node: node.into() }));
    let states = query.get("state").map(|words| words.split(',').map(state).collect::<Result<Vec<_>, _>>());
    let module = query
        .get("module")
        .map(|index| index.parse().map_err(|_| WebError::malformed(format!("module is no index: {index}"))));
    let before = query.get("before").map(|id| {
        command_id(id).ok_or_else(|| WebError::malformed(format!("before is no id of a command: {id}")))
    });
    let limit = limit(query, COMMANDS.0, COMMANDS.1)?;
    // One more than is shown says whether there is another page.
    let filter = CommandFilter {
        node: node.transpose()?,
        module: module.transpose()?,
        states: states.transpose()?.unwrap_or_default(),
        before: before.transpose()?,
        limit: limit + 1,
    };
    let mut commands = web.backend.ledger(filter).await?;
    let has_more = commands.len() > limit;
    commands.truncate(limit);
    let next = commands.last().filter(|_| has_more).map(|command| command.id.to_string());
    let shown: Vec<_> = commands.iter().map(|view| Command::new(view, None)).collect();
    Ok(body::json(StatusCode::OK, &json!({ "commands": shown, "next": next })))
}

/// `GET /api/v1/commands/{id}`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn command<B: Backend>(web: &Web<B>, id: CommandId) -> Result<Reply, WebError> {
    let view = web.backend.command(id).await?;
    let target = target(web, &view).await;
    Ok(body::json(StatusCode::OK, &Command::new(&view, target)))
}

/// The command has been taken; its life is at the location.
pub(crate) fn accepted(id: CommandId) -> Reply {
    let location = act::command_location(id);
    let document = json!({ "command": id.to_string(), "location": location });
    let mut reply = body::json(StatusCode::ACCEPTED, &document);
    if let Ok(location) = HeaderValue::from_str(&location) {
        reply.headers_mut().insert(header::LOCATION, location);
    }
    reply
}

/// The command once it has ended, or as it is when the time is over. `events` began before it was sent.
///
/// # Errors
/// As the backend's.
pub(crate) async fn command_when_ended<B: Backend>(
    web: &Web<B>,
    id: CommandId,
    mut events: Receiver<Event>,
    wait: Duration,
) -> Result<Reply, WebError> {
    let until = Instant::now() + wait;
    let mut view = web.backend.command(id).await?;
    while view.state.is_under_way() {
        match timeout_at(until, events.recv()).await {
            Ok(Ok(Event::Command { id: changed, .. })) if changed == id => {}
            // Whoever lost events must look.
            Ok(Err(RecvError::Lagged(_))) => {}
            Ok(Ok(
                Event::Node { .. }
                | Event::Modules { .. }
                | Event::Joining
                | Event::Gone { .. }
                | Event::Reading { .. }
                | Event::Command { .. }
                | Event::Notice(_),
            )) => continue,
            Ok(Err(RecvError::Closed)) | Err(_) => break,
        }
        view = web.backend.command(id).await?;
    }
    let target = target(web, &view).await;
    Ok(body::json(StatusCode::OK, &Command::new(&view, target)))
}

/// The property that a command is for, as it is now. Without it the command is given all the same.
async fn target<B: Backend>(web: &Web<B>, view: &CommandView) -> Option<Target> {
    let (Wanted::Set { module, channel, .. } | Wanted::Get { module, channel }) = view.wanted else {
        return None;
    };
    let node = web.backend.node(&view.node).await.ok()?;
    let module = node.modules.into_iter().find(|found| found.index == module)?;
    let property = module.properties.into_iter().find(|found| found.property.channel == channel)?;
    Some(Target { value: property.property.value.clone(), latest: property.latest })
}
