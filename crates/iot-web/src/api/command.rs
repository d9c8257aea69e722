//! Commands with their lives, and waiting for one to end.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use iot_core::{
    CommandState, Event, IotError, NodeId,
    catalogue::ValueType,
    view::{self, CommandFilter, CommandView, ReadingView},
};
use iot_proto::{CommandId, OwnedValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, timeout_at},
};

use super::{Error, Reading};
use crate::{
    Backend, act,
    body::{self, Reply},
    error::WebError,
    input::{self, Query, Told},
    query::Between,
    route::command_id,
    web::Web,
    word::{Listed, Time, Word},
};

/// Commands, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Commands<'a> {
    commands: Vec<Command<'a>>,
    /// What to give as `before` for the next page; `null` on the last.
    next: Option<String>,
}

/// A command with its whole life.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Command<'a> {
    id: String,
    node: &'a str,
    node_title: &'a str,
    /// `null` where it is for the node itself.
    module: Option<ForModule<'a>>,
    wanted: Wanted,
    /// What is wanted, in words.
    summary: &'a str,
    author: &'a str,
    why: &'a str,
    /// Done means that the node reported the value.
    state: Word<CommandState>,
    steps: Vec<Step>,
    expires: Time,
    /// How often it was sent.
    attempts: u32,
    /// What its property reports now; only where one command is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<Reading<'a>>,
}

/// The module that a command is for.
#[derive(Serialize, JsonSchema)]
struct ForModule<'a> {
    index: u8,
    title: &'a str,
}

/// What is wanted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    Set { channel: u8, value: Told },
    Get { channel: u8 },
    Invoke { channel: u8, argument: Option<Told> },
    Identify { for_s: u16 },
    Restart {},
}

/// A state that a command has been in.
#[derive(Serialize, JsonSchema)]
struct Step {
    state: Word<CommandState>,
    at: Time,
    /// Why, where that needs a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Error>,
}

impl<'a> Command<'a> {
    /// The command, with what its property reports where that is known.
    pub(super) fn new(view: &'a CommandView, target: Option<&'a Target>) -> Self {
        let steps = view.steps.iter().map(|step| Step {
            state: Word(step.state),
            at: step.at.into(),
            cause: step.cause.as_ref().map(Error::from),
        });
        Self {
            id: view.id.to_string(),
            node: view.node.as_str(),
            node_title: &view.node_title,
            module: view.module.as_ref().map(|(index, title)| ForModule { index: *index, title }),
            wanted: Wanted::new(&view.wanted, target.map(|target| &target.value)),
            summary: &view.summary,
            author: &view.author,
            why: &view.why,
            state: Word(view.state),
            steps: steps.collect(),
            expires: view.expires.into(),
            attempts: view.attempts,
            reported: target.and_then(|target| Some(Reading::new(target.latest.as_ref()?, &target.value))),
        }
    }
}

/// The property that a command is for.
pub(super) struct Target {
    value: ValueType,
    latest: Option<ReadingView>,
}

impl Wanted {
    fn new(wanted: &view::Wanted, definition: Option<&ValueType>) -> Self {
        let told = |value: &OwnedValue| {
            definition.map_or_else(|| Told::from(value), |definition| input::told(value, definition))
        };
        match wanted {
            view::Wanted::Set { channel, value, .. } => Self::Set { channel: *channel, value: told(value) },
            view::Wanted::Get { channel, .. } => Self::Get { channel: *channel },
            view::Wanted::Invoke { channel, argument, .. } => {
                Self::Invoke { channel: *channel, argument: argument.as_ref().map(told) }
            }
            view::Wanted::Identify { for_s } => Self::Identify { for_s: *for_s },
            view::Wanted::Restart => Self::Restart {},
        }
    }
}

/// What is asked with something that becomes a command.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedWait {
    /// Answer once the command has ended, or when so many seconds are over.
    wait: Option<Between<0, 30>>,
}

/// For how long a script wants to wait: `?wait=5`.
///
/// # Errors
/// [`WebError::Malformed`].
pub(crate) fn wait(query: &Query) -> Result<Option<Duration>, WebError> {
    let AskedWait { wait } = query.read()?;
    Ok(wait.map(|seconds| Duration::from_secs(seconds.get())))
}

/// What is asked of commands.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedCommands {
    /// Only those for the node of this id.
    node: Option<Box<str>>,
    /// Only those for the module of this index.
    module: Option<u8>,
    /// Only those in one of these states, with commas between them.
    state: Option<Listed<CommandState>>,
    /// Only those before the command of this id.
    #[schemars(extend("format" = "uuid"))]
    before: Option<Box<str>>,
    /// Most commands in one answer.
    #[serde(default)]
    limit: Between<1, 1_000, 100>,
}

/// `GET /api/v1/commands?node=&module=&state=&before=&limit=`; several states with commas between them.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a query that cannot be read.
pub(crate) async fn commands<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let AskedCommands { node, module, state, before, limit } = query.read()?;
    let node = node.map(|node| NodeId::parse(&node).ok_or(IotError::UnknownNode { node }));
    let before = before.map(|id| {
        command_id(&id).ok_or_else(|| WebError::malformed(format!("before is no id of a command: {id}")))
    });
    let limit: usize = limit.get();
    // One more than is shown says whether there is another page.
    let filter = CommandFilter {
        node: node.transpose()?,
        module,
        states: state.map(|Listed(states)| states).unwrap_or_default(),
        before: before.transpose()?,
        limit: limit + 1,
    };
    let mut commands = web.backend.ledger(filter).await?;
    let has_more = commands.len() > limit;
    commands.truncate(limit);
    let next = commands.last().filter(|_| has_more).map(|command| command.id.to_string());
    let document =
        Commands { commands: commands.iter().map(|view| Command::new(view, None)).collect(), next };
    Ok(body::json(StatusCode::OK, &document))
}

/// `GET /api/v1/commands/{id}`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn command<B: Backend>(web: &Web<B>, id: CommandId) -> Result<Reply, WebError> {
    let view = web.backend.command(id).await?;
    let target = target(web, &view).await;
    Ok(body::json(StatusCode::OK, &Command::new(&view, target.as_ref())))
}

/// A command has been taken; its life is at the location.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Accepted<'a> {
    command: String,
    location: &'a str,
}

/// The command has been taken.
pub(crate) fn accepted(id: CommandId) -> Reply {
    let location = act::command_location(id);
    let document = Accepted { command: id.to_string(), location: &location };
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
    Ok(body::json(StatusCode::OK, &Command::new(&view, target.as_ref())))
}

/// The property that a command is for, as it is now. Without it the command is given all the same.
async fn target<B: Backend>(web: &Web<B>, view: &CommandView) -> Option<Target> {
    let (view::Wanted::Set { module, channel, .. } | view::Wanted::Get { module, channel }) = view.wanted
    else {
        return None;
    };
    let node = web.backend.node(&view.node).await.ok()?;
    let module = node.modules.into_iter().find(|found| found.index == module)?;
    let property = module.properties.into_iter().find(|found| found.property.channel == channel)?;
    Some(Target { value: property.property.value.clone(), latest: property.latest })
}
