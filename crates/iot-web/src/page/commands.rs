//! The list of commands: those under way first, then those that ended, newest first and in pages.

use askama::Template;
use http::StatusCode;
use iot_core::{
    CommandState,
    view::{CommandFilter, CommandView},
};

use iot_proto::CommandId;

use super::{
    life::{Among, CommandRow},
    shell::{Shell, rendered},
    unread::Unread,
};
use crate::{Backend, body::Reply, error::WebError, input::Query, route::command_id, web::Web};

/// Commands on one page that have ended.
const PAGE: usize = 50;

/// Most commands looked through for one page.
const LOOK: usize = 5_000;

/// Commands that are fetched at one time.
const FETCH: usize = 500;

/// The filters: word in the address, word on the page, states.
const FILTERS: [(&str, &str, &[CommandState]); 6] = [
    ("", "All", &[]),
    ("way", "Under way", &[CommandState::Queued, CommandState::Sent, CommandState::Accepted]),
    ("failed", "Failed", &[CommandState::Failed]),
    ("expired", "Expired", &[CommandState::Expired]),
    ("cancelled", "Cancelled", &[CommandState::Cancelled]),
    ("done", "Done", &[CommandState::Done]),
];

#[derive(Template)]
#[template(path = "commands.html")]
struct CommandsPage {
    shell: Shell,
    lede: String,
    text: String,
    is: String,
    filters: Vec<Filter>,
    way: Vec<CommandRow>,
    ended: Vec<CommandRow>,
    /// Stands in their place where the store does not tell them.
    unread: Option<Unread>,
    newest: Option<String>,
    older: Option<String>,
}

/// A link that filters the list by state.
struct Filter {
    href: String,
    word: &'static str,
    current: bool,
}

/// `GET /commands?q=&is=&before=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a filter that there is not.
pub(crate) async fn commands<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let words = web.words();
    let is = query.get("is").unwrap_or_default();
    let chosen = FILTERS.iter().find(|(word, ..)| *word == is);
    let (.., states) = chosen.ok_or_else(|| WebError::malformed(format!("no filter is called {is}")))?;
    let before = query.get("before").map(|id| {
        command_id(id).ok_or_else(|| WebError::malformed(format!("before is no id of a command: {id}")))
    });
    let before = before.transpose()?;
    let is_first = before.is_none();
    let overview = web.backend.overview().await?;
    let mut way = if is_first { under_way(web, query, states).await? } else { Vec::new() };
    let ended = Unread::unless(ended(web, query, (states, before)).await, "What has ended")?;
    let (ended, older, unread) = match ended {
        Ok((ended, older)) => (ended, older, None),
        Err(unread) => (Vec::new(), None, Some(unread)),
    };
    // One may have ended since.
    way.retain(|command| ended.iter().all(|other| other.id != command.id));
    let shell = Shell::new(web, &overview, "commands");
    let row = |command: &CommandView| CommandRow::new(command, &words, Among::All, &shell.rights);
    let link = |before: &str| format!("/commands?{}", query.with("before", before));
    let page = CommandsPage {
        lede: format!("{} under way. Done means that the node reported the value.", overview.under_way),
        text: query.get("q").unwrap_or_default().to_owned(),
        is: is.to_owned(),
        filters: FILTERS
            .iter()
            .map(|(word, title, _)| Filter {
                href: format!("/commands?{}", query.with("is", word)),
                word: title,
                current: *word == is,
            })
            .collect(),
        way: way.iter().map(row).collect(),
        ended: ended.iter().map(row).collect(),
        unread,
        newest: (!is_first).then(|| link("")),
        older: older.map(|id| link(&id.to_string())),
        shell,
    };
    Ok(rendered(StatusCode::OK, &page))
}

/// The commands under way that fit, newest first.
async fn under_way<B: Backend>(
    web: &Web<B>,
    query: &Query,
    states: &[CommandState],
) -> Result<Vec<CommandView>, WebError> {
    let filter = CommandFilter { limit: usize::MAX, ..CommandFilter::default() };
    let mut commands = web.backend.commands(filter).await?;
    commands.retain(|command| command.state.is_under_way() && fits(command, states) && says(command, query));
    Ok(commands)
}

/// A page of commands that have ended and fit, newest first, and where the next page begins.
async fn ended<B: Backend>(
    web: &Web<B>,
    query: &Query,
    (states, mut before): (&[CommandState], Option<CommandId>),
) -> Result<(Vec<CommandView>, Option<CommandId>), WebError> {
    let ended = [CommandState::Done, CommandState::Failed, CommandState::Expired, CommandState::Cancelled];
    let states: Vec<_> =
        ended.into_iter().filter(|state| states.is_empty() || states.contains(state)).collect();
    let mut found = Vec::new();
    for _ in 0..LOOK / FETCH {
        if states.is_empty() {
            break;
        }
        let filter =
            CommandFilter { states: states.clone(), before, limit: FETCH, ..CommandFilter::default() };
        let fetched = web.backend.ledger(filter).await?;
        let is_last = fetched.len() < FETCH;
        for command in fetched {
            if found.len() == PAGE {
                return Ok((found, before));
            }
            before = Some(command.id);
            if says(&command, query) {
                found.push(command);
            }
        }
        if is_last {
            return Ok((found, None));
        }
    }
    Ok((found, before.filter(|_| !states.is_empty())))
}

fn fits(command: &CommandView, states: &[CommandState]) -> bool {
    states.is_empty() || states.contains(&command.state)
}

fn says(command: &CommandView, query: &Query) -> bool {
    let Some(part) = query.get("q").map(str::to_lowercase) else { return true };
    let module = command.module.as_ref().map(|(_, title)| &**title).unwrap_or_default();
    let author = [&*command.author, &*command.why];
    let texts = [&*command.node_title, module, &command.summary, author[0], author[1], command.node.as_str()];
    texts.iter().any(|text| text.to_lowercase().contains(&part)) || command.id.to_string().contains(&part)
}
