//! The list of commands: those under way first, then those that ended, newest first.

use askama::Template;
use http::StatusCode;
use iot_core::{
    CommandState,
    view::{CommandFilter, CommandView},
};

use super::{
    life::{Among, CommandRow},
    nodes::Filter,
    shell::{Shell, rendered},
};
use crate::{Backend, body::Reply, error::WebError, input::Query, web::Web, wording};

/// Most commands looked through.
const COMMANDS: usize = 500;

/// Most commands shown that have ended.
const ENDED: usize = 100;

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
}

/// `GET /commands?q=&is=`.
///
/// # Errors
/// As the backend's; [`WebError::Malformed`] for a filter that there is not.
pub(crate) async fn commands<B: Backend>(web: &Web<B>, query: &Query) -> Result<Reply, WebError> {
    let words = web.words();
    let is = query.get("is").unwrap_or_default();
    let chosen = FILTERS.iter().find(|(word, ..)| *word == is);
    let (.., states) = chosen.ok_or_else(|| WebError::malformed(format!("no filter is called {is}")))?;
    let filter = CommandFilter { limit: COMMANDS, ..CommandFilter::default() };
    let mut all = web.backend.commands(filter).await?;
    all.retain(|command| query.get("q").is_none_or(|part| says(command, part)));
    let filters = FILTERS.iter().map(|(word, title, states)| Filter {
        href: format!("/commands?{}", query.with("is", word)),
        word: (*title).to_owned(),
        count: all.iter().filter(|command| fits(command, states)).count(),
        current: *word == is,
    });
    let filters = filters.collect();
    let way = all.iter().filter(|command| command.state.is_under_way()).count();
    let failed = all.iter().filter(|command| command.state == CommandState::Failed).count();
    let shown = all.iter().filter(|command| fits(command, states));
    let (way_rows, ended): (Vec<_>, Vec<_>) = shown.partition(|command| command.state.is_under_way());
    let page = CommandsPage {
        shell: Shell::load(web, "commands").await?,
        lede: format!(
            "{}, {failed} failed. Done means that the node reported the value.",
            wording::capital(&format!("{way} under way")),
        ),
        text: query.get("q").unwrap_or_default().to_owned(),
        is: is.to_owned(),
        filters,
        way: way_rows.into_iter().map(|command| CommandRow::new(command, &words, Among::All)).collect(),
        ended: ended
            .into_iter()
            .take(ENDED)
            .map(|command| CommandRow::new(command, &words, Among::All))
            .collect(),
    };
    Ok(rendered(StatusCode::OK, &page))
}

fn fits(command: &CommandView, states: &[CommandState]) -> bool {
    states.is_empty() || states.contains(&command.state)
}

fn says(command: &CommandView, part: &str) -> bool {
    let part = part.to_lowercase();
    let module = command.module.as_ref().map(|(_, title)| &**title).unwrap_or_default();
    let texts = [&*command.node_title, module, &command.summary, &command.author, command.node.as_str()];
    texts.iter().any(|text| text.to_lowercase().contains(&part)) || command.id.to_string().contains(&part)
}
