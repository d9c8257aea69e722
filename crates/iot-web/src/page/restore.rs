//! The page before a backup is restored: what it holds, what would be lost, who would be let in again, and the question.

use askama::Template;
use http::StatusCode;
use iot_core::{
    people::UserName,
    view::{Changed, Difference, Named, Otherwise},
};

use super::shell::{Shell, rendered};
use crate::{Backend, RestoreRefused, body::Reply, error::WebError, web::Web, wording};

/// Nodes that are named at most; the API names all.
const NAMED: usize = 50;

#[derive(Template)]
#[template(path = "restore.html")]
struct RestorePage {
    shell: Shell,
    name: String,
    time: String,
    held: Vec<(&'static str, usize, usize)>,
    lost: String,
    nodes: Vec<NodeRow>,
    more_nodes: usize,
    /// Nodes to which commands would be taken again, in one line.
    commanded: String,
    people: Vec<String>,
}

/// A node whose standing would change.
struct NodeRow {
    id: String,
    title: Box<str>,
    now: &'static str,
    then: &'static str,
    /// Whether it would be let in, and is not now.
    warn: bool,
}

/// `GET /store/restore/{name}`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn restore<B: Backend>(web: &Web<B>, name: &str) -> Result<Reply, WebError> {
    let shown = web.backend.difference(name).await?;
    let (store, words) = (web.store(), web.words());
    let file = store.backups.kept.iter().find(|file| *file.name == *name).ok_or(RestoreRefused::Unknown)?;
    let mut nodes = rows(&shown);
    let more_nodes = nodes.len().saturating_sub(NAMED);
    nodes.truncate(NAMED);
    let page = RestorePage {
        shell: Shell::load(web, "store").await?,
        name: name.to_owned(),
        time: words.time(file.at),
        held: vec![
            ("Nodes", shown.now.nodes, shown.then.nodes),
            ("Modules", shown.now.modules, shown.then.modules),
            ("Users", shown.now.users, shown.then.users),
        ],
        lost: match shown.lost_readings {
            0 => "No reading, since none was measured after it".to_owned(),
            count => {
                format!(
                    "{} after it",
                    wording::count(count, "reading that was measured", "readings that were measured")
                )
            }
        },
        nodes,
        more_nodes,
        commanded: commanded(&shown),
        people: people(&shown),
    };
    Ok(rendered(StatusCode::OK, &page))
}

/// Nodes that would be let in first: they matter most.
fn rows(shown: &Difference) -> Vec<NodeRow> {
    let row = |node: &Changed, now, then, warn| NodeRow {
        id: node.id.to_string(),
        title: node.title.clone(),
        now,
        then,
        warn,
    };
    let let_in = shown.let_in.iter().map(|node| row(node, standing(node.otherwise), "let in", true));
    let left_out = shown.left_out.iter().map(|node| row(node, "let in", standing(node.otherwise), false));
    let_in.chain(left_out).collect()
}

fn standing(otherwise: Otherwise) -> &'static str {
    match otherwise {
        Otherwise::Unknown => "not known",
        Otherwise::Disabled | Otherwise::Not(_) => otherwise.word(),
    }
}

/// Nodes that prove nothing and could be commanded again.
fn commanded(shown: &Difference) -> String {
    let words = |Named { id, title }: &Named| format!("{title} ({id})");
    let named: Vec<_> = shown.commands_back.iter().take(NAMED).map(words).collect();
    let more = shown.commands_back.len() - named.len();
    if more > 0 { format!("{} and {more} more", named.join(", ")) } else { named.join(", ") }
}

/// What becomes of users and tokens, in sentences.
fn people(shown: &Difference) -> Vec<String> {
    let mut said = vec!["Everybody has to log in again, with the password of that time.".to_owned()];
    let names = |users: &[UserName]| users.iter().map(UserName::as_str).collect::<Vec<_>>().join(", ");
    if !shown.users_back.is_empty() {
        said.push(format!(
            "With another role or password than now, or again at all: {}.",
            names(&shown.users_back)
        ));
    }
    if !shown.users_lost.is_empty() {
        said.push(format!("Not users any more: {}.", names(&shown.users_lost)));
    }
    if shown.tokens_back > 0 {
        said.push(format!(
            "{} that are not taken now: look through them.",
            wording::count(shown.tokens_back, "token would be taken", "tokens would be taken")
        ));
    }
    if shown.then.users == 0 {
        said.push("The backup has no user at all: the hub would have to be claimed.".to_owned());
    }
    said
}
